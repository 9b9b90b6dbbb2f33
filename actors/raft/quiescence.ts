/**
 * Sleep of idle groups: thousands of groups with nothing to do must not cost heartbeats (R23).
 *
 * A leader that was idle for a while, and whose followers hold and commit all it has, says so in a last heartbeat and
 * stops counting; so does everyone who agrees. Any message wakes a replica, and word that the leader's node is gone.
 * Sleep is never taken for contact: a leader that wakes must hear its quorum anew.
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import { quiesceTicks, wakeForNothing } from './fault-sites.ts'
import { broadcastHeartbeat } from './heartbeat.ts'
import { isJoint } from './membership.ts'
import type { NodeId, RaftEffect, RaftMessage } from './messages.ts'
import { fellAsleep, wokeUp } from './probes.ts'
import { counts } from './progress.ts'
import { hasQuorum } from './quorum.ts'
import type { RaftState } from './state.ts'

/** Leader: whether the group falls asleep with this tick. */
export function tickQuiescence(state: RaftState, out: RaftEffect[]): boolean {
  const quiesceAfterTicks = limit(quiesceTicks, state.config.quiesceAfterTicks, 1)
  state.idleTicks++
  if (quiesceAfterTicks === 0 || state.idleTicks < quiesceAfterTicks || !settled(state)) return false
  broadcastHeartbeat(state, true, out)
  state.quiesced = true
  sometimes(fellAsleep)
  return true
}

/** Before a message is handled: ends the sleep if it is more than an echo of falling asleep. */
export function wakeFor(state: RaftState, message: RaftMessage, out: RaftEffect[]): void {
  if (!wakes(state, message)) return
  sometimes(wokeUp)
  state.quiesced = false
  state.idleTicks = 0
  state.electionElapsed = 0
  if (state.role !== 'leader') return
  for (const progress of state.progress.values()) progress.active = false
  broadcastHeartbeat(state, false, out)
}

function wakes(state: RaftState, message: RaftMessage): boolean {
  switch (message.type) {
    case 'tick':
      return buggify(wakeForNothing, 0.05)
    case 'persisted':
    case 'applied':
    case 'folded':
    case 'snapshotSent':
      return false
    case 'heartbeat':
      return !message.quiesce
    case 'heartbeatAck':
    case 'matched':
      // Nobody else brings back one who lost his store: he does not stand for election.
      return message.term !== state.term || message.lost?.trusted === false
    case 'peerLink':
      return state.role === 'leader' || (message.node === state.leader && !message.up)
    default:
      return true
  }
}

function settled(state: RaftState): boolean {
  const { log, reads } = state
  if (state.commit !== log.last || state.selfMatch !== log.last || state.transfer !== undefined) return false
  if (reads.asked.length + reads.waiting.length > 0) return false
  // Its end is another entry, and nobody need say a word before the leader appends it.
  if (isJoint(state.membership.current)) return false
  for (const progress of state.progress.values()) {
    if (progress.forgetful && progress.linkUp) return false
    // A node that is down must not keep every other one awake; its return is heard. One that is there must have said
    // since its return what it holds: it may have come back with less than it had.
    if ((progress.match !== log.last || progress.phase !== 'replicate') && progress.linkUp) return false
  }
  return hasQuorum(state.membership.current, (node: NodeId) => caughtUp(state, node))
}

function caughtUp(state: RaftState, node: NodeId): boolean {
  if (node === state.self) return true
  const progress = state.progress.get(node)
  if (progress === undefined || !counts(progress)) return false
  return progress.match === state.log.last && progress.silentTicks < state.config.electionTicks
}
