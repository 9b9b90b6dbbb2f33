/**
 * What every front door calls: the in-process API, etcd's gRPC services, HTTP and the command line. None of them knows
 * Raft, actors or threads; none of what is behind knows a wire format.
 */
import type { AuthError, Permission } from '../actors/auth/messages.ts'
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
import type { LeaseError } from '../actors/lease/messages.ts'
import type { WatchResponse, WatchSpec } from '../actors/watch/messages.ts'

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
  /**
   * Who calls. Absent: the process itself, which may do everything. Present, even empty: somebody outside, who may do what
   * the users of the keyspace say once auth is enabled there.
   */
  readonly credentials?: Credentials
}

export interface Credentials {
  /** What `authenticate` gave, or a JWT. */
  readonly token?: string
  /** Of a client certificate that the transport has checked; counts as a user's name where there is no token. */
  readonly commonName?: string
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

/** Leases: keys that are put with one go when it ends. TTLs are seconds, ids decimal text. */
export interface LeaseApi {
  /**
   * @param request.ttlSeconds - A smaller one than the server's least is raised to that; the answer tells.
   * @param request.id - Absent or '0': the server chooses.
   */
  leaseGrant(
    request: { readonly ttlSeconds: number; readonly id?: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly id: string; readonly ttlSeconds: number }>
  leaseRevoke(request: { readonly id: string }, options?: CallOptions): Promise<{ readonly header: Header }>
  /** Begins the TTL anew. `ttlSeconds` 0: there is no such lease. Only a leader that has just proved itself answers. */
  leaseKeepAlive(
    request: { readonly id: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly id: string; readonly ttlSeconds: number }>
  /** `ttlSeconds` is what is left, rounded down; -1: there is no such lease. */
  leaseTimeToLive(
    request: { readonly id: string; readonly keys?: boolean },
    options?: CallOptions,
  ): Promise<{
    readonly header: Header
    readonly id: string
    readonly ttlSeconds: number
    readonly grantedTtlSeconds: number
    readonly keys: readonly Uint8Array[]
  }>
  leaseList(options?: CallOptions): Promise<{ readonly header: Header; readonly ids: readonly string[] }>
}

/** One stream of watchers. Whoever reads slowly is caught up from history: memory does not grow with it. */
export interface WatchStream {
  /**
   * Adds a watcher. What becomes of it comes among the responses: `created`, then its events, or `canceled`.
   *
   * @param watchId - Unique in the stream, 0 or more; the server chooses when absent.
   */
  create(spec: WatchSpec, watchId?: number): void
  cancel(watchId: number): void
  /** Asks for a `progress` response of the whole stream (watch id -1), once all its watchers are up to date. */
  requestProgress(): void
  /** Ends when the stream is closed, by either side. @throws {AspenError} The node, or the way to it, is lost. */
  readonly responses: AsyncIterable<WatchResponse>
  close(): void
}

export interface WatchApi {
  openWatch(options?: Pick<CallOptions, 'keyspace' | 'credentials'>): WatchStream
}

/** Users and roles of a keyspace, as etcd has them. */
export interface AuthApi {
  authenticate(
    request: { readonly name: string; readonly password: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly token: string }>
  authEnable(options?: CallOptions): Promise<{ readonly header: Header }>
  authDisable(options?: CallOptions): Promise<{ readonly header: Header }>
  authStatus(
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly enabled: boolean; readonly authRevision: number }>
  /** `password` undefined: the user has none, and is known by a certificate alone. */
  userAdd(
    request: { readonly name: string; readonly password?: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header }>
  userDelete(request: { readonly name: string }, options?: CallOptions): Promise<{ readonly header: Header }>
  userChangePassword(
    request: { readonly name: string; readonly password: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header }>
  userGet(
    request: { readonly name: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly roles: readonly string[] }>
  userList(options?: CallOptions): Promise<{ readonly header: Header; readonly users: readonly string[] }>
  userGrantRole(
    request: { readonly user: string; readonly role: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header }>
  userRevokeRole(
    request: { readonly user: string; readonly role: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header }>
  roleAdd(request: { readonly name: string }, options?: CallOptions): Promise<{ readonly header: Header }>
  roleDelete(request: { readonly role: string }, options?: CallOptions): Promise<{ readonly header: Header }>
  roleGet(
    request: { readonly role: string },
    options?: CallOptions,
  ): Promise<{ readonly header: Header; readonly permissions: readonly Permission[] }>
  roleList(options?: CallOptions): Promise<{ readonly header: Header; readonly roles: readonly string[] }>
  roleGrantPermission(
    request: { readonly role: string; readonly permission: Permission },
    options?: CallOptions,
  ): Promise<{ readonly header: Header }>
  roleRevokePermission(
    request: { readonly role: string; readonly key: Uint8Array; readonly rangeEnd?: Uint8Array },
    options?: CallOptions,
  ): Promise<{ readonly header: Header }>
}

/** One node, seen from its front doors. Every refusal is an `AspenError`. */
export interface NodeClient extends LeaseApi, WatchApi, AuthApi {
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

  actors(options?: Pick<CallOptions, 'credentials'>): Promise<readonly ActorInfo[]>
  /**
   * Records a supervised actor of this node, which starts anew for it. The file comes when `forMs` have passed; `signal`
   * gives up waiting for it.
   */
  record(
    request: RecordRequest,
    options?: Pick<CallOptions, 'deadlineMs' | 'signal' | 'credentials'>,
  ): Promise<Uint8Array>
  /** The last deliveries of a named actor of this node, in words, oldest first. */
  recentDeliveries(
    name: string,
    linesMax: number,
    options?: Pick<CallOptions, 'credentials'>,
  ): Promise<readonly string[]>
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
  | LeaseError
  | AuthError
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
