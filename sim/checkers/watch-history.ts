/**
 * What a keyspace went through, revision by revision, read off the records of whichever replica shows it first: the law that
 * watchers are judged by. The feed, the hub, the ring, history pages, all that is on trial, has no part in it.
 *
 * A replica may apply a write, and a compaction that drops it, and remove it, all in one turn. What was dropped before it
 * was seen on any replica stays unknown, and nothing is judged by it.
 */
import { decodeHead, valueStart } from '../../actors/keyspace/record-codec.ts'
import type { StrictState } from '../../actors/strict/machine.ts'
import { fromUtf8 } from '../../base/bytes.ts'

export interface CommittedChange {
  readonly key: string
  /** Undefined: deleted. */
  readonly value: string | undefined
  readonly create: number
}

export class CommittedHistory {
  readonly #revisions = new Map<number, readonly CommittedChange[]>()
  /** How far each replica was read; another state is another life, which may be of an earlier moment. */
  readonly #read = new Map<number, { readonly machine: unknown; readonly revision: number }>()
  #newest = 1
  #compacted = -1

  get newest(): number {
    return this.#newest
  }

  /** The highest revision that any replica was compacted at. */
  get compacted(): number {
    return this.#compacted
  }

  /** Undefined: nobody saw it, or it is yet to come. */
  changesOf(revision: number): readonly CommittedChange[] | undefined {
    return this.#revisions.get(revision)
  }

  /** The replica of `node` applied something. */
  stands(node: number, machine: unknown): void {
    const { keyspace } = machine as Partial<StrictState>
    if (keyspace === undefined) return
    const { revision, facts, records } = keyspace
    const before = this.#read.get(node)
    const from = before !== undefined && before.revision <= revision ? before.revision + 1 : 2
    if (facts.compactRevision > this.#compacted) this.#compacted = facts.compactRevision
    this.#read.set(node, { machine, revision })
    if (revision > this.#newest) this.#newest = revision
    // Above the compact revision everything is whole.
    let wanted = Math.max(from, facts.compactRevision + 1)
    while (wanted <= revision && this.#revisions.has(wanted)) wanted += 1
    if (wanted > revision) return
    const found = new Map<number, CommittedChange[]>()
    for (const { main, record } of records.scan(wanted, revision)) {
      const { key, create, deleted } = decodeHead(record)
      const value = deleted ? undefined : fromUtf8(record.subarray(valueStart(record)))
      const changes = found.get(main) ?? []
      changes.push({ key: fromUtf8(key), value, create })
      found.set(main, changes)
    }
    for (const [main, changes] of found) if (!this.#revisions.has(main)) this.#revisions.set(main, changes)
  }
}
