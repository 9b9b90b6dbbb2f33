/** What the parts of a simulated cluster (its outages, its changes of members, the view of its atlas) need of the whole. */
import type { RaftState } from '../actors/raft/state.ts'
import type { FaultAtlas } from './atlas.ts'
import type { SimWorld } from './world.ts'

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
  core(id: number, group?: string): RaftState | undefined
  leader(group?: string, among?: readonly number[]): number | undefined
  crash(...nodes: readonly number[]): void
  restart(...nodes: readonly number[]): void
  peerUrlsOf(id: number): readonly string[]
  join(id: number): void
}
