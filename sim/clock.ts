/**
 * The clocks of one node: virtual time as that node sees it. Its monotonic clock runs a little fast or slow and has an
 * origin of its own; its wall clock is off as well, and may be stepped either way. While the machine is suspended the
 * monotonic clock stands still and the wall clock goes on: who wakes up finds that the two differ by what was slept.
 */
import type { Clock } from '../runtime/ports/clock.ts'
import type { EventQueue } from './event-queue.ts'

/** Where the wall clocks of all worlds begin: what a node reads must not depend on the day it is simulated. */
const wallOriginMs = 1_750_000_000_000

export class SimClock implements Clock {
  readonly #queue: EventQueue
  /** Local time at the last change of rate, and the virtual time of it. */
  #localMs: number
  #sinceMs = 0
  #rate = 1
  #wallOffsetMs: number

  constructor(queue: EventQueue, offsetMs: number) {
    this.#queue = queue
    this.#localMs = offsetMs
    this.#wallOffsetMs = wallOriginMs - offsetMs
  }

  nowMs(): number {
    const passedMs = this.#queue.nowMs - this.#sinceMs
    // Suspended: the clock goes on from a moment that is still to come.
    return passedMs > 0 ? this.#localMs + passedMs * this.#rate : this.#localMs
  }

  wallMs(): number {
    return this.nowMs() + this.#wallOffsetMs
  }

  /** `drift` 0.01: this clock gains 10 ms every second, from now on. */
  drift(drift: number): void {
    this.#localMs = this.nowMs()
    this.#sinceMs = Math.max(this.#sinceMs, this.#queue.nowMs)
    this.#rate = 1 + drift
  }

  /** The machine sleeps for `ms`, or until `resume`. */
  suspend(ms: number): void {
    this.#localMs = this.nowMs()
    const from = Math.max(this.#sinceMs, this.#queue.nowMs)
    this.#sinceMs = from + ms
    this.#wallOffsetMs += ms
  }

  /** It wakes up sooner than was planned. */
  resume(): void {
    const leftMs = this.#sinceMs - this.#queue.nowMs
    if (leftMs <= 0) return
    this.#sinceMs = this.#queue.nowMs
    this.#wallOffsetMs -= leftMs
  }

  /** Steps the wall clock; the monotonic one does not notice. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms
  }

  /** How much virtual time passes while this clock moves by `localMs`. */
  virtual(localMs: number): number {
    return localMs / this.#rate
  }
}
