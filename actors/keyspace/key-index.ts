/**
 * Which versions of which keys there are: key → revisions, oldest first, in memory, ordered by key. A revision knows all
 * of its record but the value, so that counting, filtering, sorting by number and most comparisons read no store.
 *
 * What compaction to C drops is a function of the records and of C alone, never of what happened to be removed already:
 *
 *   K2  of each key, every version superseded at or before C is dropped, and every tombstone before C
 *
 * A tombstone at C itself stays, so that whoever watches from C on still sees it. The two lines of garbage hold what will
 * be dropped in the order in which it will be. Dropping (`compact`) is accounting, and happens with the command; removal
 * (`remove`) is physical, and each replica does it when it has time.
 *
 *   K3  superseded versions are removed before tombstones, so what is left on disk never shows a deleted key again
 */
import sortedBTree from 'sorted-btree'
import { invariant } from '../../base/assert.ts'
import { compareBytes } from '../../base/bytes.ts'
import { limit } from '../../base/fault-points.ts'
import { treeKeys, trimOlder } from './fault-sites.ts'
import { GarbageLine } from './garbage-line.ts'
import { KeyTable } from './key-table.ts'
import { LeasedKeys } from './leased-keys.ts'
import { noLease } from './record-codec.ts'

export interface KeyEntry {
  readonly key: Uint8Array
  sameHash: KeyEntry | undefined
  newest: Revision
  /** Superseded versions that are still there, oldest first, from `olderFrom` on. */
  older: Revision[] | undefined
  olderFrom: number
}

/** One version of one key, in the place it has in history. */
export interface Revision {
  readonly entry: KeyEntry
  readonly main: number
  readonly sub: number
  /** 0 in a tombstone, as is `version`. */
  readonly create: number
  readonly version: number
  readonly lease: string
  readonly deleted: boolean
  /** Of the record and of the key it is stored under. */
  readonly bytes: number
  readonly hash: number
  /** The main revision that took its place; 0 while it is the newest. */
  supersededAt: number
  /** A compaction took it out of the history; only its removal from the store remains. */
  dropped: boolean
}

export type RevisionFields = Omit<Revision, 'entry' | 'supersededAt' | 'dropped'>

/** What the node module holds under `default`: CommonJS, seen from ESM. */
const BTree = sortedBTree.default
/** Keys a node of the tree: wide, since the tree is for ranges and counts, and those go node by node. */
const nodeKeys = 128
/** Consumed places of a key's history are given back when they are this many and half of all. */
const trimFrom = 64

type BTreeOfKeys = InstanceType<typeof BTree<Uint8Array, KeyEntry>>

export class KeyIndex {
  readonly #table = new KeyTable<KeyEntry>()
  readonly #tree = new BTree<Uint8Array, KeyEntry>(undefined, compareBytes, limit(treeKeys, nodeKeys, 4))
  /** The part of the tree whose newest version is a tombstone: few, between compactions. */
  readonly #dead = new BTree<Uint8Array, KeyEntry>(undefined, compareBytes, nodeKeys)
  readonly #superseded = new GarbageLine<Revision>()
  readonly #tombstones = new GarbageLine<Revision>()
  readonly #leased = new LeasedKeys<KeyEntry>()
  #historyBytes = 0
  #historyHash = 0

  /** Keys whose newest version is no tombstone. */
  get liveKeys(): number {
    return this.#tree.size - this.#dead.size
  }

  /** Bytes of all versions that no compaction dropped. */
  get historyBytes(): number {
    return this.#historyBytes
  }

  /** Sum of the hashes of all versions that no compaction dropped, 32 bits, signed. */
  get historyHash(): number {
    return this.#historyHash
  }

  /** Revisions that are dropped and still in the store, counted once for each reason. */
  get removable(): number {
    return this.#superseded.ripeCount + this.#tombstones.ripeCount
  }

  find(key: Uint8Array): KeyEntry | undefined {
    return this.#table.get(key)
  }

  /** The live keys that hang on a lease, in byte order. */
  leasedBy(lease: string): readonly KeyEntry[] {
    return this.#leased.of(lease)
  }

  /**
   * Visits, in order, the entries of `from` (included) to `to` (excluded; undefined: to the end), dead ones included,
   * until the visitor says that it wants no more.
   */
  visit(from: Uint8Array, to: Uint8Array | undefined, visitor: (entry: KeyEntry) => boolean): void {
    const last = to ?? this.#tree.maxKey()
    if (last === undefined) return
    this.#tree.forRange(from, last, to === undefined, (_key, entry) => (visitor(entry) ? undefined : enough))
  }

  /** How many live keys there are from `from` (included) to `to` (excluded; undefined: to the end), without a visit. */
  countLive(from: Uint8Array, to: Uint8Array | undefined): number {
    return countKeys(this.#tree, from, to) - countKeys(this.#dead, from, to)
  }

  /**
   * Adds the newest version of a key. Revisions come in the order of history.
   *
   * @param found - What `find(key)` gave. `key` is copied when it is a new one.
   */
  add(found: KeyEntry | undefined, key: Uint8Array, fields: RevisionFields): Revision {
    const { main, sub, create, version, lease, deleted, bytes, hash } = fields
    // `newest` follows at once: an entry and its first revision point at each other.
    const entry =
      found ??
      ({ key: key.slice(), sameHash: undefined, older: undefined, olderFrom: 0 } as Omit<
        KeyEntry,
        'newest'
      > as KeyEntry)
    const revision: Revision = {
      entry,
      main,
      sub,
      create,
      version,
      lease,
      deleted,
      bytes,
      hash,
      supersededAt: 0,
      dropped: false,
    }
    // A tombstone hangs on no lease, and neither does what was never there.
    this.#leased.moved(entry, found?.newest.lease ?? noLease, lease)
    if (found === undefined) {
      entry.newest = revision
      this.#table.add(entry)
      this.#tree.set(entry.key, entry)
    } else {
      this.#supersede(found, revision)
    }
    if (deleted) {
      this.#tombstones.add(revision)
      this.#dead.set(entry.key, entry)
    }
    this.#historyBytes += bytes
    this.#historyHash = (this.#historyHash + hash) | 0
    return revision
  }

  #supersede(entry: KeyEntry, revision: Revision): void {
    const { newest } = entry
    invariant(
      newest.main < revision.main || (newest.main === revision.main && newest.sub < revision.sub),
      () => `K4: a key moves forward, not from ${newest.main}.${newest.sub} to ${revision.main}.${revision.sub}`,
    )
    if (newest.deleted) this.#dead.delete(entry.key)
    newest.supersededAt = revision.main
    this.#superseded.add(newest)
    if (entry.older === undefined) entry.older = [newest]
    else entry.older.push(newest)
    entry.newest = revision
  }

  /** Drops from the history what K2 says for `compactRevision`, which never falls. */
  compact(compactRevision: number): void {
    const drop = (revision: Revision): void => {
      // A tombstone that was superseded stands in both lines, and is dropped by whichever comes first.
      if (revision.dropped) return
      revision.dropped = true
      this.#historyBytes -= revision.bytes
      this.#historyHash = (this.#historyHash - revision.hash) | 0
    }
    this.#superseded.ripen(({ supersededAt }) => supersededAt <= compactRevision, drop)
    this.#tombstones.ripen(({ main }) => main < compactRevision, drop)
  }

  /** Forgets one dropped revision, and returns it for removal from the store; undefined when none is left. */
  remove(): Revision | undefined {
    for (;;) {
      const revision = this.#superseded.take() ?? this.#tombstones.take()
      if (revision === undefined) return undefined
      if (this.#forget(revision)) return revision
    }
  }

  #forget(revision: Revision): boolean {
    const { entry } = revision
    const { older } = entry
    if (older === undefined) {
      // Forgotten before, as a superseded one; or the last of its key, a tombstone.
      if (entry.newest !== revision) return false
      this.#table.delete(entry)
      this.#dead.delete(entry.key)
      return this.#tree.delete(entry.key)
    }
    if (older[entry.olderFrom] !== revision) {
      // A tombstone that was forgotten before. Anything else would leave an older version behind that K3 wants gone.
      invariant(
        revision.deleted && entry.newest !== revision,
        () => `K3: revision ${revision.main}.${revision.sub} is removed after all older ones`,
      )
      return false
    }
    entry.olderFrom += 1
    if (entry.olderFrom === older.length) {
      entry.older = undefined
      entry.olderFrom = 0
    } else if (entry.olderFrom >= limit(trimOlder, trimFrom, 1) && entry.olderFrom * 2 >= older.length) {
      entry.older = older.slice(entry.olderFrom)
      entry.olderFrom = 0
    }
    return true
  }
}

const enough = { break: 0 }

function countKeys(tree: BTreeOfKeys, from: Uint8Array, to: Uint8Array | undefined): number {
  const last = to ?? tree.maxKey()
  if (last === undefined || compareBytes(from, last) > 0) return 0
  // Without a visitor the tree adds up the sizes of its leaves.
  return tree.forRange(from, last, to === undefined)
}

/** The version of a key that a reader at revision `at` sees; undefined when there is none. */
export function revisionAt(entry: KeyEntry, at: number): Revision | undefined {
  const { newest, older } = entry
  if (newest.main <= at) return newest.deleted ? undefined : newest
  if (older === undefined) return undefined
  let low = entry.olderFrom
  let high = older.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((older[middle] as Revision).main <= at) low = middle + 1
    else high = middle
  }
  if (low === entry.olderFrom) return undefined
  const found = older[low - 1] as Revision
  return found.deleted ? undefined : found
}
