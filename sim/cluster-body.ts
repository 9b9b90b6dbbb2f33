/** What the parts of a simulated cluster (its outages, its changes of members, the view of its atlas) need of the whole. */
import type { ReplicaState } from '../actors/raft/replica-state.ts'
import type { RaftState } from '../actors/raft/state.ts'
import type { FaultAtlas } from './atlas.ts'
import type { SimWorld } from './world.ts'

/** The keyspace that every cluster has. */
export const defaultGroup = 'default'

export interface Within {
  readonly withinMs: number
}

export interface ClusterBody {
  readonly world: SimWorld
  readonly executors: number
  readonly tickMs: number
  readonly electionMs: number
  readonly members: Set<number>
  readonly removed: Set<number>
  /** Nodes that stay as they are until somebody says otherwise. */
  readonly frozen: ReadonlySet<number>
  readonly atlas: FaultAtlas
  readonly changes: { readonly pending: number }
  replica(id: number, group?: string): ReplicaState | undefined
  /** Where every node stands, for messages about what did not happen. */
  describe(): string
  core(id: number, group?: string): RaftState | undefined
  leader(group?: string, among?: readonly number[]): number | undefined
  crash(...nodes: readonly number[]): void
  restart(...nodes: readonly number[]): void
  peerUrlsOf(id: number): readonly string[]
  join(id: number): void
}
