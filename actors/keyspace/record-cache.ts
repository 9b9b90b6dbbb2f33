/**
 * The newest records of keys in use, in memory, up to a number of bytes. Two generations: what is written or read enters
 * the young one; when that holds half of the room it becomes the old one, and what was old and unused is forgotten. A hit
 * costs a look-up, never a reordering.
 */

/** What a place in a map costs beside the record; counted, since records may be smaller than that. */
const placeBytes = 64

export class RecordCache<K extends object> {
  readonly #halfBytes: number
  #young = new Map<K, Uint8Array>()
  #old = new Map<K, Uint8Array>()
  #youngBytes = 0

  /** @param bytesMax - Of records and their places, 0 or more; 0 keeps nothing. */
  constructor(bytesMax: number) {
    this.#halfBytes = bytesMax / 2
  }

  /** The record, owned by the cache: to be read, never written. */
  get(id: K): Uint8Array | undefined {
    const young = this.#young.get(id)
    if (young !== undefined) return young
    const old = this.#old.get(id)
    if (old !== undefined) {
      this.#old.delete(id)
      this.set(id, old)
    }
    return old
  }

  set(id: K, record: Uint8Array): void {
    const bytes = placeBytes + record.length
    if (bytes > this.#halfBytes) return
    if (this.#youngBytes + bytes > this.#halfBytes) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#young.set(id, record)
    this.#youngBytes += bytes
  }

  delete(id: K): void {
    const young = this.#young.get(id)
    if (young === undefined) this.#old.delete(id)
    else {
      this.#young.delete(id)
      this.#youngBytes -= placeBytes + young.length
    }
  }
}
