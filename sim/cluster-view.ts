/**
 * A cluster as its atlas sees it: who is a member, who votes, whose stores are whole. Reads alone.
 */
import { executorOf, metaGroup } from '../aspen/plan.ts'
import type { AtlasView, KnownVoters } from './atlas.ts'
import type { ClusterBody } from './cluster-body.ts'

export function clusterView(cluster: ClusterBody, groups: readonly string[]): AtlasView {
  const diskOf = (group: string): number => executorOf(group, cluster.executors)
  const votersOn = (node: number, group: string): KnownVoters | undefined => {
    const core = cluster.core(node, group)
    if (core === undefined) return undefined
    const { current, currentIndex } = core.membership
    const { voters, votersOutgoing } = current
    return { index: currentIndex, sets: votersOutgoing.length === 0 ? [voters] : [voters, votersOutgoing] }
  }
  return {
    groups,
    diskOf,
    get members(): readonly number[] {
      return [...cluster.members]
    },
    get settled(): boolean {
      if (cluster.changes.pending > 0) return false
      return groups.every((group) => [...cluster.members].every((node) => agrees(cluster, node, group)))
    },
    votersOn,
    isWhole: (node, disk) => {
      const world = cluster.world.nodes.get(node)
      if (world === undefined || !world.up || world.disks[disk]?.atRisk !== false) return false
      return groups.every((group) => diskOf(group) !== disk || cluster.core(node, group)?.forgetful === false)
    },
    later: (look) => cluster.world.later(cluster.tickMs, look),
    forgotten: (node, disk) => cluster.world.nodes.get(node)?.disks[disk]?.forgotten ?? 0,
  }
}

/** The groups that every cluster has. */
export const groupsOfAll: readonly string[] = [metaGroup, 'default']

/** The node knows it for committed that the members are the voters. */
function agrees(cluster: ClusterBody, node: number, group: string): boolean {
  const core = cluster.core(node, group)
  if (core === undefined) return false
  const { current, currentIndex } = core.membership
  const { voters, votersOutgoing, learners } = current
  return (
    core.commit >= currentIndex &&
    votersOutgoing.length === 0 &&
    learners.length === 0 &&
    voters.length === cluster.members.size &&
    voters.every((voter) => cluster.members.has(voter))
  )
}
