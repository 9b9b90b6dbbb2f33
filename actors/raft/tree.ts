/**
 * The supervision tree of one group on one node, as data: the Raft group and the replica it feeds.
 *
 * The two hold the halves of one cursor, how far the log is applied, so the failure of either makes them pair anew: the
 * one that starts says so, the replica names where it stands, and the group makes a new core from disk. That handshake
 * is what a restart of both would come to, without rebuilding a state machine because a log reader failed; so the
 * strategy is `oneForOne`. A pair that keeps failing exhausts the intensity and is passed up.
 */
import { type ChildSpec, child } from '../../supervisors/spec.ts'
import { defineSupervisor, type SupervisorDefinition } from '../../supervisors/supervisor.ts'
import { type RaftGroupArgs, raftGroup } from './group.ts'
import { replica } from './replica.ts'
import type { ReplicaArgs } from './replica-state.ts'

export interface GroupTreeConfig {
  readonly raft: RaftGroupArgs
  readonly replica: ReplicaArgs
}

/** For a tree in which others stand beside the two. */
export function groupChildren({ raft, replica: args }: GroupTreeConfig): ChildSpec[] {
  return [
    child(`raft/${raft.group}`, raftGroup, raft, { restart: 'permanent', stopWithinMs: 5_000 }),
    child(`replica/${raft.group}`, replica, args, { restart: 'permanent', stopWithinMs: 5_000 }),
  ]
}

export const groupTree: SupervisorDefinition<GroupTreeConfig> = defineSupervisor(
  import.meta.url,
  'groupTree',
  (config: GroupTreeConfig) => ({
    name: `group/${config.raft.group}`,
    strategy: 'oneForOne',
    restartsMax: 5,
    restartsWindowMs: 10_000,
    children: groupChildren(config),
  }),
)
