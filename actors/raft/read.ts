/**
 * Linearizable reads without a log entry (thesis §6.4). A leader notes its commit index, proves with a round of
 * acknowledgements that it was still the leader after the reads were asked, and answers with that index.
 *
 *   waiting ──round begins──▶ asked ──a quorum acknowledges the round──▶ readReady
 *
 * One round is under way; what arrives meanwhile waits for the next, because an acknowledgement already on its way says
 * nothing about now (R18). Nothing is answered before an entry of the own term is committed: until then the leader does
 * not know what earlier terms committed. A follower passes its reads on, one question for many.
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import { anotherRound, loseQuestion, loseReadIndex, refuseRead, repeatTicks } from './fault-sites.ts'
import { broadcastHeartbeat } from './heartbeat.ts'
import { isOnlyVoter } from './membership.ts'
import type { DropReason, NodeId, PeerMessage, RaftEffect } from './messages.ts'
import { readAbandoned, readAnswerLate, readNextRound, readRepeated, readWaitsForTerm } from './probes.ts'
import { counts } from './progress.ts'
import { hasQuorum } from './quorum.ts'
import { type RaftState, readsMax, send } from './state.ts'

type AskReadIndex = Extract<PeerMessage, { type: 'askReadIndex' }>
type ReadIndex = Extract<PeerMessage, { type: 'readIndex' }>

export function onRead(state: RaftState, id: number, out: RaftEffect[]): void {
  const { reads } = state
  if (buggify(refuseRead, 0.1)) {
    dropReads([id], 'overloaded', out)
    return
  }
  if (state.role === 'leader') {
    if (reads.waiting.length + reads.asked.length >= readsMax) {
      dropReads([id], 'overloaded', out)
      return
    }
    reads.waiting.push({ from: state.self, id })
    beginRound(state, out)
    return
  }
  if (state.leader === undefined) {
    dropReads([id], 'noLeader', out)
    return
  }
  if (reads.toForward.length + reads.forwarded.length >= readsMax) {
    dropReads([id], 'overloaded', out)
    return
  }
  reads.toForward.push(id)
  if (reads.forwarded.length === 0) askLeader(state, out)
}

export function onAskReadIndex(state: RaftState, { from, id }: AskReadIndex, out: RaftEffect[]): void {
  const { reads } = state
  // A follower asks again when it hears nothing, so what cannot be kept is simply let go.
  if (state.role !== 'leader' || reads.waiting.length + reads.asked.length >= readsMax || buggify(loseQuestion)) return
  if (reads.waiting.some((read) => read.from === from && read.id === id)) {
    sometimes(readRepeated)
    return
  }
  reads.waiting.push({ from, id })
  beginRound(state, out)
}

export function onReadIndex(state: RaftState, { from, id, index }: ReadIndex, out: RaftEffect[]): void {
  const { reads } = state
  if (state.role === 'leader' || from !== state.leader) return
  if (reads.forwarded.length === 0 || id !== reads.question) {
    sometimes(readAnswerLate)
    return
  }
  out.push({ type: 'readReady', ids: reads.forwarded, index })
  reads.forwarded = []
  if (reads.toForward.length > 0) askLeader(state, out)
}

/** Starts the next round when reads wait, none is under way, and this term has committed. */
export function beginRound(state: RaftState, out: RaftEffect[]): void {
  const { reads } = state
  sometimes(readWaitsForTerm, reads.waiting.length > 0 && state.commit < state.termStart)
  if (reads.asked.length > 0 || reads.waiting.length === 0 || state.commit < state.termStart) return
  reads.asked = reads.waiting
  reads.waiting = []
  reads.askedIndex = state.commit
  reads.round++
  broadcastHeartbeat(state, false, out)
  confirmRound(state, out)
}

/** Answers the round under way once a quorum acknowledged it. */
export function confirmRound(state: RaftState, out: RaftEffect[]): void {
  const { reads, self, term } = state
  if (reads.asked.length === 0) return
  const acknowledged = (node: NodeId): boolean => {
    if (node === self) return true
    const progress = state.progress.get(node)
    return progress !== undefined && counts(progress) && progress.roundAcked >= reads.round
  }
  if (!hasQuorum(state.membership.current, acknowledged)) return
  if (!isOnlyVoter(state.membership.current, self) && buggify(anotherRound)) {
    reads.round++
    broadcastHeartbeat(state, false, out)
    return
  }
  const { asked, askedIndex: index } = reads
  reads.asked = []
  const own = asked.filter((read) => read.from === self).map((read) => read.id)
  if (own.length > 0) out.push({ type: 'readReady', ids: own, index })
  for (const { from, id } of asked) {
    if (from === self || buggify(loseReadIndex)) continue
    send(out, from, { type: 'readIndex', from: self, term, id, index }, 'now')
  }
  sometimes(readNextRound, reads.waiting.length > 0)
  beginRound(state, out)
}

/** A follower's question may be lost, or its answer: it is asked again, which changes nothing. */
export function tickReads(state: RaftState, out: RaftEffect[]): void {
  const { reads } = state
  if (reads.forwarded.length === 0) return
  const ticks = limit(repeatTicks, 2 * state.config.heartbeatTicks, 1)
  if (++reads.questionTicks >= ticks) sendQuestion(state, out)
}

/** The leadership they were asked of is over: reads of this node end, those of followers are theirs to ask again. */
export function abandonReads(state: RaftState, out: RaftEffect[]): void {
  const { reads } = state
  const own = [...reads.asked, ...reads.waiting].filter((read) => read.from === state.self).map((read) => read.id)
  const ended = [...own, ...reads.forwarded, ...reads.toForward]
  sometimes(readAbandoned, ended.length > 0)
  dropReads(ended, 'leaderChanged', out)
  reads.asked = []
  reads.waiting = []
  reads.forwarded = []
  reads.toForward = []
}

function askLeader(state: RaftState, out: RaftEffect[]): void {
  const { reads } = state
  reads.forwarded = reads.toForward
  reads.toForward = []
  reads.question++
  sendQuestion(state, out)
}

function sendQuestion(state: RaftState, out: RaftEffect[]): void {
  state.reads.questionTicks = 0
  const { self: from, term, leader } = state
  if (leader !== undefined) send(out, leader, { type: 'askReadIndex', from, term, id: state.reads.question }, 'now')
}

function dropReads(ids: readonly number[], reason: DropReason, out: RaftEffect[]): void {
  if (ids.length > 0) out.push({ type: 'readDropped', ids, reason })
}
