/**
 * Open asks of one executor: who waits for which correlation, until when. Each gets exactly one answer, from the other
 * side, from the deadline, or from the death of the thread it was sent to.
 */
import type { Answer } from './actor.ts'
import type { Timers } from './timers.ts'

interface Open {
  readonly deliver: (answer: Answer) => void
  readonly timer: number
  /** The executor that must answer; undefined when it is another node's. */
  readonly executor: number | undefined
}

export class Asks {
  readonly #open = new Map<number, Open>()
  readonly #timers: Timers
  #next = 1

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Opens an ask to an actor on `executor` (undefined: of another node) and returns its correlation. `deliver` is called once, possibly within `settle`. */
  open(executor: number | undefined, untilMs: number, deliver: (answer: Answer) => void): number {
    const correlation = this.#next
    this.#next += 1
    const timer = this.#timers.reserve()
    this.#timers.start(timer, untilMs, 0, () => this.settle(correlation, { type: 'timeout' }))
    this.#open.set(correlation, { deliver, timer, executor })
    return correlation
  }

  /** The first answer counts; later ones (after a deadline, say) find nobody. */
  settle(correlation: number, answer: Answer): void {
    const open = this.#open.get(correlation)
    if (open === undefined) return
    this.#open.delete(correlation)
    this.#timers.cancel(open.timer)
    open.deliver(answer)
  }

  /** Gives up without an answer: the caller has lost interest. */
  forget(correlation: number): void {
    const open = this.#open.get(correlation)
    if (open === undefined) return
    this.#open.delete(correlation)
    this.#timers.cancel(open.timer)
  }

  threadLost(executor: number): void {
    for (const [correlation, open] of this.#open) {
      if (open.executor === executor) this.settle(correlation, { type: 'failed', reason: 'the thread of the actor died' })
    }
  }

  get size(): number {
    return this.#open.size
  }
}
