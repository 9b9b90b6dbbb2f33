/**
 * A snapshot in place of the log (thesis §5), on the follower that received it.
 *
 * The state machine has been replaced already. If the log holds the snapshot's last entry, everything after it stays: it
 * may have been acknowledged, and the leader may have counted it (R10). Otherwise the log starts anew after it.
 */
import { invariant } from '../../base/assert.ts'
import { sometimes } from '../../base/fault-points.ts'
import { commitTo } from './commit.ts'
import { lossOf } from './forgetful.ts'
import type { LocalMessage, RaftEffect } from './messages.ts'
import { snapshotKeptTail, snapshotResetLog } from './probes.ts'
import { becomeFollower } from './roles.ts'
import { type RaftState, send } from './state.ts'

type Installed = Extract<LocalMessage, { type: 'installed' }>

export function onInstalled(state: RaftState, { from: leader, term, meta }: Installed, out: RaftEffect[]): void {
  if (term > state.term) becomeFollower(state, term, leader, out)
  else if (term === state.term && state.role !== 'leader') state.electionElapsed = 0
  const { log, membership, self: from } = state
  if (meta.index <= state.applying) {
    // Older than what is applied: nothing to adopt, but the leader must learn where to go on.
    const index = state.commit
    send(out, leader, { type: 'matched', from, term: state.term, index, round: 0, ...lossOf(state) }, 'durable')
    return
  }
  if (log.term(meta.index) === meta.term) {
    sometimes(snapshotKeptTail)
    commitTo(state, meta.index)
    log.compact(meta.index)
    membership.compact(meta.index)
    out.push({ type: 'compactLog', index: meta.index, term: meta.term })
  } else {
    invariant(state.role !== 'leader', () => `R7: leader ${from} lacks the committed entry ${meta.index}`)
    sometimes(snapshotResetLog)
    log.reset(meta.index, meta.term, state.term)
    membership.reset(meta.index, meta.configuration)
    out.push({ type: 'resetLog', index: meta.index, term: meta.term, configuration: meta.configuration })
  }
  state.commit = Math.max(state.commit, meta.index)
  state.applying = meta.index
  state.applied = meta.index
  state.folded = Math.max(state.folded, meta.index)
  state.applyQueue.length = 0
  state.applyBytes = 0
  const message = { type: 'snapshotInstalled', from, term: state.term, index: meta.index, ...lossOf(state) } as const
  send(out, leader, message, 'durable')
}
