/**
 * Users, roles and permissions once more, said in another way: every question is answered from what was granted and taken
 * away, and nothing is kept ready. What the product does is held against this (I26).
 *
 * A model does not change: a command makes the next one. Ranges are pairs of hexadecimal text, which is ordered as the bytes
 * are.
 */
import type { AuthCommand, AuthError, Permission, Principal, Want } from '../../actors/auth/messages.ts'
import type { TxnOperation, TxnRequest } from '../../actors/keyspace/messages.ts'
import { hex } from '../../base/bytes.ts'

export interface AuthModel {
  readonly enabled: boolean
  readonly revision: number
  readonly users: ReadonlyMap<string, ModelUser>
  /** Permissions by the range as it was written. */
  readonly roles: ReadonlyMap<string, ReadonlyMap<string, Permission>>
}

interface ModelUser {
  readonly roles: ReadonlySet<string>
  readonly since: number
}

export const noUsers: AuthModel = { enabled: false, revision: 1, users: new Map(), roles: new Map() }

/** What a command makes of it; the same when all was so already. */
export function follow(model: AuthModel, command: AuthCommand): AuthModel | AuthError {
  const next = changed(model, command)
  if (typeof next === 'string' || next === model) return next
  return { ...next, revision: model.revision + 1 }
}

/** Why `principal` may not do `wanted`. Undefined: he may. */
export function forbidden(model: AuthModel, principal: Principal, wanted: readonly Want[]): AuthError | undefined {
  if (!model.enabled) return undefined
  if (principal.user === '') return 'userEmpty'
  const keys = wanted.filter((want) => want.type !== 'admin')
  if (keys.length > 0 && principal.authRevision !== model.revision) return 'authOldRevision'
  const user = model.users.get(principal.user)
  if (user === undefined) return 'permissionDenied'
  if (principal.authRevision < user.since) return 'authOldRevision'
  if (user.roles.has('root')) return undefined
  if (keys.length < wanted.length) return 'permissionDenied'
  const granted = [...user.roles].flatMap((role) => [...(model.roles.get(role)?.values() ?? [])])
  return keys.every((want) => isCovered(granted, want)) ? undefined : 'permissionDenied'
}

/** Everything that a request touches or shows, wherever in it that stands. */
export function wantedBy(request: TxnOperation): readonly Want[] {
  switch (request.type) {
    case 'range':
      return [reads(request)]
    case 'put':
      return request.prevKv === true
        ? [writes({ key: request.key }), reads({ key: request.key })]
        : [writes({ key: request.key })]
    case 'deleteRange':
      return request.prevKv === true ? [writes(request), reads(request)] : [writes(request)]
    case 'txn':
      return wantedByTxn(request)
  }
}

function wantedByTxn({ compare, success, failure }: TxnRequest): readonly Want[] {
  return [...compare.map(reads), ...success.flatMap(wantedBy), ...failure.flatMap(wantedBy)]
}

interface Ranged {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
}

function reads({ key, rangeEnd }: Ranged): Want {
  return { type: 'read', key, ...(rangeEnd !== undefined && { rangeEnd }) }
}

function writes({ key, rangeEnd }: Ranged): Want {
  return { type: 'write', key, ...(rangeEnd !== undefined && { rangeEnd }) }
}

/** Where a gap in what was granted could begin: at the start of what is wanted, and where a grant ends. */
function isCovered(granted: readonly Permission[], want: Want & { readonly key: Uint8Array }): boolean {
  const spans = granted.filter(({ type }) => type === want.type || type === 'readwrite').map(spanOf)
  const { from, to } = spanOf(want)
  const holds = (point: string): boolean =>
    spans.some((span) => span.from <= point && (span.to === undefined || point < span.to))
  const ends = spans.flatMap((span) => (span.to === undefined ? [] : [span.to]))
  return holds(from) && ends.filter((end) => end > from && (to === undefined || end < to)).every(holds)
}

function spanOf({ key, rangeEnd }: Ranged): { readonly from: string; readonly to: string | undefined } {
  const [from, end] = [hex(key), hex(rangeEnd ?? new Uint8Array(0))]
  if (end === '') return { from, to: `${from}00` }
  return { from, to: end === '00' ? undefined : end }
}

function changed(model: AuthModel, command: AuthCommand): AuthModel | AuthError {
  const { users, roles, enabled, revision } = model
  switch (command.type) {
    case 'authEnable':
      if (enabled) return model
      if (!users.has('root')) return 'rootUserNotExist'
      return users.get('root')?.roles.has('root') === true ? { ...model, enabled: true } : 'rootRoleNotGranted'
    case 'authDisable':
      return enabled ? { ...model, enabled: false } : model
    case 'userAdd':
      if (command.name === '') return 'userEmpty'
      if (users.has(command.name)) return 'userExists'
      return { ...model, users: put(users, command.name, { roles: new Set(), since: revision + 1 }) }
    case 'userDelete':
      if (enabled && command.name === 'root') return 'invalidAuthManagement'
      return users.has(command.name) ? { ...model, users: without(users, command.name) } : 'userNotFound'
    case 'userChangePassword': {
      const user = users.get(command.name)
      if (user === undefined) return 'userNotFound'
      return { ...model, users: put(users, command.name, { ...user, since: revision + 1 }) }
    }
    case 'userGrantRole': {
      const user = users.get(command.user)
      if (user === undefined) return 'userNotFound'
      if (command.role !== 'root' && !roles.has(command.role)) return 'roleNotFound'
      if (user.roles.has(command.role)) return model
      return { ...model, users: put(users, command.user, { ...user, roles: new Set([...user.roles, command.role]) }) }
    }
    case 'userRevokeRole': {
      if (enabled && command.user === 'root' && command.role === 'root') return 'invalidAuthManagement'
      const user = users.get(command.user)
      if (user === undefined) return 'userNotFound'
      if (!user.roles.has(command.role)) return 'roleNotGranted'
      return { ...model, users: put(users, command.user, stripped(user, command.role)) }
    }
    default:
      return changedRoles(model, command)
  }
}

function changedRoles(model: AuthModel, command: AuthCommand & { type: `role${string}` }): AuthModel | AuthError {
  const { users, roles, enabled } = model
  const name = 'name' in command ? command.name : command.role
  const role = roles.get(name)
  switch (command.type) {
    case 'roleAdd':
      if (name === '') return 'roleEmpty'
      return role === undefined ? { ...model, roles: put(roles, name, new Map()) } : 'roleExists'
    case 'roleDelete':
      if (enabled && name === 'root') return 'invalidAuthManagement'
      if (role === undefined) return 'roleNotFound'
      return {
        ...model,
        roles: without(roles, name),
        users: new Map([...users].map(([user, known]) => [user, stripped(known, name)])),
      }
    case 'roleGrantPermission': {
      const { permission } = command
      const { from, to } = spanOf(permission)
      if (permission.key.length === 0 || (to !== undefined && to <= from)) return 'invalidAuthManagement'
      if (role === undefined) return 'roleNotFound'
      return { ...model, roles: put(roles, name, put(role, writtenAs(permission), permission)) }
    }
    case 'roleRevokePermission':
      if (role === undefined) return 'roleNotFound'
      if (!role.has(writtenAs(command))) return 'permissionNotGranted'
      return { ...model, roles: put(roles, name, without(role, writtenAs(command))) }
  }
}

function stripped(user: ModelUser, role: string): ModelUser {
  return { ...user, roles: new Set([...user.roles].filter((one) => one !== role)) }
}

function writtenAs({ key, rangeEnd }: Ranged): string {
  return `${hex(key)}-${hex(rangeEnd ?? new Uint8Array(0))}`
}

function put<V>(map: ReadonlyMap<string, V>, key: string, value: V): ReadonlyMap<string, V> {
  return new Map([...map, [key, value]])
}

function without<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  return new Map([...map].filter(([each]) => each !== key))
}
