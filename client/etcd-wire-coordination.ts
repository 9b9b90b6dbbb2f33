/** The messages of etcd's Lock and Election services, as types; see etcd-wire.ts for what is common to all. */
import type { Int64, WireHeaderOnly, WireKeyValue } from './etcd-wire.ts'

export interface WireLockRequest {
  readonly name: Uint8Array
  readonly lease: Int64
}

export interface WireLockResponse extends WireHeaderOnly {
  readonly key: Uint8Array
}

export interface WireUnlockRequest {
  readonly key: Uint8Array
}

export interface WireLeaderKey {
  readonly name: Uint8Array
  readonly key: Uint8Array
  readonly rev: Int64
  readonly lease: Int64
}

export interface WireCampaignRequest {
  readonly name: Uint8Array
  readonly lease: Int64
  readonly value: Uint8Array
}

export interface WireCampaignResponse extends WireHeaderOnly {
  readonly leader: WireLeaderKey | null
}

export interface WireProclaimRequest {
  readonly leader: WireLeaderKey | null
  readonly value: Uint8Array
}

/** Of leader and of observe. */
export interface WireLeaderRequest {
  readonly name: Uint8Array
}

export interface WireLeaderResponse extends WireHeaderOnly {
  readonly kv: WireKeyValue | null
}

export interface WireResignRequest {
  readonly leader: WireLeaderKey | null
}
