/**
 * Hashes by which replicas are compared. Each record has a hash of its bytes and place; the hash of a history is the sum,
 * which does not depend on order and is kept up to date as versions come and are dropped, so asking is cheap.
 *
 *   K13  at equal revision and equal compact revision, the hash of a history is equal on all replicas, however far each
 *        is with removing what compaction dropped
 */
import { mix32 } from '../../base/digest.ts'
import type { KeyspaceError } from './messages.ts'
import { recordHash } from './record-codec.ts'
import type { KeyspaceState } from './state.ts'

export interface HistoryHash {
  readonly hash: number
  readonly compactRevision: number
  readonly hashRevision: number
}

/** The hash of the history up to `revision` (0: the present one) that no compaction dropped. */
export function hashHistory(state: KeyspaceState, revision: number): HistoryHash | KeyspaceError {
  const { compactRevision } = state.facts
  const upTo = revision <= 0 ? state.revision : revision
  if (upTo > state.revision) return 'futureRevision'
  if (upTo < compactRevision) return 'compacted'
  let sum = state.index.historyHash
  // Nothing after `upTo` was dropped: what compaction drops was superseded, or deleted, before the compact revision.
  if (upTo < state.revision) {
    for (const { main, sub, record } of state.records.scan(upTo + 1, state.revision)) {
      sum = (sum - recordHash(main, sub, record)) | 0
    }
  }
  return { hash: mix32(sum ^ mix32(upTo)), compactRevision, hashRevision: upTo }
}

/** The hash of everything that is replicated, 32 bits: history, revision, compact revision, alarms. */
export function hashState({ index, revision, facts }: KeyspaceState): number {
  let hash = mix32(index.historyHash)
  const add = (value: number): void => {
    hash = mix32(Math.imul(hash, 0x9e3779b1) ^ mix32(value) ^ mix32(Math.floor(value / 0x1_0000_0000) + 1))
  }
  add(revision)
  add(facts.compactRevision)
  for (const { member, alarm } of facts.alarms) {
    add(member)
    add(alarm === 'nospace' ? 1 : 2)
  }
  return hash
}
