/**
 * Messages that reached nobody: the addressee was gone, unknown or full. Counted always, the newest kept for whoever
 * looks, each handed to the subscribers.
 */
import { Ring } from '../base/ring.ts'

export type DeadReason = 'stopped' | 'unknown' | 'overflow' | 'threadLost' | 'undecodable'

export interface DeadLetter {
  readonly to: string
  readonly reason: DeadReason
  readonly body: unknown
}

export class DeadLetters {
  readonly #kept: Ring<DeadLetter> = new Ring<DeadLetter>()
  readonly #keptMax: number
  readonly #listeners = new Set<(letter: DeadLetter) => void>()
  total = 0

  constructor(keptMax: number = 256) {
    this.#keptMax = keptMax
  }

  add(to: string, reason: DeadReason, body: unknown): void {
    this.total += 1
    const letter: DeadLetter = { to, reason, body }
    if (this.#kept.length === this.#keptMax) this.#kept.shift()
    this.#kept.push(letter)
    for (const listener of this.#listeners) listener(letter)
  }

  newest(): readonly DeadLetter[] {
    const letters: DeadLetter[] = []
    for (let i = 0; i < this.#kept.length; i++) letters.push(this.#kept.at(i) as DeadLetter)
    return letters
  }

  /** Returns how to stop listening. */
  listen(listener: (letter: DeadLetter) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
