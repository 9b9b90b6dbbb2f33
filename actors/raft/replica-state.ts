/**
 * What a replica holds in memory and how it is kept in its store. Everything under one actor, in four parts that are
 * written together, so that a fold never tears the state from the index it belongs to:
 *
 *   meta          applied index and term, wall clock, configuration, origins
 *   m/…           the machine's own subspace
 *   s/…           sessions: answers to numbered requests
 *   x/…           a snapshot that is being received
 */
import type { ActorContext, ActorStore, ReplyHandle } from '../../runtime/kernel/actor.ts'
import { claimStore, onlyLineage } from './lineage.ts'
import type { AnyMachine, MachineAddress } from './machines.ts'
import { machineOf } from './machines.ts'
import { emptyConfiguration } from './membership.ts'
import type { Configuration, Index, LocalMessage, NodeId, Role, Term } from './messages.ts'
import { type Origins, originMarks, restoreOrigins } from './origins.ts'
import { createProposals, type Proposals } from './proposals.ts'
import { createReads, type Reads } from './reads.ts'
import type { FromReplica, OriginMark, ReplicaNotice } from './replica-messages.ts'
import { restoreSessions, type Sessions } from './sessions.ts'
import { createSnapshotReceiver, type SnapshotReceiver, type Staging } from './snapshot-receiver.ts'
import { createSnapshotSender, type SnapshotSender, type SnapshotSource } from './snapshot-sender.ts'
import type { MachineContext } from './state-machine.ts'
import { subspace } from './subspace.ts'

export interface ReplicaArgs {
  readonly group: string
  readonly machine: MachineAddress
  readonly machineArgs: unknown
  /** As given to the group beside it. */
  readonly lineage?: number
  /** As given to the group beside it. */
  readonly configuration: Configuration | undefined
  /** Names of actors of this node that hear `ReplicaNotice`s; none when absent. */
  readonly listeners?: readonly string[]
}

/** What is kept under `meta`: the replicated state that is neither machine nor session. */
export interface ReplicaMeta {
  readonly applied: Index
  readonly appliedTerm: Term
  readonly wallMs: number
  readonly configuration: Configuration
  readonly origins: readonly OriginMark[]
}

/** Tells the group, in the present epoch. */
export type TellRaft = (message: LocalMessage, release: 'now' | 'durable') => void

/** Who waits for a change that only Raft can end. */
export interface PendingChange {
  readonly handle: ReplyHandle
  readonly deadlineMs: number
}

/** A snapshot that a client pulls, chunk by chunk. */
export interface SnapshotStream {
  readonly source: SnapshotSource
  chunks: number
  usedMs: number
}

/** A group confirms a pairing within so long, or it is made again. */
export const openWithinMs = 1_000

export interface ReplicaState {
  readonly args: ReplicaArgs
  readonly node: NodeId
  readonly machine: AnyMachine
  readonly machineContext: MachineContext
  readonly staged: ActorStore
  readonly lineage: number
  readonly incarnation: number
  machineState: unknown
  sessions: Sessions
  origins: Origins
  applied: Index
  appliedTerm: Term
  /** The largest wall clock of any batch applied. */
  wallMs: number
  /** In force at `applied`. */
  configuration: Configuration

  /** The present pairing with the group, and whether the group has confirmed it. */
  epoch: number
  open: boolean
  closedSinceMs: number
  /** When it was told where we stand, and how long its answer may take. */
  pairedMs: number
  openWithinMs: number
  /** The index that Raft was last told is applied; a `folded` never says more. */
  told: Index
  /** When the group was last to be told of a fold that was not heard of yet. */
  foldAskedMs: number | undefined
  /** When a piece of housekeeping was put into the mailbox that was not come to yet. */
  idleAskedMs: number | undefined
  /** What the listeners were told of, and what they are to be told next. */
  fed: Index
  readonly feed: unknown[]

  role: Role
  term: Term
  leader: NodeId | undefined
  commit: Index
  lastIndex: Index
  configurationInForce: Configuration

  readonly proposals: Proposals
  readonly reads: Reads
  flushAsked: boolean
  readonly changes: Map<number, PendingChange>
  nextChange: number
  transfers: (PendingChange & { readonly to: NodeId })[]

  readonly sender: SnapshotSender
  readonly receiver: SnapshotReceiver
  readonly streams: Map<number, SnapshotStream>
  nextSnapshot: number
  malformedTotal: number
}

/** Opens the replica from its store; on a new node the store is empty and the machine begins. */
export function restoreReplica(
  ctx: ActorContext,
  args: ReplicaArgs,
  open: (state: ReplicaState) => SnapshotSource,
): ReplicaState {
  const lineage = args.lineage ?? onlyLineage
  claimStore(ctx, lineage)
  const meta = (ctx.store.getValue('meta') ?? newMeta(args)) as ReplicaMeta
  const incarnation = nextEpoch(ctx)
  const machine = machineOf(args.machine)
  const machineContext: MachineContext = {
    group: args.group,
    node: ctx.node,
    store: subspace(ctx.store, 'm/'),
    actor: ctx,
    heard: (args.listeners ?? []).length > 0,
  }
  const staged = subspace(ctx.store, 'x/')
  const state: ReplicaState = {
    args,
    node: ctx.node,
    machine,
    machineContext,
    staged,
    lineage,
    incarnation,
    machineState: machine.init(machineContext, args.machineArgs),
    sessions: restoreSessions(subspace(ctx.store, 's/')),
    origins: restoreOrigins(meta.origins),
    applied: meta.applied,
    appliedTerm: meta.appliedTerm,
    wallMs: meta.wallMs,
    configuration: meta.configuration,
    epoch: 0,
    open: false,
    closedSinceMs: ctx.now(),
    pairedMs: ctx.now(),
    openWithinMs,
    told: meta.applied,
    foldAskedMs: undefined,
    idleAskedMs: undefined,
    fed: meta.applied,
    feed: [],
    role: 'follower',
    term: meta.appliedTerm,
    leader: undefined,
    commit: meta.applied,
    lastIndex: meta.applied,
    configurationInForce: meta.configuration,
    proposals: createProposals(ctx.node, incarnation),
    reads: createReads(),
    flushAsked: false,
    changes: new Map(),
    nextChange: 1,
    transfers: [],
    sender: createSnapshotSender(ctx.node, () => open(state)),
    receiver: createSnapshotReceiver(ctx.node, staged.getValue('staging') as Staging | undefined, ctx.now()),
    streams: new Map(),
    nextSnapshot: 1,
    malformedTotal: 0,
  }
  return state
}

/** Notes where the replica stands: in the same turn as whatever brought it there. */
export function saveMeta(
  state: Pick<ReplicaState, 'applied' | 'appliedTerm' | 'wallMs' | 'configuration' | 'origins'>,
  store: ActorStore,
): void {
  const { applied, appliedTerm, wallMs, configuration } = state
  const meta: ReplicaMeta = { applied, appliedTerm, wallMs, configuration, origins: originMarks(state.origins) }
  store.putValue('meta', meta)
}

/**
 * A number above every one this replica used before: at least the wall clock, so that a node whose disk was lost does not
 * live a former life's numbers again. Whoever uses it tells nobody before it is on disk.
 */
export function nextEpoch(ctx: ActorContext): number {
  const epoch = Math.max(((ctx.store.getValue('epoch') as number | undefined) ?? 0) + 1, Math.floor(ctx.wallNow()))
  ctx.store.putValue('epoch', epoch)
  return epoch
}

function newMeta(args: ReplicaArgs): ReplicaMeta {
  return { applied: 0, appliedTerm: 0, wallMs: 0, configuration: args.configuration ?? emptyConfiguration, origins: [] }
}

/** The group beside the replica: whoever holds its name now. */
export function raftRef(state: ReplicaState): { readonly type: 'named'; readonly node: NodeId; readonly name: string } {
  return { type: 'named', node: state.node, name: `raft/${state.args.group}` }
}

/** Tells whoever listens to the replica on this node; what does not listen at the moment asks when it starts. */
export function tellListeners(state: ReplicaState, notice: ReplicaNotice, ctx: ActorContext): void {
  for (const name of state.args.listeners ?? []) {
    const listener = ctx.lookup(name)
    if (listener !== undefined) ctx.tell(listener, notice, { release: 'now', lane: 'control' })
  }
}

/** Tells the listeners what was applied; with nothing to tell of, only that the replica stands elsewhere (`moved`). */
export function tellFeed(state: ReplicaState, moved: boolean, ctx: ActorContext): void {
  if (state.feed.length === 0 && !moved) return
  const { fed: after, applied: upTo } = state
  const items = moved ? [] : state.feed.slice()
  state.feed.length = 0
  state.fed = upTo
  tellListeners(state, { type: 'feed', group: state.args.group, after: moved ? upTo : after, upTo, items }, ctx)
}

/** Tells the group, in the epoch that is the present one when it is told. */
export function tellRaft(state: ReplicaState, ctx: ActorContext): TellRaft {
  return (message: LocalMessage, release) => {
    const wrapped: FromReplica = { type: 'fromReplica', epoch: state.epoch, message }
    ctx.tell(raftRef(state), wrapped, { release, lane: 'control' })
  }
}
