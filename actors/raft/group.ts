/**
 * The Raft group actor, `raft/<group>`: the shell around the core. It keeps the log, the hard state and the configuration
 * as of the log's beginning; its replica, `replica/<group>` on the same executor, keeps what the log means.
 *
 *   waiting ──replicaStarted──▶ opening ──everything written so far is on disk──▶ open
 *                  ▲                                                               │
 *                  └────────────── the replica started again ──────────────────────┘
 *
 * The core knows how far the replica has applied, so the two agree on that first: whichever of them starts makes a new
 * epoch, the group drops its core and makes a new one from disk, and what still carries an older epoch is ignored.
 * Making it behind a durable message to oneself means that the log it is made from is all of the log.
 *
 * How effects become acts
 *   persistHardState, append, compactLog, resetLog   writes of this turn, then one `persisted` to oneself, which the
 *                                                    kernel holds until they are on disk: the core's word for it
 *   send                                             to the peer, when the core says (`now` or `durable`)
 *   all others                                       to the replica in one message, at once: they speak of what a
 *                                                    quorum holds, or of nothing durable
 *
 *   A12  a core is only ever made from a log and a hard state that are wholly on disk
 */
import { unreachable } from '../../base/assert.ts'
import { buggify, sometimes } from '../../base/fault-points.ts'
import type { ActorContext, ActorDefinition, ActorRef, TimerId } from '../../runtime/kernel/actor.ts'
import { defineActor } from '../../runtime/kernel/actor.ts'
import type { LogView } from '../../runtime/ports/store.ts'
import { step } from './core.ts'
import { introduceLater, losePeerMessage, openLate, persistedLate, sendAlone, skipTick } from './fault-sites.ts'
import { claimStore, lineageKey, onlyLineage } from './lineage.ts'
import { emptyConfiguration, members } from './membership.ts'
import type { Configuration, Index, LocalMessage, PeerMessage, RaftEffect, RaftMessage, Term } from './messages.ts'
import { checkPeerMessage } from './peer-check.ts'
import { formerEpoch, openOvertaken } from './probes.ts'
import type { FromRaft, FromReplica, ProgressReply, ReplicaEffect } from './replica-messages.ts'
import {
  compactedConfiguration,
  createRaftState,
  type HardState,
  type RaftConfig,
  type RaftState,
  raftConfig,
} from './state.ts'

export interface RaftGroupArgs {
  /** 1 to 200 characters; part of the actors' names. */
  readonly group: string
  /** Keeps it apart from other groups that bear, or bore, its name (A13); equal on all members. */
  readonly lineage?: number
  /** Of a group that begins: equal on all its first members. Undefined on a node that joins: the others will tell. */
  readonly configuration: Configuration | undefined
  readonly tickMs: number
  readonly config: Partial<Omit<RaftConfig, 'self' | 'seed'>>
  /** The heartbeat service of this executor; undefined: heartbeats go straight to the peers. */
  readonly heartbeats: string | undefined
}

export type GroupMessage =
  /** Of the timer that was started as the `timer`th; what is left of another one is not heard. */
  | { readonly type: 'tick'; readonly timer: number }
  /** From another node; `coalesced` when it came with others of its kind, so that its answer goes the same way. */
  | { readonly type: 'peer'; readonly message: unknown; readonly coalesced?: boolean; readonly lineage?: number }
  | { readonly type: 'persisted'; readonly index: Index; readonly term: Term }
  /** Everything written before the replica started is on disk. */
  | { readonly type: 'open'; readonly started: ReplicaStarted }
  | { readonly type: 'campaign' }
  | { readonly type: 'peerLink'; readonly node: number; readonly up: boolean }
  /** Asked, by this node or another: answered with `ProgressReply`. */
  | { readonly type: 'progress' }
  | FromReplica

type ReplicaStarted = FromReplica & { readonly type: 'replicaStarted' }

type Phase =
  | { readonly type: 'waiting' }
  | { readonly type: 'opening'; readonly epoch: number }
  | { readonly type: 'open'; readonly epoch: number; readonly core: RaftState }

/**
 *   aligning ──first tick──▶ awake ──the core falls asleep──▶ asleep       (a tick an election period, for all in it)
 *       ▲                                                        │
 *       └──────────────────────── it wakes ──────────────────────┘
 *
 * Groups of an executor tick together while they are awake, so that their heartbeats meet in one message.
 */
interface GroupClock {
  pace: 'aligning' | 'awake' | 'asleep'
  timer: TimerId
  /** Timers started so far. */
  started: number
}

export interface RaftGroupState {
  readonly args: RaftGroupArgs
  readonly config: RaftConfig
  readonly replica: ActorRef
  readonly lineage: number
  phase: Phase
  ticks: number
  readonly clock: GroupClock
  /** Of this node's log, written or on its way to the disk. */
  lastIndex: Index
  /** Messages of other nodes that had no shape of ours. */
  malformedTotal: number
  /** Messages that were for another group of this name. */
  foreignTotal: number
}

/** What led to a step: heartbeats that nobody waits for may travel with those of other groups. */
type Cause = 'coalescing' | 'direct'

export const raftGroup: ActorDefinition<
  RaftGroupArgs,
  RaftGroupState,
  (state: RaftGroupState, message: GroupMessage, ctx: ActorContext) => void
> = defineActor(import.meta.url, {
  name: 'raft-group',
  exportName: 'raftGroup',
  mailbox: { messagesMax: 4_096, whenFull: 'reject' },
  openToPeers: true,
  init: startGroup,
  receive: onGroupMessage,
  digest: groupDigest,
})

function startGroup(ctx: ActorContext, args: RaftGroupArgs): RaftGroupState {
  const lineage = args.lineage ?? onlyLineage
  const foreign = claimStore(ctx, lineage)
  if (foreign) ctx.log.drop()
  const state: RaftGroupState = {
    args,
    config: raftConfig({ ...args.config, self: ctx.node, seed: drawSeed(ctx) }),
    replica: { type: 'named', node: ctx.node, name: `replica/${args.group}` },
    lineage,
    phase: { type: 'waiting' },
    ticks: 0,
    clock: { pace: 'aligning', timer: 0, started: 0 },
    lastIndex: foreign ? 0 : ctx.log.view().lastIndex,
    malformedTotal: 0,
    foreignTotal: 0,
  }
  if (ctx.store.getValue('configuration') === undefined) {
    ctx.store.putValue('configuration', args.configuration ?? emptyConfiguration)
  }
  setPace(state, 'aligning', ctx)
  askReplica(state, ctx)
  return state
}

function onGroupMessage(state: RaftGroupState, message: GroupMessage, ctx: ActorContext): void {
  switch (message.type) {
    case 'tick':
      if (message.timer === state.clock.started) onTick(state, ctx)
      break
    case 'peer':
      if ((message.lineage ?? onlyLineage) !== state.lineage) state.foreignTotal += 1
      else onPeer(state, message.message, message.coalesced === true ? 'coalescing' : 'direct', ctx)
      break
    case 'persisted':
      // Told to itself again, it waits for the disk once more: later than need be, and never too soon.
      if (buggify(persistedLate)) ctx.tell(ctx.self, message, { lane: 'control' })
      else run(state, message, 'direct', ctx)
      break
    case 'campaign':
    case 'peerLink':
      run(state, message, 'direct', ctx)
      break
    case 'fromReplica':
      onFromReplica(state, message.epoch, message.message, ctx)
      break
    case 'replicaStarted':
      onReplicaStarted(state, message, ctx)
      break
    case 'open':
      onOpen(state, message.started, ctx)
      break
    case 'progress':
      ctx.reply(progressOf(state, isForgetful(state, ctx)))
      break
    default:
      unreachable(message)
  }
}

function onTick(state: RaftGroupState, ctx: ActorContext): void {
  const { pace } = state.clock
  if (pace === 'aligning') setPace(state, 'awake', ctx)
  else if (buggify(skipTick, 0.1)) return
  // One who sleeps hears all ticks of a period at once: it only counts them, unless one of them wakes it.
  const ticks = pace === 'asleep' ? state.config.electionTicks : 1
  for (let tick = 0; tick < ticks && (tick === 0 || state.clock.pace === 'asleep'); tick++) {
    state.ticks += 1
    if (state.ticks % state.config.electionTicks === 0) onElectionPeriod(state, ctx)
    run(state, { type: 'tick' }, 'coalescing', ctx)
  }
}

function setPace(state: RaftGroupState, pace: GroupClock['pace'], ctx: ActorContext): void {
  const { clock, args } = state
  if (clock.started > 0) ctx.cancelTimer(clock.timer)
  clock.started += 1
  const tick = { type: 'tick', timer: clock.started } as const
  if (pace === 'aligning') clock.timer = ctx.after(args.tickMs - (ctx.now() % args.tickMs), tick)
  else clock.timer = ctx.every(pace === 'awake' ? args.tickMs : args.tickMs * state.config.electionTicks, tick)
  clock.pace = pace
}

/** A group that sleeps is not to cost a tick either: thousands of them do. */
function keepPace(state: RaftGroupState, { quiesced }: RaftState, ctx: ActorContext): void {
  const { pace } = state.clock
  if (quiesced && pace === 'awake') setPace(state, 'asleep', ctx)
  if (!quiesced && pace === 'asleep') setPace(state, 'aligning', ctx)
}

/** Now and then: what others may have forgotten, or never got. */
function onElectionPeriod(state: RaftGroupState, ctx: ActorContext): void {
  if (state.phase.type !== 'open') {
    askReplica(state, ctx)
    return
  }
  const { core } = state.phase
  introduceMembers(state, core.membership.current, ctx)
  // The disk's word may have found the mailbox full. It is true whenever it is heard: what is told waits for the disk.
  if (core.log.stable < core.log.last) tellPersisted(state, core, ctx)
}

function onPeer(state: RaftGroupState, untrusted: unknown, cause: Cause, ctx: ActorContext): void {
  const message = checkPeerMessage(untrusted)
  if (message === undefined) state.malformedTotal += 1
  else if (!buggify(losePeerMessage, 0.05)) run(state, message, cause, ctx)
}

function onFromReplica(state: RaftGroupState, epoch: number, message: LocalMessage, ctx: ActorContext): void {
  if (state.phase.type === 'open' && state.phase.epoch === epoch) run(state, message, 'direct', ctx)
  else sometimes(formerEpoch)
}

function onReplicaStarted(state: RaftGroupState, started: ReplicaStarted, ctx: ActorContext): void {
  // Written so that this turn waits for its own commit, and so for all before it (A12).
  ctx.store.putValue('epoch', started.epoch)
  state.phase = { type: 'opening', epoch: started.epoch }
  ctx.tell(ctx.self, { type: 'open', started }, { lane: 'control' })
}

function onOpen(state: RaftGroupState, started: ReplicaStarted, ctx: ActorContext): void {
  const { epoch, applied, appliedTerm, configuration } = started
  // A later start of the replica overtook this one.
  if (state.phase.type !== 'opening' || state.phase.epoch !== epoch) {
    sometimes(openOvertaken)
    return
  }
  if (buggify(openLate)) {
    ctx.tell(ctx.self, { type: 'open', started }, { lane: 'control' })
    return
  }
  const log = ctx.log.view()
  if (lacksSnapshot(log, applied, appliedTerm)) {
    ctx.log.reset(applied, appliedTerm)
    ctx.store.putValue('configuration', configuration)
    ctx.tell(ctx.self, { type: 'open', started }, { lane: 'control' })
    return
  }
  const core = createRaftState(
    // A seed of its own: an answer to a core of before must not fit a question of this one (R18).
    raftConfig({ ...state.config, seed: drawSeed(ctx), forgetful: isForgetful(state, ctx) }),
    { ...restore(ctx, log), appliedIndex: applied },
    log,
  )
  state.phase = { type: 'open', epoch, core }
  state.lastIndex = log.lastIndex
  keepPace(state, core, ctx)
  const { role, term, leader } = core
  const inForce = core.membership.current
  tellReplica(
    state,
    epoch,
    [
      { type: 'role', role, term, leader },
      { type: 'configuration', configuration: inForce },
    ],
    ctx,
  )
  introduceMembers(state, inForce, ctx)
}

/**
 * The replica installed a snapshot, and the crash came before the log was told. A log that begins after `applied` is
 * another matter: it was compacted too far, and making a core of it fails by R20.
 */
function lacksSnapshot(log: LogView, applied: Index, appliedTerm: Term): boolean {
  if (applied === 0 || applied < log.firstIndex - 1) return false
  return applied > log.lastIndex || log.term(applied) !== appliedTerm
}

function restore(ctx: ActorContext, log: LogView): { hardState: HardState; configuration: Configuration } {
  const kept = (ctx.store.getValue('hardState') ?? { term: 0, votedFor: undefined, commit: 0 }) as HardState
  const { votedFor, commit } = kept
  // The log may have been reset to what the replica held, which can be of a term this node had not heard of.
  const term = Math.max(kept.term, log.term(log.lastIndex) ?? 0)
  return {
    hardState: { term, votedFor: term === kept.term ? votedFor : undefined, commit: Math.min(commit, log.lastIndex) },
    configuration: ctx.store.getValue('configuration') as Configuration,
  }
}

/** One step of the core, and everything it asks for. */
function run(state: RaftGroupState, message: RaftMessage, cause: Cause, ctx: ActorContext): void {
  if (state.phase.type !== 'open') return
  const { core, epoch } = state.phase
  const effects: RaftEffect[] = []
  step(core, message, effects)
  keepPace(state, core, ctx)
  if (effects.length === 0) return
  const forReplica: ReplicaEffect[] = []
  let wrote = false
  for (const effect of effects) wrote = perform(state, core, effect, cause, forReplica, ctx) || wrote
  if (wrote) tellPersisted(state, core, ctx)
  if (forReplica.length > 0) tellReplica(state, epoch, forReplica, ctx)
}

/** What the disk will say when it has all that was written up to now. */
function tellPersisted({ lastIndex }: RaftGroupState, { term }: RaftState, ctx: ActorContext): void {
  // The core's term, not the entries': a report from before a cut of the log must be told from one after it.
  ctx.tell(ctx.self, { type: 'persisted', index: lastIndex, term }, { lane: 'control' })
}

/** True when the effect wrote. */
function perform(
  state: RaftGroupState,
  core: RaftState,
  effect: RaftEffect,
  cause: Cause,
  forReplica: ReplicaEffect[],
  ctx: ActorContext,
): boolean {
  switch (effect.type) {
    case 'persistHardState':
      ctx.store.putValue('hardState', { term: effect.term, votedFor: effect.votedFor, commit: effect.commit })
      return true
    case 'append':
      ctx.log.append(effect.entries)
      state.lastIndex = effect.entries[effect.entries.length - 1]?.index ?? state.lastIndex
      return true
    case 'compactLog':
      ctx.log.compact(effect.index, effect.term)
      ctx.store.putValue('configuration', compactedConfiguration(core))
      return true
    case 'resetLog':
      ctx.log.reset(effect.index, effect.term)
      ctx.store.putValue('configuration', effect.configuration)
      state.lastIndex = effect.index
      return true
    case 'trusted':
      ctx.store.putValue('trusted', true)
      return true
    case 'send':
      send(state, effect, cause, ctx)
      return false
    case 'call':
      callEverybody(state, effect.message, ctx)
      return false
    case 'configuration':
      introduceMembers(state, effect.configuration, ctx)
      forReplica.push(effect)
      return false
    default:
      forReplica.push(effect)
      return false
  }
}

function send(
  state: RaftGroupState,
  { to, message, release }: RaftEffect & { type: 'send' },
  cause: Cause,
  ctx: ActorContext,
): void {
  const service =
    coalesces(message, cause) && state.args.heartbeats !== undefined ? ctx.lookup(state.args.heartbeats) : undefined
  if (service !== undefined) {
    const group = lineageKey(state.args.group, state.lineage)
    ctx.tell(service, { type: 'collect', group, to, message }, { release, lane: 'control' })
    return
  }
  ctx.tell(
    { type: 'named', node: to, name: `raft/${state.args.group}` },
    state.lineage === onlyLineage ? { type: 'peer', message } : { type: 'peer', message, lineage: state.lineage },
    { release, lane: 'control' },
  )
}

/** Heartbeats of a tick, and their answers. One that a read waits for goes at once and alone. */
function coalesces(message: PeerMessage, cause: Cause): boolean {
  return (
    cause === 'coalescing' && !buggify(sendAlone) && (message.type === 'heartbeat' || message.type === 'heartbeatAck')
  )
}

function tellReplica(state: RaftGroupState, epoch: number, effects: readonly ReplicaEffect[], ctx: ActorContext): void {
  const message: FromRaft = { type: 'fromRaft', epoch, lastIndex: state.lastIndex, effects }
  ctx.tell(state.replica, message, { release: 'now', lane: 'control' })
}

function askReplica(state: RaftGroupState, ctx: ActorContext): void {
  const message: FromRaft = { type: 'raftStarted' }
  // Not there yet: then it introduces itself when it starts.
  const replica = ctx.lookup(`replica/${state.args.group}`)
  if (replica !== undefined) ctx.tell(replica, message, { release: 'now', lane: 'control' })
}

function drawSeed(ctx: ActorContext): number {
  return Math.floor(ctx.random('raft.seed') * 0x1_0000_0000)
}

/** Whether the store was lost and is not made good yet. What vouches for it lies in the store itself, and goes with it. */
function isForgetful({ config }: RaftGroupState, ctx: ActorContext): boolean {
  return config.forgetful && ctx.store.getValue('trusted') === undefined
}

function progressOf(state: RaftGroupState, forgetful: boolean): ProgressReply {
  const core = state.phase.type === 'open' ? state.phase.core : undefined
  const followers = core?.role === 'leader' ? [...core.progress] : []
  return {
    type: 'progress',
    lineage: state.lineage,
    lastIndex: state.lastIndex,
    forgetful,
    followers: followers.map(([node, { match, silentTicks }]) => ({
      node,
      matched: match,
      active: silentTicks < state.config.electionTicks,
    })),
  }
}

/** Tells the heartbeat service whom this group cares about: again and again, for it remembers nothing. */
function introduceMembers(state: RaftGroupState, configuration: Configuration, ctx: ActorContext): void {
  const service = state.args.heartbeats === undefined ? undefined : ctx.lookup(state.args.heartbeats)
  if (service === undefined || buggify(introduceLater)) return
  const nodes = [...members(configuration)].filter((node) => node !== ctx.node)
  const group = lineageKey(state.args.group, state.lineage)
  ctx.tell(service, { type: 'members', group, nodes }, { release: 'now', lane: 'control' })
}

/** Only the heartbeat service knows who is there. */
function callEverybody(state: RaftGroupState, message: PeerMessage, ctx: ActorContext): void {
  const service = state.args.heartbeats === undefined ? undefined : ctx.lookup(state.args.heartbeats)
  if (service === undefined) return
  const group = lineageKey(state.args.group, state.lineage)
  ctx.tell(service, { type: 'call', group, message }, { release: 'durable', lane: 'control' })
}

function groupDigest(state: RaftGroupState): number {
  if (state.phase.type !== 'open') return state.lastIndex
  const { term, commit, applied, electionElapsed, role } = state.phase.core
  return (
    (Math.imul(term, 0x9e3779b1) ^
      Math.imul(commit, 0x85ebca77) ^
      Math.imul(applied, 0xc2b2ae3d) ^
      Math.imul(state.lastIndex, 0x27d4eb2f) ^
      (electionElapsed * 8 + role.length)) >>>
    0
  )
}
