/**
 * What a node is made of, as plain data: enough for its supervision tree to be built on any thread, in the real world and
 * in the simulated one alike.
 */

import type { LessorLimits } from '../actors/lease/lessor-limits.ts'
import type { MachineAddress } from '../actors/raft/machines.ts'
import type { Configuration, NodeId } from '../actors/raft/messages.ts'
import { hashText } from '../base/digest.ts'
import type { CompactionPolicy } from './compaction.ts'

export interface FoundingMember {
  readonly id: NodeId
  readonly name: string
  readonly peerUrls: readonly string[]
}

export interface NodePlan {
  readonly node: NodeId
  readonly name: string
  /** Executors of this node, the host's included. */
  readonly executors: number
  readonly clientUrls: readonly string[]
  /** The members that found the cluster, this one among them; undefined on a node that joins one. */
  readonly founders: readonly FoundingMember[] | undefined
  /** Where to find the others before the member list can be read. */
  readonly contacts: readonly { readonly id: NodeId; readonly peerUrls: readonly string[] }[]
  readonly tickMs: number
  readonly electionTicks: number
  /** Log entries kept behind the state machine, for followers that lag. */
  readonly logKeepEntries: number
  /** Other bounds of lessors than the usual ones, for worlds that run faster. */
  readonly leases?: Partial<LessorLimits> | undefined
  /** Undefined: keyspaces keep their history until somebody compacts them. */
  readonly autoCompaction?: CompactionPolicy | undefined
  /** State machines that groups may be made of, by name. */
  readonly machines: { readonly [name: string]: MachineAddress }
  /** Stores of this node that lost what they held, by executor: their replicas start as forgetful (R25). */
  readonly wipedExecutors: readonly number[]
}

/** The group that holds the member list and the list of keyspaces. */
export const metaGroup = 'meta'

/** The group of a user's state machine: a name that no keyspace can have, so neither is ever taken for the other. */
export function machineGroup(name: string): string {
  return `app/${name}`
}

/** On which executor a group lives: the same on every node with as many executors. */
export function executorOf(group: string, executors: number): number {
  // Executor 0 serves the front doors and takes actors only where there is no other.
  return executors === 1 ? 0 : 1 + (hashText(group) % (executors - 1))
}

/** The configuration that a cluster begins with. */
export function foundingConfiguration(plan: NodePlan): Configuration | undefined {
  if (plan.founders === undefined) return undefined
  return { voters: plan.founders.map(({ id }) => id), votersOutgoing: [], learners: [], learnersNext: [] }
}
