/**
 * Following: the one way back from every other role. Whatever was promised to clients on the strength of the old role or
 * the old leader ends here, with an answer (R21).
 */
import { sometimes } from '../../base/fault-points.ts'
import type { NodeId, RaftEffect, Term } from './messages.ts'
import { deposed, forwardAbandoned } from './probes.ts'
import { abandonReads } from './read.ts'
import { drawElectionTimeout, type RaftState } from './state.ts'

export function becomeFollower(state: RaftState, term: Term, leader: NodeId | undefined, out: RaftEffect[]): void {
  const newTerm = term > state.term
  const newLeader = newTerm || leader !== state.leader
  sometimes(deposed, newTerm && state.role === 'leader')
  if (newTerm) adoptTerm(state, term)
  if (state.role === 'leader') endLeadership(state, out)
  state.role = 'follower'
  state.votes.clear()
  state.transferElection = false
  if (newLeader) leaveLeader(state, out)
  state.leader = leader
  restartElectionTimer(state)
}

/** A term is entered without a vote in it. */
export function adoptTerm(state: RaftState, term: Term): void {
  state.term = term
  state.votedFor = undefined
  state.termDurable = false
}

/** What was passed on to the old leader ends; it may be in its log all the same. */
export function leaveLeader(state: RaftState, out: RaftEffect[]): void {
  state.leader = undefined
  state.quiesced = false
  abandonReads(state, out)
  if (state.forwarded.length > 0) {
    sometimes(forwardAbandoned)
    out.push({ type: 'proposalsDropped', ids: state.forwarded.map((each) => each.id), reason: 'leaderChanged' })
    state.forwarded = []
  }
}

export function restartElectionTimer(state: RaftState): void {
  state.electionElapsed = 0
  drawElectionTimeout(state)
}

function endLeadership(state: RaftState, out: RaftEffect[]): void {
  for (const [node, progress] of state.progress) {
    if (progress.phase === 'snapshot') out.push({ type: 'cancelSnapshot', to: node })
  }
  state.progress.clear()
  state.transfer = undefined
  state.uncommittedBytes = 0
  state.quotaBytes = 0
  state.termStart = 0
  if (state.changeId !== undefined) {
    out.push({ type: 'configurationChanged', id: state.changeId, error: 'leaderChanged' })
    state.changeId = undefined
  }
}
