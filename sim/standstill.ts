/**
 * A process that stands still: what is due meanwhile waits, and happens in order when it goes on, which may be sooner than
 * was planned.
 */
import type { EventQueue } from './event-queue.ts'

export class Standstill {
  readonly #queue: EventQueue
  readonly #key: number
  #untilMs = 0
  #waiting: { readonly key: number; readonly run: () => void }[] = []

  /** @param key - Whose event its end is. */
  constructor(queue: EventQueue, key: number) {
    this.#queue = queue
    this.#key = key
  }

  get now(): boolean {
    return this.#untilMs > this.#queue.nowMs
  }

  /** From now on, for `ms` at least: of two standstills the longer counts. */
  begin(ms: number): void {
    const untilMs = this.#queue.nowMs + ms
    if (untilMs <= this.#untilMs) return
    this.#untilMs = untilMs
    this.#queue.at(untilMs, this.#key, () => {
      if (!this.now) this.#release()
    })
  }

  end(): void {
    this.#untilMs = 0
    this.#release()
  }

  /** Keeps an event until it goes on. */
  park(key: number, run: () => void): void {
    this.#waiting.push({ key, run })
  }

  #release(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const { key, run } of waiting) this.#queue.after(0, key, run)
  }
}
