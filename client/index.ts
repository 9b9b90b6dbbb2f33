/**
 * The package `aspen/client`: a connection to a node over the wire, of Aspen or of etcd, with the methods that a node in
 * one's own process has as `node.client`.
 */
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
export { EtcdUnreachableError } from './etcd-connection.ts'
export { EtcdCallError } from './etcd-errors.ts'
export { connectEtcd, type EtcdConnection, type EtcdOptions, type ServerStatus } from './etcd-grpc.ts'
export {
  type ActorInfo,
  AspenError,
  type AspenErrorCode,
  type CallOptions,
  type Header,
  type KeyspaceInfo,
  type Member,
  type MemberStatus,
  type NodeClient,
  type WithHeader,
} from './interface.ts'
