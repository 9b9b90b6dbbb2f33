/**
 * Locks, read-write locks and semaphores: fair, each grant with a fencing token. What a lock cannot do, and how tokens do it, is
 * told in docs/coordination.md.
 */
import { invariant } from '../../base/assert.ts'
import { type AcquireOptions, Holding, type HoldingLinks, hold, nameOf, wholeOf } from './holding.ts'
import { lock } from './recipes/lock.ts'
import { rwLock } from './recipes/rw-lock.ts'
import { acquirePermit } from './recipes/semaphore.ts'

export class Locks {
  readonly #links: HoldingLinks

  constructor(links: HoldingLinks) {
    this.#links = links
  }

  /**
   * Waits for the lock `name` and takes it. The layout is etcd's, so a holder with another client of etcd excludes us, and we it.
   *
   * Fair: first come, first served. While the holder lives the lock is renewed in the background; when it dies, the next one has it
   * after `ttlSeconds`.
   *
   * @param name - 1 to 1_024 bytes; keys under `name/` belong to the lock.
   * @param options.ttlSeconds - Seconds of the leader's clock, 1 to 86_400; 10 when absent.
   * @param options.timeoutMs - Gives up waiting; milliseconds of our clock.
   * @throws {AspenError} `timeout`, or the keyspace did not answer for 30 seconds.
   * @throws what `options.signal` was aborted with.
   *
   * @example
   * await using lock = await coordination.locks.acquire('jobs/7', { timeoutMs: 5_000 })
   * await lock.write([{ type: 'put', key: utf8('jobs/7/state'), value: utf8('running') }])
   */
  async acquire(name: string | Uint8Array, options: AcquireOptions = {}): Promise<Holding> {
    const bytes = nameOf('acquire', name)
    return must(await this.#held((lease) => lock({ name: bytes, lease, wait: true }), options))
  }

  /** Takes the lock if nobody holds it or stands in line for it; undefined otherwise. Bounds and errors as of `acquire`. */
  tryAcquire(name: string | Uint8Array, options: AcquireOptions = {}): Promise<Holding | undefined> {
    const bytes = nameOf('tryAcquire', name)
    return this.#held((lease) => lock({ name: bytes, lease, wait: false }), options)
  }

  /**
   * Waits for one side of a read-write lock: readers share it, a writer has it alone. In order of coming, so neither side starves.
   * Bounds and errors as of `acquire`.
   */
  async acquireShared(name: string | Uint8Array, options: AcquireOptions = {}): Promise<Holding> {
    const bytes = nameOf('acquireShared', name)
    return must(await this.#held((lease) => rwLock({ name: bytes, lease, mode: 'read', wait: true }), options))
  }

  /** The writer's side of a read-write lock. */
  async acquireExclusive(name: string | Uint8Array, options: AcquireOptions = {}): Promise<Holding> {
    const bytes = nameOf('acquireExclusive', name)
    return must(await this.#held((lease) => rwLock({ name: bytes, lease, mode: 'write', wait: true }), options))
  }

  /**
   * Waits for one of `permits` permits. Bounds and errors as of `acquire`; beside those:
   *
   * @param permits - 1 to 10_000; the same for all who use `name`, for ever.
   * @throws {RangeError} The semaphore was begun with another number.
   *
   * @example
   * await using permit = await coordination.locks.acquirePermit('downloads', 4)
   */
  async acquirePermit(name: string | Uint8Array, permits: number, options: AcquireOptions = {}): Promise<Holding> {
    const bytes = nameOf('acquirePermit', name)
    wholeOf('acquirePermit: permits', permits, 1, 10_000)
    const ask = (lease: string): ReturnType<typeof acquirePermit> =>
      acquirePermit({ name: bytes, lease, permits, wait: true })
    const found = must(await hold(this.#links, ask, options))
    const { session, granted } = found
    if (granted.type === 'held') return new Holding(this.#links.driver, session, granted.grant)
    await session.close()
    const present = 'permits' in granted ? granted.permits : undefined
    throw new RangeError(`acquirePermit: wanted a semaphore of ${permits} permits, this one has ${present}`)
  }

  async #held(ask: (lease: string) => ReturnType<typeof lock>, options: AcquireOptions): Promise<Holding | undefined> {
    const found = await hold<never>(this.#links, ask, options)
    return found === undefined ? undefined : new Holding(this.#links.driver, found.session, found.granted.grant)
  }
}

function must<T>(found: T | undefined): T {
  invariant(found !== undefined, 'G22: who waits is not told that others hold it')
  return found
}
