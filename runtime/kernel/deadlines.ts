/**
 * Deadlines, most of which are never reached. A heap entry per ask cost more than the ask; here one list holds everything
 * due within the same millisecond, so that starting and lifting a deadline is a link and an unlink, and the heap sees one
 * entry a millisecond. Measured: asks went from 0.5 to over 2 million a second, the largest part of it here.
 *
 * A deadline passes at the end of its millisecond, never early.
 */
import FlatQueue from 'flatqueue'

/** Something with a deadline. The list it waits in runs through its own fields. */
export abstract class Deadline {
  slot: DeadlineSlot | undefined = undefined
  before: Deadline | undefined = undefined
  after: Deadline | undefined = undefined

  abstract expire(): void
}

class DeadlineSlot {
  readonly dueMs: number
  first: Deadline | undefined = undefined
  last: Deadline | undefined = undefined

  constructor(dueMs: number) {
    this.dueMs = dueMs
  }
}

export class Deadlines {
  readonly #slots = new Map<number, DeadlineSlot>()
  readonly #order: FlatQueue<DeadlineSlot> = new FlatQueue<DeadlineSlot>()
  /** Consecutive asks mostly have the same deadline: this one spares them the look-up. */
  #newest: DeadlineSlot | undefined = undefined
  size = 0

  start(deadline: Deadline, atMs: number): void {
    const dueMs = Math.ceil(atMs)
    const slot = this.#newest !== undefined && this.#newest.dueMs === dueMs ? this.#newest : this.#slot(dueMs)
    deadline.slot = slot
    deadline.before = slot.last
    if (slot.last === undefined) slot.first = deadline
    else slot.last.after = deadline
    slot.last = deadline
    this.size += 1
  }

  lift(deadline: Deadline): void {
    const slot = deadline.slot
    if (slot === undefined) return
    if (deadline.before === undefined) slot.first = deadline.after
    else deadline.before.after = deadline.after
    if (deadline.after === undefined) slot.last = deadline.before
    else deadline.after.before = deadline.before
    // Cut out of the list whole: a lifted deadline that became old must not keep its younger neighbours alive.
    deadline.slot = undefined
    deadline.before = undefined
    deadline.after = undefined
    this.size -= 1
  }

  /** When the next deadline passes; undefined without any. */
  nextDueMs(): number | undefined {
    while (this.#order.length > 0) {
      const slot = this.#order.peek() as DeadlineSlot
      if (slot.first !== undefined) return slot.dueMs
      this.#drop(slot)
    }
    return undefined
  }

  /** Expires what is due, in order of the millisecond, then of start. Returns how many. */
  fire(nowMs: number): number {
    let fired = 0
    for (let due = this.#order.peekValue(); due !== undefined && due <= nowMs; due = this.#order.peekValue()) {
      const slot = this.#order.peek() as DeadlineSlot
      this.#drop(slot)
      for (let deadline = slot.first; deadline !== undefined; deadline = slot.first) {
        this.lift(deadline)
        deadline.expire()
        fired += 1
      }
    }
    return fired
  }

  /** Everything that still waits, in order of start within a millisecond. */
  *all(): Iterable<Deadline> {
    for (const slot of this.#slots.values()) {
      for (let deadline = slot.first; deadline !== undefined; deadline = deadline.after) yield deadline
    }
  }

  #slot(dueMs: number): DeadlineSlot {
    let slot = this.#slots.get(dueMs)
    if (slot === undefined) {
      slot = new DeadlineSlot(dueMs)
      this.#slots.set(dueMs, slot)
      this.#order.push(slot, dueMs)
    }
    this.#newest = slot
    return slot
  }

  #drop(slot: DeadlineSlot): void {
    this.#order.pop()
    this.#slots.delete(slot.dueMs)
    if (this.#newest === slot) this.#newest = undefined
  }
}
