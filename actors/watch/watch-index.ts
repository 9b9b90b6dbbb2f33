/**
 * Who watches a key: single keys in a map, ranges in a tree. Looking up costs what is found, not what is watched.
 */
import { RangeTree } from './range-tree.ts'
import type { Span } from './spans.ts'

/** Whoever is to be found, once a look-up even if two of its ranges hold the key. */
export interface Indexed {
  readonly spans: readonly Span[]
  /** The last look-up that found it. */
  seen: number
}

export class WatchIndex<T extends Indexed> {
  readonly #single = new Map<string, Set<T>>()
  readonly #ranges = new RangeTree<T>()
  #lookups = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  add(item: T): void {
    this.#size += 1
    for (const { from, to, single } of item.spans) {
      if (!single) this.#ranges.add(from, to, item)
      else {
        const there = this.#single.get(from)
        if (there === undefined) this.#single.set(from, new Set([item]))
        else there.add(item)
      }
    }
  }

  /** @param item - Is in the index. */
  remove(item: T): void {
    this.#size -= 1
    for (const { from, to, single } of item.spans) {
      if (!single) this.#ranges.remove(from, to, item)
      else {
        const there = this.#single.get(from)
        if (there?.delete(item) === true && there.size === 0) this.#single.delete(from)
      }
    }
  }

  /** Visits each item that has `key` in one of its spans, once. */
  find(key: string, visit: (item: T) => void): void {
    this.#lookups += 1
    const lookup = this.#lookups
    const once = (item: T): void => {
      if (item.seen === lookup) return
      item.seen = lookup
      visit(item)
    }
    const single = this.#single.get(key)
    if (single !== undefined) for (const item of single) once(item)
    if (this.#ranges.size > 0) this.#ranges.stab(key, once)
  }
}
