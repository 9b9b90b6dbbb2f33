/**
 * A clock for how long ago something was, also over a suspended machine: the monotonic clock of a process stands still while the
 * machine sleeps, and the leader's does not. So it is held against the wall clock, and a jump of that counts as time that passed.
 * A wall clock that is put forward makes us believe in less time than we have, which costs a lease and harms nobody.
 */

/** What of the world it reads. */
export interface Clocks {
  readonly monotonicMs: () => number
  readonly wallMs: () => number
}

export const processClocks: Clocks = { monotonicMs: () => performance.now(), wallMs: () => Date.now() }

/** Less than this apart the two clocks may run, by slewing and by rounding. */
const jumpMs = 100

export class Elapsed {
  readonly #clocks: Clocks
  #apartMs: number
  #sleptMs = 0

  constructor(clocks: Clocks = processClocks) {
    this.#clocks = clocks
    this.#apartMs = clocks.wallMs() - clocks.monotonicMs()
  }

  /** Milliseconds since some moment; never fewer than have passed, but for a jump of less than 100 ms. */
  nowMs(): number {
    const monotonicMs = this.#clocks.monotonicMs()
    const apartMs = this.#clocks.wallMs() - monotonicMs
    if (apartMs - this.#apartMs >= jumpMs) this.#sleptMs += apartMs - this.#apartMs
    this.#apartMs = apartMs
    return monotonicMs + this.#sleptMs
  }
}
