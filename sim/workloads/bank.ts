/** W2: money only moves. Whoever sees all accounts at one moment, wherever and however old, sees the same sum. */
import { check } from '../checkers/violation.ts'
import type { Operation, Outcome } from '../operation.ts'
import { type ClientSeat, looksAt, pick, plain, type Workload, type WorkloadClient } from './workload.ts'

const accounts = 4
const startBalance = 100
const prefix = 'account/'

export const bank: Workload = {
  name: 'bank',
  setup: (seat) => ({
    type: 'txn',
    compare: names().map((key) => ({ key, expected: undefined })),
    success: names().map((key) => ({ type: 'put', key, value: seat.unique(String(startBalance)) })),
    failure: [],
  }),
  start: (seat) => new BankClient(seat),
  closing: () => [{ type: 'list', prefix }],
  check: (evidence) => {
    for (const { by, pairs } of looksAt(evidence, prefix)) {
      // The accounts are opened together.
      if (pairs.size === 0) continue
      check(pairs.size === accounts, 'W2', () => `${by} saw ${pairs.size} accounts of ${accounts}`)
      const sum = [...pairs.values()].reduce((total, value) => total + Number.parseInt(plain(value), 10), 0)
      check(
        sum === accounts * startBalance,
        'W2',
        () => `${by} saw ${sum} in all accounts, there is ${accounts * startBalance}: ${JSON.stringify([...pairs])}`,
      )
    }
  },
}

class BankClient implements WorkloadClient {
  readonly #seat: ClientSeat
  readonly #seen = new Map<string, string>()

  constructor(seat: ClientSeat) {
    this.#seat = seat
  }

  next(): Operation {
    const seat = this.#seat
    if (seat.roll('kind') < 0.4) return { type: 'list', prefix }
    const from = names()[pick(seat, 'from', accounts)] as string
    const to = names()[pick(seat, 'to', accounts)] as string
    const [fromHas, toHas] = [this.#seen.get(from), this.#seen.get(to)]
    if (from === to || fromHas === undefined || toHas === undefined) return { type: 'list', prefix }
    const amount = 1 + pick(seat, 'amount', 5)
    return {
      type: 'move',
      from: { key: from, expected: fromHas, value: seat.unique(String(balanceOf(fromHas) - amount)) },
      to: { key: to, expected: toHas, value: seat.unique(String(balanceOf(toHas) + amount)) },
    }
  }

  learn(operation: Operation, outcome: Outcome): void {
    if (operation.type === 'move') {
      // It went through or somebody was quicker: either way what it saw is no longer there.
      this.#seen.delete(operation.from.key)
      this.#seen.delete(operation.to.key)
    } else if (outcome.type === 'done') for (const [key, value] of outcome.found) this.#seen.set(key, value)
  }
}

function names(): readonly string[] {
  return Array.from({ length: accounts }, (_, at) => `${prefix}${at + 1}`)
}

function balanceOf(value: string): number {
  return Number.parseInt(plain(value), 10)
}
