/**
 * One replica of a Raft group as a pure state machine. `step` takes one message, changes the state, and adds to `out`
 * what the world must do, in order. It is the only writer of the state; the files beside it hold one idea each.
 *
 *   message ─▶ well formed? ─▶ term looked at, once ─▶ handler ─▶ settle (transfer, change, apply) ─▶ report
 *
 * The numbered rules R1 to R25 stand in the README of this folder, each with the place that checks it.
 */
import { invariant, unreachable } from '../../base/assert.ts'
import { buggify, sometimes } from '../../base/fault-points.ts'
import { commitByCounting, handOver, onApplied, onFolded } from './commit.ts'
import { checkQuorum, onAskVote, onTimeoutNow, onVote, shielded, standForElection, tickElection } from './election.ts'
import { silentToStale } from './fault-sites.ts'
import { lossOf, onTrusted } from './forgetful.ts'
import { broadcastHeartbeat } from './heartbeat.ts'
import { onInstalled } from './install.ts'
import type { LocalMessage, PeerMessage, RaftEffect, RaftMessage } from './messages.ts'
import { toldStale } from './probes.ts'
import { toProbe } from './progress.ts'
import { onForwardDropped, onForwardPropose, onPropose, sendDropped, tickForwarded } from './proposing.ts'
import { tickQuiescence, wakeFor } from './quiescence.ts'
import { beginRound, onAskReadIndex, onRead, onReadIndex, tickReads } from './read.ts'
import { continueChange, onChangeConfiguration } from './reconfigure.ts'
import {
  onAppend,
  onHeartbeat,
  onHeartbeatAck,
  onMatched,
  onMismatched,
  onSnapshotInstalled,
  onSnapshotSent,
  replicateAll,
  sendAppend,
  tickProgress,
} from './replication.ts'
import { becomeFollower } from './roles.ts'
import { type RaftState, send } from './state.ts'
import { continueTransfer, onTransferLeadership, tickTransfer } from './transfer.ts'
import { isPeerMessage, wellFormed } from './well-formed.ts'

export function step(state: RaftState, message: RaftMessage, out: RaftEffect[]): void {
  if (isPeerMessage(message)) {
    // What no correct replica sends changes nothing (R24).
    if (!wellFormed(state, message)) return
    if (state.quiesced) wakeFor(state, message, out)
    if (lookAtTerm(state, message, out)) onPeer(state, message, out)
  } else {
    if (state.quiesced) wakeFor(state, message, out)
    onLocal(state, message, out)
  }
  settle(state, out)
  report(state, out)
}

/** True when the message is of the present term, so that no handler sees another; pre-votes look for themselves. */
function lookAtTerm(state: RaftState, message: PeerMessage, out: RaftEffect[]): boolean {
  if (message.type === 'askVote') {
    if (message.term >= state.term && shielded(state, message)) return false
    if (message.term > state.term && !message.pre) becomeFollower(state, message.term, undefined, out)
    return true
  }
  if (message.term > state.term) {
    // The term a pre-vote was granted for is not the voter's own.
    if (message.type === 'vote' && message.pre && message.granted) return true
    const fromLeader = message.type === 'append' || message.type === 'heartbeat' || message.type === 'timeoutNow'
    becomeFollower(state, message.term, fromLeader ? message.from : undefined, out)
    return true
  }
  if (message.term < state.term) {
    answerStale(state, message, out)
    return false
  }
  if (message.type === 'append' || message.type === 'heartbeat') followLeader(state, message.from, out)
  return true
}

/**
 * A leader of an earlier term must hear of this one, or it and a replica that moved on alone would never meet again: the
 * replica refuses its appends, and with pre-vote no election would bring them together.
 */
function answerStale(state: RaftState, message: PeerMessage, out: RaftEffect[]): void {
  if (buggify(silentToStale)) return
  const { self: from, term } = state
  if (message.type === 'append' || message.type === 'heartbeat') {
    sometimes(toldStale)
    send(out, message.from, { type: 'heartbeatAck', from, term, round: 0, ...lossOf(state) }, 'durable')
  }
  if (message.type === 'forwardPropose') {
    sendDropped(
      state,
      message.from,
      message.proposals.map((each) => each.id),
      'leaderChanged',
      out,
    )
  }
}

/** Who sends appends or heartbeats of this term leads it. */
function followLeader(state: RaftState, leader: number, out: RaftEffect[]): void {
  invariant(state.role !== 'leader', () => `R4: ${leader} and ${state.self} both lead term ${state.term}`)
  if (state.role !== 'follower' || state.leader !== leader) becomeFollower(state, state.term, leader, out)
  state.electionElapsed = 0
}

function onPeer(state: RaftState, message: PeerMessage, out: RaftEffect[]): void {
  switch (message.type) {
    case 'askVote':
      onAskVote(state, message, out)
      break
    case 'vote':
      onVote(state, message, out)
      break
    case 'append':
      onAppend(state, message, out)
      break
    case 'matched':
      onMatched(state, message, out)
      break
    case 'mismatched':
      onMismatched(state, message, out)
      break
    case 'heartbeat':
      onHeartbeat(state, message, out)
      break
    case 'heartbeatAck':
      onHeartbeatAck(state, message, out)
      break
    case 'timeoutNow':
      if (message.from === state.leader) onTimeoutNow(state, out)
      break
    case 'forwardPropose':
      onForwardPropose(state, message, out)
      break
    case 'forwardDropped':
      onForwardDropped(state, message, out)
      break
    case 'askReadIndex':
      onAskReadIndex(state, message, out)
      break
    case 'readIndex':
      onReadIndex(state, message, out)
      break
    case 'snapshotInstalled':
      onSnapshotInstalled(state, message, out)
      break
    case 'trusted':
      onTrusted(state, message, out)
      break
    default:
      unreachable(message)
  }
}

function onLocal(state: RaftState, message: LocalMessage, out: RaftEffect[]): void {
  switch (message.type) {
    case 'tick':
      onTick(state, out)
      break
    case 'propose':
      onPropose(state, message.proposals, out)
      break
    case 'changeConfiguration':
      onChangeConfiguration(state, message, out)
      break
    case 'read':
      onRead(state, message.id, out)
      break
    case 'transferLeadership':
      onTransferLeadership(state, message.to, out)
      break
    case 'campaign':
      standForElection(state, out)
      break
    case 'persisted':
      onPersisted(state, message.index, message.term, out)
      break
    case 'applied':
      onApplied(state, message.index)
      break
    case 'folded':
      // The word that it was applied may have found the mailbox full; who folded it has applied it.
      onApplied(state, message.index)
      onFolded(state, message.index, out)
      break
    case 'installed':
      onInstalled(state, message, out)
      break
    case 'snapshotSent':
      onSnapshotSent(state, message.to, message.index, message.delivered)
      break
    case 'peerLink':
      onPeerLink(state, message.node, message.up, out)
      break
    default:
      unreachable(message)
  }
}

function onTick(state: RaftState, out: RaftEffect[]): void {
  state.ticks++
  tickForwarded(state)
  if (state.quiesced) return
  if (state.role !== 'leader') {
    tickReads(state, out)
    tickElection(state, out)
    return
  }
  state.electionElapsed++
  tickProgress(state)
  tickTransfer(state)
  if (state.electionElapsed >= state.config.electionTicks) {
    state.electionElapsed = 0
    if (state.config.checkQuorum) checkQuorum(state, out)
    if (state.role !== 'leader') return
  }
  if (tickQuiescence(state, out)) return
  if (++state.heartbeatElapsed >= state.config.heartbeatTicks) broadcastHeartbeat(state, false, out)
}

/**
 * Only our own entries of this term count for our match: a report from an earlier role may speak of entries that were
 * replaced since (R6).
 */
function onPersisted(state: RaftState, index: number, term: number, out: RaftEffect[]): void {
  state.log.persisted(index, term)
  if (term !== state.term) return
  state.termDurable = true
  if (state.role !== 'leader') return
  state.selfMatch = Math.max(state.selfMatch, Math.min(index, state.log.last))
  if (commitByCounting(state)) replicateAll(state, out)
}

function onPeerLink(state: RaftState, node: number, up: boolean, out: RaftEffect[]): void {
  const progress = state.progress.get(node)
  if (progress === undefined) return
  progress.linkUp = up
  // What was in flight is probably lost; a probe finds out what is not.
  if (progress.phase === 'replicate') toProbe(progress)
  progress.probing = !up
  if (up) sendAppend(state, node, progress, out)
}

/** What any step may have made possible. */
function settle(state: RaftState, out: RaftEffect[]): void {
  if (state.role === 'leader') {
    beginRound(state, out)
    continueTransfer(state, out)
    continueChange(state, out)
  }
  handOver(state, out)
}

/** Tells the world what changed. The hard state rides on any append, and is written alone only when it promises. */
function report(state: RaftState, out: RaftEffect[]): void {
  const { told, term, votedFor, commit, role, leader } = state
  const promised = term !== told.term || votedFor !== told.votedFor
  if (promised || (commit !== told.commit && out.some(isLogWrite))) {
    told.term = term
    told.votedFor = votedFor
    told.commit = commit
    out.push({ type: 'persistHardState', term, votedFor, commit })
  }
  const configuration = state.membership.current
  if (configuration !== told.configuration) {
    told.configuration = configuration
    out.push({ type: 'configuration', configuration })
  }
  if (role === told.role && term === told.roleTerm && leader === told.leader) return
  told.role = role
  told.roleTerm = term
  told.leader = leader
  out.push({ type: 'role', role, term, leader })
}

function isLogWrite(effect: RaftEffect): boolean {
  return effect.type === 'append' || effect.type === 'compactLog' || effect.type === 'resetLog'
}
