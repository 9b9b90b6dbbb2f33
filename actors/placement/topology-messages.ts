/**
 * What the meta group is asked and answers: who the members of the cluster are, and which groups it runs. A group is a
 * keyspace or a state machine of a user's; each has a configuration of its own that follows the member list.
 */
import type { Configuration } from '../raft/messages.ts'

export interface ClusterMember {
  readonly id: number
  /** Empty until the member has started for the first time. */
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly clientUrls: readonly string[]
  readonly learner: boolean
}

export interface GroupRecord {
  readonly name: string
  /** Grows with every group ever made: a name used again is another group. */
  readonly id: number
  /** The name of the state machine it replicates; `keyspace` for keyspaces. */
  readonly machine: string
  /** Plain data for the machine. */
  readonly args: unknown
  /** What the group began with. A member that joined later is told by the others. */
  readonly configuration: Configuration
}

export interface Topology {
  /** Grows with every change of it. */
  readonly version: number
  readonly members: readonly ClusterMember[]
  readonly groups: readonly GroupRecord[]
  /** Ids of members that were removed: they never come back. */
  readonly removed: readonly number[]
}

export type TopologyCommand =
  /** The first of all: who founds the cluster. Every founder proposes it, one is heard. */
  | { readonly type: 'found'; readonly members: readonly ClusterMember[] }
  | { readonly type: 'addMember'; readonly id: number; readonly peerUrls: readonly string[]; readonly learner: boolean }
  | { readonly type: 'removeMember'; readonly id: number }
  | { readonly type: 'updateMember'; readonly id: number; readonly peerUrls: readonly string[] }
  | { readonly type: 'promoteMember'; readonly id: number }
  /** A member says that it runs, under which name, and where its clients reach it. */
  | {
      readonly type: 'publishMember'
      readonly id: number
      readonly name: string
      readonly clientUrls: readonly string[]
    }
  | { readonly type: 'createGroup'; readonly name: string; readonly machine: string; readonly args: unknown }
  | { readonly type: 'dropGroup'; readonly name: string }

export type TopologyRefusal =
  | 'memberNotFound'
  | 'memberExists'
  | 'peerUrlExists'
  | 'invalidPeerUrls'
  | 'memberNotLearner'
  | 'tooManyLearners'
  /** The founders are not in the log yet. */
  | 'notEnoughStartedMembers'
  | 'keyspaceExists'
  | 'keyspaceNotFound'
  | 'invalidKeyspaceName'

export type TopologyReply =
  | { readonly type: 'done'; readonly topology: Topology }
  | { readonly type: 'refused'; readonly error: TopologyRefusal }

export type TopologyQuery = { readonly type: 'topology' }
