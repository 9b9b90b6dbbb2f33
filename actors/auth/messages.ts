/**
 * Users, roles and what they may do, as etcd has them: part of a keyspace's replicated state, so that a permission and the
 * write that it allows are ordered by one log.
 *
 * A command or query of an outside caller comes wrapped in `as`: who says it, by which revision of the auth store he was
 * known. While auth is enabled, nothing else from outside is heard. What comes unwrapped is said by the node itself, or by
 * the process that embeds it, and is trusted.
 */

export type PermissionType = 'read' | 'write' | 'readwrite'

export interface Permission {
  readonly type: PermissionType
  readonly key: Uint8Array
  /** Meaning as in a range request: undefined one key, one zero byte all keys from `key` on. */
  readonly rangeEnd?: Uint8Array
}

export type AuthCommand =
  /** `secret`: 32 random bytes of the proposer, the key of simple tokens until auth is disabled. */
  | { readonly type: 'authEnable'; readonly secret: Uint8Array }
  | { readonly type: 'authDisable' }
  /** `hash`: bcrypt, made by the proposer; empty for a user without a password. */
  | { readonly type: 'userAdd'; readonly name: string; readonly hash: string; readonly noPassword: boolean }
  | { readonly type: 'userDelete'; readonly name: string }
  | { readonly type: 'userChangePassword'; readonly name: string; readonly hash: string }
  | { readonly type: 'userGrantRole'; readonly user: string; readonly role: string }
  | { readonly type: 'userRevokeRole'; readonly user: string; readonly role: string }
  | { readonly type: 'roleAdd'; readonly name: string }
  | { readonly type: 'roleDelete'; readonly role: string }
  | { readonly type: 'roleGrantPermission'; readonly name: string; readonly permission: Permission }
  | {
      readonly type: 'roleRevokePermission'
      readonly role: string
      readonly key: Uint8Array
      readonly rangeEnd?: Uint8Array
    }

export type AuthQuery =
  | { readonly type: 'authStatus' }
  | { readonly type: 'userGet'; readonly name: string }
  | { readonly type: 'userList' }
  | { readonly type: 'roleGet'; readonly role: string }
  | { readonly type: 'roleList' }
  /** For the node alone, never for a caller: what a password or a token is checked against. */
  | { readonly type: 'credentials'; readonly user: string }
  /** Whether `user` may do all of `wants`, by the present state: of a watch, of an administrator's call. */
  | { readonly type: 'may'; readonly user: string; readonly revision: number; readonly wants: readonly Want[] }

/** One thing that a request needs. `admin`: the role root. */
export type Want =
  | { readonly type: 'read' | 'write'; readonly key: Uint8Array; readonly rangeEnd?: Uint8Array }
  | { readonly type: 'admin' }

export type AuthResponse =
  | { readonly type: 'authDone' }
  | { readonly type: 'authStatus'; readonly enabled: boolean; readonly authRevision: number }
  | { readonly type: 'user'; readonly name: string; readonly roles: readonly string[] }
  | { readonly type: 'users'; readonly users: readonly string[] }
  | { readonly type: 'role'; readonly role: string; readonly permissions: readonly Permission[] }
  | { readonly type: 'roles'; readonly roles: readonly string[] }
  | {
      readonly type: 'credentials'
      readonly enabled: boolean
      readonly authRevision: number
      readonly secret: Uint8Array
      /** Undefined: there is no such user. `generation` changes with the password, and with a user made anew. */
      readonly user: { readonly hash: string; readonly noPassword: boolean; readonly generation: number } | undefined
    }
  | { readonly type: 'may' }

export type AuthError =
  | 'rootUserNotExist'
  | 'rootRoleNotGranted'
  | 'userExists'
  | 'userNotFound'
  | 'userEmpty'
  | 'roleExists'
  | 'roleNotFound'
  | 'roleEmpty'
  | 'roleNotGranted'
  | 'permissionNotGranted'
  | 'permissionNotGiven'
  | 'permissionDenied'
  | 'authFailed'
  | 'authNotEnabled'
  | 'authOldRevision'
  | 'invalidAuthToken'
  | 'invalidAuthManagement'

/** Who says something, as the door to the node made sure. `user` empty: nobody. */
export interface Principal {
  readonly user: string
  /** Of the auth store when the caller was known by it; 0 with nobody. */
  readonly authRevision: number
}

/** Told in a feed when users, roles or permissions changed: who was let in before is asked again. */
export interface AuthFeedItem {
  readonly type: 'authChanged'
  readonly authRevision: number
}
