/**
 * The timers of one executor: a heap by due time. Timers of a stopped actor are dropped when they come up. A periodic
 * timer whose last message still waits in the mailbox skips a beat instead of piling up.
 */
import FlatQueue from 'flatqueue'
import { buggify } from '../../base/fault-points.ts'
import { timerLate } from './fault-sites.ts'

interface Timer {
  readonly id: number
  readonly fire: () => void
  readonly periodMs: number
  dueMs: number
  cancelled: boolean
}

/** How late a simulation makes a timer. */
const lateMs = 3

export class Timers {
  /** A cancelled timer stays in it and is skipped when it comes up: removing from the middle of a heap costs more. */
  readonly #heap: FlatQueue<Timer> = new FlatQueue<Timer>()
  readonly #timers = new Map<number, Timer>()
  #nextId = 1

  /** Timer ids are given out before the timer exists, so that a turn can name what it will start. */
  reserve(): number {
    const id = this.#nextId
    this.#nextId += 1
    return id
  }

  /** `periodMs` 0: once. */
  start(id: number, dueMs: number, periodMs: number, fire: () => void): void {
    const timer: Timer = { id, fire, periodMs, dueMs, cancelled: false }
    this.#timers.set(id, timer)
    this.#heap.push(timer, dueMs)
  }

  cancel(id: number): void {
    const timer = this.#timers.get(id)
    if (timer === undefined) return
    timer.cancelled = true
    this.#timers.delete(id)
  }

  /** When the next timer is due; undefined without any. */
  nextDueMs(): number | undefined {
    while (this.#heap.length > 0) {
      const timer = this.#heap.peek() as Timer
      if (!timer.cancelled) return timer.dueMs
      this.#heap.pop()
    }
    return undefined
  }

  /** Fires what is due at `nowMs`, in order of due time. Returns how many fired. */
  fire(nowMs: number): number {
    let fired = 0
    for (let due = this.nextDueMs(); due !== undefined && due <= nowMs; due = this.nextDueMs()) {
      const timer = this.#heap.pop() as Timer
      if (buggify(timerLate, 0.05)) {
        timer.dueMs = nowMs + lateMs
        this.#heap.push(timer, timer.dueMs)
        continue
      }
      if (timer.periodMs > 0) {
        // After a pause the beats missed are missed: a burst of ticks would look like time that nobody lived through.
        const next = timer.dueMs + timer.periodMs
        timer.dueMs = next > nowMs ? next : nowMs + timer.periodMs
        this.#heap.push(timer, timer.dueMs)
      } else {
        this.#timers.delete(timer.id)
      }
      timer.fire()
      fired += 1
    }
    return fired
  }
}
