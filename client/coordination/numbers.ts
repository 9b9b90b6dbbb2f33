/** Counters, sequences and rate limiters: one number under a name, changed by many. */
import type { TxnOperation } from '../../actors/keyspace/messages.ts'
import type { Driver } from './driver.ts'
import { nameOf, wholeOf } from './holding.ts'
import { addTo, type Counted, countOf, takeNumbers } from './recipes/numbers.ts'
import { type Permitted, takePermits } from './recipes/rate-limiter.ts'

/** A number that many add to. Linearizable; each addition counts once, however often it had to be sent. */
export class Counter {
  readonly #driver: Driver
  readonly #name: Uint8Array

  constructor(driver: Driver, name: string | Uint8Array) {
    this.#driver = driver
    this.#name = nameOf('counter', name)
  }

  /**
   * Adds `amount`, a whole number that may be negative, and resolves with what the counter is then.
   *
   * @throws {RangeError} It would leave ±(2^53 − 1), or the key holds no number. Nothing changed.
   */
  async add(amount: number = 1): Promise<number> {
    wholeOf('add: amount', amount, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    return countedOf('add', await this.#driver.run(addTo(this.#name, amount)))
  }

  /** 0 where nothing was ever added. */
  async value(): Promise<number> {
    return countedOf('value', await this.#driver.run(countOf(this.#name)))
  }
}

/** Numbers from 1 on, each given out once. */
export class Sequence {
  readonly #driver: Driver
  readonly #name: Uint8Array

  constructor(driver: Driver, name: string | Uint8Array) {
    this.#driver = driver
    this.#name = nameOf('sequence', name)
  }

  /**
   * Takes the next `count` numbers and resolves with the first of them.
   *
   * @param options.count - 1 to 1_000_000; 1 when absent.
   * @param options.use - What the numbers are for, written in the same transaction: then there is never a gap. Without it, who dies
   *   before it hears of its numbers leaves one. Called again, with other numbers, when somebody else was quicker.
   * @throws {RangeError} There are no numbers left, or the key holds none.
   *
   * @example
   * const invoice = await sequence.next({ use: (n) => [{ type: 'put', key: utf8(`invoice/${n}`), value }] })
   */
  async next({
    count = 1,
    use,
  }: {
    readonly count?: number
    readonly use?: (first: number) => readonly TxnOperation[]
  } = {}): Promise<number> {
    wholeOf('next: count', count, 1, 1_000_000)
    const request = { name: this.#name, count, ...(use === undefined ? {} : { use }) }
    const taken = await this.#driver.run(takeNumbers(request))
    if (taken.type === 'taken') return taken.first
    throw new RangeError(
      taken.type === 'exhausted' ? 'next: there are no numbers left' : 'next: the key holds no number',
    )
  }
}

export interface RateLimitOptions {
  /** Permits a second, on average; above 0. */
  readonly perSecond: number
  /** Permits that may be taken at once after a pause; at least `perSecond`, and 1. */
  readonly capacity: number
}

/** How often something may happen, over all who share `name`. By the leader's clock, which shows whole seconds. */
export class RateLimiter {
  readonly #driver: Driver
  readonly #name: Uint8Array
  readonly #options: RateLimitOptions

  /** @throws {RangeError} A bound of `options` is broken. */
  constructor(driver: Driver, name: string | Uint8Array, options: RateLimitOptions) {
    const { perSecond, capacity } = options
    if (!(perSecond > 0 && perSecond <= 1_000_000))
      throw new RangeError(`rateLimiter: perSecond must be above 0 and at most 1_000_000, not ${perSecond}`)
    if (!(capacity >= Math.max(1, perSecond) && capacity <= 1e9))
      throw new RangeError(`rateLimiter: capacity must be ${Math.max(1, perSecond)} to 1_000_000_000, not ${capacity}`)
    this.#driver = driver
    this.#name = nameOf('rateLimiter', name)
    this.#options = options
  }

  /** Takes `permits` if they are there now, all or none. `limited` says when there may be enough. */
  tryTake(permits: number = 1): Promise<Permitted> {
    return this.#take(permits, false, undefined)
  }

  /** Waits until there are enough. @throws what `signal` was aborted with. */
  async take(permits: number = 1, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const done = await this.#take(permits, true, signal)
    if (done.type === 'stopped') throw signal?.reason
  }

  async #take(permits: number, wait: boolean, signal: AbortSignal | undefined): Promise<Permitted> {
    wholeOf('take: permits', permits, 1, Math.floor(this.#options.capacity))
    return this.#driver.run(takePermits({ name: this.#name, ...this.#options, permits, wait }), { signal })
  }
}

function countedOf(what: string, counted: Counted): number {
  if (counted.type === 'counted') return counted.value
  const why = counted.type === 'overflow' ? `the counter stands at ${counted.value}` : 'the key holds no number'
  throw new RangeError(`${what}: ${why}`)
}
