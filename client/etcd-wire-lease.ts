/** The messages of etcd's Lease service, as types; see etcd-wire.ts for what is common to all. */
import type { Int64, WireHeaderOnly } from './etcd-wire.ts'

export interface WireLeaseGrantRequest {
  readonly TTL: Int64
  /** 0: the server chooses. */
  readonly ID: Int64
}

export interface WireLeaseGrantResponse extends WireHeaderOnly {
  readonly ID: Int64
  readonly TTL: Int64
  /** etcd never fills it: a refusal is a status. */
  readonly error?: string
}

/** Of revoke and of keep-alive. */
export interface WireLeaseIdRequest {
  readonly ID: Int64
}

export interface WireLeaseKeepAliveResponse extends WireHeaderOnly {
  readonly ID: Int64
  /** 0: there is no such lease. */
  readonly TTL: Int64
}

export interface WireLeaseTimeToLiveRequest {
  readonly ID: Int64
  readonly keys: boolean
}

export interface WireLeaseTimeToLiveResponse extends WireHeaderOnly {
  readonly ID: Int64
  /** -1: there is no such lease. */
  readonly TTL: Int64
  readonly grantedTTL: Int64
  readonly keys: readonly Uint8Array[]
}

export interface WireLeaseLeasesResponse extends WireHeaderOnly {
  readonly leases: readonly { readonly ID: Int64 }[]
}
