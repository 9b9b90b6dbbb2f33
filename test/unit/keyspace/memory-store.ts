/** An actor's store in memory, for state machines under test: ordered, synchronous, never losing anything. */
import sortedBTree from 'sorted-btree'
import { compareBytes, utf8 } from '../../../base/bytes.ts'
import type { ActorStore } from '../../../runtime/kernel/actor.ts'

const BTree = sortedBTree.default
const asBytes = (key: Uint8Array | string): Uint8Array => (typeof key === 'string' ? utf8(key) : key)

export class MemoryStore implements ActorStore {
  readonly #pairs = new BTree<Uint8Array, Uint8Array>(undefined, compareBytes)

  get size(): number {
    return this.#pairs.size
  }

  get(key: Uint8Array | string): Uint8Array | undefined {
    return this.#pairs.get(asBytes(key))
  }

  range(
    from: Uint8Array,
    to: Uint8Array | undefined,
    options: { readonly reverse?: boolean; readonly limit?: number } = {},
  ): [key: Uint8Array, value: Uint8Array][] {
    const limit = options.limit ?? Number.POSITIVE_INFINITY
    const found: [key: Uint8Array, value: Uint8Array][] = []
    const pairs =
      options.reverse === true ? this.#pairs.entriesReversed(to, undefined, true) : this.#pairs.entries(from)
    for (const [key, value] of pairs) {
      const outside =
        options.reverse === true ? compareBytes(key, from) < 0 : to !== undefined && compareBytes(key, to) >= 0
      if (outside || found.length >= limit) break
      found.push([key, value])
    }
    return found
  }

  put(key: Uint8Array | string, value: Uint8Array): void {
    this.#pairs.set(asBytes(key), value)
  }

  delete(key: Uint8Array | string): void {
    this.#pairs.delete(asBytes(key))
  }

  deleteRange(from: Uint8Array, to: Uint8Array | undefined): void {
    for (const [key] of this.range(from, to)) this.#pairs.delete(key)
  }

  getValue(key: string): unknown {
    const bytes = this.get(key)
    return bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes))
  }

  putValue(key: string, value: unknown): void {
    this.put(key, utf8(JSON.stringify(value)))
  }
}
