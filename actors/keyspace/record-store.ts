/**
 * The records of a keyspace in its replica's store:
 *
 *   'r' │ main revision 8 │ sub 4   →  record        history, in the order in which it was written
 *   'f'                             →  facts         what cannot be read off the records
 *
 * Records are written once and never changed, so whoever walks them by revision sees a fixed state while writes go on.
 */
import { invariant } from '../../base/assert.ts'
import { readUint32, readUint64, writeUint32, writeUint64 } from '../../base/bytes.ts'
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { ActorStore } from '../../runtime/kernel/actor.ts'
import { cacheBytes, cacheForget, cacheMiss, scanRows } from './fault-sites.ts'
import type { Revision } from './key-index.ts'
import { readFromStore } from './probes.ts'
import { RecordCache } from './record-cache.ts'

const recordPrefix = 0x72
const factsKey = new Uint8Array([0x66])

/** Of the key a record is stored under. */
export const recordKeyBytes = 13

/** Rows a look into the store takes at once: enough to hide its cost, few enough for the largest values. */
const pageRows = 128

/** A record and its place. */
export interface StoredRecord {
  readonly main: number
  readonly sub: number
  readonly record: Uint8Array
}

export class RecordStore {
  readonly #store: ActorStore
  readonly #cache: RecordCache<Revision>

  constructor(store: ActorStore, cacheBytesMax: number) {
    this.#store = store
    this.#cache = new RecordCache(limit(cacheBytes, cacheBytesMax, 0))
  }

  put(main: number, sub: number, record: Uint8Array): void {
    this.#store.put(recordKey(main, sub), record)
  }

  /** Keeps the record of a key's newest version at hand (undefined: a tombstone), in the place of the version before. */
  remember(revision: Revision, record: Uint8Array | undefined, before: Revision | undefined): void {
    if (before !== undefined) this.#cache.delete(before)
    if (record !== undefined && !buggify(cacheForget)) this.#cache.set(revision, record)
  }

  /** The same where it is at hand: no look into the store. */
  peek(revision: Revision): Uint8Array | undefined {
    return this.#cache.get(revision)
  }

  /** The record of a version; to be read, never written. */
  read(revision: Revision): Uint8Array {
    const cached = this.#cache.get(revision)
    if (cached !== undefined && !buggify(cacheMiss)) return cached
    sometimes(readFromStore)
    const record = this.#store.get(recordKey(revision.main, revision.sub))
    invariant(
      record !== undefined,
      () => `K5: revision ${revision.main}.${revision.sub} is in the index, and must be in the store`,
    )
    // History is read once in a while; only what is current is worth its room.
    if (revision.supersededAt === 0) this.#cache.set(revision, record)
    return record
  }

  remove(revision: Revision): void {
    this.#cache.delete(revision)
    this.#store.delete(recordKey(revision.main, revision.sub))
  }

  /** Records of main revision `from` to `to`, both included, in order, a page at a time. */
  *scan(from: number, to: number): Generator<StoredRecord, undefined> {
    const end = recordKey(to + 1, 0)
    const rowsMax = limit(scanRows, pageRows, 1)
    let start = recordKey(from, 0)
    for (;;) {
      const page = this.#store.range(start, end, { limit: rowsMax })
      for (const [key, record] of page) yield { main: readUint64(key, 1), sub: readUint32(key, 9), record }
      const last = page[rowsMax - 1]
      if (last === undefined) return undefined
      start = recordKey(readUint64(last[0], 1), readUint32(last[0], 9) + 1)
    }
  }

  readFacts(): Uint8Array | undefined {
    return this.#store.get(factsKey)
  }

  writeFacts(facts: Uint8Array): void {
    this.#store.put(factsKey, facts)
  }
}

function recordKey(main: number, sub: number): Uint8Array {
  const key = new Uint8Array(recordKeyBytes)
  key[0] = recordPrefix
  writeUint64(key, 1, main)
  writeUint32(key, 9, sub)
  return key
}
