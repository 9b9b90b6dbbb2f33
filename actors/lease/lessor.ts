/**
 * The lessor actor, `lessor/<group>`, one on every node beside the replica of a keyspace: the shell around `lessor-core.ts`,
 * which decides everything. It keeps nothing in the store: what must survive is in the table, and the rest is counted anew.
 *
 * Other nodes ask it, for a client may be connected to a follower, so a message may be anything. Questions and notices come
 * on the control lane, before the requests that overload brings.
 */
import { unreachable } from '../../base/assert.ts'
import type { ActorContext, ActorDefinition, ActorRef, Answer } from '../../runtime/kernel/actor.ts'
import { defineActor } from '../../runtime/kernel/actor.ts'
import type { ProposeReply, ReadReply, ReplicaRequest, StatusReply } from '../raft/replica-messages.ts'
import { step } from './lessor-core.ts'
import {
  createLessor,
  type LessorConfig,
  type LessorEffect,
  type LessorInput,
  type LessorState,
  type ProposeOutcome,
  type TableAnswer,
} from './lessor-state.ts'
import type { LeaseResponse, LessorRequest } from './messages.ts'

export type LessorArgs = LessorConfig

type LessorMessage = LessorRequest | Exclude<LessorInput, { type: 'asked' }>

export function lessorName(group: string): string {
  return `lessor/${group}`
}

export const lessor: ActorDefinition<
  LessorArgs,
  LessorState,
  (state: LessorState, message: LessorMessage, ctx: ActorContext) => void
> = defineActor(import.meta.url, {
  name: 'lessor',
  mailbox: { messagesMax: 16_384, whenFull: 'reject' },
  openToPeers: true,
  init: (ctx, args: LessorArgs) => {
    const state = createLessor(args, ctx.now())
    perform({ type: 'wake', inMs: 1 }, state, ctx)
    return state
  },
  receive: onMessage,
  digest: ({ term, tenure, nextTicket }) => (term * 31 + nextTicket * 7 + (tenure?.digest ?? 0)) >>> 0,
})

function onMessage(state: LessorState, message: LessorMessage, ctx: ActorContext): void {
  const input = inputOf(message, ctx)
  if (input === undefined) return
  const out: LessorEffect[] = []
  step(state, input, ctx.now(), out)
  for (const effect of out) perform(effect, state, ctx)
}

/** Undefined: nobody waits for an answer, or it is nothing that a lessor knows. */
function inputOf(message: LessorMessage, ctx: ActorContext): LessorInput | undefined {
  switch (message.type) {
    case 'keepAlive':
    case 'timeToLive': {
      const handle = ctx.defer()
      return handle === undefined ? undefined : { type: 'asked', request: message, handle }
    }
    case 'role':
    case 'feed':
    case 'standing':
    case 'read':
    case 'audited':
    case 'proposed':
    case 'wake':
      return message
    default:
      return undefined
  }
}

function perform(effect: LessorEffect, state: LessorState, ctx: ActorContext): void {
  const { readMs, proposeMs } = state.limits
  switch (effect.type) {
    case 'reply':
      ctx.replyTo(effect.handle, effect.reply)
      break
    case 'wake':
      if (state.timer !== undefined) ctx.cancelTimer(state.timer)
      state.timer = ctx.after(effect.inMs, { type: 'wake' })
      break
    case 'askStanding':
      ask(state, { type: 'status' }, readMs, standingIn, ctx)
      break
    case 'audit': {
      const query = { type: 'leaseDigest' }
      ask(state, { type: 'read', query, consistency: 'serializable' }, readMs, auditIn, ctx)
      break
    }
    case 'read': {
      const { ticket, query } = effect
      const then = (answer: Answer): LessorInput => ({ type: 'read', ticket, answer: tableIn(answer) })
      ask(state, { type: 'read', query, consistency: 'linearizable' }, readMs, then, ctx)
      break
    }
    case 'propose': {
      const { ticket, command } = effect
      const then = (answer: Answer): LessorInput => ({ type: 'proposed', ticket, outcome: outcomeIn(answer) })
      ask(state, { type: 'propose', command }, proposeMs, then, ctx)
      break
    }
    default:
      unreachable(effect)
  }
}

function ask(
  { config }: LessorState,
  request: ReplicaRequest,
  deadlineMs: number,
  then: (answer: Answer) => LessorInput | { readonly type: 'nothing' },
  ctx: ActorContext,
): void {
  const replica: ActorRef = { type: 'named', node: ctx.node, name: `replica/${config.group}` }
  // One lane for all of it: what was said first is done first (J11).
  ctx.ask(replica, request, { deadlineMs, lane: 'control' }, then)
}

const nothing = { type: 'nothing' } as const

function standingIn(answer: Answer): LessorInput | typeof nothing {
  if (answer.type !== 'reply') return nothing
  const { role, term, leader } = answer.value as StatusReply
  return { type: 'standing', role, term, leader }
}

function auditIn(answer: Answer): LessorInput | typeof nothing {
  const read = readIn(answer)
  return read?.response.type === 'leaseDigest'
    ? { type: 'audited', term: read.term, index: read.index, count: read.response.count, digest: read.response.digest }
    : nothing
}

function tableIn(answer: Answer): TableAnswer | undefined {
  const read = readIn(answer)
  if (read?.response.type !== 'leases') return undefined
  const { term, index, revision, response } = read
  return { term, index, revision, leases: response.leases }
}

/** What a keyspace answers; the rest of it is no concern of leases. */
interface KeyspaceAnswer {
  readonly type: 'done' | 'refused'
  readonly revision: number
  readonly response: LeaseResponse
}

function readIn(
  answer: Answer,
): { term: number; index: number; revision: number; response: LeaseResponse } | undefined {
  const reply = answer.type === 'reply' ? (answer.value as ReadReply) : undefined
  if (reply?.type !== 'answer') return undefined
  const { type, revision, response } = reply.answer as KeyspaceAnswer
  return type === 'done' ? { term: reply.term, index: reply.index, revision, response } : undefined
}

function outcomeIn(answer: Answer): ProposeOutcome {
  // Where there was no replica, or no room in its mailbox, nothing has happened.
  if (answer.type === 'stopped' || answer.type === 'overloaded') return { type: 'dropped' }
  const reply = answer.type === 'reply' ? (answer.value as ProposeReply) : undefined
  switch (reply?.type) {
    case 'applied':
      return { type: 'applied', term: reply.term }
    case 'dropped':
      return { type: 'dropped' }
    default:
      return { type: 'unknown' }
  }
}
