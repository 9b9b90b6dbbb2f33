/**
 * From the leader's log to the followers' (thesis §3.5), and what comes back.
 *
 * An append leaves before our own disk has it (`now`): the leader is one more follower of itself, and its own match moves
 * when its disk says so. An acknowledgement is a promise and waits for the follower's disk (`durable`).
 */
import { invariant } from '../../base/assert.ts'
import { emptyBytes } from '../../base/bytes.ts'
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { LogEntry } from '../../runtime/ports/store.ts'
import { commitByCounting, commitTo } from './commit.ts'
import {
  appendBytes,
  appendLater,
  appendOne,
  appendTwice,
  commitSilent,
  ignoreAppend,
  ignoreHeartbeatAck,
  ignoreMatched,
  ignoreMismatched,
  probeAgain,
  probeInFlight,
  snapshotInstead,
  stepBackOne,
  takeOne,
  windowBytes,
  windowMessages,
} from './fault-sites.ts'
import { lossOf } from './forgetful.ts'
import { decodeConfiguration } from './membership.ts'
import type { Index, NodeId, PeerMessage, RaftEffect, StoreLoss } from './messages.ts'
import {
  configurationCut,
  lateRefusal,
  oldAppend,
  overwritten,
  overwrittenOnDisk,
  partlyCommitted,
  snapshotAsked,
  snapshotUnneeded,
  stuckFollower,
  windowFull,
} from './probes.ts'
import {
  acknowledged,
  lostLog,
  type Progress,
  refused,
  sent,
  startLife,
  toProbe,
  toReplicate,
  toSnapshot,
} from './progress.ts'
import { entryBytes } from './raft-log.ts'
import { confirmRound } from './read.ts'
import { type RaftState, releaseOfTerm, send } from './state.ts'

type Append = Extract<PeerMessage, { type: 'append' }>
type Matched = Extract<PeerMessage, { type: 'matched' }>
type Mismatched = Extract<PeerMessage, { type: 'mismatched' }>
type Heartbeat = Extract<PeerMessage, { type: 'heartbeat' }>
type HeartbeatAck = Extract<PeerMessage, { type: 'heartbeatAck' }>
type SnapshotInstalled = Extract<PeerMessage, { type: 'snapshotInstalled' }>

const noEntries: readonly LogEntry[] = []

/** Leader: adds to the log; the disk and the followers get it in parallel. */
export function appendOwn(
  state: RaftState,
  type: LogEntry['type'],
  datas: readonly Uint8Array[],
  out: RaftEffect[],
): void {
  const { log, term } = state
  const entries = datas.map((data, at): LogEntry => ({ index: log.last + 1 + at, term, type, data }))
  log.append(entries)
  state.idleTicks = 0
  out.push({ type: 'append', entries })
}

/** Sends every follower what it may get now: entries, or news of the commit index. */
export function replicateAll(state: RaftState, out: RaftEffect[]): void {
  for (const [node, progress] of state.progress) replicate(state, node, progress, out)
}

export function replicate(state: RaftState, to: NodeId, progress: Progress, out: RaftEffect[]): void {
  if (buggify(appendLater, 0.1)) return
  while (progress.next <= state.log.last && sendAppend(state, to, progress, out)) {
    if (progress.phase === 'probe') return
  }
  // A follower that answers clients waits for this to apply; it is not left to the next heartbeat.
  if (progress.phase === 'replicate' && progress.commitSent < Math.min(state.commit, progress.next - 1)) {
    if (buggify(commitSilent)) return
    sendAppend(state, to, progress, out)
  }
}

/** Sends the next append, without entries when there are none. False when it must wait. */
export function sendAppend(state: RaftState, to: NodeId, progress: Progress, out: RaftEffect[]): boolean {
  if (paused(state, progress)) return false
  const { log } = state
  const prevIndex = progress.next - 1
  const prevTerm = log.term(prevIndex)
  if (prevTerm === undefined || insteadOfLog(state, progress)) return askSnapshot(state, to, progress, out)
  const bytesMax = buggify(appendOne) ? 0 : limit(appendBytes, state.config.maxEntriesBytes, 1)
  const entries = progress.next <= log.last ? log.slice(progress.next, log.last, bytesMax) : noEntries
  pushAppend(state, to, progress, entries, out)
  if (progress.phase === 'probe') progress.probing = true
  else if (entries.length > 0) {
    let bytes = 0
    for (const entry of entries) bytes += entryBytes(entry)
    sent(progress, prevIndex + entries.length, bytes)
  }
  return true
}

/** Leader: a follower holds our log up to `index`. */
export function onMatched(state: RaftState, message: Matched, out: RaftEffect[]): void {
  const { from, index, round } = message
  const progress = heard(state, message, round, out)
  // More than we have cannot be an answer to us.
  if (progress === undefined || index > state.log.last || buggify(ignoreMatched, 0.1)) return
  const news = acknowledged(progress, index)
  if (progress.phase === 'replicate' && buggify(probeAgain, 0.1)) toProbe(progress)
  if (progress.phase === 'probe' && index === progress.match) toReplicate(progress)
  if (progress.phase === 'snapshot' && leaveSnapshot(state, progress)) {
    sometimes(snapshotUnneeded)
    out.push({ type: 'cancelSnapshot', to: from })
  }
  if (news && commitByCounting(state)) replicateAll(state, out)
  else replicate(state, from, progress, out)
}

/** Leader: an append did not fit; steps back over whole terms at a time (thesis §3.5, the last paragraphs). */
export function onMismatched(state: RaftState, message: Mismatched, out: RaftEffect[]): void {
  const { from, prevIndex, hintIndex, hintTerm, round } = message
  const progress = heard(state, message, round, out)
  if (progress === undefined || prevIndex > state.log.last || buggify(ignoreMismatched)) return
  // An answer to the newest round is no late one: a follower that lacks what it confirmed has lost its disk.
  if (
    hintIndex < progress.match &&
    prevIndex <= progress.match &&
    round === progress.roundAcked &&
    progress.phase !== 'snapshot'
  ) {
    lostLog(progress, hintIndex)
    sendAppend(state, from, progress, out)
    return
  }
  const hinted = state.log.lastAtOrBelowTerm(Math.min(hintIndex, prevIndex - 1), hintTerm)
  const meet = buggify(stepBackOne) ? prevIndex - 1 : hinted
  if (refused(progress, prevIndex, meet)) sendAppend(state, from, progress, out)
  else sometimes(lateRefusal)
}

export function onHeartbeatAck(state: RaftState, message: HeartbeatAck, out: RaftEffect[]): void {
  const { from, round } = message
  const progress = heard(state, message, round, out)
  if (progress === undefined || buggify(ignoreHeartbeatAck, 0.1)) return
  progress.probing = false
  const stuck = progress.match === progress.matchAtHeartbeat
  progress.matchAtHeartbeat = progress.match
  if (progress.phase === 'probe') sendAppend(state, from, progress, out)
  if (progress.phase !== 'replicate' || progress.match >= state.log.last) return
  replicate(state, from, progress, out)
  // Nothing came back for a whole heartbeat: an empty append after the newest one finds out whether any was lost.
  if (!stuck && !buggify(probeInFlight)) return
  sometimes(stuckFollower, stuck)
  if (state.log.term(progress.next - 1) === undefined) askSnapshot(state, from, progress, out)
  else pushAppend(state, from, progress, noEntries, out)
}

/** Leader: the follower continues after the snapshot. */
export function onSnapshotInstalled(state: RaftState, message: SnapshotInstalled, out: RaftEffect[]): void {
  const { from, index } = message
  const progress = heard(state, message, 0, out)
  if (progress === undefined || index > state.log.last) return
  const news = acknowledged(progress, index)
  if (progress.phase === 'snapshot') leaveSnapshot(state, progress)
  if (progress.phase === 'probe' && index === progress.match) toReplicate(progress)
  if (news && commitByCounting(state)) replicateAll(state, out)
  else replicate(state, from, progress, out)
}

/** Leader: the transfer ended. Delivered is not installed: the follower's own word is awaited, for a while. */
export function onSnapshotSent(state: RaftState, to: NodeId, index: Index, delivered: boolean): void {
  const progress = state.progress.get(to)
  if (progress?.phase !== 'snapshot') return
  if (delivered) {
    progress.snapshotIndex = Math.min(index, state.log.last)
    progress.deliveredTicks = 0
    return
  }
  toProbe(progress)
  // Not at once again: the next heartbeat's answer shows that the follower is there.
  progress.probing = true
}

/** Leader: the follower's word that it installed the snapshot may be lost, so its log is probed after a while. */
export function tickProgress(state: RaftState): void {
  for (const progress of state.progress.values()) {
    progress.silentTicks++
    if (progress.phase !== 'snapshot' || progress.deliveredTicks === undefined) continue
    if (++progress.deliveredTicks >= state.config.electionTicks) toProbe(progress, progress.snapshotIndex + 1)
  }
}

/** Follower: takes what fits. The sender is known to lead this term. */
export function onAppend(state: RaftState, message: Append, out: RaftEffect[]): void {
  if (buggify(ignoreAppend, 0.05)) return
  const { from: leader, prevIndex, prevTerm, round } = message
  const { log, self: from, term } = state
  const entries = message.entries.length > 1 && buggify(takeOne) ? message.entries.slice(0, 1) : message.entries
  const lastNew = prevIndex + entries.length
  if (lastNew <= state.commit) {
    sometimes(oldAppend)
    // All of it is committed here already, so it is equal, whoever sent it first.
    send(out, leader, { type: 'matched', from, term, index: state.commit, round, ...lossOf(state) }, 'durable')
    return
  }
  // What lies below the commit index is not compared: it may be compacted, and it cannot differ.
  const known = Math.max(0, state.commit - prevIndex)
  if (known === 0 && log.term(prevIndex) !== prevTerm) {
    // What is committed here cannot differ, so the search never goes below it.
    const hintIndex = Math.max(state.commit, log.lastAtOrBelowTerm(Math.min(prevIndex - 1, log.last), prevTerm))
    const hintTerm = log.term(hintIndex) ?? 0
    const message = { from, term, prevIndex, hintIndex, hintTerm, round, ...lossOf(state) }
    send(out, leader, { type: 'mismatched', ...message }, 'durable')
    return
  }
  sometimes(partlyCommitted, known > 0)
  takeEntries(state, known === 0 ? entries : entries.slice(known), out)
  commitTo(state, Math.min(message.commit, lastNew))
  send(out, leader, { type: 'matched', from, term, index: lastNew, round, ...lossOf(state) }, 'durable')
}

/** Follower: the leader lives. `commit` never exceeds what it knows to be equal here. */
export function onHeartbeat(
  state: RaftState,
  { from: leader, commit, round, quiesce }: Heartbeat,
  out: RaftEffect[],
): void {
  const { self: from, term } = state
  // It speaks of what we confirmed, perhaps before the store was lost.
  if (commit <= state.log.last && !state.forgetful) commitTo(state, commit)
  state.quiesced = quiesce && !state.forgetful && state.commit === commit && state.log.last === commit
  // It promises nothing a crash could break: who restarts gives no vote for a while (R17).
  send(out, leader, { type: 'heartbeatAck', from, term, round, ...lossOf(state) }, releaseOfTerm(state))
}

function takeEntries(state: RaftState, entries: readonly LogEntry[], out: RaftEffect[]): void {
  const { log, membership } = state
  let at = 0
  while (at < entries.length) {
    const entry = entries[at] as LogEntry
    if (entry.index > log.last) break
    if (log.term(entry.index) !== entry.term) {
      invariant(entry.index > state.commit, () => `R8: committed entry ${entry.index} is to be replaced`)
      sometimes(overwritten)
      sometimes(overwrittenOnDisk, entry.index <= log.stable)
      sometimes(configurationCut, entry.index <= membership.currentIndex)
      log.truncate(entry.index, state.term)
      membership.truncate(entry.index)
      break
    }
    at++
  }
  if (at === entries.length) return
  const fresh = at === 0 ? entries : entries.slice(at)
  log.append(fresh)
  for (const entry of fresh) {
    if (entry.type !== 'config') continue
    const configuration = decodeConfiguration(entry.data)
    invariant(configuration !== undefined, () => `R13: entry ${entry.index} holds a configuration`)
    membership.add(entry.index, configuration)
  }
  out.push({ type: 'append', entries: fresh })
}

function paused(state: RaftState, progress: Progress): boolean {
  const { inflightMessagesMax, inflightBytesMax } = state.config
  switch (progress.phase) {
    case 'probe':
      return progress.probing
    case 'replicate': {
      const messagesMax = limit(windowMessages, inflightMessagesMax, 1)
      const full = progress.inflight.length >= messagesMax
      const heavy = progress.inflightBytes >= limit(windowBytes, inflightBytesMax, 1)
      sometimes(windowFull, full || heavy)
      return full || heavy
    }
    default:
      return true
  }
}

function pushAppend(
  state: RaftState,
  to: NodeId,
  progress: Progress,
  entries: readonly LogEntry[],
  out: RaftEffect[],
): void {
  const { self: from, term, commit, reads, log } = state
  const prevIndex = progress.next - 1
  const prevTerm = log.term(prevIndex)
  invariant(prevTerm !== undefined, () => `R12: next ${progress.next} of ${to} has a predecessor in the log`)
  progress.commitSent = Math.max(progress.commitSent, Math.min(commit, prevIndex + entries.length))
  const message: Append = { type: 'append', from, term, prevIndex, prevTerm, entries, commit, round: reads.round }
  send(out, to, message, releaseOfTerm(state))
  if (buggify(appendTwice, 0.1)) send(out, to, message, releaseOfTerm(state))
}

/** In a simulation: the transfer of a state is tried where entries would do, if it brings the follower forward. */
function insteadOfLog({ applied }: RaftState, progress: Progress): boolean {
  return applied > progress.match && progress.next <= applied && buggify(snapshotInstead, 0.15)
}

function askSnapshot(state: RaftState, to: NodeId, progress: Progress, out: RaftEffect[]): boolean {
  // Who was not heard lately would only block a transfer; its next answer brings us here again.
  if (progress.silentTicks >= state.config.electionTicks) return false
  sometimes(snapshotAsked)
  toSnapshot(progress, state.applied)
  out.push({ type: 'sendSnapshot', to, term: state.term })
  return false
}

/** A follower that can be served from the log again needs no snapshot any more. True when the transfer still runs. */
function leaveSnapshot(state: RaftState, progress: Progress): boolean {
  const delivered = progress.deliveredTicks !== undefined
  if (progress.match + 1 >= state.log.first) {
    toReplicate(progress)
    return !delivered
  }
  // It has all that was sent and the log has moved on since: once more, from the start.
  if (delivered && progress.match >= progress.snapshotIndex) toProbe(progress)
  return false
}

/** What every answer says besides: that the follower is there, and which one it is. Undefined when it is to be ignored. */
function heard(
  state: RaftState,
  { from, lost }: Matched | Mismatched | HeartbeatAck | SnapshotInstalled,
  round: number,
  out: RaftEffect[],
): Progress | undefined {
  const progress = state.progress.get(from)
  if (progress === undefined) return undefined
  if (lost !== undefined && lost.life !== progress.life) beginProof(state, from, progress, lost, out)
  // Said before the store was lost.
  if (lost === undefined && progress.proof > 0) return undefined
  progress.active = true
  progress.silentTicks = 0
  progress.forgetful = lost?.trusted === false
  if (progress.forgetful) tryProof(state, from, progress, out)
  if (round > progress.roundAcked && round <= state.reads.round) {
    progress.roundAcked = round
    confirmRound(state, out)
  }
  return progress
}

/** A start not heard of before: it counts for nothing until an entry younger than it vouches for it (R25). */
function beginProof(state: RaftState, from: NodeId, progress: Progress, lost: StoreLoss, out: RaftEffect[]): void {
  if (progress.phase === 'snapshot') out.push({ type: 'cancelSnapshot', to: from })
  startLife(progress, lost.life, state.log.last + 1)
  if (lost.trusted) return
  progress.proof = state.log.last + 1
  appendOwn(state, 'empty', [emptyBytes], out)
  replicateAll(state, out)
}

function tryProof(state: RaftState, to: NodeId, progress: Progress, out: RaftEffect[]): void {
  const { self: from, term } = state
  if (progress.proof > 0) {
    if (state.commit < progress.proof || progress.match < progress.proof) return
    progress.proof = 0
    // What it acknowledged while it did not count is asked again.
    progress.roundAcked = 0
    if (commitByCounting(state)) replicateAll(state, out)
  }
  send(out, to, { type: 'trusted', from, term, life: progress.life }, 'now')
}
