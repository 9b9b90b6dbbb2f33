/**
 * From the options of `get`, `put` and `del` to requests, with etcdctl's names where the meaning is etcd's. A command
 * line and a line of a transaction share them.
 */
import type { Command } from 'commander'
import { Option } from 'commander'
import type { DeleteRangeRequest, PutRequest, RangeRequest } from '../actors/keyspace/messages.ts'
import { prefixEnd } from '../base/bytes.ts'
import { UsageError } from './failure.ts'

/** How text becomes bytes: UTF-8 from a command line, one byte a character from a quoted word. */
export type Encode = (text: string) => Uint8Array

export interface GetOptions {
  readonly prefix?: boolean
  readonly fromKey?: boolean
  readonly limit?: number
  readonly rev?: number
  readonly order?: string
  readonly sortBy?: string
  readonly keysOnly?: boolean
  readonly countOnly?: boolean
  readonly printValueOnly?: boolean
  readonly consistency?: string
  readonly minCreateRev?: number
  readonly maxCreateRev?: number
  readonly minModRev?: number
  readonly maxModRev?: number
}

export interface PutOptions {
  readonly prevKv?: boolean
  readonly ignoreValue?: boolean
  readonly ignoreLease?: boolean
  readonly lease?: string
}

export interface DelOptions {
  readonly prefix?: boolean
  readonly fromKey?: boolean
  readonly prevKv?: boolean
  readonly range?: boolean
}

const oneZeroByte = new Uint8Array(1)

export function describeGet(command: Command): Command {
  return command
    .argument('<key>', 'the key, or the start of the range')
    .argument('[range_end]', 'the first key after the range')
    .option('--prefix', 'all keys that start with <key>')
    .option('--from-key', 'all keys from <key> on, by byte order')
    .option('--limit <n>', 'at most so many results; 0 for all', wholeNumber('--limit'))
    .option('--rev <revision>', 'as it was at this revision; 0 for now', wholeNumber('--rev'))
    .addOption(
      new Option('--order <order>', 'order of results')
        .choices(['ASCEND', 'DESCEND'])
        .argParser(word('--order', sortOrders)),
    )
    .addOption(
      new Option('--sort-by <field>', 'what results are ordered by')
        .choices(['KEY', 'VERSION', 'CREATE', 'MODIFY', 'VALUE'])
        .argParser(word('--sort-by', sortTargets)),
    )
    .option('--keys-only', 'keys without their values')
    .option('--count-only', 'how many keys there are')
    .option('--print-value-only', 'values without their keys')
    .addOption(
      new Option('--consistency <level>', 'l linearizable, s serializable').argParser(
        word('--consistency', consistencies),
      ),
    )
    .option('--min-create-rev <revision>', 'no key created earlier', wholeNumber('--min-create-rev'))
    .option('--max-create-rev <revision>', 'no key created later', wholeNumber('--max-create-rev'))
    .option('--min-mod-rev <revision>', 'no key changed last before', wholeNumber('--min-mod-rev'))
    .option('--max-mod-rev <revision>', 'no key changed last after', wholeNumber('--max-mod-rev'))
}

export function describePut(command: Command): Command {
  return command
    .argument('<key>', 'the key')
    .argument('[value]', 'the value; read from stdin when absent')
    .option('--prev-kv', 'show what was there before')
    .option('--ignore-value', 'keep the present value; the key must exist')
    .option('--ignore-lease', 'keep the present lease; the key must exist')
    .option('--lease <id>', 'attach to this lease, in hexadecimal', leaseId)
}

export function describeDel(command: Command): Command {
  return command
    .argument('<key>', 'the key, or the start of the range')
    .argument('[range_end]', 'the first key after the range')
    .option('--prefix', 'all keys that start with <key>')
    .option('--from-key', 'all keys from <key> on, by byte order')
    .option('--prev-kv', 'show what was deleted')
}

export function getRequest(key: string, end: string | undefined, options: GetOptions, encode: Encode): RangeRequest {
  if (options.keysOnly === true && options.countOnly === true)
    throw new UsageError('--keys-only and --count-only cannot be together')
  if (options.printValueOnly === true && (options.keysOnly === true || options.countOnly === true)) {
    throw new UsageError(
      '--print-value-only cannot be with --keys-only or --count-only: there would be nothing to print',
    )
  }
  return {
    type: 'range',
    ...rangeOf(key, end, options, encode),
    ...given('limit', options.limit),
    ...given('revision', options.rev),
    // As etcdctl: to sort by something is to sort upwards unless it is said otherwise.
    ...given('sortOrder', sortOrders.get(options.order ?? '') ?? (options.sortBy === undefined ? undefined : 'ascend')),
    ...given('sortTarget', sortTargets.get(options.sortBy ?? '')),
    ...given('serializable', consistencies.get(options.consistency ?? '')),
    ...given('keysOnly', options.keysOnly),
    ...given('countOnly', options.countOnly),
    ...given('minCreateRevision', options.minCreateRev),
    ...given('maxCreateRevision', options.maxCreateRev),
    ...given('minModRevision', options.minModRev),
    ...given('maxModRevision', options.maxModRev),
  }
}

export function putRequest(
  key: string,
  value: Uint8Array | undefined,
  options: PutOptions,
  encode: Encode,
): PutRequest {
  if (options.ignoreValue === true && value !== undefined)
    throw new UsageError('put --ignore-value wants no value, found one')
  if (options.ignoreLease === true && options.lease !== undefined)
    throw new UsageError('--ignore-lease and --lease cannot be together')
  if (options.ignoreValue !== true && value === undefined)
    throw new UsageError('put wants a key and a value, found no value')
  return {
    type: 'put',
    key: encode(key),
    value: value ?? new Uint8Array(0),
    ...given('lease', options.lease),
    ...given('prevKv', options.prevKv),
    ...given('ignoreValue', options.ignoreValue),
    ...given('ignoreLease', options.ignoreLease),
  }
}

export function delRequest(
  key: string,
  end: string | undefined,
  options: DelOptions,
  encode: Encode,
): DeleteRangeRequest {
  return { type: 'deleteRange', ...rangeOf(key, end, options, encode), ...given('prevKv', options.prevKv) }
}

/** Reads a whole number of 0 to 2^53-1. */
export function wholeNumber(flag: string): (text: string) => number {
  return (text) => {
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
      throw new UsageError(
        `${flag}: wanted a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, found ${JSON.stringify(text)}`,
      )
    }
    return Number(text)
  }
}

const sortOrders: ReadonlyMap<string, 'ascend' | 'descend'> = new Map([
  ['ASCEND', 'ascend'],
  ['DESCEND', 'descend'],
])

const sortTargets: ReadonlyMap<string, NonNullable<RangeRequest['sortTarget']>> = new Map([
  ['KEY', 'key'],
  ['VERSION', 'version'],
  ['CREATE', 'create'],
  ['MODIFY', 'mod'],
  ['VALUE', 'value'],
])

const consistencies: ReadonlyMap<string, boolean> = new Map([
  ['l', false],
  ['s', true],
])

/** One of a few words, in whatever case it was written. */
function word(flag: string, known: ReadonlyMap<string, unknown>): (text: string) => string {
  return (text) => {
    const found = [...known.keys()].find((one) => one.toLowerCase() === text.toLowerCase())
    if (found === undefined)
      throw new UsageError(`${flag}: wanted ${[...known.keys()].join(', ')}, found ${JSON.stringify(text)}`)
    return found
  }
}

/** etcdctl writes leases in hexadecimal; the contract has them as decimal text. */
function leaseId(text: string): string {
  if (!/^(0x)?[0-9a-fA-F]{1,16}$/.test(text))
    throw new UsageError(`--lease: wanted a lease id in hexadecimal, found ${JSON.stringify(text)}`)
  const id = BigInt(text.startsWith('0x') ? text : `0x${text}`)
  if (id >= 2n ** 63n)
    throw new UsageError(`--lease: wanted a lease id below 8000000000000000, found ${JSON.stringify(text)}`)
  return id.toString()
}

function rangeOf(
  key: string,
  end: string | undefined,
  options: { readonly prefix?: boolean; readonly fromKey?: boolean },
  encode: Encode,
): { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array } {
  if (options.prefix === true && options.fromKey === true)
    throw new UsageError('--prefix and --from-key cannot be together')
  if (end !== undefined && (options.prefix === true || options.fromKey === true)) {
    throw new UsageError('a range end cannot be with --prefix or --from-key: they say where the range ends')
  }
  const start = encode(key)
  if (options.prefix === true) {
    // The prefix of nothing is everything, and "everything" starts at one zero byte.
    return start.length === 0
      ? { key: oneZeroByte, rangeEnd: oneZeroByte }
      : { key: start, rangeEnd: prefixEnd(start) ?? oneZeroByte }
  }
  if (options.fromKey === true) return { key: start.length === 0 ? oneZeroByte : start, rangeEnd: oneZeroByte }
  return end === undefined ? { key: start } : { key: start, rangeEnd: encode(end) }
}

/** A field that is there only when it has a value. */
function given<K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: T })
}
