/**
 * A transaction as text, in the form that etcdctl reads: comparisons, an empty line, what to do when all hold, an empty
 * line, what to do otherwise.
 *
 *   mod("config") > "0"
 *
 *   put config "new value"
 *   get config
 *
 *   put config "first value"
 */
import { Command, CommanderError } from 'commander'
import type { Compare, TxnOperation, TxnRequest } from '../actors/keyspace/messages.ts'
import { UsageError } from './failure.ts'
import type { DelOptions, Encode, GetOptions, PutOptions } from './requests.ts'
import { delRequest, describeDel, describeGet, describePut, getRequest, putRequest } from './requests.ts'
import type { Word } from './txn-words.ts'
import { bytesOfByteText, byteText, quotedPart, TxnTextError, wordsOf } from './txn-words.ts'

/**
 * Reads a whole transaction.
 *
 * @throws {TxnTextError} With the number of the line, what was wanted and what was found.
 */
export function parseTxn(text: string): TxnRequest {
  const sections: [string, number][][] = [[], [], []]
  let section = 0
  const lines = text.split('\n')
  for (const [at, line] of lines.entries()) {
    if (line.trim() !== '') {
      const lines = sections[section]
      if (lines === undefined)
        throw new TxnTextError(`line ${at + 1}: wanted the end after three sections, found ${JSON.stringify(line)}`)
      lines.push([line, at + 1])
    } else if (at < lines.length - 1) {
      // The newline that ends the text is no empty line.
      section += 1
    }
  }
  const [compare = [], success = [], failure = []] = sections
  return {
    type: 'txn',
    compare: compare.map(([line, number]) => atLine(number, () => parseCompare(line))),
    success: success.map(([line, number]) => atLine(number, () => parseOperation(line))),
    failure: failure.map(([line, number]) => atLine(number, () => parseOperation(line))),
  }
}

/** Reads one comparison, such as `mod("key") > "0"`. */
export function parseCompare(line: string): Compare {
  const form = /^\s*([a-z]+)\s*\(\s*/i.exec(line)
  const target = form === null ? undefined : targets.get((form[1] as string).toLowerCase())
  if (form === null || target === undefined) {
    throw new TxnTextError(
      `wanted a comparison such as mod("key") > "0", its field one of ver, create, mod, val, lease, found ${JSON.stringify(line)}`,
    )
  }
  const key = operandAt(line, form[0].length, /^[^\s()]+/, 'a key')
  const middle = /^\s*\)\s*(!=|=|<|>)(?![=<>])\s*/.exec(line.slice(key.end))
  if (middle === null) {
    throw new TxnTextError(`wanted ) and one of = != < > after the key, found ${JSON.stringify(line.slice(key.end))}`)
  }
  const value = operandAt(line, key.end + middle[0].length, /^\S+/, 'a value')
  const rest = line.slice(value.end).trim()
  if (rest !== '') throw new TxnTextError(`wanted the end of the line after the value, found ${JSON.stringify(rest)}`)
  return {
    key: bytesOfByteText(key.text),
    result: results.get(middle[1] as string) as Compare['result'],
    target: targetOf(target, value.text),
  }
}

/** Reads one operation: `get`, `put` or `del` with their options. */
export function parseOperation(line: string): TxnOperation {
  const [first, ...rest] = wordsOf(line)
  const describe = operations.get(first?.text ?? '')
  if (describe === undefined)
    throw new TxnTextError(`wanted get, put or del, found ${JSON.stringify(first?.text ?? '')}`)
  let operation: TxnOperation | undefined
  const command = new Command(first?.text)
  command
    .exitOverride()
    .helpOption(false)
    .configureOutput({ writeErr: () => {}, writeOut: () => {} })
  describe(
    command,
    (found) => {
      operation = found
    },
    encodeWith(rest),
  )
  try {
    command.parse(rest.map(disguised), { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError || error instanceof UsageError) {
      const reason = error.message.replace(/^error: /, '')
      throw new TxnTextError(reason.startsWith(`${command.name()} `) ? reason : `${command.name()}: ${reason}`)
    }
    throw error
  }
  return operation as TxnOperation
}

/** No byte is above 0xff, so this character cannot begin a word that was written. */
const disguise = '\u0100'

/** A quoted word that looks like an option is a key or a value: the option parser sees its number instead. */
function disguised(word: Word, at: number): string {
  return word.quoted && word.text.startsWith('-') ? `${disguise}${at}` : word.text
}

function encodeWith(words: readonly Word[]): Encode {
  return (text) => bytesOfByteText(text.startsWith(disguise) ? (words[Number(text.slice(1))] as Word).text : text)
}

type Describe = (command: Command, found: (operation: TxnOperation) => void, encode: Encode) => void

const operations: ReadonlyMap<string, Describe> = new Map<string, Describe>([
  [
    'get',
    (command, found, encode) =>
      describeGet(command).action((key: string, end: string | undefined, options: GetOptions) => {
        found(getRequest(key, end, options, encode))
      }),
  ],
  [
    'put',
    (command, found, encode) =>
      describePut(command).action((key: string, value: string | undefined, options: PutOptions) => {
        found(putRequest(key, value === undefined ? undefined : encode(value), options, encode))
      }),
  ],
  [
    'del',
    (command, found, encode) =>
      describeDel(command).action((key: string, end: string | undefined, options: DelOptions) => {
        found(delRequest(key, end, options, encode))
      }),
  ],
])

const results: ReadonlyMap<string, Compare['result']> = new Map([
  ['=', 'equal'],
  ['!=', 'notEqual'],
  ['<', 'less'],
  ['>', 'greater'],
])

type TargetType = Compare['target']['type']

const targets: ReadonlyMap<string, TargetType> = new Map([
  ['ver', 'version'],
  ['version', 'version'],
  ['c', 'create'],
  ['create', 'create'],
  ['m', 'mod'],
  ['mod', 'mod'],
  ['val', 'value'],
  ['value', 'value'],
  ['lease', 'lease'],
])

function targetOf(type: TargetType, text: string): Compare['target'] {
  if (type === 'value') return { type, value: bytesOfByteText(text) }
  if (type === 'lease') {
    if (!/^[0-9a-fA-F]{1,16}$/.test(text))
      throw new TxnTextError(`wanted a lease id in hexadecimal, found ${JSON.stringify(text)}`)
    return { type, value: BigInt(`0x${text}`).toString() }
  }
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new TxnTextError(
      `wanted a whole number from 0 to ${Number.MAX_SAFE_INTEGER} to compare with, found ${JSON.stringify(text)}`,
    )
  }
  return { type, value: Number(text) }
}

function operandAt(
  line: string,
  start: number,
  bare: RegExp,
  what: string,
): { readonly text: string; readonly end: number } {
  const first = line[start]
  if (first === '"' || first === '`') return quotedPart(line, start)
  const found = bare.exec(line.slice(start))
  if (found === null) throw new TxnTextError(`wanted ${what}, found ${JSON.stringify(line.slice(start))}`)
  return { text: byteText(found[0]), end: start + found[0].length }
}

function atLine<T>(number: number, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof TxnTextError) throw new TxnTextError(`line ${number}: ${error.message}`)
    throw error
  }
}
