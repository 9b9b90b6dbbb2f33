/**
 * What a watcher wants to hear of, beyond its ranges, as one test of a change. The tests of a spec are all to be passed, and
 * each looks at one change alone: neither what was told before nor how fast the client reads makes a difference (W8).
 */
import { RE2JS } from 're2js'
import { equalBytes, fromUtf8 } from '../../base/bytes.ts'
import type { Telling } from './hub-messages.ts'
import type { ChangeKind, ValueTest, WatchSpec } from './messages.ts'
import { keyText } from './spans.ts'

export interface Filter {
  /** Of kind, key and value: decided by the change itself. */
  readonly wants: (telling: Telling) => boolean
  /** Of the value before, where the spec asks; only sensible of a telling that has it. */
  readonly isNews: (telling: Telling) => boolean
  /** The value before is needed, to test or to tell. */
  readonly needsPrevious: boolean
}

/** @param spec - Has been checked. */
export function compileFilter(spec: WatchSpec): Filter {
  const tests: ((telling: Telling) => boolean)[] = []
  if (spec.without.length > 0) {
    const without: ReadonlySet<ChangeKind> = new Set(spec.without)
    tests.push(({ kind }) => !without.has(kind))
  }
  if (spec.keySuffix !== undefined) {
    const suffix = keyText(spec.keySuffix)
    tests.push(({ key }) => key.endsWith(suffix))
  }
  if (spec.keyPattern !== undefined) {
    const pattern = RE2JS.compile(spec.keyPattern)
    tests.push(({ plain }) => pattern.matcher(fromUtf8(plain.kv.key)).find())
  }
  if (spec.value !== undefined) {
    const passes = valueTest(spec.value)
    tests.push(({ kind, plain }) => kind !== 'delete' && passes(plain.kv.value))
  }
  return {
    wants: (telling) => tests.every((test) => test(telling)),
    isNews: spec.onlyIfChanged === true ? isNews : () => true,
    needsPrevious: spec.prevKv || spec.onlyIfChanged === true,
  }
}

/** A create and a delete always are; so is an update of something that compaction took. */
function isNews({ kind, full }: Telling): boolean {
  if (kind !== 'update' || full.prevKv === undefined) return true
  return !equalBytes(full.kv.value, full.prevKv.value)
}

function valueTest(test: ValueTest): (value: Uint8Array) => boolean {
  switch (test.type) {
    case 'equals':
      return (value) => equalBytes(value, test.bytes)
    case 'notEquals':
      return (value) => !equalBytes(value, test.bytes)
    case 'contains': {
      const wanted = keyText(test.bytes)
      return (value) => keyText(value).includes(wanted)
    }
    case 'startsWith':
      return (value) =>
        value.length >= test.bytes.length && equalBytes(value.subarray(0, test.bytes.length), test.bytes)
    case 'atLeast':
      return (value) => (numberOf(value) ?? Number.NEGATIVE_INFINITY) >= test.number
    case 'atMost':
      return (value) => (numberOf(value) ?? Number.POSITIVE_INFINITY) <= test.number
    case 'json': {
      const path = pointerPath(test.pointer)
      const wanted: unknown = JSON.parse(test.equals)
      return (value) => {
        const found = at(jsonOf(value), path)
        return found !== undefined && sameJson(found, wanted)
      }
    }
  }
}

const numberSyntax = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/
const numberBytesMax = 64

function numberOf(value: Uint8Array): number | undefined {
  if (value.length > numberBytesMax) return undefined
  const text = keyText(value)
  return numberSyntax.test(text) ? Number(text) : undefined
}

/** Undefined when it is none; JSON itself has no undefined. */
function jsonOf(value: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(value))
  } catch {
    return undefined
  }
}

/** The names of a pointer as in RFC 6901, which is empty or begins with a slash. */
function pointerPath(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function at(json: unknown, path: readonly string[]): unknown {
  let found = json
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    found = (found as Readonly<Record<string, unknown>>)[name]
  }
  return found
}

function sameJson(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [one, other] = [Object.entries(a), b as Readonly<Record<string, unknown>>]
  if (one.length !== Object.keys(other).length) return false
  return one.every(([name, value]) => Object.hasOwn(other, name) && sameJson(value, other[name]))
}
