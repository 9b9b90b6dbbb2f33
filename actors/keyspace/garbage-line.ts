/**
 * A queue in three parts, for what a compaction drops:
 *
 *   taken │ ripe: dropped, still to be removed from the store │ waiting: kept until a later compaction
 *
 * Items enter in the order in which they ripen, so that a compaction costs as much as it drops and never a walk over all
 * keys.
 */
import { limit } from '../../base/fault-points.ts'
import { lineSlack } from './fault-sites.ts'

/** Consumed slots are given back when they are this many and half of all. */
const slackMin = 1_024

export class GarbageLine<T> {
  #items: T[] = []
  #taken = 0
  #ripe = 0

  add(item: T): void {
    this.#items.push(item)
  }

  /** Ripens waiting items from the front for as long as `due` says so, and shows each to `drop`. */
  ripen(due: (item: T) => boolean, drop: (item: T) => void): void {
    while (this.#ripe < this.#items.length) {
      const item = this.#items[this.#ripe] as T
      if (!due(item)) return
      this.#ripe += 1
      drop(item)
    }
  }

  get ripeCount(): number {
    return this.#ripe - this.#taken
  }

  /** The next ripe item; undefined when there is none. */
  take(): T | undefined {
    if (this.#taken === this.#ripe) return undefined
    const item = this.#items[this.#taken] as T
    this.#taken += 1
    if (this.#taken >= limit(lineSlack, slackMin, 1) && this.#taken * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#taken)
      this.#ripe -= this.#taken
      this.#taken = 0
    }
    return item
  }
}
