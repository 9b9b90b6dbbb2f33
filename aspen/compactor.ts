/**
 * Compacts the keyspaces of a node by itself: one per node, present when the configuration asks for it.
 *
 *   beat ─▶ list of keyspaces (this member's meta replica) ─▶ of each: status of replica and keyspace
 *        ─▶ `compaction.ts` decides ─▶ compact, where this member leads
 *
 * What it asks of others is read from this member's own replicas, so it costs the cluster nothing.
 */
import type { KeyspaceReply } from '../actors/keyspace/messages.ts'
import type { Topology } from '../actors/placement/topology-messages.ts'
import type { ProposeReply, ReadReply, StatusReply } from '../actors/raft/replica-messages.ts'
import { unreachable } from '../base/assert.ts'
import {
  type ActorContext,
  type ActorDefinition,
  type ActorRef,
  type Answer,
  defineActor,
} from '../runtime/kernel/actor.ts'
import { beat, beatMs, type CompactionPolicy, type CompactionState, compacted, createCompaction } from './compaction.ts'
import { metaGroup } from './plan.ts'

export interface CompactorState {
  readonly policy: CompactionPolicy
  /** By keyspace, with the id of the group: a name used again is another keyspace. */
  readonly keyspaces: Map<string, { readonly id: number; compaction: CompactionState | undefined }>
}

export type CompactorMessage =
  | { readonly type: 'beat' }
  | { readonly type: 'topologyRead'; readonly answer: Answer }
  | { readonly type: 'roleRead'; readonly keyspace: string; readonly answer: Answer }
  | { readonly type: 'revisionRead'; readonly keyspace: string; readonly leads: boolean; readonly answer: Answer }
  | {
      readonly type: 'compactAnswered'
      readonly keyspace: string
      readonly revision: number
      readonly atMs: number
      readonly answer: Answer
    }

const askMs = 2_000
const compactMs = 10_000

export const compactor: ActorDefinition<
  CompactionPolicy,
  CompactorState,
  (state: CompactorState, message: CompactorMessage, ctx: ActorContext) => unknown
> = defineActor(import.meta.url, {
  name: 'compactor',
  mailbox: { messagesMax: 65_536, whenFull: 'reject' },
  init: (ctx, policy: CompactionPolicy): CompactorState => {
    ctx.every(beatMs(policy), { type: 'beat' })
    ctx.tell(ctx.self, { type: 'beat' })
    return { policy, keyspaces: new Map() }
  },
  receive: onMessage,
})

function onMessage(state: CompactorState, message: CompactorMessage, ctx: ActorContext): void {
  switch (message.type) {
    case 'beat':
      ask(metaGroup, read({ type: 'topology' }), askMs, (answer) => ({ type: 'topologyRead', answer }), ctx)
      break
    case 'topologyRead':
      onTopology(state, message.answer, ctx)
      break
    case 'roleRead':
      onRole(message.keyspace, message.answer, ctx)
      break
    case 'revisionRead':
      onRevision(state, message.keyspace, message.leads, message.answer, ctx)
      break
    case 'compactAnswered':
      onCompacted(state, message)
      break
    default:
      unreachable(message)
  }
}

function onTopology(state: CompactorState, answer: Answer, ctx: ActorContext): void {
  const reply = replyOf<ReadReply>(answer)
  if (reply?.type !== 'answer') return
  const groups = (reply.answer as Topology).groups.filter(({ machine }) => machine === 'keyspace')
  for (const [name, { id }] of state.keyspaces) {
    if (!groups.some((group) => group.name === name && group.id === id)) state.keyspaces.delete(name)
  }
  for (const { name, id } of groups) {
    if (!state.keyspaces.has(name)) state.keyspaces.set(name, { id, compaction: undefined })
    ask(name, { type: 'status' }, askMs, (status) => ({ type: 'roleRead', keyspace: name, answer: status }), ctx)
  }
}

function onRole(keyspace: string, answer: Answer, ctx: ActorContext): void {
  const leads = replyOf<StatusReply>(answer)?.role === 'leader'
  ask(
    keyspace,
    read({ type: 'status' }),
    askMs,
    (status) => ({ type: 'revisionRead', keyspace, leads, answer: status }),
    ctx,
  )
}

function onRevision(state: CompactorState, keyspace: string, leads: boolean, answer: Answer, ctx: ActorContext): void {
  const present = state.keyspaces.get(keyspace)
  const reply = replyOf<ReadReply>(answer)
  if (present === undefined || reply?.type !== 'answer') return
  const { revision } = reply.answer as KeyspaceReply
  if (present.compaction === undefined) {
    present.compaction = createCompaction(state.policy, revision, ctx.now())
    return
  }
  const target = beat(present.compaction, revision, leads, ctx.now())
  if (target === undefined) return
  const atMs = ctx.now()
  const command = { type: 'propose', command: { type: 'compact', revision: target } }
  ask(
    keyspace,
    command,
    compactMs,
    (done) => ({ type: 'compactAnswered', keyspace, revision: target, atMs, answer: done }),
    ctx,
  )
}

function onCompacted(
  state: CompactorState,
  { keyspace, revision, atMs, answer }: CompactorMessage & { type: 'compactAnswered' },
): void {
  const reply = replyOf<ProposeReply>(answer)
  const compaction = state.keyspaces.get(keyspace)?.compaction
  if (reply?.type !== 'applied' || compaction === undefined) return
  const outcome = reply.reply as KeyspaceReply
  // Refused as `compacted`: somebody went as far or further. Any other refusal is tried again with the next beat.
  if (outcome.type === 'done' || outcome.error === 'compacted') compacted(compaction, revision, atMs)
}

function ask(
  group: string,
  message: unknown,
  deadlineMs: number,
  then: (answer: Answer) => CompactorMessage,
  ctx: ActorContext,
): void {
  const to: ActorRef = { type: 'named', node: ctx.node, name: `replica/${group}` }
  ctx.ask(to, message, { deadlineMs }, then)
}

function read(query: unknown): unknown {
  return { type: 'read', query, consistency: 'serializable' }
}

function replyOf<R>(answer: Answer): R | undefined {
  return answer.type === 'reply' ? (answer.value as R) : undefined
}
