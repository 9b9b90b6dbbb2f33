/**
 * Raises the alarm when a disk is full: one per executor, because each has a store of its own.
 *
 *   a commit found no room ─▶ keyspaces of this node ─▶ of each: is our alarm up? ── no ─▶ propose it, until it is
 *
 * The first commit that finds no room gives the reserve back, so the alarm's own entry can be committed. From then on
 * every member refuses what would grow, and deletes and compaction go on. Lowering it is the operator's decision, who
 * made the room; while the disk is still full it comes back.
 *
 *   N3  while a store of this node has no room, every keyspace comes to carry the `nospace` alarm of this member
 */
import type { KeyspaceReply } from '../actors/keyspace/messages.ts'
import type { Topology } from '../actors/placement/topology-messages.ts'
import type { ProposeReply, ReadReply } from '../actors/raft/replica-messages.ts'
import { unreachable } from '../base/assert.ts'
import { buggify, limit, sometimes } from '../base/fault-points.ts'
import {
  type ActorContext,
  type ActorDefinition,
  type ActorRef,
  type Answer,
  defineActor,
} from '../runtime/kernel/actor.ts'
import { alarmRaised, alarmRetried, alarmUp, roundWait, skipDiskLook } from './fault-sites.ts'
import { metaGroup } from './plan.ts'

export interface DiskWatchState {
  /** A store was full and not every keyspace is known to carry the alarm yet. */
  wanted: boolean
  /** Keyspaces of the present round that have not been settled; undefined between rounds. */
  open: number | undefined
  nextMs: number
}

export type DiskWatchMessage =
  | { readonly type: 'look' }
  | { readonly type: 'topologyRead'; readonly answer: Answer }
  | { readonly type: 'alarmsRead'; readonly keyspace: string; readonly answer: Answer }
  | { readonly type: 'raised'; readonly answer: Answer }

/** A commit that finds no room is tried again after 500 ms, so it cannot hide between two looks. */
const lookMs = 100
const roundMs = 500
const askMs = 2_000

export const diskWatch: ActorDefinition<
  null,
  DiskWatchState,
  (state: DiskWatchState, message: DiskWatchMessage, ctx: ActorContext) => unknown
> = defineActor(import.meta.url, {
  name: 'disk-watch',
  exportName: 'diskWatch',
  init: (ctx): DiskWatchState => {
    ctx.every(lookMs, { type: 'look' })
    return { wanted: false, open: undefined, nextMs: 0 }
  },
  receive: onMessage,
})

export function diskWatchName(executor: number): string {
  return `disk-watch/${executor}`
}

function onMessage(state: DiskWatchState, message: DiskWatchMessage, ctx: ActorContext): void {
  switch (message.type) {
    case 'look':
      if (!buggify(skipDiskLook)) look(state, ctx)
      break
    case 'topologyRead':
      onTopology(state, message.answer, ctx)
      break
    case 'alarmsRead':
      onAlarms(state, message.keyspace, message.answer, ctx)
      break
    case 'raised':
      settle(state, replyOf<ProposeReply>(message.answer)?.type === 'applied', ctx)
      break
    default:
      unreachable(message)
  }
}

function look(state: DiskWatchState, ctx: ActorContext): void {
  if (ctx.storeFull()) state.wanted = true
  if (!state.wanted || state.open !== undefined || ctx.now() < state.nextMs) return
  state.wanted = false
  state.open = 1
  ask(metaGroup, read({ type: 'topology' }), (answer) => ({ type: 'topologyRead', answer }), ctx)
}

function onTopology(state: DiskWatchState, answer: Answer, ctx: ActorContext): void {
  const reply = replyOf<ReadReply>(answer)
  const groups = reply?.type === 'answer' ? (reply.answer as Topology).groups : []
  const keyspaces = groups.filter(({ machine }) => machine === 'keyspace')
  state.open = 1 + keyspaces.length
  for (const { name } of keyspaces) {
    ask(name, read({ type: 'alarms' }), (alarms) => ({ type: 'alarmsRead', keyspace: name, answer: alarms }), ctx)
  }
  settle(state, keyspaces.length > 0, ctx)
}

function onAlarms(state: DiskWatchState, keyspace: string, answer: Answer, ctx: ActorContext): void {
  const reply = replyOf<ReadReply>(answer)
  const found = reply?.type === 'answer' ? (reply.answer as KeyspaceReply) : undefined
  const alarms = found?.type === 'done' && found.response.type === 'alarms' ? found.response.alarms : []
  const up = alarms.some(({ member, alarm }) => member === ctx.node && alarm === 'nospace')
  sometimes(up ? alarmUp : alarmRaised)
  if (up) {
    settle(state, true, ctx)
    return
  }
  const command = { type: 'alarm', action: 'activate', member: ctx.node, alarm: 'nospace' }
  ask(keyspace, { type: 'propose', command }, (raised) => ({ type: 'raised', answer: raised }), ctx)
}

/** One keyspace less to see to; what did not succeed makes another round. */
function settle(state: DiskWatchState, done: boolean, ctx: ActorContext): void {
  sometimes(alarmRetried, !done)
  if (!done) state.wanted = true
  state.open = (state.open ?? 1) - 1
  if (state.open > 0) return
  state.open = undefined
  state.nextMs = ctx.now() + limit(roundWait, roundMs, 1)
}

function ask(group: string, message: unknown, then: (answer: Answer) => DiskWatchMessage, ctx: ActorContext): void {
  const to: ActorRef = { type: 'named', node: ctx.node, name: `replica/${group}` }
  ctx.ask(to, message, { deadlineMs: askMs }, then)
}

function read(query: unknown): unknown {
  return { type: 'read', query, consistency: 'serializable' }
}

function replyOf<R>(answer: Answer): R | undefined {
  return answer.type === 'reply' ? (answer.value as R) : undefined
}
