/**
 * Everything that will happen in a simulated world, in order of (virtual time, keyed tie-break, age).
 *
 * How events of one moment are ordered is the scheduler's to say (`Ties`); with a drawn order every seed tries another
 * interleaving. Events of one moment and one key (a link, an executor) keep the order in which they were scheduled.
 */
import { mix32 } from '../base/digest.ts'
import type { Ties } from './schedulers/scheduler.ts'

interface Event {
  readonly atMs: number
  readonly key: number
  readonly tie: number
  readonly age: number
  readonly run: () => void
}

export class EventQueue {
  readonly #order: number
  readonly #steady: boolean
  readonly #choose: ((due: number) => number) | undefined
  readonly #heap: Event[] = []
  #age = 0
  #nowMs = 0

  /** @param order - Decides the orders of events of one moment, where they are drawn; 0: as they were scheduled. */
  constructor(order: number, ties: Ties = { type: 'drawn' }) {
    this.#order = ties.type === 'drawn' || ties.type === 'steady' ? order : 0
    this.#steady = ties.type === 'steady'
    this.#choose = ties.type === 'chosen' ? ties.choose : undefined
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
        : mix32(
            this.#order ^
              Math.imul(key, 0x9e3779b1) ^
              (this.#steady ? 0 : Math.imul(Math.floor(atMs * 64), 0x85ebca77)),
          )
    this.#age += 1
    this.#push({ atMs, key, tie, age: this.#age, run })
  }

  /** When the next event is due; undefined when nothing will ever happen again. */
  nextMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  /** Moves the clock to the next event and runs it. */
  step(): void {
    const event = this.#choose === undefined ? this.#pop() : this.#popChosen(this.#choose)
    if (event === undefined) return
    this.#nowMs = event.atMs
    event.run()
  }

  /** Moves the clock without an event; nothing may be due before `atMs`. */
  skipTo(atMs: number): void {
    if (atMs > this.#nowMs) this.#nowMs = atMs
  }

  /** Takes all that is due at the next moment, and puts back what was not chosen: for small worlds alone. */
  #popChosen(choose: (due: number) => number): Event | undefined {
    const due: Event[] = []
    const atMs = this.nextMs()
    while (atMs !== undefined && this.nextMs() === atMs) due.push(this.#pop() as Event)
    const heads = due.filter(({ key }, at) => due.findIndex((event) => event.key === key) === at)
    const chosen = heads.length > 1 ? heads[choose(heads.length)] : heads[0]
    for (const event of due) if (event !== chosen) this.#push(event)
    return chosen
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
