/**
 * A session: a lease that is kept alive in the background, and knowledge of how long it certainly still lives.
 *
 *   grant ─▶ alive ──keepalive every third of the TTL──▶ alive ─▶ …
 *              └── no answer until the TTL, less a margin, is over ──▶ lost
 *
 *   G18  `lost` fires before the lease can end by itself: the TTL is counted from the moment a grant or keepalive was *sent*, by a
 *        clock that counts the sleep of the machine, and the margin covers how far our clock and the leader's may run apart
 *
 * A process that is stopped at the wrong moment hears of it late all the same: what it writes then is refused only where the
 * write carries its token (recipes/fence.ts).
 */
import { AspenError } from '../interface.ts'
import { type CoordinationClient, type Driver, isTrouble } from './driver.ts'
import { Elapsed } from './elapsed.ts'
import { lease } from './recipes/step.ts'

export interface SessionOptions {
  /** How long the lease outlives its holder, in whole seconds; 10 when absent, 1 to 86_400. */
  readonly ttlSeconds?: number | undefined
  /** Gives up opening it. Of no effect afterwards. */
  readonly signal?: AbortSignal | undefined
}

/** What is kept alive, and how. */
export interface SessionLinks {
  readonly driver: Driver
  readonly keepAlive: (id: string, deadlineMs: number) => ReturnType<CoordinationClient['leaseKeepAlive']>
  readonly elapsed?: Elapsed
}

const ttlSecondsDefault = 10
const ttlSecondsMax = 86_400

/** Of the TTL: how far two clocks may run apart is far less, how late a timer fires seldom more. */
const marginShare = 0.1
const marginMsMin = 200

export class Session implements AsyncDisposable {
  readonly lease: string
  readonly ttlMs: number
  readonly #links: SessionLinks
  readonly #elapsed: Elapsed
  readonly #lost = new AbortController()
  #endMs: number
  #timer: NodeJS.Timeout | undefined
  #closed = false

  private constructor(
    links: SessionLinks,
    granted: { readonly id: string; readonly ttlSeconds: number },
    sentMs: number,
  ) {
    this.#links = links
    this.#elapsed = links.elapsed as Elapsed
    this.lease = granted.id
    this.ttlMs = granted.ttlSeconds * 1_000
    this.#endMs = sentMs + this.ttlMs
    this.#beat(this.ttlMs / 3)
  }

  /** @throws {RangeError} The TTL is out of bounds. @throws {AspenError} No lease was granted. */
  static async open(
    links: SessionLinks,
    { ttlSeconds = ttlSecondsDefault, signal }: SessionOptions = {},
  ): Promise<Session> {
    if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > ttlSecondsMax) {
      throw new RangeError(`session: ttlSeconds must be a whole number of 1 to ${ttlSecondsMax}, not ${ttlSeconds}`)
    }
    const elapsed = links.elapsed ?? new Elapsed()
    const sentMs = elapsed.nowMs()
    const granted = await links.driver.run(lease({ type: 'leaseGrant', ttlSeconds }), { signal })
    return new Session({ ...links, elapsed }, granted, sentMs)
  }

  /** Fires before the lease ends: when it may soon do so by itself, and when the session is closed. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** For how long the lease certainly lives, less a margin; 0: no longer. */
  get certainForMs(): number {
    if (this.#closed || this.#lost.signal.aborted) return 0
    return Math.max(0, this.#endMs - marginOf(this.ttlMs) - this.#elapsed.nowMs())
  }

  /** Ends the lease, and with it all that hangs on it. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#lose('is given up')
    // A lease that cannot be revoked ends by itself.
    await this.#links.driver.run(lease({ type: 'leaseRevoke', id: this.lease })).catch(ignoreTrouble)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #beat(inMs: number): void {
    if (this.#closed || this.#lost.signal.aborted) return
    const left = this.certainForMs
    if (left === 0) {
      this.#lose('was not renewed in time')
      return
    }
    this.#timer = setTimeout(() => void this.#renew(), Math.min(inMs, left))
    // Whoever waits for nothing else need not wait for this.
    this.#timer.unref()
  }

  async #renew(): Promise<void> {
    const left = this.certainForMs
    if (left === 0) {
      this.#beat(0)
      return
    }
    const sentMs = this.#elapsed.nowMs()
    // Whatever comes of the call, the end comes when it comes.
    const end = setTimeout(() => this.#beat(0), left)
    end.unref()
    let nextMs = this.ttlMs / 3
    try {
      const { ttlSeconds } = await this.#links.keepAlive(
        this.lease,
        Math.max(1, Math.ceil(Math.min(left, this.ttlMs / 3))),
      )
      if (ttlSeconds === 0) this.#lose('has ended')
      else this.#endMs = Math.max(this.#endMs, sentMs + ttlSeconds * 1_000)
    } catch {
      nextMs = Math.min(this.ttlMs / 20, 500)
    } finally {
      clearTimeout(end)
    }
    this.#beat(nextMs)
  }

  #lose(why: string): void {
    clearTimeout(this.#timer)
    this.#lost.abort(new AspenError('leaseNotFound', `the lease ${this.lease} ${why}`))
  }
}

function marginOf(ttlMs: number): number {
  return Math.max(marginMsMin, ttlMs * marginShare)
}

function ignoreTrouble(error: unknown): void {
  if (!isTrouble(error)) throw error
}
