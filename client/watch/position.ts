/**
 * How far a watch has come: the one number that it needs to go on after whatever happened to its stream.
 *
 * Rules:
 *   P1  the position never falls
 *   P2  it passes a revision only when all events of that revision were taken: what came in part counts as not come
 */
import type { WatchEvent } from '../../actors/watch/messages.ts'

export class WatchPosition {
  #next: number
  /** Events of the last revision of an unfinished answer: more of that revision may follow. */
  #part: readonly WatchEvent[] = []

  /** @param startRevision - The first to be told; 0: from the moment the watch begins. */
  constructor(startRevision: number) {
    this.#next = startRevision
  }

  /** The first revision that was not taken whole; 0: the watch has not begun. */
  get next(): number {
    return this.#next
  }

  /** The server has begun to watch. */
  began(revision: number): void {
    if (this.#next === 0) this.#next = revision + 1
  }

  /** Takes events. @returns Those of whole revisions, in order. @param more - The rest of this answer follows. */
  take(events: readonly WatchEvent[], more: boolean): readonly WatchEvent[] {
    const all = this.#part.length === 0 ? events : [...this.#part, ...events]
    const last = all.at(-1)?.kv.modRevision
    if (last === undefined) return all
    const whole = more ? all.filter(({ kv }) => kv.modRevision !== last) : all
    this.#part = more ? all.filter(({ kv }) => kv.modRevision === last) : []
    this.#pass(whole.at(-1)?.kv.modRevision ?? 0)
    return whole
  }

  /** The server says that everything up to `revision` was told. */
  told(revision: number): void {
    if (this.#part.length === 0) this.#pass(revision)
  }

  /** The history before `revision` is gone. */
  skipTo(revision: number): void {
    this.#part = []
    this.#pass(revision - 1)
  }

  /** The stream is lost: what came in part comes again. */
  interrupted(): void {
    this.#part = []
  }

  #pass(revision: number): void {
    this.#next = Math.max(this.#next, revision + 1)
  }
}
