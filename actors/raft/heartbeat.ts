/**
 * Heartbeats: a leader's sign of life, which also tells followers what is committed and carries the newest read round.
 */
import { buggify } from '../../base/fault-points.ts'
import { skipHeartbeat } from './fault-sites.ts'
import type { NodeId, RaftEffect } from './messages.ts'
import type { Progress } from './progress.ts'
import { type RaftState, releaseOfTerm, send } from './state.ts'

export function broadcastHeartbeat(state: RaftState, quiesce: boolean, out: RaftEffect[]): void {
  state.heartbeatElapsed = 0
  for (const [node, progress] of state.progress) {
    if (!buggify(skipHeartbeat, 0.1)) sendHeartbeat(state, node, progress, quiesce, out)
  }
}

function sendHeartbeat(state: RaftState, to: NodeId, progress: Progress, quiesce: boolean, out: RaftEffect[]): void {
  // Never above what the follower is known to hold: beyond `match` its log may still differ from ours (R8).
  const commit = Math.min(progress.match, state.commit)
  if (commit > progress.commitSent) progress.commitSent = commit
  const { self: from, term } = state
  send(out, to, { type: 'heartbeat', from, term, commit, round: state.reads.round, quiesce }, releaseOfTerm(state))
}
