/** How a simulated cluster stands: what its members agree on, what they hold, and the same in words. Reads alone. */

import type { ReplicaState } from '../actors/raft/replica-state.ts'
import type { StrictState } from '../actors/strict/machine.ts'
import { metaGroup } from '../aspen/plan.ts'
import { type ClusterBody, defaultGroup } from './cluster-body.ts'
import { heldVersions, livePairs } from './keyspace-view.ts'
import type { ReplicaEvidence } from './workloads/workload.ts'

/** Every member runs the group, applied the same, and agrees on what it came to. */
export function isConverged(cluster: ClusterBody, group: string): boolean {
  let first: ReplicaState | undefined
  for (const id of cluster.members) {
    const core = cluster.core(id, group)
    const state = cluster.replica(id, group)
    if (core === undefined || state === undefined || core.leader === undefined || state.applied !== core.log.last)
      return false
    if (first === undefined) first = state
    if (state.applied !== first.applied || digestOf(state) !== digestOf(first)) return false
  }
  return first !== undefined && cluster.leader(group) !== undefined
}

/** What the first keyspace of every member that runs holds now. */
export function evidenceOf(cluster: ClusterBody): readonly ReplicaEvidence[] {
  return [...cluster.members].flatMap((id) => {
    const machineState = cluster.replica(id)?.machineState
    if (machineState === undefined) return []
    const compacted = (machineState as StrictState).keyspace.facts.compactRevision
    return [{ name: `node ${id}`, versions: heldVersions(machineState), compacted, pairs: livePairs(machineState) }]
  })
}

/** Where every node stands, for messages about what did not happen. */
export function describeCluster(cluster: ClusterBody): string {
  const lines: string[] = []
  for (const [id, node] of cluster.world.nodes) {
    for (const group of [metaGroup, defaultGroup]) {
      const core = cluster.core(id, group)
      const state = cluster.replica(id, group)
      const raft =
        core === undefined
          ? 'no core'
          : `${core.role} of term ${core.term}, follows ${core.leader}, log ${core.log.first}..${core.log.last}, commit ${core.commit}, voters ${core.membership.current.voters.join()}`
      lines.push(
        `  node ${id}${node.up ? '' : ' (down)'} ${group}: ${raft}; applied ${state?.applied}${state?.open === true ? '' : ', closed'}`,
      )
    }
  }
  return lines.join('\n')
}

function digestOf(state: ReplicaState): number {
  return (state.machine.digest?.(state.machineState) ?? 0) ^ state.sessions.digest
}
