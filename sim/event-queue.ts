/**
 * Everything that will happen in a simulated world, in order of (virtual time, keyed tie-break, age).
 *
 * Events of one moment run in an order that is drawn for that moment and each event's key (a link, an executor), so every
 * seed tries another interleaving; events of one moment and one key keep the order in which they were scheduled.
 */
import { mix32 } from '../base/digest.ts'

interface Event {
  readonly atMs: number
  readonly tie: number
  readonly age: number
  readonly run: () => void
}

export class EventQueue {
  readonly #order: number
  readonly #heap: Event[] = []
  #age = 0
  #nowMs = 0

  /** @param order - Chooses the orders of events of one moment; 0: as they were scheduled. */
  constructor(order: number) {
    this.#order = order
  }

  /** Virtual milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs
  }

  get length(): number {
    return this.#heap.length
  }

  /** Runs `run` after `delayMs` of virtual time; `key` names whose event it is. */
  after(delayMs: number, key: number, run: () => void): void {
    this.at(this.#nowMs + (delayMs > 0 ? delayMs : 0), key, run)
  }

  /** Runs `run` at `atMs`, which is not in the past. */
  at(atMs: number, key: number, run: () => void): void {
    const tie =
      this.#order === 0
        ? 0
        : mix32(this.#order ^ Math.imul(key, 0x9e3779b1) ^ Math.imul(Math.floor(atMs * 64), 0x85ebca77))
    this.#age += 1
    this.#push({ atMs, tie, age: this.#age, run })
  }

  /** When the next event is due; undefined when nothing will ever happen again. */
  nextMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  /** Moves the clock to the next event and runs it. */
  step(): void {
    const event = this.#pop()
    if (event === undefined) return
    this.#nowMs = event.atMs
    event.run()
  }

  /** Moves the clock without an event; nothing may be due before `atMs`. */
  skipTo(atMs: number): void {
    if (atMs > this.#nowMs) this.#nowMs = atMs
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as Event
      if (!sooner(event, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && sooner(heap[below + 1] as Event, heap[below] as Event)) below += 1
      const child = heap[below] as Event
      if (!sooner(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
    return first
  }
}

function sooner(a: Event, b: Event): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs
  return a.tie !== b.tie ? a.tie < b.tie : a.age < b.age
}
