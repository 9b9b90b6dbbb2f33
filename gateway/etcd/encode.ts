/** From the answers of `client/interface.ts` to etcd's wire messages. */

import type {
  Alarm,
  DeleteRangeResponse,
  KeyValue,
  PutResponse,
  RangeResponse,
  TxnOperationResponse,
  TxnResponse,
} from '../../actors/keyspace/messages.ts'
import { unreachable } from '../../base/assert.ts'
import type {
  WireAlarmResponse,
  WireDeleteRangeResponse,
  WireHeader,
  WireKeyValue,
  WireMember,
  WirePutResponse,
  WireRangeResponse,
  WireResponseOp,
  WireTxnResponse,
} from '../../client/etcd-wire.ts'
import type { Header, Member, WithHeader } from '../../client/interface.ts'

export function encodeHeader(header: Header): WireHeader {
  return {
    cluster_id: header.clusterId,
    member_id: header.memberId,
    revision: header.revision,
    raft_term: header.raftTerm,
  }
}

export function encodeRange(response: WithHeader<RangeResponse>): WireRangeResponse {
  return rangeUnder(response, encodeHeader(response.header))
}

export function encodePut(response: WithHeader<PutResponse>): WirePutResponse {
  return putUnder(response, encodeHeader(response.header))
}

export function encodeDeleteRange(response: WithHeader<DeleteRangeResponse>): WireDeleteRangeResponse {
  return deleteRangeUnder(response, encodeHeader(response.header))
}

/**
 * The answers inside carry, as etcd's do, a header with nothing but the revision at which they were true: that before the
 * transaction until something in it has changed the store. Transactions inside carry an empty one.
 */
export function encodeTxn(response: WithHeader<TxnResponse>): WireTxnResponse {
  const { revision } = response.header
  const progress: TxnProgress = { revision: changes(response) ? revision - 1 : revision, last: revision }
  return txnUnder(response, encodeHeader(response.header), progress)
}

export function encodeMember(member: Member): WireMember {
  return {
    ID: member.id,
    name: member.name,
    peerURLs: member.peerUrls,
    clientURLs: member.clientUrls,
    isLearner: member.learner,
  }
}

export function encodeAlarms(response: {
  readonly header: Header
  readonly alarms: readonly Alarm[]
}): WireAlarmResponse {
  const alarms = response.alarms.map(({ member, alarm }) => ({
    memberID: member,
    alarm: alarm === 'nospace' ? ('NOSPACE' as const) : ('CORRUPT' as const),
  }))
  return { header: encodeHeader(response.header), alarms }
}

function rangeUnder(response: Omit<RangeResponse, 'type'>, header: WireHeader): WireRangeResponse {
  return { header, kvs: response.kvs.map(encodeKeyValue), more: response.more, count: response.count }
}

function putUnder(response: Omit<PutResponse, 'type'>, header: WireHeader): WirePutResponse {
  return { header, prev_kv: response.prevKv === undefined ? null : encodeKeyValue(response.prevKv) }
}

function deleteRangeUnder(response: Omit<DeleteRangeResponse, 'type'>, header: WireHeader): WireDeleteRangeResponse {
  return { header, deleted: response.deleted, prev_kvs: response.prevKvs.map(encodeKeyValue) }
}

interface TxnProgress {
  /** At which the next answer is true. */
  revision: number
  /** The one that the transaction itself made, if it made one. */
  readonly last: number
}

function txnUnder(response: Omit<TxnResponse, 'type'>, header: WireHeader, progress: TxnProgress): WireTxnResponse {
  return {
    header,
    succeeded: response.succeeded,
    responses: response.responses.map((one) => encodeOperation(one, progress)),
  }
}

function encodeOperation(response: TxnOperationResponse, progress: TxnProgress): WireResponseOp {
  if (response.type !== 'txn' && changesStore(response)) progress.revision = progress.last
  const header: WireHeader = { revision: progress.revision }
  switch (response.type) {
    case 'range':
      return { response_range: rangeUnder(response, header) }
    case 'put':
      return { response_put: putUnder(response, header) }
    case 'deleteRange':
      return { response_delete_range: deleteRangeUnder(response, header) }
    case 'txn':
      return { response_txn: txnUnder(response, { revision: 0 }, progress) }
    default:
      return unreachable(response)
  }
}

function changes({ responses }: Omit<TxnResponse, 'type'>): boolean {
  return responses.some((one) => (one.type === 'txn' ? changes(one) : changesStore(one)))
}

function changesStore(response: Exclude<TxnOperationResponse, { type: 'txn' }>): boolean {
  return response.type === 'put' || (response.type === 'deleteRange' && response.deleted > 0)
}

export function encodeKeyValue(kv: KeyValue): WireKeyValue {
  return {
    key: kv.key,
    create_revision: kv.createRevision,
    mod_revision: kv.modRevision,
    version: kv.version,
    value: kv.value,
    lease: kv.lease,
  }
}
