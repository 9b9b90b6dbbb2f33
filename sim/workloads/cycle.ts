/**
 * W1: keys that name one another form one ring, after any number of transactions that each take one of them out and put it
 * in elsewhere (after FoundationDB's workload of this name).
 *
 *   a ─▶ b ─▶ c ─▶ d      becomes      a ─▶ c ─▶ b ─▶ d
 */
import { check } from '../checkers/violation.ts'
import type { Operation, Outcome, TxnStep } from '../operation.ts'
import { type ClientSeat, looksAt, pick, plain, type Workload, type WorkloadClient } from './workload.ts'

const places = 6
const prefix = 'ring/'

export const cycle: Workload = {
  name: 'cycle',
  setup: (seat) => ({
    type: 'txn',
    compare: names().map((key) => ({ key, expected: undefined })),
    success: names().map((key, at) => ({ type: 'put', key, value: seat.unique(String((at + 1) % places)) })),
    failure: [],
  }),
  start: (seat) => new CycleClient(seat),
  closing: () => [{ type: 'list', prefix }],
  check: (evidence) => {
    for (const { by, pairs } of looksAt(evidence, prefix)) {
      if (pairs.size === 0) continue
      const length = ringLength(pairs)
      check(
        length === places,
        'W1',
        () => `${by} saw a ring of ${length}, not of ${places}: ${JSON.stringify([...pairs])}`,
      )
    }
  },
}

/** How many places are met before the first comes again; 0 when it never does. */
function ringLength(pairs: ReadonlyMap<string, string>): number {
  let at = 0
  for (let length = 1; length <= places; length++) {
    const next = pairs.get(`${prefix}${at}`)
    if (next === undefined) return 0
    at = Number.parseInt(plain(next), 10)
    if (at === 0) return length
  }
  return 0
}

class CycleClient implements WorkloadClient {
  readonly #seat: ClientSeat
  #ring: ReadonlyMap<string, string> = new Map()

  constructor(seat: ClientSeat) {
    this.#seat = seat
  }

  next(): Operation {
    const seat = this.#seat
    if (this.#ring.size < places || seat.roll('kind') < 0.2) return { type: 'list', prefix }
    const first = names()[pick(seat, 'place', places)] as string
    const second = this.#after(first)
    const third = this.#after(second)
    const keys = [first, second, third]
    const values = [third, this.#after(third), second].map((key) => key.slice(prefix.length))
    return {
      type: 'txn',
      compare: keys.map((key) => ({ key, expected: this.#ring.get(key) })),
      success: keys.map((key, at): TxnStep => ({ type: 'put', key, value: seat.unique(values[at] as string) })),
      // Whoever was too late sees where the ring is now.
      failure: [{ type: 'list', prefix }],
    }
  }

  learn(operation: Operation, outcome: Outcome): void {
    if (outcome.type !== 'done') this.#ring = new Map()
    else if (operation.type === 'list') this.#ring = outcome.found
    else {
      const seen = outcome.seen?.steps[0]
      this.#ring = seen instanceof Map ? (seen as ReadonlyMap<string, string>) : new Map()
    }
  }

  #after(key: string): string {
    return `${prefix}${plain(this.#ring.get(key) as string)}`
  }
}

function names(): readonly string[] {
  return Array.from({ length: places }, (_, at) => `${prefix}${at}`)
}
