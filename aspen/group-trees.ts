/** What a group is made of on this node: the arguments of its supervisor, from the plan of the node and the topology. */
import { topology as topologyMachine } from '../actors/placement/topology.ts'
import type { GroupRecord } from '../actors/placement/topology-messages.ts'
import { heartbeatsName } from '../actors/raft/heartbeats.ts'
import { onlyLineage } from '../actors/raft/lineage.ts'
import type { Configuration } from '../actors/raft/messages.ts'
import type { GroupTreeConfig } from '../actors/raft/tree.ts'
import { executorOf, foundingConfiguration, metaGroup, type NodePlan } from './plan.ts'

/** Of the group behind the member list, which runs on every member. */
export function metaTree(plan: NodePlan): GroupTreeConfig {
  const { module, exportName } = topologyMachine
  return treeOf(
    plan,
    { name: metaGroup, id: onlyLineage, args: {} },
    { module, exportName },
    foundingConfiguration(plan),
  )
}

/** Undefined when this node does not know the machine: it cannot take part, and says so by not running the group. */
export function groupTreeOf(plan: NodePlan, group: GroupRecord): GroupTreeConfig | undefined {
  const machine = plan.machines[group.machine]
  if (machine === undefined) return undefined
  // Who was there when the group began may begin with it; who came later is told by the others.
  const founding = group.configuration.voters.includes(plan.node) || group.configuration.learners.includes(plan.node)
  return treeOf(plan, group, machine, founding ? group.configuration : undefined)
}

function treeOf(
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
