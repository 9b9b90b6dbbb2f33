/**
 * What a replica does when it is asked: reads and commands are collected for the flush, the rest is answered at once or
 * handed to the group, whose word on it is awaited with a deadline.
 */
import { unreachable } from '../../base/assert.ts'
import type { ActorContext } from '../../runtime/kernel/actor.ts'
import { changeProblem } from './membership.ts'
import type { ConfigurationChange, DropReason, NodeId } from './messages.ts'
import { collect } from './proposals.ts'
import { collectRead } from './reads.ts'
import type { Dropped, ReadReply, ReplicaRequest, StatusReply } from './replica-messages.ts'
import { closeStream, nextStreamChunk, openStream } from './replica-snapshots.ts'
import { type ReplicaState, tellRaft } from './replica-state.ts'
import { isRequestId } from './sessions.ts'

const changeTimeoutMs = 10_000
const transferTimeoutMs = 5_000
const changesMax = 64

export function onRequest(state: ReplicaState, request: ReplicaRequest, ctx: ActorContext): void {
  switch (request.type) {
    case 'propose':
      onPropose(state, request, ctx)
      break
    case 'read':
      onRead(state, request, ctx)
      break
    case 'status':
      ctx.reply(statusOf(state))
      break
    case 'changeConfiguration':
      onChangeConfiguration(state, request.wanted, ctx)
      break
    case 'transferLeadership':
      onTransferLeadership(state, request.to, ctx)
      break
    case 'openSnapshot':
      ctx.reply(openStream(state, ctx.now()))
      break
    case 'nextSnapshotChunk':
      ctx.reply(nextStreamChunk(state, request.id, ctx.now()))
      break
    case 'closeSnapshot':
      closeStream(state, request.id)
      ctx.reply({ type: 'end', chunks: 0 })
      break
    default:
      unreachable(request)
  }
}

export function answerRead(state: ReplicaState, query: unknown): ReadReply {
  const answer = state.machine.query(state.machineState, query)
  return { type: 'answer', answer, index: state.applied, term: state.term }
}

export function dropped(state: ReplicaState, reason: Dropped['reason']): Dropped {
  return { type: 'dropped', reason, leader: state.leader }
}

/** Equal on replicas that applied the same log up to the same index. */
export function replicaDigest(state: ReplicaState): number {
  const machine = state.machine.digest?.(state.machineState) ?? 0
  return (Math.imul(state.applied, 0x9e3779b1) ^ Math.imul(state.sessions.digest, 0x85ebca77) ^ machine) >>> 0
}

function onPropose(
  state: ReplicaState,
  { command, request }: ReplicaRequest & { type: 'propose' },
  ctx: ActorContext,
): void {
  if (request !== undefined && !isRequestId(request)) {
    ctx.reply(dropped(state, 'badRequest'))
    return
  }
  const refusal =
    request === undefined && state.machine.refuse?.(state.machineState, command, { storeFull: ctx.storeFull() })
  if (refusal !== undefined && refusal !== false) {
    ctx.reply({ type: 'applied', reply: refusal, index: state.applied, term: state.term })
    return
  }
  const handle = ctx.defer()
  if (collect(state.proposals, { command, request, handle })) askFlush(state, ctx)
  else if (handle !== undefined) ctx.replyTo(handle, dropped(state, 'overloaded'))
}

function onRead(
  state: ReplicaState,
  { query, consistency }: ReplicaRequest & { type: 'read' },
  ctx: ActorContext,
): void {
  if (consistency === 'serializable') {
    ctx.reply(answerRead(state, query))
    return
  }
  const handle = ctx.defer()
  if (handle === undefined) return
  if (collectRead(state.reads, handle, query, ctx.now())) askFlush(state, ctx)
  else ctx.replyTo(handle, dropped(state, 'overloaded'))
}

/** Queued behind everything that waits now, so that all of it goes together. */
function askFlush(state: ReplicaState, ctx: ActorContext): void {
  if (state.flushAsked) return
  state.flushAsked = true
  ctx.tell(ctx.self, { type: 'flush' }, { release: 'now', lane: 'user' })
}

function onChangeConfiguration(state: ReplicaState, wanted: ConfigurationChange, ctx: ActorContext): void {
  const handle = ctx.defer()
  if (handle === undefined) return
  const refusal = changeProblem(wanted) !== undefined ? 'badRequest' : refusalNow(state, state.changes.size)
  if (refusal !== undefined) {
    ctx.replyTo(handle, dropped(state, refusal))
    return
  }
  const id = state.nextChange++
  state.changes.set(id, { handle, deadlineMs: ctx.now() + changeTimeoutMs })
  tellRaft(state, ctx)({ type: 'changeConfiguration', id, wanted }, 'now')
}

function onTransferLeadership(state: ReplicaState, to: NodeId, ctx: ActorContext): void {
  const handle = ctx.defer()
  if (handle === undefined) return
  const refusal = state.configurationInForce.voters.includes(to)
    ? refusalNow(state, state.transfers.length)
    : 'badRequest'
  if (refusal !== undefined) ctx.replyTo(handle, dropped(state, refusal))
  else if (to === state.node) ctx.replyTo(handle, { type: 'transferred', leader: to, term: state.term })
  else {
    state.transfers.push({ to, handle, deadlineMs: ctx.now() + transferTimeoutMs })
    tellRaft(state, ctx)({ type: 'transferLeadership', to }, 'now')
  }
}

/** Why a request that only a leader can serve is not even tried. */
function refusalNow(state: ReplicaState, pending: number): DropReason | undefined {
  if (!state.open) return 'notReady'
  if (state.role !== 'leader') return state.leader === undefined ? 'noLeader' : 'notLeader'
  return pending >= changesMax ? 'overloaded' : undefined
}

function statusOf(state: ReplicaState): StatusReply {
  const { role, term, leader, commit, applied, appliedTerm, lastIndex, configurationInForce: configuration } = state
  const { group } = state.args
  return {
    type: 'status',
    group,
    node: state.node,
    role,
    term,
    leader,
    commit: Math.max(commit, applied),
    applied,
    appliedTerm,
    lastIndex,
    configuration,
    digest: state.machine.digest === undefined ? undefined : replicaDigest(state),
    clients: state.sessions.clients.size,
    proposalsPending: state.proposals.askers,
  }
}
