/**
 * Something that is held: a lock, one side of a read-write lock, a permit, a leadership. It hangs on a session of its own, so that
 * what one holder loses is no other's.
 */
import type { Compare, TxnOperation } from '../../actors/keyspace/messages.ts'
import { utf8 } from '../../base/bytes.ts'
import { AspenError } from '../interface.ts'
import { type Driver, isTrouble } from './driver.ts'
import { type Grant, heldBy } from './recipes/fence.ts'
import type { Granted } from './recipes/lock.ts'
import { type Recipe, transactUnleased } from './recipes/step.ts'
import { Session, type SessionLinks, type SessionOptions } from './session.ts'

export type Guarded =
  | { readonly type: 'written'; readonly revision: number }
  /** It was not held any more; nothing was written. */
  | { readonly type: 'lost' }

export interface AcquireOptions extends SessionOptions {
  /** Gives up waiting, in milliseconds; none when absent. Where the cluster cannot be reached, it may take some seconds more. */
  readonly timeoutMs?: number | undefined
  /** Gives up waiting. Of no effect afterwards: let go of what is held. */
  readonly signal?: AbortSignal | undefined
}

export class Holding implements AsyncDisposable {
  /** The fencing token: greater than those of all holders before. Hand it to whatever this protects. */
  readonly token: number
  /** The holder's key; others see by it that this is held. */
  readonly key: Uint8Array
  readonly #driver: Driver
  readonly #session: Session

  constructor(driver: Driver, session: Session, { key, token }: Grant) {
    this.#driver = driver
    this.#session = session
    this.key = key
    this.token = token
  }

  /** Fires before anybody else can hold it, by this process's clock: when it could not be renewed in time, or is released. */
  get signal(): AbortSignal {
    return this.#session.lost
  }

  /** Whether it is certainly still held at this moment; the next may be another. */
  get held(): boolean {
    return this.#session.certainForMs > 0
  }

  /** The lease that it hangs on, as decimal text. */
  get lease(): string {
    return this.#session.lease
  }

  /** For transactions of one's own: true only while this is held. Put it first among the compares. */
  get guard(): Compare {
    return heldBy({ key: this.key, token: this.token })
  }

  /**
   * Writes to the same keyspace, if this is still held at that very moment: in one transaction with the check, so that no pause
   * can come between.
   *
   * @param operations - As of a transaction, 1 to 127.
   * @returns `written` with the revision, or `lost`.
   * @throws {AspenError} The keyspace refused, or did not answer: then it may have been written.
   *
   * @example
   * const done = await lock.write([{ type: 'put', key: utf8('row'), value: utf8('mine') }])
   * if (done.type === 'lost') return
   */
  write(operations: readonly TxnOperation[]): Promise<Guarded> {
    return this.#driver.run(guarded(this.guard, operations))
  }

  /** Lets go; nobody waits longer than that takes. Safe to repeat. Never throws: what cannot be released ends with its lease. */
  release(): Promise<void> {
    return this.#session.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }
}

function* guarded(guard: Compare, operations: readonly TxnOperation[]): Recipe<Guarded> {
  const done = yield* transactUnleased([guard], operations)
  return done.succeeded ? { type: 'written', revision: done.revision } : { type: 'lost' }
}

/** What a holder is made with. */
export interface HoldingLinks {
  readonly driver: Driver
  readonly session: SessionLinks
}

/**
 * Opens a session and waits on it for a grant; undefined: `busy`. Where the session is lost while it waits, it queues up anew.
 *
 * @throws {AspenError} `timeout`.
 * @throws what `options.signal` was aborted with.
 */
export async function hold<G extends { readonly type: string }>(
  links: HoldingLinks,
  ask: (lease: string) => Recipe<Granted | G>,
  { ttlSeconds, timeoutMs, signal }: AcquireOptions,
): Promise<{ readonly session: Session; readonly granted: Extract<Granted, { type: 'held' }> | G } | undefined> {
  if (timeoutMs !== undefined && !(timeoutMs >= 0 && timeoutMs <= 2_147_483_647))
    throw new RangeError(`acquire: timeoutMs must be of 0 to 2_147_483_647, not ${timeoutMs}`)
  const clock = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)
  const givenUp = AbortSignal.any([signal, clock].filter((each) => each !== undefined))
  for (;;) {
    if (signal?.aborted === true) throw signal.reason
    if (clock?.aborted === true) throw new AspenError('timeout', `not granted within ${timeoutMs} ms`)
    try {
      const found = await holdOnce(links, ask, ttlSeconds, givenUp)
      if (found !== 'again') return found
    } catch (error) {
      // Whoever has given up is told of that, and not of what was in the way.
      if (!givenUp.aborted || !isTrouble(error)) throw error
    }
  }
}

async function holdOnce<G extends { readonly type: string }>(
  { driver, session: links }: HoldingLinks,
  ask: (lease: string) => Recipe<Granted | G>,
  ttlSeconds: number | undefined,
  givenUp: AbortSignal,
): Promise<
  { readonly session: Session; readonly granted: Extract<Granted, { type: 'held' }> | G } | 'again' | undefined
> {
  const session = await Session.open(links, { ttlSeconds, signal: givenUp })
  let kept = false
  try {
    const granted = await driver.run(ask(session.lease), { signal: AbortSignal.any([givenUp, session.lost]) })
    if (granted.type === 'busy') return undefined
    if (granted.type === 'leaseGone' || granted.type === 'stopped') return 'again'
    kept = true
    return { session, granted: granted as Extract<Granted, { type: 'held' }> | G }
  } finally {
    if (!kept) await session.close()
  }
}

/** A name, in the bytes that it has as a key. @throws {RangeError} It is empty, or longer than a key should be. */
export function nameOf(what: string, name: string | Uint8Array): Uint8Array {
  const bytes = typeof name === 'string' ? utf8(name) : name
  if (bytes.length < 1 || bytes.length > 1_024)
    throw new RangeError(`${what}: a name must have 1 to 1_024 bytes, not ${bytes.length}`)
  return bytes
}

/** @throws {RangeError} */
export function wholeOf(what: string, value: number, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw new RangeError(`${what} must be a whole number of ${least} to ${most}, not ${value}`)
  return value
}
