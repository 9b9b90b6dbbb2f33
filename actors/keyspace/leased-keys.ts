/** Which live keys hang on which lease: read off the newest versions as they come, so it is never stored. */
import { compareBytes } from '../../base/bytes.ts'
import { noLease } from './record-codec.ts'

export interface Leased {
  readonly key: Uint8Array
}

export class LeasedKeys<Entry extends Leased> {
  readonly #byLease = new Map<string, Set<Entry>>()

  /** `entry` hung on `before` and hangs on `after` now; a dead key hangs on none. */
  moved(entry: Entry, before: string, after: string): void {
    if (before === after) return
    if (before !== noLease) this.#remove(entry, before)
    if (after === noLease) return
    const held = this.#byLease.get(after)
    if (held === undefined) this.#byLease.set(after, new Set([entry]))
    else held.add(entry)
  }

  /** In byte order, so that every replica deletes them alike. */
  of(lease: string): readonly Entry[] {
    return [...(this.#byLease.get(lease) ?? [])].sort((a, b) => compareBytes(a.key, b.key))
  }

  #remove(entry: Entry, lease: string): void {
    const held = this.#byLease.get(lease)
    held?.delete(entry)
    if (held?.size === 0) this.#byLease.delete(lease)
  }
}
