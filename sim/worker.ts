/**
 * A client of the mixed workload: writes, reads, compares and moves money between accounts, one operation at a time, each
 * drawn from the seed and from what the client saw last.
 */
import { draw } from '../base/draw.ts'
import { check } from './checkers/violation.ts'
import type { ClientOptions, SimClient } from './client.ts'
import type { SimCluster } from './cluster.ts'
import type { Operation, Outcome } from './operation.ts'

export const accounts = 4
export const startBalance = 100
/** After this long a client gives up on an operation. */
export const patienceMs = 3_000

/** How the clients of the workload are called. */
export const workerPrefix = 'client-'

/** One client, one operation at a time. The first of them opens the accounts. */
export class Worker {
  static readonly patience: Pick<ClientOptions, 'attemptMs' | 'patienceMs'> = { attemptMs: 300, patienceMs }
  readonly #cluster: SimCluster
  readonly #session: SimClient
  readonly #at: number
  readonly #balances = new Map<string, string>()
  #operations = 0
  #over = false
  idle = true

  constructor(cluster: SimCluster, at: number) {
    this.#cluster = cluster
    this.#at = at
    this.#session = cluster.client(`${workerPrefix}${at}`, Worker.patience).session
  }

  start(): void {
    this.#next()
  }

  stop(): void {
    this.#over = true
  }

  #next(): void {
    if (this.#over) return
    this.#operations += 1
    const operation = this.#operation()
    const beganMs = this.#cluster.world.nowMs
    this.idle = false
    this.#session.start(operation, (outcome) => {
      this.idle = true
      check(
        this.#cluster.world.nowMs - beganMs < 2 * patienceMs,
        'I23',
        () => `client-${this.#at} waited ${this.#cluster.world.nowMs - beganMs} ms`,
      )
      this.#learn(operation, outcome)
      this.#cluster.world.later(this.#roll('think') ** 2 * 60, () => this.#next())
    })
  }

  #roll(site: string): number {
    return draw(this.#cluster.world.seed, `worker.${site}`, this.#at, this.#operations)
  }

  #operation(): Operation {
    // Whoever is first opens the accounts; a second who tries the same finds them open.
    if (this.#at === 0 && this.#operations <= accounts) {
      const key = `account/${this.#operations}`
      return { type: 'cas', key, expected: undefined, value: this.#session.unique(String(startBalance)) }
    }
    const key = `key/${Math.floor(this.#roll('key') * 6)}`
    const kind = this.#roll('kind')
    if (kind < 0.35) return { type: 'put', key, value: this.#session.unique('v') }
    if (kind < 0.65) return { type: 'get', key }
    if (kind < 0.8) return { type: 'cas', key, expected: this.#balances.get(key), value: this.#session.unique('c') }
    if (kind < 0.9) return { type: 'list', prefix: 'account/' }
    return this.#move() ?? { type: 'list', prefix: 'account/' }
  }

  /** Between two accounts whose balance this client saw last; it fails when somebody was quicker. */
  #move(): Operation | undefined {
    const from = `account/${1 + Math.floor(this.#roll('from') * accounts)}`
    const to = `account/${1 + Math.floor(this.#roll('to') * accounts)}`
    const fromHas = this.#balances.get(from)
    const toHas = this.#balances.get(to)
    if (from === to || fromHas === undefined || toHas === undefined) return undefined
    const amount = 1 + Math.floor(this.#roll('amount') * 5)
    const take = this.#session.unique(`${Number.parseInt(fromHas, 10) - amount}`)
    const give = this.#session.unique(`${Number.parseInt(toHas, 10) + amount}`)
    return {
      type: 'move',
      from: { key: from, expected: fromHas, value: `${take}-` },
      to: { key: to, expected: toHas, value: `${give}+` },
    }
  }

  /** What it saw last is what it will expect next. */
  #learn(operation: Operation, outcome: Outcome): void {
    if (outcome.type !== 'done') return
    if (operation.type === 'get' || operation.type === 'list') {
      for (const [key, value] of outcome.found) this.#balances.set(key, value)
    } else if (operation.type === 'move') {
      this.#balances.delete(operation.from.key)
      this.#balances.delete(operation.to.key)
    }
  }
}
