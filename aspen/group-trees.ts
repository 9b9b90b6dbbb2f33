/** What a group is made of on this node: its supervisor and the arguments of it, from the plan of the node and the topology. */
import { topology as topologyMachine } from '../actors/placement/topology.ts'
import type { GroupRecord } from '../actors/placement/topology-messages.ts'
import { heartbeatsName } from '../actors/raft/heartbeats.ts'
import { onlyLineage } from '../actors/raft/lineage.ts'
import type { Configuration } from '../actors/raft/messages.ts'
import { type GroupTreeConfig, groupTree } from '../actors/raft/tree.ts'
import { strictKeyspace } from '../actors/strict/machine.ts'
import type { ChildSpec } from '../supervisors/spec.ts'
import { type KeyspaceTreeConfig, keyspaceTree } from './keyspace-tree.ts'
import { executorOf, foundingConfiguration, metaGroup, type NodePlan } from './plan.ts'

export type GroupTree = Pick<ChildSpec, 'definition' | 'args'>

/** Of the group behind the member list, which runs on every member. */
export function metaTree(plan: NodePlan): GroupTree {
  const { module, exportName } = topologyMachine
  const args = configOf(
    plan,
    { name: metaGroup, id: onlyLineage, args: {} },
    { module, exportName },
    foundingConfiguration(plan),
  )
  return { definition: groupTree, args }
}

/** Undefined when this node does not know the machine: it cannot take part, and says so by not running the group. */
export function groupTreeOf(plan: NodePlan, group: GroupRecord): GroupTree | undefined {
  const machine = plan.machines[group.machine]
  if (machine === undefined) return undefined
  // Who was there when the group began may begin with it; who came later is told by the others.
  const founding = group.configuration.voters.includes(plan.node) || group.configuration.learners.includes(plan.node)
  const config = configOf(plan, group, machine, founding ? group.configuration : undefined)
  if (group.machine !== strictKeyspace.name) return { definition: groupTree, args: config }
  const { electionTicks, tickMs, leases } = plan
  const keyspace: KeyspaceTreeConfig = {
    ...config,
    electionMs: electionTicks * tickMs,
    ...(leases === undefined ? {} : { leases }),
  }
  return { definition: keyspaceTree, args: keyspace }
}

function configOf(
  plan: NodePlan,
  { name: group, id: lineage, args: machineArgs }: Pick<GroupRecord, 'name' | 'id' | 'args'>,
  machine: GroupTreeConfig['replica']['machine'],
  configuration: Configuration | undefined,
): GroupTreeConfig {
  const executor = executorOf(group, plan.executors)
  const forgetful = plan.wipedExecutors.includes(executor)
  const raft = { electionTicks: plan.electionTicks, logKeepEntries: plan.logKeepEntries, forgetful }
  return {
    raft: { group, lineage, configuration, tickMs: plan.tickMs, config: raft, heartbeats: heartbeatsName(executor) },
    replica: { group, lineage, machine, machineArgs, configuration },
  }
}
