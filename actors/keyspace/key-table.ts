/**
 * Key → value by hash: one step where a tree takes a comparison a level, each of them a walk to another place in memory
 * (measured: at 200,000 keys the tree alone cost a read more than all the rest of it). The order of keys is not its
 * business.
 *
 * Many small maps instead of a large one: a map that grows copies itself in one go, and none of the language's holds more
 * than 2^24.
 */
import { equalBytes } from '../../base/bytes.ts'
import { hash32, mix32 } from '../../base/digest.ts'

/** What stands in a table; `sameHash` chains those few whose keys have one hash. */
export interface Hashed {
  readonly key: Uint8Array
  sameHash: this | undefined
}

const mapsCount = 256

export class KeyTable<T extends Hashed> {
  readonly #maps: readonly Map<number, T>[] = Array.from({ length: mapsCount }, () => new Map())

  get(key: Uint8Array): T | undefined {
    const hash = hashOf(key)
    let found = this.#mapOf(hash).get(hash)
    while (found !== undefined && !equalBytes(found.key, key)) found = found.sameHash as T | undefined
    return found
  }

  /** `added.key` must not be in the table. */
  add(added: T): void {
    const hash = hashOf(added.key)
    const map = this.#mapOf(hash)
    added.sameHash = map.get(hash)
    map.set(hash, added)
  }

  delete(removed: T): void {
    const hash = hashOf(removed.key)
    const map = this.#mapOf(hash)
    const first = map.get(hash)
    if (first === removed) {
      if (removed.sameHash === undefined) map.delete(hash)
      else map.set(hash, removed.sameHash as T)
      return
    }
    for (let at = first; at !== undefined; at = at.sameHash as T | undefined) {
      if (at.sameHash === removed) {
        at.sameHash = removed.sameHash
        return
      }
    }
  }

  #mapOf(hash: number): Map<number, T> {
    return this.#maps[hash & (mapsCount - 1)] as Map<number, T>
  }
}

/** Signed, so that it is a small integer to the machine below. */
function hashOf(key: Uint8Array): number {
  return mix32(hash32(key)) | 0
}
