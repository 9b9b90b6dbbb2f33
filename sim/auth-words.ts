/** What simulated clients say about users, in the words of the keyspace; and who says it. */
import type { AuthCommand, AuthError, AuthResponse, PermissionType } from '../actors/auth/messages.ts'
import type { ReplicaRequest } from '../actors/raft/replica-messages.ts'
import type { PlainCommand, PlainQuery, StrictCommand, StrictQuery } from '../actors/strict/messages.ts'
import { utf8 } from '../base/bytes.ts'

/** Who says something, and by which revision of the users he is known; plain data, as everything that is written down. */
export interface Caller {
  readonly user: string
  readonly authRevision: number
}

/** A change of users. Ends of ranges as in requests: absent one key, `\0` all from it on. */
export type Management =
  | { readonly type: 'enable' | 'disable' }
  | { readonly type: 'addUser' | 'deleteUser' | 'changePassword'; readonly user: string }
  | { readonly type: 'grantRole' | 'revokeRole'; readonly user: string; readonly role: string }
  | { readonly type: 'addRole' | 'deleteRole'; readonly role: string }
  | {
      readonly type: 'permit'
      readonly role: string
      readonly permission: PermissionType
      readonly key: string
      readonly end?: string | undefined
    }
  | { readonly type: 'forbid'; readonly role: string; readonly key: string; readonly end?: string | undefined }

export type AuthOperation =
  | { readonly type: 'manage'; readonly what: Management; readonly as?: Caller | undefined }
  /** By which revision `user` is known now, as a door finds out; whether he is there. */
  | { readonly type: 'whoIs'; readonly user: string }
  /** Whether somebody may read a range, as is asked of whoever watches it. */
  | { readonly type: 'mayRead'; readonly as: Caller; readonly key: string; readonly end?: string | undefined }

/** Kept small, and the same in every run: what is secret is not tried here. */
const secret = new Uint8Array(4).fill(1)

export function managementOf(what: Management): AuthCommand {
  switch (what.type) {
    case 'enable':
      return { type: 'authEnable', secret }
    case 'disable':
      return { type: 'authDisable' }
    case 'addUser':
      return { type: 'userAdd', name: what.user, hash: '', noPassword: false }
    case 'deleteUser':
      return { type: 'userDelete', name: what.user }
    case 'changePassword':
      return { type: 'userChangePassword', name: what.user, hash: '' }
    case 'grantRole':
      return { type: 'userGrantRole', user: what.user, role: what.role }
    case 'revokeRole':
      return { type: 'userRevokeRole', user: what.user, role: what.role }
    case 'addRole':
      return { type: 'roleAdd', name: what.role }
    case 'deleteRole':
      return { type: 'roleDelete', role: what.role }
    case 'permit':
      return {
        type: 'roleGrantPermission',
        name: what.role,
        permission: { type: what.permission, ...spanOf(what.key, what.end) },
      }
    case 'forbid':
      return { type: 'roleRevokePermission', role: what.role, ...spanOf(what.key, what.end) }
  }
}

export function authMessageOf(
  operation: AuthOperation,
  request: { readonly client: string; readonly number: number },
): ReplicaRequest {
  switch (operation.type) {
    case 'manage':
      return { type: 'propose', command: saidBy(operation.as, managementOf(operation.what)), request }
    case 'whoIs':
      return { type: 'read', query: { type: 'credentials', user: operation.user }, consistency: 'linearizable' }
    case 'mayRead': {
      const { as, key, end } = operation
      const wants = [{ type: 'read', ...spanOf(key, end) } as const]
      const query = { type: 'may', user: as.user, revision: as.authRevision, wants } as const
      return { type: 'read', query, consistency: 'linearizable' }
    }
  }
}

export function saidBy(caller: Caller | undefined, command: PlainCommand): StrictCommand {
  return caller === undefined ? command : { type: 'as', principal: caller, command }
}

export function askedBy(caller: Caller | undefined, query: PlainQuery): StrictQuery {
  return caller === undefined ? query : { type: 'as', principal: caller, query }
}

const denials: ReadonlySet<string> = new Set<AuthError>(['userEmpty', 'permissionDenied', 'authOldRevision'])
const faults: ReadonlySet<string> = new Set<AuthError>([
  ...(['rootUserNotExist', 'rootRoleNotGranted', 'userExists', 'userNotFound', 'roleExists', 'roleNotFound'] as const),
  ...(['roleNotGranted', 'permissionNotGranted', 'invalidAuthManagement'] as const),
])

/** `denied`: for who said it; `unfit`: for what it was to change. Undefined: for neither. */
export function refusalOf(error: string): 'denied' | 'unfit' | undefined {
  if (denials.has(error)) return 'denied'
  return faults.has(error) ? 'unfit' : undefined
}

/** What was found of users, as pairs of text. */
export function foundOfUsers({
  enabled,
  authRevision,
  user,
}: AuthResponse & { type: 'credentials' }): ReadonlyMap<string, string> {
  return new Map([
    ['enabled', String(enabled)],
    ['authRevision', String(authRevision)],
    ['known', String(user !== undefined)],
  ])
}

function spanOf(key: string, end: string | undefined): { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array } {
  return { key: utf8(key), ...(end !== undefined && { rangeEnd: utf8(end) }) }
}
