/**
 * A growing queue over a power-of-two array: push and shift without allocation once it has its size. Run queues,
 * outbound queues and recorders are rings; who uses one decides on the bound.
 */
export class Ring<T> {
  #items: (T | undefined)[]
  #head = 0
  #length = 0

  constructor(capacity: number = 8) {
    let size = 1
    while (size < capacity) size *= 2
    this.#items = new Array<T | undefined>(size).fill(undefined)
  }

  get length(): number {
    return this.#length
  }

  push(item: T): void {
    if (this.#length === this.#items.length) this.#grow()
    this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = item
    this.#length += 1
  }

  /** Puts `item` before everything that waits. */
  unshift(item: T): void {
    if (this.#length === this.#items.length) this.#grow()
    this.#head = (this.#head - 1) & (this.#items.length - 1)
    this.#items[this.#head] = item
    this.#length += 1
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#items[this.#head]
    // The slot is cleared so that a handled message is not kept alive by its queue.
    this.#items[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#items.length - 1)
    this.#length -= 1
    return item
  }

  /** The item at `position` from the front. */
  at(position: number): T | undefined {
    return position < this.#length ? this.#items[(this.#head + position) & (this.#items.length - 1)] : undefined
  }

  /** Takes out the item at `position` from the front; the order of the rest stays. */
  takeAt(position: number): T | undefined {
    if (position >= this.#length) return undefined
    const item = this.at(position)
    const mask = this.#items.length - 1
    for (let i = position; i > 0; i--) {
      this.#items[(this.#head + i) & mask] = this.#items[(this.#head + i - 1) & mask]
    }
    this.shift()
    return item
  }

  #grow(): void {
    const old = this.#items
    const grown = new Array<T | undefined>(old.length * 2).fill(undefined)
    for (let i = 0; i < this.#length; i++) grown[i] = old[(this.#head + i) & (old.length - 1)]
    this.#items = grown
    this.#head = 0
  }
}
