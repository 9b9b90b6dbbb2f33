/**
 * The asks that one actor means to answer later, so that somebody answers them when it no longer can.
 *
 * By their correlation, which is all but unique: every life of an executor draws where its numbers begin. Where two askers have
 * the same one after all, the handles share its place.
 */
import type { ReplyHandle } from './actor.ts'

/** Asks that one actor may keep open: what is older was given up by its asker long ago. */
const handlesMax = 65_536

export class DeferredAsks {
  readonly #places = new Map<number, ReplyHandle[]>()

  add(handle: ReplyHandle): void {
    const place = this.#places.get(handle.correlation)
    if (place === undefined) this.#places.set(handle.correlation, [handle])
    else if (!place.some((other) => isSame(other, handle))) place.push(handle)
    if (this.#places.size <= handlesMax) return
    for (const [oldest] of this.#places) {
      this.#places.delete(oldest)
      return
    }
  }

  delete(handle: ReplyHandle): void {
    const place = this.#places.get(handle.correlation)
    const at = place?.findIndex((other) => isSame(other, handle)) ?? -1
    if (place === undefined || at < 0) return
    if (place.length === 1) this.#places.delete(handle.correlation)
    else place.splice(at, 1)
  }

  /** Oldest first. */
  *all(): Iterable<ReplyHandle> {
    for (const place of this.#places.values()) yield* place
  }

  clear(): void {
    this.#places.clear()
  }
}

function isSame(a: ReplyHandle, b: ReplyHandle): boolean {
  return a.correlation === b.correlation && a.executor === b.executor && a.node === b.node
}
