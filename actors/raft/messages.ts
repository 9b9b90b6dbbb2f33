/**
 * The protocol of one Raft group: what travels between replicas, what a replica hears from its own node, and what it
 * asks of the world. Closed unions; `core.ts` is the only reader and writer of all three.
 *
 * Durability is a matter of release, not of order: the shell hands every effect to the kernel, which holds a send marked
 * `durable` until the writes of this turn and of earlier ones are on disk. What may leave earlier is marked `now`.
 */
import type { LogEntry } from '../../runtime/ports/store.ts'

/** A replica: the member id of its node, a safe integer of at least 1. */
export type NodeId = number
export type Term = number
export type Index = number

/** Who votes. A joint configuration has two voter sets; every decision needs a majority of both. */
export interface Configuration {
  readonly voters: readonly NodeId[]
  /** The voters of before, while the change is under way; empty otherwise. */
  readonly votersOutgoing: readonly NodeId[]
  readonly learners: readonly NodeId[]
  /** Voters of before that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[]
}

export interface SnapshotMeta {
  readonly index: Index
  readonly term: Term
  readonly configuration: Configuration
}

/**
 * Rides on every answer of a replica whose store was lost, as long as its process lives: which start of it speaks, and
 * whether a leader has vouched for it since (R25).
 */
export interface StoreLoss {
  /** At least 1, and another at each start. */
  readonly life: number
  readonly trusted: boolean
}

/** Between replicas of one group. `term` is the sender's, save in pre-votes, where it is the term asked for. */
export type PeerMessage =
  | {
      readonly type: 'askVote'
      readonly from: NodeId
      readonly term: Term
      readonly pre: boolean
      readonly lastIndex: Index
      readonly lastTerm: Term
      readonly transfer: boolean
    }
  | {
      readonly type: 'vote'
      readonly from: NodeId
      readonly term: Term
      readonly pre: boolean
      readonly granted: boolean
    }
  | {
      readonly type: 'append'
      readonly from: NodeId
      readonly term: Term
      readonly prevIndex: Index
      readonly prevTerm: Term
      readonly entries: readonly LogEntry[]
      readonly commit: Index
      readonly round: number
    }
  /** `matched`: the follower's log equals the leader's up to `index`, durably. */
  | {
      readonly type: 'matched'
      readonly from: NodeId
      readonly term: Term
      readonly index: Index
      readonly round: number
      readonly lost?: StoreLoss
    }
  /** The entry before `prevIndex + 1` did not fit; try again at or before the hint. */
  | {
      readonly type: 'mismatched'
      readonly from: NodeId
      readonly term: Term
      readonly prevIndex: Index
      readonly hintIndex: Index
      readonly hintTerm: Term
      readonly round: number
      readonly lost?: StoreLoss
    }
  | {
      readonly type: 'heartbeat'
      readonly from: NodeId
      readonly term: Term
      readonly commit: Index
      readonly round: number
      readonly quiesce: boolean
    }
  | {
      readonly type: 'heartbeatAck'
      readonly from: NodeId
      readonly term: Term
      readonly round: number
      readonly lost?: StoreLoss
    }
  | { readonly type: 'timeoutNow'; readonly from: NodeId; readonly term: Term }
  /** A follower passes on what its clients asked for. `id`s are the proposer's and come back in `forwardDropped`. */
  | {
      readonly type: 'forwardPropose'
      readonly from: NodeId
      readonly term: Term
      readonly proposals: readonly Proposal[]
    }
  | {
      readonly type: 'forwardDropped'
      readonly from: NodeId
      readonly term: Term
      readonly ids: readonly number[]
      readonly reason: DropReason
    }
  | { readonly type: 'askReadIndex'; readonly from: NodeId; readonly term: Term; readonly id: number }
  | {
      readonly type: 'readIndex'
      readonly from: NodeId
      readonly term: Term
      readonly id: number
      readonly index: Index
    }
  /** The follower installed the snapshot and continues after `index`. */
  | {
      readonly type: 'snapshotInstalled'
      readonly from: NodeId
      readonly term: Term
      readonly index: Index
      readonly lost?: StoreLoss
    }
  /** The leader vouches for the start `life` of a replica whose store was lost: it holds what it once promised (R25). */
  | { readonly type: 'trusted'; readonly from: NodeId; readonly term: Term; readonly life: number }

/** One entry to be: `data` is already a batch of many commands when it gets here. */
export interface Proposal {
  readonly id: number
  readonly data: Uint8Array
}

export type ConfigurationChange = {
  readonly voters: readonly NodeId[]
  readonly learners: readonly NodeId[]
}

export type DropReason =
  | 'noLeader'
  | 'leaderChanged'
  | 'transferring'
  | 'overloaded'
  | 'tooLarge'
  | 'configurationPending'
  | 'notLeader'
  | 'notReady'

/** From the replica's own node. */
export type LocalMessage =
  /** Every `tickMs`. Carries no time: the core counts ticks. */
  | { readonly type: 'tick' }
  | { readonly type: 'propose'; readonly proposals: readonly Proposal[] }
  /** Leader only: moves to the wanted sets, through a joint configuration where more than one voter changes. */
  | { readonly type: 'changeConfiguration'; readonly id: number; readonly wanted: ConfigurationChange }
  /** Asks for an index that a linearizable read may be served at. Answered by `readReady` or `readDropped`. */
  | { readonly type: 'read'; readonly id: number }
  | { readonly type: 'transferLeadership'; readonly to: NodeId }
  | { readonly type: 'campaign' }
  /** The log up to `index`, as appended in `term`, and the hard state of that turn are on disk. */
  | { readonly type: 'persisted'; readonly index: Index; readonly term: Term }
  /** The state machine has applied up to `index`. */
  | { readonly type: 'applied'; readonly index: Index }
  /** The state machine can be rebuilt from its own durable state up to `index`: the log before may go. */
  | { readonly type: 'folded'; readonly index: Index }
  /** A snapshot from the leader of `term` was received in full and installed into the state machine. */
  | { readonly type: 'installed'; readonly from: NodeId; readonly term: Term; readonly meta: SnapshotMeta }
  /** The transfer that `sendSnapshot` asked for ended. */
  | { readonly type: 'snapshotSent'; readonly to: NodeId; readonly index: Index; readonly delivered: boolean }
  /** The link to a node went down or came back; a hint, never a proof. */
  | { readonly type: 'peerLink'; readonly node: NodeId; readonly up: boolean }

export type RaftMessage = PeerMessage | LocalMessage

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'

/** What the world must do, in order. */
export type RaftEffect =
  | {
      readonly type: 'persistHardState'
      readonly term: Term
      readonly votedFor: NodeId | undefined
      readonly commit: Index
    }
  /** Written at its index; what the log held there and after is replaced. The core is told `persisted` when it is on disk. */
  | { readonly type: 'append'; readonly entries: readonly LogEntry[] }
  | { readonly type: 'compactLog'; readonly index: Index; readonly term: Term }
  | { readonly type: 'resetLog'; readonly index: Index; readonly term: Term; readonly configuration: Configuration }
  | { readonly type: 'send'; readonly to: NodeId; readonly message: PeerMessage; readonly release: 'now' | 'durable' }
  /** To every node that is known to be there, for the members are not known. */
  | { readonly type: 'call'; readonly message: PeerMessage }
  /** Hand `entries` (committed, in order, each exactly once) to the state machine. */
  | { readonly type: 'apply'; readonly entries: readonly LogEntry[]; readonly commit: Index }
  | { readonly type: 'readReady'; readonly ids: readonly number[]; readonly index: Index }
  | { readonly type: 'readDropped'; readonly ids: readonly number[]; readonly reason: DropReason }
  | { readonly type: 'proposalsDropped'; readonly ids: readonly number[]; readonly reason: DropReason }
  /** A configuration change that was asked for here ended; `error` undefined when it is in force. */
  | { readonly type: 'configurationChanged'; readonly id: number; readonly error: DropReason | undefined }
  /** The configuration in force (in the log, committed or not) is now this. */
  | { readonly type: 'configuration'; readonly configuration: Configuration }
  | { readonly type: 'role'; readonly role: Role; readonly term: Term; readonly leader: NodeId | undefined }
  /** The follower needs more than the log holds: stream the state machine to it. Ends with `snapshotSent`. */
  | { readonly type: 'sendSnapshot'; readonly to: NodeId; readonly term: Term }
  | { readonly type: 'cancelSnapshot'; readonly to: NodeId }
  /** The loss of the store is made good: to be written down, for a restart must not begin from it again. */
  | { readonly type: 'trusted' }
