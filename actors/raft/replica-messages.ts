/**
 * What a replica is asked, what it answers, and what passes between it, the Raft group beside it and the replicas of
 * other nodes. A replica is the state machine of one group on one node; its name is `replica/<group>`.
 *
 *   client ──ReplicaRequest──▶ replica ──FromReplica──▶ raft/<group> ──▶ peers
 *          ◀────replies─────           ◀──FromRaft────
 *                             replica ◀──SnapshotMessage──▶ replica of another node
 *
 * Every ask is answered in bounded time, in one of three ways:
 *   done     applied, answer, changed, …
 *   dropped  certainly had no effect and never will: repeat it freely
 *   unknown  may have had its effect, or may still: repeat only what is safe to repeat (`request` makes a command so)
 */
import type {
  Configuration,
  ConfigurationChange,
  DropReason,
  Index,
  LocalMessage,
  NodeId,
  RaftEffect,
  Role,
  SnapshotMeta,
  Term,
} from './messages.ts'

/** Makes a command safe to repeat: the same pair is applied once and gets the same answer, while it is remembered. */
export interface RequestId {
  /** 1 to 256 UTF-16 units, unique to the client. */
  readonly client: string
  /** Of 1 and up; a client numbers its requests in the order it makes them. */
  readonly number: number
}

export type ReplicaRequest =
  | { readonly type: 'propose'; readonly command: unknown; readonly request?: RequestId | undefined }
  | { readonly type: 'read'; readonly query: unknown; readonly consistency: 'linearizable' | 'serializable' }
  | { readonly type: 'status' }
  | { readonly type: 'changeConfiguration'; readonly wanted: ConfigurationChange }
  | { readonly type: 'transferLeadership'; readonly to: NodeId }
  | { readonly type: 'openSnapshot' }
  | { readonly type: 'nextSnapshotChunk'; readonly id: number }
  | { readonly type: 'closeSnapshot'; readonly id: number }

/** `leader` is the newest hint of this node where to ask instead. */
export interface Dropped {
  readonly type: 'dropped'
  readonly reason: DropReason | 'timeout' | 'badRequest'
  readonly leader: NodeId | undefined
}

export interface Unknown {
  readonly type: 'unknown'
  /** `forgotten`: the request was seen so long ago that its answer is gone; it was not applied again. */
  readonly reason: DropReason | 'timeout' | 'forgotten'
}

export type ProposeReply =
  | { readonly type: 'applied'; readonly reply: unknown; readonly index: Index; readonly term: Term }
  | Dropped
  | Unknown

export type ReadReply =
  | { readonly type: 'answer'; readonly answer: unknown; readonly index: Index; readonly term: Term }
  | Dropped

export interface StatusReply {
  readonly type: 'status'
  readonly group: string
  readonly node: NodeId
  readonly role: Role
  readonly term: Term
  readonly leader: NodeId | undefined
  readonly commit: Index
  readonly applied: Index
  readonly appliedTerm: Term
  /** The end of this node's log, as far as the replica was told. */
  readonly lastIndex: Index
  /** In force in the log, committed or not. */
  readonly configuration: Configuration
  /** Equal on replicas with equal `applied`; undefined when the machine has no digest. */
  readonly digest: number | undefined
  readonly clients: number
  readonly proposalsPending: number
}

export type ChangeConfigurationReply =
  | { readonly type: 'changed'; readonly configuration: Configuration }
  | Dropped
  | Unknown

export type TransferLeadershipReply =
  | { readonly type: 'transferred'; readonly leader: NodeId; readonly term: Term }
  | Dropped
  | Unknown

/** What the Raft group of a node, `raft/<group>`, knows of its followers; asked with `{ type: 'progress' }`. */
export interface ProgressReply {
  readonly type: 'progress'
  /** Which of the groups that bore this name it is. */
  readonly lineage: number
  /** The end of this node's log. */
  readonly lastIndex: Index
  /** The node lost its store, and no leader has vouched for it since (R25). */
  readonly forgetful: boolean
  /** Empty on a node that does not lead. `active`: heard within an election timeout. */
  readonly followers: readonly { readonly node: NodeId; readonly matched: Index; readonly active: boolean }[]
}

export type OpenSnapshotReply =
  | { readonly type: 'opened'; readonly id: number; readonly manifest: SnapshotManifest }
  | Dropped

/** Chunks come in order; `checksum` is `chunkChecksum` of the stream's id as text. `end` closes the stream. */
export type SnapshotChunkReply =
  | {
      readonly type: 'chunk'
      readonly part: SnapshotPart
      readonly index: number
      readonly bytes: Uint8Array
      readonly checksum: number
    }
  | { readonly type: 'end'; readonly chunks: number }
  | { readonly type: 'notFound' }

export type ReplicaReply =
  | ProposeReply
  | ReadReply
  | StatusReply
  | ChangeConfigurationReply
  | TransferLeadershipReply
  | OpenSnapshotReply
  | SnapshotChunkReply

/** Which half of a replica a chunk belongs to. All of `sessions` comes before `machine`. */
export type SnapshotPart = 'sessions' | 'machine'

/** What a snapshot is of, and the replicated state that is neither machine nor session. */
export interface SnapshotManifest {
  readonly meta: SnapshotMeta
  readonly wallMs: number
  readonly origins: readonly OriginMark[]
}

/** The newest entry applied of one proposer: node, its incarnation, the entry's number. */
export type OriginMark = readonly [node: NodeId, incarnation: number, number: number]

/** Between replicas. `id` names one snapshot of one sender; chunks are numbered from 0. */
export type SnapshotMessage =
  /** Opens or resumes a transfer: the receiver answers how many chunks of `id` it holds. */
  | {
      readonly type: 'snapshotOffer'
      readonly from: NodeId
      readonly id: string
      readonly term: Term
      readonly manifest: SnapshotManifest
    }
  | {
      readonly type: 'snapshotChunk'
      readonly from: NodeId
      readonly id: string
      readonly index: number
      readonly part: SnapshotPart
      readonly bytes: Uint8Array
      readonly checksum: number
      /** The checksum of all chunks together, on the last chunk alone (which carries no bytes). */
      readonly total: number | undefined
    }
  /** `next`: every chunk before it is on the receiver's disk. */
  | {
      readonly type: 'snapshotAck'
      readonly from: NodeId
      readonly id: string
      readonly next: number
      readonly status: 'staged' | 'installed' | 'refused'
    }

export type SnapshotOffer = SnapshotMessage & { readonly type: 'snapshotOffer' }
export type SnapshotChunk = SnapshotMessage & { readonly type: 'snapshotChunk' }
export type SnapshotAck = SnapshotMessage & { readonly type: 'snapshotAck' }

/**
 * From the replica to its group. `epoch` names the pairing of the two: each start of either makes a new one, and what
 * still carries an older one is of a life that is over.
 */
export type FromReplica =
  | {
      readonly type: 'replicaStarted'
      readonly epoch: number
      readonly applied: Index
      readonly appliedTerm: Term
      /** In force at `applied`. */
      readonly configuration: Configuration
    }
  | { readonly type: 'fromReplica'; readonly epoch: number; readonly message: LocalMessage }

/** From the group to its replica. */
export type FromRaft =
  /** The group starts and needs to know where the replica stands: answered with `replicaStarted`. */
  | { readonly type: 'raftStarted' }
  /** What one step asked of the state machine, in order. The first of an epoch says that the group is open. */
  | {
      readonly type: 'fromRaft'
      readonly epoch: number
      readonly lastIndex: Index
      readonly effects: readonly ReplicaEffect[]
    }

/** The effects of the core that are the replica's to perform. */
export type ReplicaEffect = Extract<
  RaftEffect,
  {
    readonly type:
      | 'apply'
      | 'readReady'
      | 'readDropped'
      | 'proposalsDropped'
      | 'configurationChanged'
      | 'configuration'
      | 'role'
      | 'sendSnapshot'
      | 'cancelSnapshot'
  }
>

/** From the replica to itself. */
export type ReplicaSelf =
  /** Everything that waited in the mailbox when the first of it came is collected. */
  | { readonly type: 'flush' }
  /** Deadlines, stalled transfers, idle streams. */
  | { readonly type: 'sweep' }
  /** The store holds everything applied up to `index`. */
  | { readonly type: 'foldedUpTo'; readonly index: Index }
  /** Another bounded piece of the machine's housekeeping, behind all that waits. */
  | { readonly type: 'idle' }

export type ReplicaMessage = ReplicaRequest | FromRaft | SnapshotMessage | ReplicaSelf

/**
 * Told to the listeners of a replica (`ReplicaArgs.listeners`), actors of the same node that derive something of the
 * machine's state. A mailbox may be full and a replica may start anew, so listeners compare where each feed begins with where
 * the last one ended, and read the state again when something is missing.
 */
export type ReplicaNotice =
  | {
      readonly type: 'role'
      readonly group: string
      readonly role: Role
      readonly term: Term
      readonly leader: NodeId | undefined
    }
  | FeedNotice

/** What the entries after `after` up to `upTo` brought. `after` is the `upTo` of the notice before, unless one is missing. */
export interface FeedNotice {
  readonly type: 'feed'
  readonly group: string
  readonly after: Index
  readonly upTo: Index
  /** What the machine's `feed` said, in order. Empty when the replica stands elsewhere: started, or filled by a snapshot. */
  readonly items: readonly unknown[]
}

/** Told to `effects/<group>` on the leader, where somebody holds that name: what the machine asks of the world. */
export interface EffectsNotice {
  readonly type: 'effects'
  readonly group: string
  readonly index: Index
  readonly effects: readonly { readonly type: string; readonly [field: string]: unknown }[]
}
