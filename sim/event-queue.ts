/**
 * Everything that will happen in a simulated world, in order of (virtual time, keyed tie-break, age).
 *
 * How events of one moment are ordered is the scheduler's to say (`Ties`); with a drawn order every seed tries another
 * interleaving. Events of one moment and one key (a link, an executor) keep the order in which they were scheduled.
 *
 * A world lives from this queue, so an event is no object: its numbers lie in columns, and a heap holds the rows.
 */
import { mix32 } from '../base/digest.ts'
import type { Ties } from './schedulers/scheduler.ts'

/** What happens then; `argument` is what was given with it, so that one function serves many events. */
export type Run = (argument: number) => void

const rowsAtFirst = 256
const done: Run = () => {}

export class EventQueue {
  readonly #order: number
  readonly #steady: boolean
  readonly #choose: ((due: number) => number) | undefined
  // By row.
  #atMs = new Float64Array(rowsAtFirst)
  #ties = new Uint32Array(rowsAtFirst)
  #ages = new Float64Array(rowsAtFirst)
  #keys = new Float64Array(rowsAtFirst)
  #arguments = new Float64Array(rowsAtFirst)
  readonly #runs: Run[] = []
  /** Rows: the first `#length` of them are the heap, the others are free. */
  #heap = new Uint32Array(rowsAtFirst)
  #length = 0
  #age = 0
  #nowMs = 0

  /** @param order - Decides the orders of events of one moment, where they are drawn; 0: as they were scheduled. */
  constructor(order: number, ties: Ties = { type: 'drawn' }) {
    this.#order = ties.type === 'drawn' || ties.type === 'steady' ? order : 0
    this.#steady = ties.type === 'steady'
    this.#choose = ties.type === 'chosen' ? ties.choose : undefined
    for (let row = 0; row < rowsAtFirst; row++) {
      this.#heap[row] = row
      this.#runs.push(done)
    }
  }

  /** Virtual milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs
  }

  get length(): number {
    return this.#length
  }

  /** Runs `run` after `delayMs` of virtual time; `key` names whose event it is. */
  after(delayMs: number, key: number, run: Run): void {
    this.at(this.#nowMs + (delayMs > 0 ? delayMs : 0), key, run)
  }

  /** Runs `run` at `atMs`, which is not in the past. */
  at(atMs: number, key: number, run: Run, argument: number = 0): void {
    if (this.#length === this.#heap.length) this.#grow()
    const row = this.#heap[this.#length] as number
    const moment = this.#steady ? 0 : Math.imul(Math.floor(atMs * 64), 0x85ebca77)
    this.#age += 1
    this.#atMs[row] = atMs
    this.#ties[row] = this.#order === 0 ? 0 : mix32(this.#order ^ Math.imul(key, 0x9e3779b1) ^ moment)
    this.#ages[row] = this.#age
    this.#keys[row] = key
    this.#arguments[row] = argument
    this.#runs[row] = run
    this.#push(row)
  }

  /** When the next event is due; undefined when nothing will ever happen again. */
  nextMs(): number | undefined {
    return this.#length === 0 ? undefined : this.#atMs[this.#heap[0] as number]
  }

  /** Moves the clock to the next event and runs it. */
  step(): void {
    if (this.#length === 0) return
    const row = this.#choose === undefined ? this.#pop() : this.#popChosen(this.#choose)
    this.#nowMs = this.#atMs[row] as number
    const run = this.#runs[row] as Run
    this.#runs[row] = done
    run(this.#arguments[row] as number)
  }

  /** Moves the clock without an event; nothing may be due before `atMs`. */
  skipTo(atMs: number): void {
    if (atMs > this.#nowMs) this.#nowMs = atMs
  }

  /** Takes all that is due at the next moment, and puts back what was not chosen: for small worlds alone. */
  #popChosen(choose: (due: number) => number): number {
    const due: number[] = []
    const atMs = this.nextMs()
    while (this.#length > 0 && this.nextMs() === atMs) due.push(this.#pop())
    const heads = due.filter((row, at) => due.findIndex((other) => this.#keys[other] === this.#keys[row]) === at)
    const chosen = heads[heads.length > 1 ? choose(heads.length) : 0] as number
    // They lie in the free rows behind the heap, each of which `#push` writes over: so all of them first.
    const back = due.filter((row) => row !== chosen)
    for (const row of back) this.#push(row)
    this.#heap[this.#length] = chosen
    return chosen
  }

  #push(row: number): void {
    const heap = this.#heap
    let at = this.#length
    this.#length += 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as number
      if (!this.#sooner(row, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = row
  }

  /** The row of the next event; it is the first of the free ones now. */
  #pop(): number {
    const heap = this.#heap
    const first = heap[0] as number
    const length = this.#length - 1
    const last = heap[length] as number
    this.#length = length
    heap[length] = first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= length) break
      if (below + 1 < length && this.#sooner(heap[below + 1] as number, heap[below] as number)) below += 1
      const child = heap[below] as number
      if (!this.#sooner(child, last)) break
      heap[at] = child
      at = below
    }
    if (length > 0) heap[at] = last
    return first
  }

  #sooner(a: number, b: number): boolean {
    const difference = (this.#atMs[a] as number) - (this.#atMs[b] as number)
    if (difference !== 0) return difference < 0
    const tieA = this.#ties[a] as number
    const tieB = this.#ties[b] as number
    return tieA !== tieB ? tieA < tieB : (this.#ages[a] as number) < (this.#ages[b] as number)
  }

  #grow(): void {
    const rows = this.#heap.length
    this.#atMs = larger(this.#atMs)
    this.#ages = larger(this.#ages)
    this.#keys = larger(this.#keys)
    this.#arguments = larger(this.#arguments)
    const ties = new Uint32Array(2 * rows)
    ties.set(this.#ties)
    this.#ties = ties
    const heap = new Uint32Array(2 * rows)
    heap.set(this.#heap)
    for (let row = rows; row < 2 * rows; row++) {
      heap[row] = row
      this.#runs.push(done)
    }
    this.#heap = heap
  }
}

function larger(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const next = new Float64Array(2 * column.length)
  next.set(column)
  return next
}
