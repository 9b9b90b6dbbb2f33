/** The messages of etcd's Auth service, as types; see etcd-wire.ts for what is common to all. */
import type { Int64, WireEnum, WireHeaderOnly } from './etcd-wire.ts'

export interface WirePermission {
  readonly permType: WireEnum<'READ' | 'WRITE' | 'READWRITE'>
  readonly key: Uint8Array
  readonly range_end?: Uint8Array
}

export interface WireAuthStatusResponse extends WireHeaderOnly {
  readonly enabled: boolean
  readonly authRevision: Int64
}

export interface WireAuthenticateRequest {
  readonly name: string
  readonly password: string
}

export interface WireAuthenticateResponse extends WireHeaderOnly {
  readonly token: string
}

export interface WireAuthUserAddRequest {
  readonly name: string
  readonly password: string
  readonly options?: { readonly no_password: boolean } | null
  /** bcrypt, in place of `password`. */
  readonly hashedPassword?: string
}

export interface WireAuthUserChangePasswordRequest {
  readonly name: string
  readonly password: string
  readonly hashedPassword?: string
}

/** Of what names one user, or one role to be made. */
export interface WireAuthNameRequest {
  readonly name: string
}

/** Of what names one role that exists. */
export interface WireAuthRoleRequest {
  readonly role: string
}

/** etcd calls the user `user` here, and `name` where the role is taken away again. */
export interface WireAuthUserGrantRoleRequest {
  readonly user: string
  readonly role: string
}

export interface WireAuthUserRevokeRoleRequest {
  readonly name: string
  readonly role: string
}

export interface WireAuthUserGetResponse extends WireHeaderOnly {
  readonly roles: readonly string[]
}

export interface WireAuthUserListResponse extends WireHeaderOnly {
  readonly users: readonly string[]
}

export interface WireAuthRoleGetResponse extends WireHeaderOnly {
  readonly perm: readonly WirePermission[]
}

export interface WireAuthRoleListResponse extends WireHeaderOnly {
  readonly roles: readonly string[]
}

export interface WireAuthRoleGrantPermissionRequest {
  readonly name: string
  readonly perm: WirePermission | null
}

export interface WireAuthRoleRevokePermissionRequest {
  readonly role: string
  readonly key: Uint8Array
  readonly range_end?: Uint8Array
}
