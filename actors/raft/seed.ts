/**
 * A member of a new cluster that begins with a snapshot of an old one. Two actors take the names of a group and its
 * replica and write what those would hold had they just installed the snapshot; then the group and the replica proper
 * open it as their own.
 *
 *   replicaSeed   meta, sessions and machine as of the snapshot's index
 *   groupSeed     an empty log that continues after that index; the founders as its configuration
 *
 * Founders that are seeded from the same snapshot with the same configuration hold the same state under the same log, so
 * whoever of them leads finds nothing to repair.
 *
 * Sessions are kept: the state holds the effects of the requests they remember. Origins are not: they order proposals of
 * the old cluster's members, of which none is left in any log.
 */
import { invariant } from '../../base/assert.ts'
import { unpack } from '../../mailbox/codec.ts'
import type { ActorContext, ActorDefinition } from '../../runtime/kernel/actor.ts'
import { defineActor } from '../../runtime/kernel/actor.ts'
import { type MachineAddress, machineOf } from './machines.ts'
import type { Configuration, Index, Term } from './messages.ts'
import type { SnapshotManifest } from './replica-messages.ts'
import { saveMeta } from './replica-state.ts'
import { type SessionRecord, writeSessionRecords } from './sessions.ts'
import type { HardState } from './state.ts'
import { subspace } from './subspace.ts'

/** Told within a thread alone: the chunks are read as they are used. */
export interface SeedReplica {
  readonly type: 'seedReplica'
  readonly group: string
  readonly machine: MachineAddress
  readonly machineArgs: unknown
  readonly manifest: SnapshotManifest
  /** In force from the start, instead of that of the manifest. */
  readonly configuration: Configuration
  readonly sessions: Iterable<Uint8Array>
  readonly chunks: Iterable<Uint8Array>
  /** Asked of the machine once it is restored; its answer is the reply, when all of it is on disk. */
  readonly query: unknown
}

export interface SeedGroup {
  readonly type: 'seedGroup'
  readonly index: Index
  readonly term: Term
  readonly configuration: Configuration
}

export const replicaSeed: ActorDefinition<
  null,
  null,
  (state: null, message: SeedReplica, ctx: ActorContext) => unknown
> = defineActor(import.meta.url, {
  name: 'replica-seed',
  exportName: 'replicaSeed',
  init: (): null => null,
  receive: (_state: null, message: SeedReplica, ctx: ActorContext): void => ctx.reply(seedReplica(message, ctx)),
})

export const groupSeed: ActorDefinition<null, null, (state: null, message: SeedGroup, ctx: ActorContext) => unknown> =
  defineActor(import.meta.url, {
    name: 'group-seed',
    exportName: 'groupSeed',
    init: (): null => null,
    receive: (_state: null, { index, term, configuration }: SeedGroup, ctx: ActorContext): void => {
      const hardState: HardState = { term, votedFor: undefined, commit: index }
      ctx.log.reset(index, term)
      ctx.store.putValue('configuration', configuration)
      ctx.store.putValue('hardState', hardState)
      ctx.reply({ type: 'seeded' })
    },
  })

function seedReplica(seed: SeedReplica, ctx: ActorContext): unknown {
  const { group, manifest, configuration } = seed
  const { index: applied, term: appliedTerm } = manifest.meta
  invariant(applied >= 1 && appliedTerm >= 1, () => `A10: a snapshot is of something applied, not of index ${applied}`)
  const sessions = subspace(ctx.store, 's/')
  for (const chunk of seed.sessions) writeSessionRecords(sessions, unpack(chunk) as SessionRecord[])
  const machine = machineOf(seed.machine)
  const machineContext = { group, node: ctx.node, store: subspace(ctx.store, 'm/'), actor: ctx, heard: false }
  const state = machine.restore(machineContext, seed.machineArgs, seed.chunks)
  saveMeta({ applied, appliedTerm, wallMs: manifest.wallMs, configuration, origins: new Map() }, ctx.store)
  return machine.query(state, seed.query)
}
