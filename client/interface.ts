/**
 * What every front door calls: the in-process API, etcd's gRPC services, HTTP and the command line. None of them knows
 * Raft, actors or threads; none of what is behind knows a wire format.
 */
import type {
  Alarm,
  AlarmRequest,
  CompactRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyspaceError,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '../actors/keyspace/messages.ts'

/** Stands beside every answer. */
export interface Header {
  readonly clusterId: number
  readonly memberId: number
  readonly revision: number
  readonly raftTerm: number
}

export interface CallOptions {
  /** The keyspace; `default` when absent. */
  readonly keyspace?: string
  /** How long the caller waits, in milliseconds; by default 5 s plus two election timeouts. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
  /** Makes a write safe to repeat: the same pair is applied once and always gets the same answer. */
  readonly request?: { readonly client: string; readonly number: number }
}

export type WithHeader<T> = Omit<T, 'type'> & { readonly header: Header }

export interface Member {
  readonly id: number
  /** Empty until the member has started for the first time. */
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly clientUrls: readonly string[]
  readonly learner: boolean
}

export interface MemberStatus {
  readonly version: string
  readonly dbSizeBytes: number
  readonly dbSizeInUseBytes: number
  readonly leader: number
  readonly raftIndex: number
  readonly raftTerm: number
  readonly raftAppliedIndex: number
  readonly learner: boolean
  readonly errors: readonly string[]
}

export interface KeyspaceInfo {
  readonly name: string
  readonly id: number
  /** 0 when it has none at the moment. */
  readonly leader: number
  readonly term: number
  readonly revision: number
  readonly executor: number
}

export interface ActorInfo {
  readonly name: string
  readonly definition: string
  readonly executor: number
  readonly mailboxDepth: number
  readonly messagesTotal: number
  readonly restarts: number
  readonly state: 'running' | 'parked' | 'failed' | 'stopping'
}

export interface RecordRequest {
  readonly name: string
  /** 1 to 600_000 ms. */
  readonly forMs: number
  /** Of the file, roughly; 64 MiB when absent. */
  readonly bytesMax?: number
}

/** One node, seen from its front doors. Every refusal is an `AspenError`. */
export interface NodeClient {
  range(request: Omit<RangeRequest, 'type'>, options?: CallOptions): Promise<WithHeader<RangeResponse>>
  put(request: Omit<PutRequest, 'type'>, options?: CallOptions): Promise<WithHeader<PutResponse>>
  deleteRange(
    request: Omit<DeleteRangeRequest, 'type'>,
    options?: CallOptions,
  ): Promise<WithHeader<DeleteRangeResponse>>
  txn(request: Omit<TxnRequest, 'type'>, options?: CallOptions): Promise<WithHeader<TxnResponse>>
  compact(request: Omit<CompactRequest, 'type'>, options?: CallOptions): Promise<{ readonly header: Header }>

  memberList(
    options?: CallOptions & { readonly linearizable?: boolean },
  ): Promise<{ readonly header: Header; readonly members: readonly Member[] }>
  memberAdd(
    request: { readonly peerUrls: readonly string[]; readonly learner: boolean },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly member: Member; readonly members: readonly Member[] }>
  memberRemove(
    request: { readonly id: number },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly members: readonly Member[] }>
  memberUpdate(
    request: { readonly id: number; readonly peerUrls: readonly string[] },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly members: readonly Member[] }>
  memberPromote(
    request: { readonly id: number },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly members: readonly Member[] }>

  status(options?: CallOptions): Promise<MemberStatus & { readonly header: Header }>
  hash(options?: CallOptions): Promise<{ readonly header: Header; readonly hash: number }>
  hashKv(
    request: { readonly revision: number },
    options?: CallOptions,
  ): Promise<{
    readonly header: Header
    readonly hash: number
    readonly compactRevision: number
    readonly hashRevision: number
  }>
  alarms(options?: CallOptions): Promise<{ readonly header: Header; readonly alarms: readonly Alarm[] }>
  alarm(
    request: Omit<AlarmRequest, 'type'>,
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly alarms: readonly Alarm[] }>
  defragment(options?: CallOptions): Promise<{ readonly header: Header }>
  /** The keyspace as chunks, with the number of bytes still to come where known. */
  snapshot(
    options?: CallOptions,
  ): AsyncIterable<{ readonly header: Header; readonly remainingBytes: number; readonly blob: Uint8Array }>
  moveLeader(request: { readonly target: number }, options?: CallOptions): Promise<{ readonly header: Header }>

  keyspaceList(options?: CallOptions): Promise<readonly KeyspaceInfo[]>
  keyspaceCreate(request: { readonly name: string }, options?: CallOptions): Promise<KeyspaceInfo>
  keyspaceDrop(request: { readonly name: string }, options?: CallOptions): Promise<void>

  actors(): Promise<readonly ActorInfo[]>
  /**
   * Records a supervised actor of this node, which starts anew for it. The file comes when `forMs` have passed; `signal`
   * gives up waiting for it.
   */
  record(request: RecordRequest, options?: Pick<CallOptions, 'deadlineMs' | 'signal'>): Promise<Uint8Array>
  /** The last deliveries of a named actor of this node, in words, oldest first. */
  recentDeliveries(name: string, linesMax: number): Promise<readonly string[]>
  /** For health checks: is this member able to serve. */
  health(options: {
    readonly linearizable: boolean
    readonly excludeAlarms: readonly ('NOSPACE' | 'CORRUPT')[]
  }): Promise<{ readonly healthy: boolean; readonly reason: string }>
  /** Prometheus exposition format. */
  metricsText(): Promise<string>
}

/** Why a call did not do what was asked. The front doors give each its etcd code and text. */
export type AspenErrorCode =
  | KeyspaceError
  | 'noLeader'
  | 'leaderChanged'
  | 'timeout'
  | 'timeoutLeaderFail'
  | 'stopped'
  | 'canceled'
  | 'tooManyRequests'
  | 'requestTooLarge'
  | 'memberNotFound'
  | 'memberExists'
  | 'peerUrlExists'
  | 'invalidPeerUrls'
  | 'notEnoughStartedMembers'
  | 'memberNotLearner'
  | 'learnerNotReady'
  | 'tooManyLearners'
  | 'learnerUnsupported'
  | 'notLeader'
  | 'badLeaderTransferee'
  | 'unhealthy'
  | 'keyspaceNotFound'
  | 'keyspaceExists'
  | 'invalidKeyspaceName'
  | 'internal'

export class AspenError extends Error {
  override readonly name = 'AspenError'
  readonly code: AspenErrorCode
  constructor(code: AspenErrorCode, message: string = code) {
    super(message)
    this.code = code
  }
}
