/** What may stand in a `WatchSpec`. Every bound that is broken is named with what was wanted and what came. */
import { RE2JS } from 're2js'
import type { ValueTest, WatchSpec } from './messages.ts'
import { isEmptySpan, normalRange, spanOf } from './spans.ts'

const rangesMax = 64
const patternMax = 1_024
const sampleMaxMs = 3_600_000
/** Of what a value is searched for, and of a pointer and the JSON it names. */
const testBytesMax = 65_536

/** W1: ranges in their one form, everything else as it came. */
export function normalSpec(spec: WatchSpec): WatchSpec {
  return { ...spec, ranges: spec.ranges.map(normalRange) }
}

/** What is wrong with a spec, whose ranges are in their normal form; undefined: nothing. */
export function specProblem(spec: WatchSpec): string | undefined {
  const { ranges, startRevision, keySuffix, keyPattern, sampleMs, value } = spec
  if (ranges.length < 1 || ranges.length > rangesMax)
    return `watch: wanted 1 to ${rangesMax} ranges, there are ${ranges.length}`
  const empty = ranges.findIndex((range) => isEmptySpan(spanOf(range)))
  if (empty >= 0) return `watch: range ${empty} is empty: its end must come after its key`
  if (!Number.isSafeInteger(startRevision))
    return `watch: startRevision must be a whole number below 2^53, not ${startRevision}`
  if (keySuffix !== undefined && keySuffix.length === 0) return 'watch: keySuffix must have at least 1 byte'
  if (sampleMs !== undefined && !(Number.isInteger(sampleMs) && sampleMs >= 1 && sampleMs <= sampleMaxMs))
    return `watch: sampleMs must be a whole number of 1 to ${sampleMaxMs}, not ${sampleMs}`
  return patternProblem(keyPattern) ?? valueProblem(value)
}

function patternProblem(pattern: string | undefined): string | undefined {
  if (pattern === undefined) return undefined
  if (pattern.length < 1 || pattern.length > patternMax)
    return `watch: keyPattern must have 1 to ${patternMax} characters, not ${pattern.length}`
  const fault = attempt(() => RE2JS.compile(pattern))
  return fault === undefined ? undefined : `watch: keyPattern is no RE2 expression: ${fault}`
}

function valueProblem(test: ValueTest | undefined): string | undefined {
  if (test === undefined) return undefined
  switch (test.type) {
    case 'equals':
    case 'notEquals':
      return undefined
    case 'contains':
    case 'startsWith':
      return test.bytes.length >= 1 && test.bytes.length <= testBytesMax
        ? undefined
        : `watch: value ${test.type} wants 1 to ${testBytesMax} bytes, there are ${test.bytes.length}`
    case 'atLeast':
    case 'atMost':
      return Number.isFinite(test.number) ? undefined : `watch: value ${test.type} wants a number, not ${test.number}`
    case 'json':
      return jsonProblem(test.pointer, test.equals)
  }
}

function jsonProblem(pointer: string, equals: string): string | undefined {
  if (pointer.length + equals.length > testBytesMax)
    return `watch: value json wants at most ${testBytesMax} characters, there are ${pointer.length + equals.length}`
  if (pointer !== '' && !pointer.startsWith('/'))
    return `watch: value json wants a pointer as in RFC 6901, empty or beginning with '/', not '${pointer}'`
  if (/~(?![01])/.test(pointer)) return `watch: value json wants '~0' or '~1' in a pointer, not '${pointer}'`
  const fault = attempt(() => JSON.parse(equals))
  return fault === undefined ? undefined : `watch: value json wants JSON to compare with: ${fault}`
}

/** The parsers say what is wrong by throwing, which here is the caller's mistake and no failure of ours. */
function attempt(parse: () => unknown): string | undefined {
  try {
    parse()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
