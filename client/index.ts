/**
 * The package `aspen/client`. `connect` is the client that programs use, of an Aspen, an etcd, or the node in one's own
 * process; `connectEtcd` is the bare connection below it, with the methods that a node in one's own process has.
 */
export type { Permission, PermissionType } from '../actors/auth/messages.ts'
export type {
  Alarm,
  AlarmRequest,
  CompactRequest,
  Compare,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnOperation,
  TxnRequest,
  TxnResponse,
} from '../actors/keyspace/messages.ts'
export type {
  ChangeKind,
  ValueTest,
  WatchEvent,
  WatchRange,
  WatchResponse,
  WatchSpec,
} from '../actors/watch/messages.ts'
export type { CallLimits } from './caller.ts'
export { Client, type ClientOptions } from './client.ts'
export { type Bytes, bytesCodec, type Codec, jsonCodec, textCodec } from './codec.ts'
export { type ConnectOptions, connect } from './connect.ts'
export { type Coordination, coordinate } from './coordination/coordination.ts'
export type { CoordinationClient, DriverOptions } from './coordination/driver.ts'
export type { CampaignOptions, Elections, Leader, Leadership, LeaderWork } from './coordination/elections.ts'
export type { AcquireOptions, Guarded, Holding } from './coordination/holding.ts'
export type { Locks } from './coordination/locks.ts'
export type { Attendance, Barrier, Meeting } from './coordination/meetings.ts'
export type { Counter, RateLimiter, RateLimitOptions, Sequence } from './coordination/numbers.ts'
export type { Message, Queue, QueueOptions, SendOptions } from './coordination/queues.ts'
export type { FencedWrite } from './coordination/recipes/fence.ts'
export type { DeadLetter, QueueDepth } from './coordination/recipes/queue.ts'
export type { Permitted } from './coordination/recipes/rate-limiter.ts'
export type {
  Health,
  Instance,
  InstanceInfo,
  RegisterOptions,
  Registration,
  Services,
} from './coordination/services.ts'
export type { Session, SessionOptions } from './coordination/session.ts'
export type { Balance } from './endpoints.ts'
export { Entry } from './entry.ts'
export { EtcdUnreachableError } from './etcd-connection.ts'
export { EtcdCallError } from './etcd-errors.ts'
export { connectEtcd, type EtcdConnection, type EtcdOptions, type ServerStatus } from './etcd-grpc.ts'
export {
  type ActorInfo,
  AspenError,
  type AspenErrorCode,
  type AuthApi,
  type CallOptions,
  type Credentials,
  type Header,
  type KeyspaceInfo,
  type LeaseApi,
  type Member,
  type MemberStatus,
  type NodeClient,
  type WatchApi,
  type WatchStream,
  type WithHeader,
} from './interface.ts'
export { between, everything, from, type KeyRange, prefix, type Target } from './keys.ts'
export type { AtRevision, Branches, Change, Kv, Outcome, ScanOptions } from './kv.ts'
export { type Lease, type LeaseEnd, LeaseEndedError, type LeaseOptions } from './lease.ts'
export {
  type Comparison,
  compare,
  type Deleted,
  type Entries,
  exists,
  missing,
  type Operation,
  type PutOptions,
  type RangeOptions,
  type Relation,
  unchanged,
  type Written,
} from './operation.ts'
export type { ClientTls } from './tls.ts'
export type { NodeCalls, Transport } from './transport.ts'
export type { WatchOptions } from './watch/options.ts'
export { type Watch, type WatchChange, WatchCompactedError, type WatchMarker } from './watch/watch.ts'
