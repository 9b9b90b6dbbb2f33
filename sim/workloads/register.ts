/** Single keys, written, read and compared by many: what each client saw fits one order (I16, judged for all at once). */
import type { Operation, Outcome } from '../operation.ts'
import { type ClientSeat, pick, type Workload, type WorkloadClient } from './workload.ts'

const keys = 5

export const registerMix: Workload = {
  name: 'register',
  setup: () => undefined,
  start: (seat) => new RegisterClient(seat),
  closing: () => [{ type: 'list', prefix: 'key/' }],
  check: () => {},
}

class RegisterClient implements WorkloadClient {
  readonly #seat: ClientSeat
  /** What it saw last, and expects when it compares. */
  readonly #seen = new Map<string, string>()

  constructor(seat: ClientSeat) {
    this.#seat = seat
  }

  next(): Operation {
    const seat = this.#seat
    const key = `key/${pick(seat, 'key', keys)}`
    const kind = seat.roll('kind')
    if (kind < 0.4) return { type: 'put', key, value: seat.unique('v') }
    if (kind < 0.7) return { type: 'get', key }
    if (kind < 0.95) return { type: 'cas', key, expected: this.#seen.get(key), value: seat.unique('c') }
    return { type: 'list', prefix: 'key/' }
  }

  learn(_operation: Operation, outcome: Outcome): void {
    if (outcome.type !== 'done') return
    for (const [key, value] of outcome.found) this.#seen.set(key, value)
  }
}
