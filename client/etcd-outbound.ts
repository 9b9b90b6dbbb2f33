/** The caller's side of etcd's wire messages: requests of ours go out, answers of any etcd come in as ours. */
import type {
  Alarm,
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
  TxnOperationResponse,
  TxnRequest,
  TxnResponse,
} from '../actors/keyspace/messages.ts'
import { unreachable } from '../base/assert.ts'
import type {
  Int64,
  WireActor,
  WireAlarmResponse,
  WireCompactionRequest,
  WireCompare,
  WireDeleteRangeRequest,
  WireDeleteRangeResponse,
  WireHeader,
  WireKeyspace,
  WireKeyValue,
  WireMember,
  WirePutRequest,
  WirePutResponse,
  WireRangeRequest,
  WireRangeResponse,
  WireRequestOp,
  WireResponseOp,
  WireTxnRequest,
  WireTxnResponse,
} from './etcd-wire.ts'
import type { ActorInfo, Header, KeyspaceInfo, Member } from './interface.ts'

const sortOrders = { none: 'NONE', ascend: 'ASCEND', descend: 'DESCEND' } as const
const sortTargets = { key: 'KEY', version: 'VERSION', create: 'CREATE', mod: 'MOD', value: 'VALUE' } as const
const compareResults = { equal: 'EQUAL', greater: 'GREATER', less: 'LESS', notEqual: 'NOT_EQUAL' } as const

export function rangeToWire(request: Omit<RangeRequest, 'type'>): WireRangeRequest {
  return {
    key: request.key,
    ...rangeEnd(request),
    limit: request.limit ?? 0,
    revision: request.revision ?? 0,
    sort_order: sortOrders[request.sortOrder ?? 'none'],
    sort_target: sortTargets[request.sortTarget ?? 'key'],
    serializable: request.serializable ?? false,
    keys_only: request.keysOnly ?? false,
    count_only: request.countOnly ?? false,
    min_mod_revision: request.minModRevision ?? 0,
    max_mod_revision: request.maxModRevision ?? 0,
    min_create_revision: request.minCreateRevision ?? 0,
    max_create_revision: request.maxCreateRevision ?? 0,
  }
}

/** Left out for a single key: present but empty, real etcd takes it for every key from this one on. */
function rangeEnd(of: { readonly rangeEnd?: Uint8Array }): { readonly range_end?: Uint8Array } {
  return of.rangeEnd === undefined ? {} : { range_end: of.rangeEnd }
}

export function putToWire(request: Omit<PutRequest, 'type'>): WirePutRequest {
  return {
    key: request.key,
    value: request.value,
    lease: request.lease ?? '0',
    prev_kv: request.prevKv ?? false,
    ignore_value: request.ignoreValue ?? false,
    ignore_lease: request.ignoreLease ?? false,
  }
}

export function deleteRangeToWire(request: Omit<DeleteRangeRequest, 'type'>): WireDeleteRangeRequest {
  return { key: request.key, ...rangeEnd(request), prev_kv: request.prevKv ?? false }
}

export function txnToWire(request: Omit<TxnRequest, 'type'>): WireTxnRequest {
  return {
    compare: request.compare.map(compareToWire),
    success: request.success.map(operationToWire),
    failure: request.failure.map(operationToWire),
  }
}

export function compactToWire(request: Omit<CompactRequest, 'type'>): WireCompactionRequest {
  return { revision: request.revision, physical: request.physical ?? false }
}

export function headerFromWire(wire: WireHeader | null): Header {
  return {
    clusterId: numberOf(wire?.cluster_id ?? 0),
    memberId: numberOf(wire?.member_id ?? 0),
    revision: numberOf(wire?.revision ?? 0),
    raftTerm: numberOf(wire?.raft_term ?? 0),
  }
}

export function rangeFromWire(wire: WireRangeResponse): RangeResponse {
  return { type: 'range', kvs: wire.kvs.map(keyValueFromWire), more: wire.more, count: numberOf(wire.count) }
}

export function putFromWire(wire: WirePutResponse): PutResponse {
  return { type: 'put', ...(wire.prev_kv !== null && { prevKv: keyValueFromWire(wire.prev_kv) }) }
}

export function deleteRangeFromWire(wire: WireDeleteRangeResponse): DeleteRangeResponse {
  return { type: 'deleteRange', deleted: numberOf(wire.deleted), prevKvs: wire.prev_kvs.map(keyValueFromWire) }
}

export function txnFromWire(wire: WireTxnResponse): TxnResponse {
  return { type: 'txn', succeeded: wire.succeeded, responses: wire.responses.map(operationFromWire) }
}

export function memberFromWire(wire: WireMember): Member {
  return {
    id: numberOf(wire.ID),
    name: wire.name,
    peerUrls: wire.peerURLs,
    clientUrls: wire.clientURLs,
    learner: wire.isLearner,
  }
}

/** Alarms we have no name for are left out: a newer server may know some. */
export function alarmsFromWire(wire: WireAlarmResponse): readonly Alarm[] {
  return wire.alarms.flatMap(({ memberID, alarm }): Alarm[] => {
    if (alarm !== 'NOSPACE' && alarm !== 'CORRUPT') return []
    return [{ member: numberOf(memberID), alarm: alarm === 'NOSPACE' ? 'nospace' : 'corrupt' }]
  })
}

export function keyspaceFromWire(wire: WireKeyspace): KeyspaceInfo {
  return {
    name: wire.name,
    id: numberOf(wire.id),
    leader: numberOf(wire.leader),
    term: numberOf(wire.term),
    revision: numberOf(wire.revision),
    executor: wire.executor,
  }
}

export function actorFromWire(wire: WireActor): ActorInfo {
  const states = { RUNNING: 'running', PARKED: 'parked', FAILED: 'failed', STOPPING: 'stopping' } as const
  return {
    name: wire.name,
    definition: wire.definition,
    executor: wire.executor,
    mailboxDepth: numberOf(wire.mailbox_depth),
    messagesTotal: numberOf(wire.messages_total),
    restarts: numberOf(wire.restarts),
    // A state this client does not know yet is at any rate not a failed one.
    state: typeof wire.state === 'string' ? states[wire.state] : 'running',
  }
}

/** Ids and revisions of Aspen are safe integers; those of a real etcd may be rounded, and are then only for show. */
export function numberOf(value: Int64): number {
  return Number(value)
}

function operationToWire(operation: TxnOperation): WireRequestOp {
  switch (operation.type) {
    case 'range':
      return { request_range: rangeToWire(operation) }
    case 'put':
      return { request_put: putToWire(operation) }
    case 'deleteRange':
      return { request_delete_range: deleteRangeToWire(operation) }
    case 'txn':
      return { request_txn: txnToWire(operation) }
    default:
      return unreachable(operation)
  }
}

function compareToWire(compare: Compare): WireCompare {
  const { key, target } = compare
  const common = { result: compareResults[compare.result], key, ...rangeEnd(compare) }
  switch (target.type) {
    case 'version':
      return { ...common, target: 'VERSION', version: target.value }
    case 'create':
      return { ...common, target: 'CREATE', create_revision: target.value }
    case 'mod':
      return { ...common, target: 'MOD', mod_revision: target.value }
    case 'value':
      return { ...common, target: 'VALUE', value: target.value }
    case 'lease':
      return { ...common, target: 'LEASE', lease: target.value }
    default:
      return unreachable(target)
  }
}

function operationFromWire(wire: WireResponseOp): TxnOperationResponse {
  if (wire.response_range) return rangeFromWire(wire.response_range)
  if (wire.response_put) return putFromWire(wire.response_put)
  if (wire.response_delete_range) return deleteRangeFromWire(wire.response_delete_range)
  if (wire.response_txn) return txnFromWire(wire.response_txn)
  throw new TypeError('a transaction was answered with an operation of no known kind')
}

export function keyValueFromWire(wire: WireKeyValue): KeyValue {
  return {
    key: plainBytes(wire.key),
    value: plainBytes(wire.value),
    createRevision: numberOf(wire.create_revision),
    modRevision: numberOf(wire.mod_revision),
    version: numberOf(wire.version),
    lease: String(wire.lease),
  }
}

// Callers get a Uint8Array as the types say, and not a Buffer, whose `slice` and `toString` mean something else.
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
