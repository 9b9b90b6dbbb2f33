/**
 * Counters and sequences: one number under a name, as decimal text.
 *
 *   G14  a counter is the sum of all that was added, each addition once; what it answers is a value it had
 *   G15  every number of a sequence is given out once, and with no gap where what it is used for is written with it
 */
import type { TxnOperation } from '../../../actors/keyspace/messages.ts'
import { invariant } from '../../../base/assert.ts'
import { fromUtf8 } from '../../../base/bytes.ts'
import { type Recipe, range } from './step.ts'
import { update } from './update.ts'

export type Counted =
  | { readonly type: 'counted'; readonly value: number }
  /** It would leave what a number can hold exactly, ±(2^53 − 1). Nothing changed. */
  | { readonly type: 'overflow'; readonly value: number }
  /** The key holds something else. */
  | { readonly type: 'notNumber' }

/** Adds to a counter, which begins at 0, and answers what it is then. */
export function addTo(name: Uint8Array, amount: number): Recipe<Counted> {
  return update<Counted>(name, (text) => {
    const value = numberIn(text)
    if (value === undefined) return { type: 'leave', result: { type: 'notNumber' } }
    const sum = value + amount
    if (!Number.isSafeInteger(sum)) return { type: 'leave', result: { type: 'overflow', value } }
    return { type: 'write', value: String(sum), result: { type: 'counted', value: sum } }
  })
}

export function* countOf(name: Uint8Array): Recipe<Counted> {
  const { kvs } = yield* range({ key: name })
  const value = numberIn(kvs[0] === undefined ? undefined : fromUtf8(kvs[0].value))
  return value === undefined ? { type: 'notNumber' } : { type: 'counted', value }
}

export type NumbersTaken =
  /** `first` to `first + count - 1` belong to the caller. */
  | { readonly type: 'taken'; readonly first: number; readonly count: number }
  | { readonly type: 'exhausted' }
  | { readonly type: 'notNumber' }

export interface TakeRequest {
  readonly name: Uint8Array
  /** How many, 1 and up. */
  readonly count: number
  /**
   * What the numbers are for, written in the same transaction: then no number is ever lost. Without it, a caller that dies before
   * it hears of its numbers leaves a gap. Called anew for other numbers when somebody was quicker.
   */
  readonly use?: (first: number) => readonly TxnOperation[]
}

/** Takes the next numbers of a sequence, which begins at 1. */
export function takeNumbers({ name, count, use }: TakeRequest): Recipe<NumbersTaken> {
  invariant(Number.isSafeInteger(count) && count >= 1, () => `G15: ${count} numbers cannot be taken`)
  return update<NumbersTaken>(name, (text) => {
    const last = numberIn(text)
    if (last === undefined) return { type: 'leave', result: { type: 'notNumber' } }
    if (!Number.isSafeInteger(last + count)) return { type: 'leave', result: { type: 'exhausted' } }
    const first = last + 1
    return {
      type: 'write',
      value: String(last + count),
      also: use?.(first) ?? [],
      result: { type: 'taken', first, count },
    }
  })
}

function numberIn(text: string | undefined): number | undefined {
  if (text === undefined) return 0
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) ? value : undefined
}
