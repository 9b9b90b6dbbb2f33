/**
 * How much a gateway takes on: so many calls at a time, so many a second. What is too much is refused at once, before it
 * costs the node anything, with the words that etcd has for it: "too many requests".
 *
 * Streams are counted when they begin and not while they last: watches and keep-alives are what clients survive on when a
 * server is overloaded, and cost nothing while they are silent.
 */
import { AspenError } from '../../client/interface.ts'

export interface AdmissionLimits {
  /** Calls that run at a time; 0: no bound. */
  readonly concurrentMax: number
  /** Calls and new streams in a second, and as many at once after a quiet one; 0: no bound. */
  readonly perSecondMax: number
}

export class Admission {
  readonly #limits: AdmissionLimits
  readonly #now: () => number
  readonly #onRefusal: (reason: 'concurrency' | 'rate') => void
  #running = 0
  #tokens: number
  #filledAtMs: number

  /** @param now - Milliseconds of a clock that never goes back. */
  constructor(limits: AdmissionLimits, now: () => number, onRefusal: (reason: 'concurrency' | 'rate') => void) {
    this.#limits = limits
    this.#now = now
    this.#onRefusal = onRefusal
    this.#tokens = limits.perSecondMax
    this.#filledAtMs = now()
  }

  get running(): number {
    return this.#running
  }

  /** Lets a call begin, which says `leave` when it has ended. @throws {AspenError} `tooManyRequests`. */
  enter(): void {
    const { concurrentMax } = this.#limits
    if (concurrentMax > 0 && this.#running >= concurrentMax) this.#refuse('concurrency')
    this.pass()
    this.#running += 1
  }

  leave(): void {
    this.#running -= 1
  }

  /** Lets a stream begin. @throws {AspenError} `tooManyRequests`. */
  pass(): void {
    const { perSecondMax } = this.#limits
    if (perSecondMax <= 0) return
    const nowMs = this.#now()
    this.#tokens = Math.min(perSecondMax, this.#tokens + ((nowMs - this.#filledAtMs) / 1_000) * perSecondMax)
    this.#filledAtMs = nowMs
    if (this.#tokens < 1) this.#refuse('rate')
    this.#tokens -= 1
  }

  #refuse(reason: 'concurrency' | 'rate'): never {
    this.#onRefusal(reason)
    throw new AspenError('tooManyRequests')
  }
}
