/** The messages of etcd's Watch service, as types; see etcd-wire.ts for what is common to all. */
import type { Int64, WireEnum, WireHeaderOnly, WireKeyValue } from './etcd-wire.ts'

/** At most one is present. */
export interface WireWatchRequest {
  readonly create_request?: WireWatchCreateRequest | null
  readonly cancel_request?: WireWatchCancelRequest | null
  readonly progress_request?: object | null
}

export interface WireWatchCreateRequest extends WireWatchExtensions {
  readonly key: Uint8Array
  readonly range_end?: Uint8Array
  readonly start_revision?: Int64
  readonly progress_notify?: boolean
  readonly filters?: readonly WireEnum<'NOPUT' | 'NODELETE'>[]
  readonly prev_kv?: boolean
  /** 0 or absent: the server chooses. */
  readonly watch_id?: Int64
  readonly fragment?: boolean
}

/** What etcd does not have: field numbers from 1000 up. */
export interface WireWatchExtensions {
  readonly more_ranges?: readonly WireWatchRange[]
  readonly without?: readonly WireEnum<'CREATE' | 'UPDATE' | 'DELETE'>[]
  readonly key_suffix?: Uint8Array
  readonly key_pattern?: string
  readonly value?: WireValueTest | null
  readonly only_if_changed?: boolean
  readonly latest_only?: boolean
  readonly sample_ms?: number
}

export interface WireWatchRange {
  readonly key: Uint8Array
  readonly range_end?: Uint8Array
}

/** At most one is present. */
export interface WireValueTest {
  readonly equals?: Uint8Array
  readonly not_equals?: Uint8Array
  readonly contains?: Uint8Array
  readonly starts_with?: Uint8Array
  readonly at_least?: number
  readonly at_most?: number
  readonly json?: { readonly pointer: string; readonly equals: string } | null
}

export interface WireWatchCancelRequest {
  readonly watch_id: Int64
}

export interface WireWatchResponse extends WireHeaderOnly {
  readonly watch_id: Int64
  readonly created: boolean
  readonly canceled: boolean
  readonly compact_revision: Int64
  readonly cancel_reason: string
  readonly fragment: boolean
  readonly events: readonly WireEvent[]
}

export interface WireEvent {
  readonly type: WireEnum<'PUT' | 'DELETE'>
  readonly kv: WireKeyValue | null
  readonly prev_kv: WireKeyValue | null
}
