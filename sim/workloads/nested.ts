/**
 * W5: pairs of keys that only ever change together are seen together, in reads of several ranges at once and in transactions
 * within transactions; a pair that is taken away goes whole.
 */
import { check } from '../checkers/violation.ts'
import type { Operation, Outcome, Txn, TxnSeen, TxnStep } from '../operation.ts'
import { type ClientSeat, looksAt, pick, type Workload, type WorkloadClient } from './workload.ts'

const pairs = 3
const prefix = 'pair/'
const sides = ['left', 'right'] as const

export const nested: Workload = {
  name: 'nested',
  setup: () => undefined,
  start: (seat) => new NestedClient(seat),
  closing: () => [{ type: 'list', prefix }],
  check: (evidence) => {
    for (const { by, pairs: seen } of looksAt(evidence, prefix)) checkPairs(by, seen)
    for (const { client, operation, outcome } of evidence.notes) {
      if (operation.type !== 'txn' || outcome?.type !== 'done' || outcome.seen === undefined) continue
      // A read of several ranges: together they are one look.
      if (operation.success.length > 0 && operation.success.every(isLook))
        checkPairs(`${client}, by a read of ranges at revision ${outcome.revision},`, rangesIn(outcome.seen))
    }
  },
}

function isLook(step: TxnStep): boolean {
  return step.type === 'list' && step.prefix.startsWith(prefix)
}

function rangesIn({ steps }: TxnSeen): ReadonlyMap<string, string> {
  return new Map(steps.flatMap((step) => (step instanceof Map ? [...(step as ReadonlyMap<string, string>)] : [])))
}

function checkPairs(by: string, seen: ReadonlyMap<string, string>): void {
  for (let at = 0; at < pairs; at++) {
    const [left, right] = sides.map((side) => seen.get(`${prefix}${side}/${at}`))
    check(left === right, 'W5', () => `${by} saw pair ${at} as ${left} and ${right}`)
  }
}

class NestedClient implements WorkloadClient {
  readonly #seat: ClientSeat
  readonly #seen = new Map<string, string>()

  constructor(seat: ClientSeat) {
    this.#seat = seat
  }

  next(): Operation {
    const seat = this.#seat
    if (seat.roll('kind') < 0.35) return { type: 'txn', compare: [], success: looks, failure: [] }
    const at = pick(seat, 'pair', pairs)
    const expected = this.#seen.get(`${prefix}left/${at}`)
    const inner: Txn = {
      type: 'txn',
      compare: [{ key: `${prefix}right/${at}`, expected }],
      success: this.#change(at, 'right'),
      // Cannot be, where pairs are whole; and leaves a pair that is not.
      failure: [{ type: 'put', key: `${prefix}right/${at}`, value: seat.unique('torn') }],
    }
    return {
      type: 'txn',
      compare: [{ key: `${prefix}left/${at}`, expected }],
      success: [...this.#change(at, 'left'), inner, ...looks],
      failure: looks,
    }
  }

  learn(_operation: Operation, outcome: Outcome): void {
    if (outcome.type !== 'done' || outcome.seen === undefined) return
    this.#seen.clear()
    for (const [key, value] of rangesIn(outcome.seen)) this.#seen.set(key, value)
  }

  /** One side of a pair is put, or taken away where it is. */
  #change(at: number, side: (typeof sides)[number]): readonly TxnStep[] {
    const key = `${prefix}${side}/${at}`
    const away = this.#seat.roll('away') < 0.2 && this.#seen.has(key)
    // Beside a pair that goes, something stays: so whoever never hears of it can still be told.
    if (away)
      return [
        { type: 'delete', key },
        { type: 'put', key: `trace/${side}/${at}`, value: this.#seat.unique('gone') },
      ]
    return [{ type: 'put', key, value: this.#seat.unique('p') }]
  }
}

const looks: readonly TxnStep[] = sides.map((side) => ({ type: 'list', prefix: `${prefix}${side}/` }))
