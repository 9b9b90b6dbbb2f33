/**
 * A lease that keeps itself alive. It tells when it is lost, and it tells so in time: by the clock of this process, and counted
 * from when a keep-alive was sent and not from when its answer came, the lease cannot have ended before `signal` fires.
 *
 *   granted ──keep-alive at a third of the TTL──▶ … ──┬── revoked by us
 *                                                     ├── gone: the server says that there is no such lease
 *                                                     ├── late: no answer came in time; the server may have ended it
 *                                                     └── closed: with its client
 *
 * A process that was stopped for longer than the TTL wakes up with a lease that is gone and does not know it yet. Nothing on a
 * client can help against that: what a lease protects is to be written with a fencing token.
 *
 * Rules:
 *   E1  `signal` fires before the server may end the lease, as long as clocks run equally fast to one in a hundred
 *   E2  it fires once, for the first reason
 */
import { chance, pause } from './backoff.ts'
import type { Caller } from './caller.ts'
import { AspenError } from './interface.ts'

export type LeaseEnd = 'revoked' | 'gone' | 'late' | 'closed'

/** The reason of a lease's signal. */
export class LeaseEndedError extends AspenError {
  readonly end: LeaseEnd
  constructor(id: string, end: LeaseEnd) {
    super('leaseNotFound', `lease ${id}: ${ends[end]}`)
    this.end = end
  }
}

const ends: Readonly<Record<LeaseEnd, string>> = {
  revoked: 'it was revoked here',
  gone: 'the server knows it no more',
  late: 'no keep-alive was answered in time',
  closed: 'its client was closed',
}

export interface LeaseOptions {
  /** The server may raise it to its least. */
  readonly ttlSeconds: number
  /** Decimal text; the server chooses when absent. */
  readonly id?: string
  /** False: nobody keeps it alive unless asked. */
  readonly keepAlive?: boolean
  /** How long granting may take, in milliseconds. */
  readonly deadlineMs?: number
  /** Ends the attempt to get one. A lease that was granted has a life of its own. */
  readonly signal?: AbortSignal
}

/** How much slower than the server's this clock may be. */
const clockSlack = 0.01
const keepAliveShare = 3

interface Granted {
  readonly id: string
  readonly ttlSeconds: number
  /** When it was asked for, by `performance.now`. */
  readonly askedAtMs: number
}

export class Lease implements AsyncDisposable {
  readonly id: string
  /** As it was granted. */
  readonly ttlSeconds: number
  /** How it ended. */
  readonly lost: Promise<LeaseEnd>
  readonly #caller: Caller
  readonly #ended = new AbortController()
  #deadlineMs: number
  #timer: NodeJS.Timeout | undefined
  #settle: (end: LeaseEnd) => void = () => undefined

  private constructor(caller: Caller, granted: Granted) {
    this.id = granted.id
    this.ttlSeconds = granted.ttlSeconds
    this.lost = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#caller = caller
    this.#deadlineMs = safeUntil(granted.askedAtMs, granted.ttlSeconds)
    this.#arm()
    const close = (): void => this.#end('closed')
    caller.closing.addEventListener('abort', close, { once: true })
    this.signal.addEventListener('abort', () => caller.closing.removeEventListener('abort', close), { once: true })
  }

  /**
   * @throws {RangeError} The TTL is not a whole number of at least one second.
   * @throws {AspenError} `leaseExists`, `leaseTtlTooLarge`, `permissionDenied`, or it cannot be had in time.
   */
  static async grant(caller: Caller, options: LeaseOptions): Promise<Lease> {
    const { ttlSeconds, id, keepAlive = true, ...limits } = options
    if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 1) {
      throw new RangeError(`a lease has a TTL of whole seconds, at least 1, and this one is ${ttlSeconds}`)
    }
    const request = { ttlSeconds, ...(id !== undefined && { id }) }
    const askedAtMs = performance.now()
    const granted = await caller.write(limits, (node, call) => node.leaseGrant(request, call))
    const lease = new Lease(caller, { id: granted.id, ttlSeconds: granted.ttlSeconds, askedAtMs })
    if (keepAlive) void lease.#keep()
    return lease
  }

  /** Fires when it ended, whatever the reason; that is a `LeaseEndedError`. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  /** For how long the server cannot have ended it, by this process's clock; 0 once it ended. */
  get remainingMs(): number {
    return this.signal.aborted ? 0 : Math.max(0, this.#deadlineMs - performance.now())
  }

  /** Begins its time anew, now. @throws {LeaseEndedError} It ended. */
  async keepAliveOnce(): Promise<void> {
    this.signal.throwIfAborted()
    const askedAtMs = performance.now()
    const limits = { deadlineMs: Math.max(1, Math.floor(this.remainingMs)), signal: this.signal }
    const { ttlSeconds } = await this.#caller.read(limits, (node, call) => node.leaseKeepAlive({ id: this.id }, call))
    if (ttlSeconds <= 0) this.#end('gone')
    this.signal.throwIfAborted()
    this.#deadlineMs = Math.max(this.#deadlineMs, safeUntil(askedAtMs, ttlSeconds))
    this.#arm()
  }

  /** What the server says is left, in seconds rounded down, and the keys that go with it. */
  async timeToLive(): Promise<{ readonly ttlSeconds: number; readonly keys: readonly Uint8Array[] }> {
    const request = { id: this.id, keys: true }
    const { ttlSeconds, keys } = await this.#caller.read({}, (node, call) => node.leaseTimeToLive(request, call))
    return { ttlSeconds, keys }
  }

  /** Ends it, and with it its keys. Safe to repeat. */
  async revoke(): Promise<void> {
    this.#end('revoked')
    try {
      await this.#caller.write({}, (node, call) => node.leaseRevoke({ id: this.id }, call))
    } catch (error) {
      if (error instanceof AspenError && error.code === 'leaseNotFound') return
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What the server ended, or will end by itself, needs no revoking; a client that is closed cannot.
    if (!this.signal.aborted) await this.revoke()
  }

  async #keep(): Promise<void> {
    while (!this.signal.aborted) {
      // Jitter: a thousand leases of one process are not to be kept alive in the same moment.
      const waitMs = ((this.ttlSeconds * 1_000) / keepAliveShare) * (0.9 + 0.2 * chance())
      try {
        await pause(Math.min(waitMs, this.remainingMs / 2), this.signal)
        await this.keepAliveOnce()
      } catch (error) {
        if (error instanceof AspenError && error.code === 'leaseNotFound') this.#end('gone')
        // Anything else may be better next time; if not, it will be too late, and then that is told.
      }
    }
  }

  #arm(): void {
    clearTimeout(this.#timer)
    if (this.signal.aborted) return
    const leftMs = this.#deadlineMs - performance.now()
    // A timer takes no more than 31 bits of milliseconds; the longest leases last for centuries.
    this.#timer = setTimeout(
      () => (leftMs > timerMsMax ? this.#arm() : this.#end('late')),
      Math.min(leftMs, timerMsMax),
    )
  }

  #end(end: LeaseEnd): void {
    if (this.signal.aborted) return
    clearTimeout(this.#timer)
    this.#ended.abort(new LeaseEndedError(this.id, end))
    this.#settle(end)
  }
}

const timerMsMax = 2 ** 31 - 1

function safeUntil(askedAtMs: number, ttlSeconds: number): number {
  return askedAtMs + ttlSeconds * 1_000 * (1 - clockSlack)
}
