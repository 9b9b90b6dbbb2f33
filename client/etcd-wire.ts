/**
 * The messages of `client/proto/`, as types: what the loaded definitions decode to and encode from. One type serves both
 * directions; `Int64` is decimal text when decoded, and text or a safe integer when encoded. Watch, Lease, Auth, Lock and
 * Election have files of their own beside this one.
 */
export type Int64 = string | number

export interface WireHeader {
  readonly cluster_id?: Int64
  readonly member_id?: Int64
  readonly revision: Int64
  readonly raft_term?: Int64
}

export interface WireHeaderOnly {
  readonly header: WireHeader | null
}

export interface WireKeyValue {
  readonly key: Uint8Array
  readonly create_revision: Int64
  readonly mod_revision: Int64
  readonly version: Int64
  readonly value: Uint8Array
  readonly lease: Int64
}

/** An enum value we know by name, or the number of one we do not. */
export type WireEnum<Name extends string> = Name | number

export interface WireRangeRequest {
  readonly key: Uint8Array
  readonly range_end?: Uint8Array
  readonly limit: Int64
  readonly revision: Int64
  readonly sort_order: WireEnum<'NONE' | 'ASCEND' | 'DESCEND'>
  readonly sort_target: WireEnum<'KEY' | 'VERSION' | 'CREATE' | 'MOD' | 'VALUE'>
  readonly serializable: boolean
  readonly keys_only: boolean
  readonly count_only: boolean
  readonly min_mod_revision: Int64
  readonly max_mod_revision: Int64
  readonly min_create_revision: Int64
  readonly max_create_revision: Int64
}

export interface WireRangeResponse extends WireHeaderOnly {
  readonly kvs: readonly WireKeyValue[]
  readonly more: boolean
  readonly count: Int64
}

export interface WirePutRequest {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly lease: Int64
  readonly prev_kv: boolean
  readonly ignore_value: boolean
  readonly ignore_lease: boolean
}

export interface WirePutResponse extends WireHeaderOnly {
  readonly prev_kv: WireKeyValue | null
}

export interface WireDeleteRangeRequest {
  readonly key: Uint8Array
  readonly range_end?: Uint8Array
  readonly prev_kv: boolean
}

export interface WireDeleteRangeResponse extends WireHeaderOnly {
  readonly deleted: Int64
  readonly prev_kvs: readonly WireKeyValue[]
}

/** At most one is present. */
export interface WireRequestOp {
  readonly request_range?: WireRangeRequest | null
  readonly request_put?: WirePutRequest | null
  readonly request_delete_range?: WireDeleteRangeRequest | null
  readonly request_txn?: WireTxnRequest | null
}

/** At most one is present. */
export interface WireResponseOp {
  readonly response_range?: WireRangeResponse | null
  readonly response_put?: WirePutResponse | null
  readonly response_delete_range?: WireDeleteRangeResponse | null
  readonly response_txn?: WireTxnResponse | null
}

export interface WireCompare {
  readonly result: WireEnum<'EQUAL' | 'GREATER' | 'LESS' | 'NOT_EQUAL'>
  readonly target: WireEnum<'VERSION' | 'CREATE' | 'MOD' | 'VALUE' | 'LEASE'>
  readonly key: Uint8Array
  readonly range_end?: Uint8Array
  /** At most one of these five; it may disagree with `target`, and then counts as zero. */
  readonly version?: Int64
  readonly create_revision?: Int64
  readonly mod_revision?: Int64
  readonly value?: Uint8Array
  readonly lease?: Int64
}

export interface WireTxnRequest {
  readonly compare: readonly WireCompare[]
  readonly success: readonly WireRequestOp[]
  readonly failure: readonly WireRequestOp[]
}

export interface WireTxnResponse extends WireHeaderOnly {
  readonly succeeded: boolean
  readonly responses: readonly WireResponseOp[]
}

export interface WireCompactionRequest {
  readonly revision: Int64
  readonly physical: boolean
}

export interface WireHashResponse extends WireHeaderOnly {
  readonly hash: number
}

export interface WireHashKvRequest {
  readonly revision: Int64
}

export interface WireHashKvResponse extends WireHashResponse {
  readonly compact_revision: Int64
  readonly hash_revision: Int64
}

export interface WireSnapshotResponse extends WireHeaderOnly {
  readonly remaining_bytes: Int64
  readonly blob: Uint8Array
  readonly version: string
}

export interface WireMember {
  readonly ID: Int64
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
  readonly isLearner: boolean
}

export interface WireMemberAddRequest {
  readonly peerURLs: readonly string[]
  readonly isLearner: boolean
}

export interface WireMemberUpdateRequest {
  readonly ID: Int64
  readonly peerURLs: readonly string[]
}

/** Of remove and promote. */
export interface WireMemberIdRequest {
  readonly ID: Int64
}

export interface WireMemberListRequest {
  readonly linearizable: boolean
}

export interface WireMembersResponse extends WireHeaderOnly {
  readonly members: readonly WireMember[]
}

export interface WireMemberAddResponse extends WireMembersResponse {
  readonly member: WireMember | null
}

export interface WireMoveLeaderRequest {
  readonly targetID: Int64
}

export type WireAlarmType = WireEnum<'NONE' | 'NOSPACE' | 'CORRUPT'>

export interface WireAlarmRequest {
  readonly action: WireEnum<'GET' | 'ACTIVATE' | 'DEACTIVATE'>
  readonly memberID: Int64
  readonly alarm: WireAlarmType
}

export interface WireAlarmResponse extends WireHeaderOnly {
  readonly alarms: readonly { readonly memberID: Int64; readonly alarm: WireAlarmType }[]
}

export interface WireStatusResponse extends WireHeaderOnly {
  readonly version: string
  readonly dbSize: Int64
  readonly leader: Int64
  readonly raftIndex: Int64
  readonly raftTerm: Int64
  readonly raftAppliedIndex: Int64
  readonly errors: readonly string[]
  readonly dbSizeInUse: Int64
  readonly isLearner: boolean
}

export interface WireHealthRequest {
  readonly service: string
}

export interface WireHealthResponse {
  readonly status: WireEnum<'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN'>
}

export interface WireAdminStatus {
  readonly aspen_version: string
  readonly etcd_version: string
  readonly healthy: boolean
  readonly reason: string
}

export interface WireKeyspace {
  readonly name: string
  readonly id: Int64
  readonly leader: Int64
  readonly term: Int64
  readonly revision: Int64
  readonly executor: number
}

export interface WireKeyspaceName {
  readonly name: string
}

export interface WireKeyspaceList {
  readonly keyspaces: readonly WireKeyspace[]
}

export interface WireKeyspaceCreated {
  readonly keyspace: WireKeyspace | null
}

export interface WireActor {
  readonly name: string
  readonly definition: string
  readonly executor: number
  readonly mailbox_depth: Int64
  readonly messages_total: Int64
  readonly restarts: Int64
  readonly state: WireEnum<'RUNNING' | 'PARKED' | 'FAILED' | 'STOPPING'>
}

export interface WireActors {
  readonly actors: readonly WireActor[]
}

export interface WireRecordRequest {
  readonly name: string
  readonly for_ms: number
  readonly bytes_max: Int64
}

export interface WireRecordPiece {
  readonly piece: Uint8Array
}

export interface WireRecentRequest {
  readonly name: string
  readonly lines_max: number
}

export interface WireRecent {
  readonly lines: readonly string[]
}
