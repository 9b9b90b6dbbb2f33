/**
 * The store as one actor sees it: its own keys, with what it wrote but the disk does not hold yet laid over.
 *
 *   read ─▶ overlay (this turn's and pending writes) ─▶ range tombstones ─▶ store
 *
 * Writes take effect on the overlay at once, with an undo list for a turn that throws; they reach the commit at the end
 * of the turn, or, for `outputs: 'now'` definitions, with the next fold, where only the last value of a key is written.
 */
import { compareBytes, concatBytes, prefixEnd, unitsText, utf8 } from '../../base/bytes.ts'
import { buggify, sometimes } from '../../base/fault-points.ts'
import { pack, unpack } from '../../mailbox/codec.ts'
import type { Store, Write } from '../ports/store.ts'
import type { ActorStore } from './actor.ts'
import { foldBackwards, keepOverlay, walkRange } from './fault-sites.ts'
import { overlayRead, tombstoneRead } from './probes.ts'
import type { Turn } from './turn.ts'

interface Pending {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
  /** The commit that carries it; `unfolded` while a lazy write waits for its fold. */
  sequence: number
}

interface Tombstone {
  readonly from: Uint8Array
  readonly to: Uint8Array
  sequence: number
}

const unfolded = Number.MAX_SAFE_INTEGER
/** Names whose keys are kept; an actor with more of them has keys made of data. */
const namedMax = 16

/** What the cell lends its store: where the present turn is, and which commit its writes will join. */
export interface CellStoreHost {
  turn(): Turn
  sequence(): number
  /** True where writes wait for a fold instead of joining the next commit. */
  readonly lazy: boolean
  /** The first lazy write since the last fold. */
  dirty(): void
}

export class CellStore implements ActorStore {
  readonly #store: Store
  readonly #host: CellStoreHost
  readonly #prefix: Uint8Array
  readonly #end: Uint8Array
  readonly #overlay = new Map<string, Pending>()
  /** The full keys of names that were used: nobody writes on them. */
  #named: Map<string, Uint8Array> | undefined = undefined
  #tombstones: Tombstone[] = []
  #dirty = false

  constructor(store: Store, name: string, host: CellStoreHost) {
    this.#store = store
    this.#host = host
    this.#prefix = actorPrefix(name)
    this.#end = prefixEnd(this.#prefix) as Uint8Array
  }

  get(key: Uint8Array | string): Uint8Array | undefined {
    const full = this.#full(key)
    const pending = this.#overlay.size === 0 ? undefined : this.#overlay.get(unitsText(full))
    if (pending !== undefined) return pending.value
    return this.#buried(full) ? undefined : this.#store.get(full)
  }

  range(
    from: Uint8Array,
    to: Uint8Array | undefined,
    options: { readonly reverse?: boolean; readonly limit?: number } = {},
  ): [key: Uint8Array, value: Uint8Array][] {
    const low = concatBytes(this.#prefix, from)
    const high = to === undefined ? this.#end : concatBytes(this.#prefix, to)
    const reverse = options.reverse === true
    const limit = options.limit ?? Number.POSITIVE_INFINITY
    const found: [Uint8Array, Uint8Array][] = []
    const fresh = this.#overlaid(low, high, reverse)
    let next = 0
    const take = (key: Uint8Array, value: Uint8Array | undefined): boolean => {
      if (value !== undefined) found.push([key.slice(this.#prefix.length), value])
      return found.length < limit
    }
    if (limit === 0) return found
    for (const [key, value] of this.#store.range(this.#storeRange(low, high, reverse, fresh.length, limit))) {
      for (; next < fresh.length; next++) {
        const order = compareBytes((fresh[next] as Pending).key, key)
        if (reverse ? order <= 0 : order >= 0) break
        if (!take((fresh[next] as Pending).key, (fresh[next] as Pending).value)) return found
      }
      const pending = fresh[next]
      if (pending !== undefined && compareBytes(pending.key, key) === 0) {
        next += 1
        if (!take(key, pending.value)) return found
      } else if (!this.#buried(key) && !take(key, value)) return found
    }
    for (; next < fresh.length; next++) {
      if (!take((fresh[next] as Pending).key, (fresh[next] as Pending).value)) return found
    }
    return found
  }

  put(key: Uint8Array | string, value: Uint8Array): void {
    this.#write(this.#full(key), value)
  }

  delete(key: Uint8Array | string): void {
    this.#write(this.#full(key), undefined)
  }

  deleteRange(from: Uint8Array, to: Uint8Array | undefined): void {
    const low = concatBytes(this.#prefix, from)
    const high = to === undefined ? this.#end : concatBytes(this.#prefix, to)
    const turn = this.#host.turn()
    const sequence = this.#host.lazy ? unfolded : this.#host.sequence()
    for (const pending of this.#overlaid(low, high, false)) {
      this.#overlay.delete(unitsText(pending.key))
      turn.undo.push(() => this.#overlay.set(unitsText(pending.key), pending))
    }
    const before = this.#tombstones
    this.#tombstones = [...before, { from: low, to: high, sequence }]
    turn.undo.push(() => {
      this.#tombstones = before
    })
    this.#note(turn, { type: 'deleteRange', from: low, to: high })
  }

  getValue(key: string): unknown {
    const bytes = this.get(key)
    return bytes === undefined ? undefined : unpack(bytes)
  }

  putValue(key: string, value: unknown): void {
    this.put(key, pack(value))
  }

  /** Everything up to commit `durableSequence` is on disk: the overlay need not remember it. */
  settle(durableSequence: number): void {
    if (!buggify(keepOverlay)) {
      for (const [key, pending] of this.#overlay) if (pending.sequence <= durableSequence) this.#overlay.delete(key)
    }
    if (this.#tombstones.length > 0) {
      this.#tombstones = this.#tombstones.filter((tombstone) => tombstone.sequence > durableSequence)
    }
  }

  /** Hands over the lazy writes since the last fold; they will be part of commit `sequence`. */
  fold(sequence: number): Write[] {
    const writes: Write[] = []
    this.#dirty = false
    // A key written after a range was deleted is in the overlay still, so ranges go first.
    for (const tombstone of this.#tombstones) {
      if (tombstone.sequence !== unfolded) continue
      tombstone.sequence = sequence
      writes.push({ type: 'deleteRange', from: tombstone.from, to: tombstone.to })
    }
    const pairs = this.#overlay.values()
    for (const pending of buggify(foldBackwards) ? [...pairs].reverse() : pairs) {
      if (pending.sequence !== unfolded) continue
      pending.sequence = sequence
      if (pending.value === undefined) writes.push({ type: 'delete', key: pending.key })
      else writes.push({ type: 'put', key: pending.key, value: pending.value })
    }
    return writes
  }

  #write(key: Uint8Array, value: Uint8Array | undefined): void {
    const turn = this.#host.turn()
    const name = unitsText(key)
    const before = this.#overlay.get(name)
    this.#overlay.set(name, { key, value, sequence: this.#host.lazy ? unfolded : this.#host.sequence() })
    turn.undo.push(() => {
      if (before === undefined) this.#overlay.delete(name)
      else this.#overlay.set(name, before)
    })
    this.#note(turn, value === undefined ? { type: 'delete', key } : { type: 'put', key, value })
  }

  #note(turn: Turn, write: Write): void {
    if (!this.#host.lazy) {
      turn.writes.push(write)
      return
    }
    if (this.#dirty) return
    this.#dirty = true
    this.#host.dirty()
  }

  #full(key: Uint8Array | string): Uint8Array {
    if (typeof key !== 'string') return concatBytes(this.#prefix, key)
    // Most actors name the same few keys again and again.
    if (this.#named === undefined) this.#named = new Map()
    let full = this.#named.get(key)
    if (full === undefined) {
      full = concatBytes(this.#prefix, utf8(key))
      if (this.#named.size < namedMax) this.#named.set(key, full)
    }
    return full
  }

  #buried(key: Uint8Array): boolean {
    for (const tombstone of this.#tombstones) {
      if (compareBytes(key, tombstone.from) < 0 || compareBytes(key, tombstone.to) >= 0) continue
      sometimes(tombstoneRead)
      return true
    }
    return false
  }

  /** Pending writes of `low` to `high`, in the order asked for. */
  #overlaid(low: Uint8Array, high: Uint8Array, reverse: boolean): Pending[] {
    const found: Pending[] = []
    if (this.#overlay.size === 0) return found
    for (const pending of this.#overlay.values()) {
      if (compareBytes(pending.key, low) >= 0 && compareBytes(pending.key, high) < 0) found.push(pending)
    }
    sometimes(overlayRead, found.length > 0)
    found.sort((a, b) => (reverse ? compareBytes(b.key, a.key) : compareBytes(a.key, b.key)))
    return found
  }

  #storeRange(
    from: Uint8Array,
    to: Uint8Array,
    reverse: boolean,
    overlaid: number,
    limit: number,
  ): { from: Uint8Array; to: Uint8Array; reverse: boolean; limit?: number } {
    // With nothing laid over, the store may stop by itself; otherwise rows may fall out and the walk decides.
    const exact = overlaid === 0 && this.#tombstones.length === 0 && Number.isFinite(limit)
    return exact && !buggify(walkRange) ? { from, to, reverse, limit } : { from, to, reverse }
  }
}

/** All keys of an actor start with its name and a zero byte, which no name contains. */
export function actorPrefix(name: string): Uint8Array {
  return concatBytes(utf8(name), new Uint8Array(1))
}
