/**
 * The supervision tree of a node, as data: the one actor graph that the real world and the simulated one run.
 *
 *   node                       on executor 0, the host's
 *   ├─ peers/<i>               on each executor: tells its network where the members are
 *   ├─ heartbeats/<i>          on each executor: heartbeats of all its groups, merged by node
 *   ├─ disk-watch/<i>          on each executor: raises the alarm when its disk is full
 *   ├─ homes                   which executor keeps the rows of which named actor
 *   ├─ groups                  the Raft groups of this node, started and stopped by message
 *   │  ├─ group/meta           members and keyspaces
 *   │  └─ group/<keyspace>#<id> each a Raft group and its replica, on the executor its name hashes to
 *   ├─ keeper                  follows the member list and the list of keyspaces: starts, stops, reconfigures
 *   ├─ compactor               where it is asked for: compacts keyspaces by itself
 *   └─ users                   actors that the host process spawns
 */
import { heartbeats, heartbeatsName } from '../actors/raft/heartbeats.ts'
import { type ChildSpec, child } from '../supervisors/spec.ts'
import type { SupervisorDefinition } from '../supervisors/supervisor.ts'
import { defineSupervisor } from '../supervisors/supervisor.ts'
import type { CompactionPolicy } from './compaction.ts'
import { compactor } from './compactor.ts'
import { diskWatch, diskWatchName } from './disk-watch.ts'
import { homes } from './homes.ts'
import { keeper } from './keeper.ts'
import { peers, peersName } from './peers.ts'
import type { NodePlan } from './plan.ts'

/** Actors that the host process spawns; the owner of each decides how it is restarted. */
export const usersTree: SupervisorDefinition<null> = defineSupervisor(import.meta.url, 'usersTree', () => ({
  name: 'users',
  // Strangers to each other: one that fails takes nobody with it.
  strategy: 'oneForOne',
  restartsMax: 1_000,
  restartsWindowMs: 10_000,
  children: [],
  dynamic: { childrenMax: 1_000_000 },
}))

export const groupsTree: SupervisorDefinition<null> = defineSupervisor(import.meta.url, 'groupsTree', () => ({
  name: 'groups',
  // Groups share nothing but the disk; a group that keeps failing has used up its own intensity first.
  strategy: 'oneForOne',
  restartsMax: 20,
  restartsWindowMs: 60_000,
  children: [],
  dynamic: { childrenMax: 100_000 },
}))

export const nodeTree: SupervisorDefinition<NodePlan> = defineSupervisor(import.meta.url, 'nodeTree', (plan) => ({
  name: 'node',
  // The keeper starts groups again from what the store says, and heartbeats reintroduce themselves: nobody depends on order.
  strategy: 'oneForOne',
  restartsMax: 10,
  restartsWindowMs: 60_000,
  children: [
    ...executorsOf(plan).flatMap((executor) => executorChildren(plan, executor)),
    child('homes', homes, null, { restart: 'permanent', stopWithinMs: 1_000 }),
    child('groups', groupsTree, null, { restart: 'permanent', stopWithinMs: 10_000 }),
    child('users', usersTree, null, { restart: 'permanent', stopWithinMs: 10_000 }),
    child('keeper', keeper, plan, { restart: 'permanent', stopWithinMs: 1_000 }),
    ...(plan.autoCompaction === undefined ? [] : [compactorChild(plan.autoCompaction)]),
  ],
}))

function executorsOf(plan: NodePlan): number[] {
  return Array.from({ length: plan.executors }, (_, executor) => executor)
}

function executorChildren(plan: NodePlan, executor: number): ChildSpec[] {
  const place = { type: 'executor', executor } as const
  const beats = { lane: executor, lanes: plan.executors, tickMs: plan.tickMs, missedTicksMax: plan.electionTicks }
  return [
    child(peersName(executor), peers, null, { restart: 'permanent', stopWithinMs: 1_000, place }),
    child(heartbeatsName(executor), heartbeats, beats, { restart: 'permanent', stopWithinMs: 1_000, place }),
    child(diskWatchName(executor), diskWatch, null, { restart: 'permanent', stopWithinMs: 1_000, place }),
  ]
}

function compactorChild(policy: CompactionPolicy): ChildSpec {
  return child('compactor', compactor, policy, { restart: 'permanent', stopWithinMs: 1_000 })
}
