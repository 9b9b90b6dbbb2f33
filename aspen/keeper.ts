/**
 * Keeps a node in line with the meta group: one on each node, on the host's executor.
 *
 *   every `lookMs`: read this node's copy of the topology ─▶ peers told ─▶ groups started and stopped
 *                   ask each group for its status ─▶ where this node leads and the configuration lags: change it
 *
 * All of it compares what is wanted with what is and moves one step; so it may be late, repeated or interrupted, and after
 * a restart it begins again from what it finds. Configurations change one group at a time through Raft, on the leader.
 *
 *   N1  a group runs here if and only if the topology names it (meta always runs)
 *   N2  a member that reads of its own removal ends, but not before its groups can do without it: until their configurations
 *       have changed it counts for their majorities
 *   N3  what was done on the word of one topology is never undone on the word of an older one
 */

import { wantedConfiguration } from '../actors/placement/topology.ts'
import type { ClusterMember, Topology } from '../actors/placement/topology-messages.ts'
import { groupEraser } from '../actors/raft/eraser.ts'
import { lineageKey, readLineageKey } from '../actors/raft/lineage.ts'
import type { Configuration } from '../actors/raft/messages.ts'
import type { ReadReply, StatusReply } from '../actors/raft/replica-messages.ts'
import { unreachable } from '../base/assert.ts'
import { buggify, limit, sometimes } from '../base/fault-points.ts'
import {
  type ActorContext,
  type ActorDefinition,
  type ActorRef,
  type Answer,
  defineActor,
} from '../runtime/kernel/actor.ts'
import type { ListChildrenReply, StartChildReply, StopChildReply } from '../supervisors/messages.ts'
import {
  askPatience,
  changeLater,
  configurationLags,
  foundLater,
  ignoreStatus,
  ignoreTopology,
  peersUntold,
  publishAgain,
  skipLook,
  startLater,
  statusLooks,
  topologyUnread,
} from './fault-sites.ts'
import { type GroupTree, groupTreeOf, metaTree } from './group-trees.ts'
import { peersName } from './peers.ts'
import { executorOf, metaGroup, type NodePlan } from './plan.ts'

const lookMs = 100
const statusEveryLooks = 5
const looksToLeaveMin = 5
const looksToLeaveMax = 100
const askMs = 2_000

export interface KeeperState {
  plan: NodePlan
  /** Whether the supervisor of the groups has said which of them run; it is asked until it did. */
  listed: 'asked' | 'unknown' | 'known'
  topology: Topology | undefined
  looks: number
  /** Groups under the supervisor, by name, with the id of the group that bears it. */
  readonly running: Map<string, number>
  /** Groups being started, stopped or erased. */
  readonly busy: Set<string>
  /** Erasers still at work, by group. */
  readonly erasing: Map<string, number>
  /** Groups whose configuration is being changed from here. */
  readonly changing: Set<string>
  published: boolean
  /** Groups that are known to count this node no more. */
  readonly without: Set<string>
  /** Looks since this node read of its own removal. */
  looksRemoved: number
  /** The founders are being put into the log from here. */
  founding: boolean
}

export type KeeperMessage =
  | { readonly type: 'look' }
  | { readonly type: 'topologyRead'; readonly answer: Answer }
  | { readonly type: 'childrenListed'; readonly answer: Answer }
  | { readonly type: 'started'; readonly group: string; readonly id: number; readonly answer: Answer }
  | { readonly type: 'stopped'; readonly group: string; readonly id: number; readonly answer: Answer }
  | { readonly type: 'erased'; readonly group: string }
  | { readonly type: 'statusRead'; readonly group: string; readonly answer: Answer }
  | { readonly type: 'changed'; readonly group: string }
  | { readonly type: 'published'; readonly answer: Answer }
  | { readonly type: 'founded' }
  /** Every group on the executor is trusted again: one that starts there now has lost nothing. */
  | { readonly type: 'storeSettled'; readonly executor: number }

export const keeper: ActorDefinition<
  NodePlan,
  KeeperState,
  (state: KeeperState, message: KeeperMessage, ctx: ActorContext) => unknown
> = defineActor(import.meta.url, {
  name: 'keeper',
  mailbox: { messagesMax: 65_536, whenFull: 'reject' },
  init: (ctx, plan: NodePlan): KeeperState => {
    askChildren(ctx)
    return {
      plan,
      listed: 'asked',
      topology: undefined,
      looks: 0,
      running: new Map(),
      busy: new Set(),
      erasing: new Map(),
      changing: new Set(),
      published: false,
      without: new Set(),
      looksRemoved: 0,
      founding: false,
    }
  },
  receive: onMessage,
})

function onMessage(state: KeeperState, message: KeeperMessage, ctx: ActorContext): void {
  switch (message.type) {
    case 'childrenListed':
      onChildren(state, message.answer, ctx)
      break
    case 'look':
      if (!buggify(skipLook)) look(state, ctx)
      break
    case 'topologyRead':
      onTopology(state, message.answer, ctx)
      break
    case 'started':
      onStarted(state, message.group, message.id, message.answer)
      break
    case 'stopped':
      onStopped(state, message.group, message.id, message.answer, ctx)
      break
    case 'erased':
      onErased(state, message.group)
      break
    case 'statusRead':
      onStatus(state, message.group, message.answer, ctx)
      break
    case 'changed':
      state.changing.delete(message.group)
      break
    case 'published':
      state.published = message.answer.type === 'reply' && (message.answer.value as { type: string }).type === 'applied'
      break
    case 'founded':
      // The next look tells what came of it: an answer may come at once, and asking again at once would never end.
      state.founding = false
      break
    case 'storeSettled':
      state.plan = {
        ...state.plan,
        wipedExecutors: state.plan.wipedExecutors.filter((executor) => executor !== message.executor),
      }
      break
    default:
      unreachable(message)
  }
}

/**
 * After a restart of the keeper the groups run on: it learns from their supervisor which they are. Asked now and then, too:
 * the supervisor may have started anew, and then runs none.
 */
function askChildren(ctx: ActorContext): void {
  ctx.ask(supervisor(ctx), { type: 'listChildren' }, { deadlineMs: askMs }, (answer) => ({
    type: 'childrenListed',
    answer,
  }))
}

function onChildren(state: KeeperState, answer: Answer, ctx: ActorContext): void {
  state.listed = answer.type === 'reply' ? 'known' : 'unknown'
  if (answer.type === 'reply') {
    const listed = new Map<string, number>()
    for (const { name } of (answer.value as ListChildrenReply).children) {
      const { group, id } = readLineageKey(name.slice('group/'.length))
      if (name.startsWith('group/')) listed.set(group, id)
    }
    // A supervisor that started anew has none of those it had: they are started again like any that are not there.
    for (const group of state.running.keys())
      if (!listed.has(group) && !state.busy.has(group)) state.running.delete(group)
    for (const [group, id] of listed) if (!state.busy.has(group)) state.running.set(group, id)
  }
  startMeta(state, ctx)
  if (state.looks > 0) return
  state.looks = 1
  ctx.every(lookMs, { type: 'look' })
}

/** Until it runs: nothing else tells this node what to run, and whoever was asked to start it may have had no room. */
function startMeta(state: KeeperState, ctx: ActorContext): void {
  if (state.running.has(metaGroup) || state.busy.has(metaGroup)) return
  start(state, metaGroup, 0, metaTree(state.plan), ctx)
}

function look(state: KeeperState, ctx: ActorContext): void {
  state.looks += 1
  if (state.listed === 'unknown') {
    state.listed = 'asked'
    askChildren(ctx)
  }
  startMeta(state, ctx)
  // Told again and again: a thread may come up after this actor, or be replaced and know nobody.
  const { members = [] } = state.topology ?? {}
  if (!buggify(peersUntold)) tellPeers(state.plan, members.length > 0 ? members : state.plan.contacts, ctx)
  const read = { type: 'read', query: { type: 'topology' }, consistency: 'serializable' }
  const deadlineMs = limit(askPatience, askMs, 1)
  ctx.ask(replicaOf(metaGroup, ctx), read, { deadlineMs }, (answer) => ({ type: 'topologyRead', answer }))
  if (state.looks % limit(statusLooks, statusEveryLooks, 1) !== 0) return
  if (state.listed === 'known') askChildren(ctx)
  for (const group of state.running.keys()) {
    ctx.ask(replicaOf(group, ctx), { type: 'status' }, { deadlineMs }, (answer) => ({
      type: 'statusRead',
      group,
      answer,
    }))
  }
}

function onTopology(state: KeeperState, answer: Answer, ctx: ActorContext): void {
  const reply = answer.type === 'reply' ? (answer.value as ReadReply) : undefined
  sometimes(topologyUnread, reply?.type !== 'answer')
  if (reply?.type !== 'answer' || buggify(ignoreTopology)) return
  const topology = reply.answer as Topology
  if (isOutdated(topology, ctx)) return
  if (topology.version !== state.topology?.version || state.topology.members.length !== topology.members.length) {
    state.topology = topology
  }
  if (topology.removed.includes(state.plan.node)) {
    leave(state, ctx)
    return
  }
  reconcile(state, topology, ctx)
  found(state, topology, ctx)
  publish(state, topology, ctx)
}

/**
 * True of a topology older than one that was acted upon (N3): after a crash this node's copy may have fallen back. A group
 * that was erased since would come back without what it had promised, and one that was made since would be erased.
 */
function isOutdated({ version }: Topology, ctx: ActorContext): boolean {
  const known = (ctx.store.getValue('topologyVersion') as number | undefined) ?? 0
  // Durable before anything is done on its word, for the keeper sends nothing before its writes are.
  if (version > known) ctx.store.putValue('topologyVersion', version)
  return version < known
}

/** Ends the node when its groups have let it go (N2), or when they had time enough and may be unable to tell. */
function leave(state: KeeperState, ctx: ActorContext): void {
  state.looksRemoved += 1
  const done = [...state.running.keys()].every((group) => state.without.has(group))
  // The first looks are for the answer to whoever asked this very node to remove itself.
  if ((done && state.looksRemoved >= looksToLeaveMin) || state.looksRemoved >= looksToLeaveMax) {
    ctx.endNode('this member was removed from the cluster')
  }
}

/** Starts what the topology names and stops what it does not (N1). */
function reconcile(state: KeeperState, topology: Topology, ctx: ActorContext): void {
  const wanted = new Map(topology.groups.map((group) => [group.name, group]))
  for (const [name, id] of state.running) {
    const group = wanted.get(name)
    if (name !== metaGroup && group?.id !== id && topology.members.length > 0) stop(state, name, id, ctx)
  }
  for (const group of wanted.values()) {
    if (state.running.has(group.name) || state.busy.has(group.name) || buggify(startLater)) continue
    const tree = groupTreeOf(state.plan, group)
    if (tree !== undefined) start(state, group.name, group.id, tree, ctx)
  }
}

function start(state: KeeperState, group: string, id: number, tree: GroupTree, ctx: ActorContext): void {
  state.busy.add(group)
  const child = {
    name: childName(group, id),
    ...tree,
    restart: 'permanent',
    stopWithinMs: 10_000,
    place: { type: 'executor', executor: executorOf(group, state.plan.executors) },
  }
  ctx.ask(supervisor(ctx), { type: 'startChild', child }, { deadlineMs: askMs }, (answer) => ({
    type: 'started',
    group,
    id,
    answer,
  }))
}

function onStarted(state: KeeperState, group: string, id: number, answer: Answer): void {
  state.busy.delete(group)
  const reply = answer.type === 'reply' ? (answer.value as StartChildReply) : undefined
  if (reply?.type === 'started' || reply?.type === 'alreadyStarted') state.running.set(group, id)
}

function stop(state: KeeperState, group: string, id: number, ctx: ActorContext): void {
  if (state.busy.has(group)) return
  state.busy.add(group)
  const request = { type: 'stopChild', name: childName(group, id) }
  ctx.ask(supervisor(ctx), request, { deadlineMs: 30_000 }, (answer) => ({ type: 'stopped', group, id, answer }))
}

function onStopped(state: KeeperState, group: string, _id: number, answer: Answer, ctx: ActorContext): void {
  const reply = answer.type === 'reply' ? (answer.value as StopChildReply) : undefined
  if (reply?.type !== 'stopped' && reply?.type !== 'unknownChild') {
    state.busy.delete(group)
    return
  }
  state.running.delete(group)
  // What a dropped group wrote must be gone before its name may be used again.
  const place = { type: 'executor', executor: executorOf(group, state.plan.executors) } as const
  const names = [`raft/${group}`, `replica/${group}`]
  state.erasing.set(group, names.length)
  for (const name of names) ctx.watch(ctx.spawn(groupEraser, null, { name, place }), () => ({ type: 'erased', group }))
}

function onErased(state: KeeperState, group: string): void {
  const left = (state.erasing.get(group) ?? 1) - 1
  state.erasing.set(group, left)
  if (left > 0) return
  state.erasing.delete(group)
  state.busy.delete(group)
}

function onStatus(state: KeeperState, group: string, answer: Answer, ctx: ActorContext): void {
  const status = answer.type === 'reply' ? (answer.value as StatusReply) : undefined
  if (status?.type !== 'status' || state.topology === undefined || buggify(ignoreStatus)) return
  if (counts(status, state.plan.node)) state.without.delete(group)
  else state.without.add(group)
  if (status.role !== 'leader') return
  const wanted = wantedConfiguration(state.topology.members)
  if (wanted.voters.length === 0 || state.changing.has(group) || sameMembers(status.configuration, wanted)) return
  if (buggify(changeLater)) return
  sometimes(configurationLags)
  state.changing.add(group)
  const request = { type: 'changeConfiguration', wanted: { voters: wanted.voters, learners: wanted.learners } }
  ctx.ask(replicaOf(group, ctx), request, { deadlineMs: 10_000 }, () => ({ type: 'changed', group }))
}

/** Tells the cluster this member's name and where its clients reach it, once per start and until it is known. */
function publish(state: KeeperState, topology: Topology, ctx: ActorContext): void {
  const { plan } = state
  const self = topology.members.find((member) => member.id === plan.node)
  if (state.published || self === undefined || state.looks % statusEveryLooks !== 0) return
  const known = self.name === plan.name && self.clientUrls.join() === plan.clientUrls.join()
  if (known && !buggify(publishAgain, 0.8)) {
    state.published = true
    return
  }
  const command = { type: 'publishMember', id: plan.node, name: plan.name, clientUrls: plan.clientUrls }
  ctx.ask(replicaOf(metaGroup, ctx), { type: 'propose', command }, { deadlineMs: askMs }, (answer) => ({
    type: 'published',
    answer,
  }))
}

/** Puts the founders into the log, so that whoever replays it comes to the same list. Until it is heard, and once only. */
function found(state: KeeperState, topology: Topology, ctx: ActorContext): void {
  if (topology.version > 0 || state.plan.founders === undefined || state.founding || buggify(foundLater)) return
  state.founding = true
  const members: ClusterMember[] = state.plan.founders.map(({ id, name, peerUrls }) => ({
    id,
    name,
    peerUrls,
    clientUrls: [],
    learner: false,
  }))
  const command = { type: 'found', members }
  ctx.ask(replicaOf(metaGroup, ctx), { type: 'propose', command }, { deadlineMs: askMs }, () => ({ type: 'founded' }))
}

function tellPeers(
  plan: NodePlan,
  members: readonly { readonly id: number; readonly peerUrls: readonly string[] }[],
  ctx: ActorContext,
): void {
  const peers = members.filter(({ id }) => id !== plan.node).map(({ id, peerUrls }) => ({ node: id, urls: peerUrls }))
  for (let executor = 0; executor < plan.executors; executor++) {
    const to: ActorRef = { type: 'named', node: plan.node, name: peersName(executor) }
    ctx.tell(to, { type: 'setPeers', peers })
  }
}

/** Whether `node` is a member of the group as far as is known; a change that is not committed may be undone. */
function counts({ configuration, commit, lastIndex }: StatusReply, node: number): boolean {
  const { voters, votersOutgoing, learners, learnersNext } = configuration
  return commit < lastIndex || [voters, votersOutgoing, learners, learnersNext].some((set) => set.includes(node))
}

function sameMembers(a: Configuration, b: Configuration): boolean {
  const key = (ids: readonly number[]): string => [...ids].sort((x, y) => x - y).join()
  return a.votersOutgoing.length === 0 && key(a.voters) === key(b.voters) && key(a.learners) === key(b.learners)
}

/** Says which group it is, for a keeper that comes to it later. */
function childName(group: string, id: number): string {
  return `group/${lineageKey(group, id)}`
}

function supervisor(ctx: ActorContext): ActorRef {
  return { type: 'named', node: ctx.node, name: 'groups' }
}

function replicaOf(group: string, ctx: ActorContext): ActorRef {
  return { type: 'named', node: ctx.node, name: `replica/${group}` }
}
