/**
 * The replica actor, `replica/<group>`: one state machine on one node, beside the Raft group that feeds it, on the same
 * executor. It turns asks into proposals and ReadIndex questions, applies what the group says is committed, and answers.
 *
 * Its outputs never wait for its own disk (`outputs: 'now'`), because everything it says follows from a log that a quorum
 * holds; its writes are folded into the store lazily, and the log is not compacted past what is folded. The exceptions
 * are marked `durable`: what the group, or a peer that sends a snapshot, will build on after a crash of this node.
 *
 *   propose, read ─▶ collected ──flush (queued behind all that waits now)──▶ raft
 *   raft ──apply──▶ machine ──▶ answers, `applied` now, `folded` when the fold is on disk
 *
 *   A15  a pairing that the group does not confirm is made anew, at longer and longer intervals: what was told of it may
 *        have found a mailbox full, and then each side would wait for the other
 *
 * A command is answered when it is applied *here*, so a client that stays with a node reads its own writes.
 */
import { unreachable } from '../../base/assert.ts'
import { buggify, sometimes } from '../../base/fault-points.ts'
import type { ActorContext, ActorDefinition } from '../../runtime/kernel/actor.ts'
import { defineActor } from '../../runtime/kernel/actor.ts'
import type { DropReason, RaftEffect } from './messages.ts'
import {
  abandonPending,
  expireProposals,
  flushProposals,
  onLeaderLost,
  onProposalsDropped,
  type ProposalAnswer,
  refuseWaiting,
} from './proposals.ts'
import {
  expireReads,
  nextQuestion,
  onQuestionLost,
  onReadDropped,
  onReadReady,
  takeServable,
  type WaitingRead,
} from './reads.ts'
import { applyEntries, standingOf } from './replica-apply.ts'
import { flushLater, foldedSilent, pairAgain, skipSweep } from './replica-fault-sites.ts'
import type { FromRaft, FromReplica, ReplicaEffect, ReplicaMessage } from './replica-messages.ts'
import { answeredAfterSnapshot, pairedAgain } from './replica-probes.ts'
import { answerRead, dropped, onRequest, replicaDigest } from './replica-requests.ts'
import { closeSources, onSnapshotMessage, openSource, performSending, sweepSnapshots } from './replica-snapshots.ts'
import {
  nextEpoch,
  openWithinMs,
  type ReplicaArgs,
  type ReplicaState,
  raftRef,
  restoreReplica,
  tellFeed,
  tellListeners,
  tellRaft,
} from './replica-state.ts'
import { beginSnapshot, cancelSnapshot, type SenderEffect } from './snapshot-sender.ts'

const sweepMs = 250
/** What waits for a group that does not open is refused after this long. */
const closedMaxMs = 5_000
const openWithinMaxMs = 60_000
/** What was said to ourselves and not heard for so long is said again: it may have found the mailbox full. */
const selfLostMs = 10_000

export const replica: ActorDefinition<
  ReplicaArgs,
  ReplicaState,
  (state: ReplicaState, message: ReplicaMessage, ctx: ActorContext) => void
> = defineActor(import.meta.url, {
  name: 'replica',
  mailbox: { messagesMax: 16_384, whenFull: 'reject' },
  openToPeers: true,
  outputs: 'now',
  foldWithinMs: 100,
  init: (ctx, args: ReplicaArgs) => {
    const state = restoreReplica(ctx, args, openSource)
    ctx.every(sweepMs, { type: 'sweep' })
    tellFeed(state, true, ctx)
    pair(state, ctx)
    return state
  },
  receive: onReplicaMessage,
  stopping: (state, ctx) => closeSources(state, ctx, tellRaft(state, ctx)),
  digest: replicaDigest,
})

function onReplicaMessage(state: ReplicaState, message: ReplicaMessage, ctx: ActorContext): void {
  switch (message.type) {
    case 'raftStarted':
      pair(state, ctx)
      break
    case 'fromRaft':
      onFromRaft(state, message, ctx)
      break
    case 'snapshotOffer':
    case 'snapshotChunk':
    case 'snapshotAck':
      onSnapshot(state, message, ctx)
      break
    case 'flush':
      if (buggify(flushLater)) ctx.tell(ctx.self, message, { release: 'now', lane: 'user' })
      else flush(state, ctx)
      break
    case 'sweep':
      if (!buggify(skipSweep)) sweep(state, ctx)
      break
    case 'idle':
      state.idleAskedMs = undefined
      housekeep(state, ctx)
      break
    case 'foldedUpTo':
      state.foldAskedMs = undefined
      if (!buggify(foldedSilent)) tellRaft(state, ctx)({ type: 'folded', index: message.index }, 'now')
      fold(state, message.index, ctx)
      break
    default:
      onRequest(state, message, ctx)
  }
}

/** Agrees with the group on where the replica stands: at the start of either, and when entries went missing. */
function pair(state: ReplicaState, ctx: ActorContext): void {
  state.epoch = nextEpoch(ctx)
  state.pairedMs = ctx.now()
  if (state.open) state.closedSinceMs = ctx.now()
  state.open = false
  state.told = state.applied
  onLeaderLost(state.proposals, ctx.now())
  onQuestionLost(state.reads)
  const { epoch, applied, appliedTerm, configuration } = state
  const message: FromReplica = { type: 'replicaStarted', epoch, applied, appliedTerm, configuration }
  // Durable: the group may compact its log up to here, and the epoch must never be used again after a crash.
  ctx.tell(raftRef(state), message, { release: 'durable', lane: 'control' })
}

function onFromRaft(
  state: ReplicaState,
  { epoch, lastIndex, effects }: FromRaft & { type: 'fromRaft' },
  ctx: ActorContext,
): void {
  if (epoch !== state.epoch) return
  state.lastIndex = lastIndex
  const opened = !state.open
  state.open = true
  state.openWithinMs = openWithinMs
  const answers: ProposalAnswer[] = []
  for (const effect of effects) perform(state, effect, answers, ctx)
  answer(answers, ctx)
  serveReads(state, ctx)
  if (opened) flush(state, ctx)
  else askQuestion(state, ctx)
}

function perform(state: ReplicaState, effect: ReplicaEffect, answers: ProposalAnswer[], ctx: ActorContext): void {
  switch (effect.type) {
    case 'apply':
      onApply(state, effect, answers, ctx)
      break
    case 'readReady':
      onReadReady(state.reads, effect.ids, effect.index)
      break
    case 'readDropped':
      refuseReads(onReadDropped(state.reads, effect.ids, effect.reason), effect.reason, state, ctx)
      break
    case 'proposalsDropped':
      onProposalsDropped(state.proposals, effect.ids, effect.reason, standingOf(state), answers)
      break
    case 'configurationChanged':
      onConfigurationChanged(state, effect.id, effect.error, ctx)
      break
    case 'configuration':
      state.configurationInForce = effect.configuration
      break
    case 'role':
      onRole(state, effect, ctx)
      break
    case 'sendSnapshot':
      sending(state, ctx, (out) => beginSnapshot(state.sender, effect.to, effect.term, ctx.now(), out))
      break
    case 'cancelSnapshot':
      sending(state, ctx, (out) => cancelSnapshot(state.sender, effect.to, ctx.now(), out))
      break
    default:
      unreachable(effect)
  }
}

function onApply(
  state: ReplicaState,
  { entries, commit }: RaftEffect & { type: 'apply' },
  answers: ProposalAnswer[],
  ctx: ActorContext,
): void {
  if (commit > state.commit) state.commit = commit
  if (!applyEntries(state, entries, answers, ctx)) {
    // Entries are missing, for a mailbox was full: the group starts over from where we are.
    pair(state, ctx)
    return
  }
  // Not `state.applied`: after a snapshot that the group has not heard of yet, that is further than it handed out.
  const last = entries[entries.length - 1]
  if (last === undefined) return
  state.told = Math.max(state.told, last.index)
  tellRaft(state, ctx)({ type: 'applied', index: last.index }, 'now')
  fold(state, 0, ctx)
  housekeep(state, ctx)
}

/** One bounded piece of the machine's housekeeping; the next waits its turn behind the requests that are here already. */
function housekeep(state: ReplicaState, ctx: ActorContext): void {
  if (state.idleAskedMs !== undefined && ctx.now() - state.idleAskedMs < selfLostMs) return
  if (state.machine.idle?.(state.machineState) !== true) return
  state.idleAskedMs = ctx.now()
  ctx.tell(ctx.self, { type: 'idle' }, { release: 'now', lane: 'user' })
}

/** One message to ourselves waits for the disk at a time, however many turns write meanwhile. */
function fold(state: ReplicaState, folded: number, ctx: ActorContext): void {
  if (state.told <= folded || (state.foldAskedMs !== undefined && ctx.now() - state.foldAskedMs < selfLostMs)) return
  state.foldAskedMs = ctx.now()
  ctx.tell(ctx.self, { type: 'foldedUpTo', index: state.told }, { release: 'durable', lane: 'control' })
}

function onRole(state: ReplicaState, { role, term, leader }: RaftEffect & { type: 'role' }, ctx: ActorContext): void {
  if (state.leader !== undefined && (leader !== state.leader || term !== state.term)) {
    onLeaderLost(state.proposals, ctx.now())
    onQuestionLost(state.reads)
  }
  state.role = role
  state.term = term
  state.leader = leader
  state.transfers = state.transfers.filter(({ to, handle }) => {
    if (to !== leader) return true
    ctx.replyTo(handle, { type: 'transferred', leader, term })
    return false
  })
  const { group } = state.args
  ctx.publish('role', { group, role, term, leader })
  tellListeners(state, { type: 'role', group, role, term, leader }, ctx)
}

function flush(state: ReplicaState, ctx: ActorContext): void {
  state.flushAsked = false
  if (!state.open) return
  const answers: ProposalAnswer[] = []
  const time = { nowMs: ctx.now(), wallMs: Math.floor(ctx.wallNow()) }
  const proposals = flushProposals(state.proposals, standingOf(state), time, answers)
  if (proposals.length > 0) tellRaft(state, ctx)({ type: 'propose', proposals }, 'now')
  answer(answers, ctx)
  askQuestion(state, ctx)
}

function askQuestion(state: ReplicaState, ctx: ActorContext): void {
  if (!state.open) return
  const id = nextQuestion(state.reads, ctx.now())
  if (id !== undefined) tellRaft(state, ctx)({ type: 'read', id }, 'now')
}

function serveReads(state: ReplicaState, ctx: ActorContext): void {
  for (const { handle, query } of takeServable(state.reads, state.applied))
    ctx.replyTo(handle, answerRead(state, query))
}

function onConfigurationChanged(
  state: ReplicaState,
  id: number,
  error: DropReason | undefined,
  ctx: ActorContext,
): void {
  const change = state.changes.get(id)
  if (change === undefined) return
  state.changes.delete(id)
  if (error === undefined) ctx.replyTo(change.handle, { type: 'changed', configuration: state.configurationInForce })
  else if (error === 'leaderChanged') ctx.replyTo(change.handle, { type: 'unknown', reason: error })
  else ctx.replyTo(change.handle, dropped(state, error))
}

function onSnapshot(
  state: ReplicaState,
  message: ReplicaMessage & { type: `snapshot${string}` },
  ctx: ActorContext,
): void {
  const before = state.applied
  onSnapshotMessage(state, message, ctx, tellRaft(state, ctx))
  if (state.applied === before) return
  tellFeed(state, true, ctx)
  sometimes(answeredAfterSnapshot, state.proposals.pending.size > 0)
  const answers: ProposalAnswer[] = []
  abandonPending(state.proposals, answers)
  answer(answers, ctx)
  serveReads(state, ctx)
}

function sending(state: ReplicaState, ctx: ActorContext, act: (out: SenderEffect[]) => void): void {
  const out: SenderEffect[] = []
  act(out)
  performSending(state, out, ctx, tellRaft(state, ctx))
}

function sweep(state: ReplicaState, ctx: ActorContext): void {
  const nowMs = ctx.now()
  const answers: ProposalAnswer[] = []
  expireProposals(state.proposals, nowMs, answers)
  if (!state.open && nowMs - state.closedSinceMs >= closedMaxMs)
    refuseWaiting(state.proposals, 'notReady', state.leader, answers)
  answer(answers, ctx)
  refuseReads(expireReads(state.reads, nowMs), 'timeout', state, ctx)
  // Its word may have found the user lane full: what comes on the control lane makes no room there.
  if (state.flushAsked) flush(state, ctx)
  else askQuestion(state, ctx)
  for (const [id, { handle, deadlineMs }] of state.changes) {
    if (nowMs < deadlineMs) continue
    state.changes.delete(id)
    ctx.replyTo(handle, { type: 'unknown', reason: 'timeout' })
  }
  state.transfers = state.transfers.filter(({ handle, deadlineMs }) => {
    if (nowMs < deadlineMs) return true
    ctx.replyTo(handle, { type: 'unknown', reason: 'timeout' })
    return false
  })
  sweepSnapshots(state, ctx, tellRaft(state, ctx))
  if (state.foldAskedMs !== undefined) fold(state, 0, ctx)
  // What kept it from being done (an open snapshot, say) may be over, and no apply need ever follow.
  housekeep(state, ctx)
  if (!state.open && nowMs - state.pairedMs >= state.openWithinMs) {
    sometimes(pairedAgain)
    // A disk may take long, and what it has done by then must still be of use.
    state.openWithinMs = Math.min(2 * state.openWithinMs, openWithinMaxMs)
    pair(state, ctx)
  } else if (buggify(pairAgain, 0.05)) pair(state, ctx)
}

function answer(answers: readonly ProposalAnswer[], ctx: ActorContext): void {
  for (const { handle, reply } of answers) ctx.replyTo(handle, reply)
}

function refuseReads(
  reads: readonly WaitingRead[],
  reason: DropReason | 'timeout',
  state: ReplicaState,
  ctx: ActorContext,
): void {
  for (const { handle } of reads) ctx.replyTo(handle, dropped(state, reason))
}
