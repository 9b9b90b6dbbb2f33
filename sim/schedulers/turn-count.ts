/** Counts the choices of each executor in each of its lives: so a choice more on one moves none of another's. */
import type { Lane } from './scheduler.ts'

export class TurnCount {
  readonly #counts = new WeakMap<Lane, number>()

  next(lane: Lane): number {
    const count = (this.#counts.get(lane) ?? 0) + 1
    this.#counts.set(lane, count)
    return count
  }
}
