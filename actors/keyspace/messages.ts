/**
 * What a strict keyspace is asked and what it answers: etcd's v3 key-value contract as closed unions, free of any wire
 * format. Revisions are dense safe integers, the first write of a keyspace gets 2. `rangeEnd` has etcd's meaning:
 * undefined a single key, one zero byte every key from `key` on, anything else the first key excluded; `key` of one zero
 * byte with `rangeEnd` of one zero byte is the whole keyspace.
 */

export interface KeyValue {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  /** 0 when none. Lease ids are 63-bit on the wire, so they are decimal text here. */
  readonly lease: string
}

export interface RangeRequest {
  readonly type: 'range'
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
  /** 0: no limit. */
  readonly limit?: number
  /** 0: the newest. */
  readonly revision?: number
  readonly sortOrder?: 'none' | 'ascend' | 'descend'
  readonly sortTarget?: 'key' | 'version' | 'create' | 'mod' | 'value'
  readonly serializable?: boolean
  readonly keysOnly?: boolean
  readonly countOnly?: boolean
  readonly minModRevision?: number
  readonly maxModRevision?: number
  readonly minCreateRevision?: number
  readonly maxCreateRevision?: number
}

export interface PutRequest {
  readonly type: 'put'
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly lease?: string
  readonly prevKv?: boolean
  readonly ignoreValue?: boolean
  readonly ignoreLease?: boolean
  readonly quota?: QuotaStamp
}

/**
 * How much the proposing node lets a keyspace hold. It travels with the write, because nodes may be configured apart and
 * every replica must decide alike. Read on the outermost request only; without it the write is not held against a quota.
 */
export interface QuotaStamp {
  /** Of `bytes` in a status. */
  readonly bytes: number
  /** The member id of the proposer, which the alarm will name. */
  readonly member: number
}

export interface DeleteRangeRequest {
  readonly type: 'deleteRange'
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
  readonly prevKv?: boolean
}

export interface TxnRequest {
  readonly type: 'txn'
  readonly compare: readonly Compare[]
  readonly success: readonly TxnOperation[]
  readonly failure: readonly TxnOperation[]
  readonly quota?: QuotaStamp
}

export type TxnOperation = RangeRequest | PutRequest | DeleteRangeRequest | TxnRequest

export interface Compare {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
  readonly result: 'equal' | 'greater' | 'less' | 'notEqual'
  readonly target:
    | { readonly type: 'version'; readonly value: number }
    | { readonly type: 'create'; readonly value: number }
    | { readonly type: 'mod'; readonly value: number }
    | { readonly type: 'value'; readonly value: Uint8Array }
    | { readonly type: 'lease'; readonly value: string }
}

export interface CompactRequest {
  readonly type: 'compact'
  readonly revision: number
  /** Answer only when the space is given back. */
  readonly physical?: boolean
}

export interface AlarmRequest {
  readonly type: 'alarm'
  readonly action: 'activate' | 'deactivate'
  readonly member: number
  readonly alarm: AlarmType
}
export type AlarmType = 'nospace' | 'corrupt'
export interface Alarm {
  readonly member: number
  readonly alarm: AlarmType
}

/** Goes through the log. */
export type KeyspaceCommand = PutRequest | DeleteRangeRequest | TxnRequest | CompactRequest | AlarmRequest

/**
 * What changed, revision by revision, for who was not told of it at the time. Each answer is bounded, and says how far it got.
 */
export interface HistoryRequest {
  readonly type: 'history'
  /** 1 or more of them, each as in a range request; a key in two of them is told once. */
  readonly ranges: readonly { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array }[]
  /** The first revision wanted. Below the compact revision it is refused `compacted`; beyond the present, there is nothing. */
  readonly from: number
  /** The last revision wanted; absent: the present one. */
  readonly upTo?: number
  /** An answer ends behind the revision that reaches one of these; a revision is never told in part. */
  readonly eventsMax: number
  readonly bytesMax: number
  /** How many records are looked at, whatever they are of. */
  readonly scanMax: number
  /** With what each key held before the revision, unless compaction took it. */
  readonly prevKv: boolean
}

/** Read from one replica's state. */
export type KeyspaceQuery =
  | RangeRequest
  | HistoryRequest
  /** A transaction without writes, as `TxnRequest`. */
  | TxnRequest
  | { readonly type: 'hash' }
  | { readonly type: 'hashKv'; readonly revision: number }
  | { readonly type: 'alarms' }
  | { readonly type: 'status' }

export interface RangeResponse {
  readonly type: 'range'
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
  readonly count: number
}
export interface PutResponse {
  readonly type: 'put'
  readonly prevKv?: KeyValue
}
export interface DeleteRangeResponse {
  readonly type: 'deleteRange'
  readonly deleted: number
  readonly prevKvs: readonly KeyValue[]
}
export interface TxnResponse {
  readonly type: 'txn'
  readonly succeeded: boolean
  readonly responses: readonly TxnOperationResponse[]
}
export type TxnOperationResponse = RangeResponse | PutResponse | DeleteRangeResponse | TxnResponse

/** What one write did to one key. Of one command there may be two of a key: a delete, and a put that follows it. */
export interface Change {
  /** Of a delete: the key, the revision as `modRevision`, and nothing else. */
  readonly kv: KeyValue
  readonly deleted: boolean
  /** What the key held before; undefined when there was no such key, or `previousUnread`. */
  readonly previous: KeyValue | undefined
  /** There was one before, but reading it would have cost a look at the disk. */
  readonly previousUnread: boolean
}

/** Told to who listens to a replica: the changes of one revision, all of them. */
export interface ChangesItem {
  readonly type: 'changes'
  readonly revision: number
  readonly changes: readonly Change[]
}

export interface HistoryResponse {
  readonly type: 'history'
  /** Revisions that changed something in the ranges, in order. Without `prevKv` whatever was before is `previousUnread`. */
  readonly items: readonly ChangesItem[]
  /** Every revision of `from` to this one is covered; `from` - 1 when there was none yet. */
  readonly upTo: number
}

/** What the state machine says; `revision` is the keyspace's after the command, or at the read. */
export type KeyspaceReply =
  | { readonly type: 'done'; readonly revision: number; readonly response: KeyspaceResponse }
  | { readonly type: 'refused'; readonly revision: number; readonly error: KeyspaceError }

export type KeyspaceResponse =
  | TxnOperationResponse
  | { readonly type: 'compact' }
  | HistoryResponse
  | { readonly type: 'alarms'; readonly alarms: readonly Alarm[] }
  | { readonly type: 'hash'; readonly hash: number }
  | { readonly type: 'hashKv'; readonly hash: number; readonly compactRevision: number; readonly hashRevision: number }
  | {
      readonly type: 'status'
      readonly revision: number
      readonly compactRevision: number
      readonly keys: number
      /** Live bytes of keys, values and their bookkeeping: what the quota counts. */
      readonly bytes: number
      readonly alarms: readonly Alarm[]
      /** Records that compaction dropped and this replica has still to remove; 0 when their space is given back. */
      readonly removable: number
    }

/** Expected refusals; the front doors map them to etcd's codes and texts. */
export type KeyspaceError =
  | 'compacted'
  | 'futureRevision'
  | 'keyNotFound'
  | 'leaseNotFound'
  | 'noSpace'
  | 'corrupt'
  | 'emptyKey'
  | 'valueProvided'
  | 'leaseProvided'
  | 'duplicateKey'
  | 'tooManyOperations'
  | 'invalidSortOption'
