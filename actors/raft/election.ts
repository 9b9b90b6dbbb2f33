/**
 * Leader election (thesis §3.4, §3.6, §4.2.3, §9.6; leader transfer §3.10).
 *
 *   follower ──silence──▶ preCandidate ──majority would──▶ candidate ──majority did──▶ leader
 *       ▲                                     ▲                                           │
 *       │                                     └───────────── timeoutNow ──────────────────┤
 *       └──────── a higher term, or a leader of this term, or no quorum heard ────────────┘
 *
 * A pre-vote asks whether an election could be won and changes nothing anywhere (R11). Who hears a leader refuses to
 * answer (R16), and so does who started a moment ago and may have forgotten that it heard one (R17); only an election
 * that the leader itself asked for is exempt. Who lost his store neither votes nor stands at all (R25).
 */
import { emptyBytes } from '../../base/bytes.ts'
import { buggify, sometimes } from '../../base/fault-points.ts'
import {
  ignoreAskVote,
  ignoreTimeoutNow,
  loseQuorum,
  loseVote,
  refuseVote,
  skipPreVote,
  standEarly,
} from './fault-sites.ts'
import { callForLeader } from './forgetful.ts'
import { isJoint, isOnlyVoter, isVoter, members, trackedMembers } from './membership.ts'
import type { NodeId, PeerMessage, RaftEffect, Term } from './messages.ts'
import {
  deniedByLog,
  deniedByVote,
  heirWon,
  inheritedTail,
  jointElection,
  lostElection,
  quorumLost,
  shieldedVote,
  stoodAgain,
} from './probes.ts'
import { counts, createProgress } from './progress.ts'
import { hasQuorum, voteOutcome } from './quorum.ts'
import { appendOwn, replicateAll } from './replication.ts'
import { adoptTerm, becomeFollower, leaveLeader, restartElectionTimer } from './roles.ts'
import { banned, type RaftState, send } from './state.ts'

type AskVote = Extract<PeerMessage, { type: 'askVote' }>
type Vote = Extract<PeerMessage, { type: 'vote' }>

export type CampaignKind = 'preVote' | 'election' | 'transfer'

/** Follower or candidate: silence counted in ticks becomes an election. */
export function tickElection(state: RaftState, out: RaftEffect[]): void {
  if (mayLeadAlone(state)) {
    campaign(state, 'election', out)
    return
  }
  state.electionElapsed++
  if (banned(state)) {
    // Kept short of the timeout, so that replicas started together do not all stand the moment their ban ends.
    state.electionElapsed = Math.min(state.electionElapsed, state.config.electionTicks - 1)
  }
  if (state.electionElapsed < state.electionTimeout && !buggify(standEarly, 0.01)) return
  sometimes(stoodAgain, state.role === 'candidate')
  if (mayStand(state)) standForElection(state, out)
  // A learner cannot replace the leader, but must not wait for its answers for ever either.
  else becomeFollower(state, state.term, undefined, out)
  if (state.forgetful) callForLeader(state, out)
}

/** The node's own wish, or a timeout's. */
export function standForElection(state: RaftState, out: RaftEffect[]): void {
  if (state.role === 'leader' || !mayStand(state)) return
  if (banned(state) && !mayLeadAlone(state)) return
  const asksFirst = state.config.preVote && !mayLeadAlone(state) && !buggify(skipPreVote)
  campaign(state, asksFirst ? 'preVote' : 'election', out)
}

export function campaign(state: RaftState, kind: CampaignKind, out: RaftEffect[]): void {
  const { self: from, log } = state
  const pre = kind === 'preVote'
  if (state.leader !== undefined) leaveLeader(state, out)
  if (!pre) {
    adoptTerm(state, state.term + 1)
    state.votedFor = from
  }
  state.role = pre ? 'preCandidate' : 'candidate'
  state.transferElection = kind === 'transfer'
  state.quiesced = false
  restartElectionTimer(state)
  state.votes.clear()
  state.votes.set(from, true)
  const term = pre ? state.term + 1 : state.term
  const transfer = kind === 'transfer'
  for (const node of members(state.membership.current)) {
    if (node === from || !isVoter(state.membership.current, node)) continue
    const { last: lastIndex, lastTerm } = log
    const message: AskVote = { type: 'askVote', from, term, pre, lastIndex, lastTerm, transfer }
    // A pre-vote promises nothing; a candidate's own vote must be on disk before anybody can answer it.
    send(out, node, message, pre ? 'now' : 'durable')
  }
  count(state, out)
}

/** Its term has been looked at: a real election's is ours by now, or lower. */
export function onAskVote(state: RaftState, message: AskVote, out: RaftEffect[]): void {
  if (buggify(ignoreAskVote, 0.1)) return
  const { from: to, pre, term: asked } = message
  const { self: from, term } = state
  if (asked < term) {
    send(out, to, { type: 'vote', from, term, pre, granted: false }, 'durable')
    return
  }
  const free = state.votedFor === to || (state.votedFor === undefined && state.leader === undefined)
  const current = upToDate(state, message)
  sometimes(deniedByLog, !current)
  sometimes(deniedByVote, !free && !pre)
  const granted = (free || (pre && asked > term)) && current && !buggify(refuseVote, 0.1)
  if (granted && !pre) {
    state.votedFor = to
    // A vote is also a promise to wait: without it voters would unseat the winner at once.
    state.electionElapsed = 0
  }
  send(out, to, { type: 'vote', from, term: granted ? asked : term, pre, granted }, 'durable')
}

/** Whether a request for a vote is answered with silence, whatever its term. */
export function shielded(state: RaftState, message: AskVote): boolean {
  if (state.forgetful) return true
  if (message.transfer) return false
  const { checkQuorum, electionTicks } = state.config
  const shields = banned(state) || (checkQuorum && state.leader !== undefined && state.electionElapsed < electionTicks)
  sometimes(shieldedVote, shields)
  return shields
}

export function onVote(state: RaftState, { from, term, pre, granted }: Vote, out: RaftEffect[]): void {
  if (pre) {
    // An answer to this very question: granted carries the term asked for, refused the voter's own.
    if (state.role !== 'preCandidate' || (granted && term !== state.term + 1)) return
  } else if (state.role !== 'candidate' || term !== state.term) return
  if (buggify(loseVote, 0.1)) return
  if (!state.votes.has(from)) state.votes.set(from, granted)
  // Whoever answered waited for our vote to be on disk.
  if (!pre) state.termDurable = true
  count(state, out)
}

/** The leader chose this replica to follow it: no pre-vote, and nobody shields the leader from it. */
export function onTimeoutNow(state: RaftState, out: RaftEffect[]): void {
  if (state.role === 'leader' || !mayStand(state) || buggify(ignoreTimeoutNow, 0.5)) return
  campaign(state, 'transfer', out)
}

/** Leader: once every E, whether a quorum was heard since the last look (R15). */
export function checkQuorum(state: RaftState, out: RaftEffect[]): void {
  const heard = (node: NodeId): boolean => {
    if (node === state.self) return true
    const progress = state.progress.get(node)
    return progress !== undefined && counts(progress) && progress.active
  }
  const reached = hasQuorum(state.membership.current, heard) && !buggify(loseQuorum, 0.1)
  sometimes(quorumLost, !reached)
  for (const progress of state.progress.values()) progress.active = false
  if (!reached) becomeFollower(state, state.term, undefined, out)
}

export function upToDate(state: RaftState, candidate: { lastIndex: number; lastTerm: Term }): boolean {
  const { last, lastTerm } = state.log
  return candidate.lastTerm > lastTerm || (candidate.lastTerm === lastTerm && candidate.lastIndex >= last)
}

/**
 * A voter, or one until a configuration without it is known to be committed: it may hold the only complete log among
 * those left, and a candidate need not have a vote in the election it wins (thesis §4.2.2).
 */
function mayStand({ membership, self, commit, forgetful }: RaftState): boolean {
  if (forgetful) return false
  return isVoter(membership.current, self) || isVoter(membership.at(commit), self)
}

/** A group of one needs nobody's vote, and nobody else can have been promised anything. */
function mayLeadAlone(state: RaftState): boolean {
  const { membership, self, role } = state
  if (state.forgetful) return false
  return role !== 'leader' && isOnlyVoter(membership.current, self) && membership.currentIndex <= state.commit
}

function count(state: RaftState, out: RaftEffect[]): void {
  switch (voteOutcome(state.membership.current, state.votes)) {
    case 'won':
      if (state.role === 'preCandidate') campaign(state, 'election', out)
      else becomeLeader(state, out)
      break
    case 'lost':
      sometimes(lostElection)
      becomeFollower(state, state.term, undefined, out)
      break
    case 'pending':
      break
  }
}

function becomeLeader(state: RaftState, out: RaftEffect[]): void {
  const { log, self, membership } = state
  sometimes(heirWon, state.transferElection)
  sometimes(inheritedTail, log.last > state.commit)
  sometimes(jointElection, isJoint(membership.current))
  state.role = 'leader'
  state.leader = self
  state.transferElection = false
  state.electionElapsed = 0
  state.heartbeatElapsed = 0
  state.idleTicks = 0
  state.selfMatch = log.stable
  state.reads.round = 0
  state.progress.clear()
  for (const node of trackedMembers(membership, state.commit)) {
    if (node !== self) state.progress.set(node, createProgress(log.last + 1))
  }
  state.uncommittedBytes = tailBytes(state)
  state.quotaBytes = 0
  state.termStart = log.last + 1
  appendOwn(state, 'empty', [emptyBytes], out)
  replicateAll(state, out)
}

function tailBytes(state: RaftState): number {
  let bytes = 0
  for (let from = state.commit + 1; from <= state.log.last; ) {
    for (const entry of state.log.slice(from, state.log.last, state.config.maxEntriesBytes)) {
      from = entry.index + 1
      if (entry.type === 'normal') bytes += entry.data.length
    }
  }
  return bytes
}
