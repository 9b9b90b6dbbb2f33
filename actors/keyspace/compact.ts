/**
 * Compaction in two halves. The logical one is a command: history before the compact revision is gone for every reader at
 * once, on all replicas alike. The physical one is housekeeping: each replica removes what was dropped when it has time,
 * and no answer, hash or digest tells how far it got.
 */
import { buggify, limit } from '../../base/fault-points.ts'
import { removeLater, removeRecords } from './fault-sites.ts'
import type { KeyspaceError } from './messages.ts'
import { changeFacts, type KeyspaceState } from './state.ts'

export function compact(state: KeyspaceState, revision: number): KeyspaceError | undefined {
  // Worded so that what is no number is refused, too.
  if (!(revision > state.facts.compactRevision)) return 'compacted'
  if (!(revision <= state.revision)) return 'futureRevision'
  changeFacts(state, { ...state.facts, compactRevision: revision })
  state.index.compact(revision)
  return undefined
}

/**
 * Removes at most `recordsMax` dropped records. While a snapshot is open it removes nothing, since the snapshot still
 * reads them.
 *
 * @returns true when there is more to do now.
 */
export function compactStep(state: KeyspaceState, recordsMax: number): boolean {
  if (state.snapshotsOpen > 0 || state.index.removable === 0) return false
  if (buggify(removeLater)) return true
  for (let left = limit(removeRecords, recordsMax, 1); left > 0; left--) {
    const revision = state.index.remove()
    if (revision === undefined) return false
    state.records.remove(revision)
  }
  return state.index.removable > 0
}
