/**
 * Users, roles and permissions: the replicated state, what changes it, and who may do what.
 *
 *   user ──has──▶ roles ──allow──▶ ranges of keys, to read, to write, or both
 *   root, with the role root, may do everything
 *
 *   U1  while auth is enabled the user root exists and has the role root
 *   U2  nobody is judged by another state of the store than the one he was known by: keys need the present revision,
 *       everything else needs that he is still the one he was
 *   U3  the range that is judged is the one that will be carried out
 *   U4  the revision grows by one with every change, and with nothing else
 *   U5  what is secret (hashes, the key of tokens) is told to the node alone
 *
 * The rules in full are in README.md. In the store: `a`, all of it. It is small, and it changes seldom.
 */
import { emptyBytes } from '../../base/bytes.ts'
import { hash32, mix32 } from '../../base/digest.ts'
import { pack, unpack } from '../../mailbox/codec.ts'
import type { ActorStore } from '../../runtime/kernel/actor.ts'
import type { AuthCommand, AuthError, AuthQuery, AuthResponse, Permission, Principal, Want } from './messages.ts'
import {
  allows,
  type Coverage,
  coverageOf,
  isPermission,
  mergePermission,
  type RangeWant,
  sameRange,
} from './permissions.ts'

export interface User {
  readonly name: string
  /** bcrypt; empty without a password. */
  readonly hash: string
  readonly noPassword: boolean
  /** In order. */
  readonly roles: readonly string[]
  /** The revision of the store when user or password was made: tokens from before are void. */
  readonly generation: number
}

export interface Role {
  readonly name: string
  readonly permissions: readonly Permission[]
}

export interface AuthState {
  readonly store: ActorStore
  enabled: boolean
  /** 1 at first; every change makes it one more. 0 is nobody's. */
  revision: number
  secret: Uint8Array
  readonly users: Map<string, User>
  readonly roles: Map<string, Role>
  /** What users may touch, where it was asked since the last change. */
  readonly coverage: Map<string, Coverage>
  digest: number
}

/** The user and the role that may do everything. */
export const root = 'root'

/** What the role root is shown to allow; it is allowed without being looked up. */
const everything: readonly Permission[] = [{ type: 'readwrite', key: emptyBytes, rangeEnd: new Uint8Array(1) }]

const storeKey = 'a'

export function openAuth(store: ActorStore): AuthState {
  const state: AuthState = {
    store,
    enabled: false,
    revision: 1,
    secret: emptyBytes,
    users: new Map(),
    roles: new Map(),
    coverage: new Map(),
    digest: 0,
  }
  const stored = store.get(storeKey)
  // A replica that was filled by a snapshot has it in its store, one that never heard of users has not: both are alike.
  adopt(state, stored ?? authSnapshot(state))
  return state
}

/** All of it, as bytes. */
export function authSnapshot({ enabled, revision, secret, users, roles }: AuthState): Uint8Array {
  return pack([enabled, revision, secret, sorted(users), sorted(roles)])
}

export function restoreAuth(store: ActorStore, bytes: Uint8Array): AuthState {
  const state = openAuth(store)
  adopt(state, bytes)
  save(state)
  return state
}

export function hashAuth({ digest }: AuthState): number {
  return digest
}

/** Carries out a command, or says why not; then nothing has changed. */
export function applyAuth(state: AuthState, command: AuthCommand): AuthResponse | AuthError {
  const outcome = change(state, command)
  if (outcome !== 'changed' && outcome !== 'same') return outcome
  // U4
  if (outcome === 'changed') {
    state.revision += 1
    save(state)
  }
  return { type: 'authDone' }
}

/**
 * Why `principal` may not do what it wants. `wants` is asked for only where it matters: with auth disabled everything is
 * allowed.
 */
export function refuse(state: AuthState, principal: Principal, wants: () => readonly Want[]): AuthError | undefined {
  if (!state.enabled) return undefined
  const { user: name, authRevision } = principal
  if (name === '') return 'userEmpty'
  const wanted = wants()
  // U2: a permission may have been taken since. Whether he is root is read here and now, and needs no such care.
  if (wanted.some(isRange) && authRevision !== state.revision) return 'authOldRevision'
  const user = state.users.get(name)
  if (user === undefined) return 'permissionDenied'
  // U2: another one of that name, or he himself before his password was changed.
  if (authRevision < user.generation) return 'authOldRevision'
  if (isRoot(user)) return undefined
  return wanted.every((want) => isRange(want) && allows(coverage(state, user), want)) ? undefined : 'permissionDenied'
}

/** @param by - Whoever asks, where it is not the node itself: he sees himself, and his own roles, and no secret. */
export function queryAuth(state: AuthState, query: AuthQuery, by?: Principal): AuthResponse | AuthError {
  switch (query.type) {
    case 'authStatus':
      return { type: 'authStatus', enabled: state.enabled, authRevision: state.revision }
    case 'userGet': {
      if (by !== undefined && state.enabled && !seesUser(state, by, query.name)) return 'permissionDenied'
      const user = state.users.get(query.name)
      return user === undefined ? 'userNotFound' : { type: 'user', name: user.name, roles: user.roles }
    }
    case 'userList':
      return { type: 'users', users: sorted(state.users).map(({ name }) => name) }
    case 'roleGet': {
      if (by !== undefined && state.enabled && !seesRole(state, by, query.role)) return 'permissionDenied'
      const role = state.roles.get(query.role)
      if (role === undefined) return 'roleNotFound'
      return { type: 'role', role: role.name, permissions: role.name === root ? everything : role.permissions }
    }
    case 'roleList':
      return { type: 'roles', roles: sorted(state.roles).map(({ name }) => name) }
    case 'credentials': {
      // U5
      if (by !== undefined) return 'permissionDenied'
      const user = state.users.get(query.user)
      const { enabled, revision: authRevision, secret } = state
      const known = user && { hash: user.hash, noPassword: user.noPassword, generation: user.generation }
      return { type: 'credentials', enabled, authRevision, secret, user: known }
    }
    case 'may':
      if (by !== undefined) return 'permissionDenied'
      return refuse(state, { user: query.user, authRevision: query.revision }, () => query.wants) ?? { type: 'may' }
  }
}

/** What a command came to: a change, or nothing as all was so already, or the reason why it was refused. */
type Outcome = 'changed' | 'same' | AuthError

function change(state: AuthState, command: AuthCommand): Outcome {
  switch (command.type) {
    case 'authEnable':
      return enable(state, command.secret)
    case 'authDisable':
      if (!state.enabled) return 'same'
      state.enabled = false
      return 'changed'
    case 'userAdd':
      return addUser(state, command)
    case 'userDelete':
      // U1
      if (state.enabled && command.name === root) return 'invalidAuthManagement'
      return state.users.delete(command.name) ? 'changed' : 'userNotFound'
    case 'userChangePassword':
      return changePassword(state, command.name, command.hash)
    case 'userGrantRole':
      return grantRole(state, command.user, command.role)
    case 'userRevokeRole':
      return revokeRole(state, command.user, command.role)
    case 'roleAdd':
      if (command.name === '') return 'roleEmpty'
      if (state.roles.has(command.name)) return 'roleExists'
      state.roles.set(command.name, { name: command.name, permissions: [] })
      return 'changed'
    case 'roleDelete':
      return deleteRole(state, command.role)
    case 'roleGrantPermission':
      if (!isPermission(command.permission)) return 'invalidAuthManagement'
      return withRole(state, command.name, ({ permissions }) => mergePermission(permissions, command.permission))
    case 'roleRevokePermission':
      return withRole(state, command.role, ({ permissions }) => {
        const left = permissions.filter((permission) => !sameRange(permission, command))
        return left.length === permissions.length ? 'permissionNotGranted' : left
      })
  }
}

function enable(state: AuthState, secret: Uint8Array): Outcome {
  if (state.enabled) return 'same'
  const user = state.users.get(root)
  if (user === undefined) return 'rootUserNotExist'
  if (!isRoot(user)) return 'rootRoleNotGranted'
  state.enabled = true
  // Another key than before: what was let in by the old one does not come back with the users.
  state.secret = secret
  return 'changed'
}

function addUser(state: AuthState, { name, hash, noPassword }: AuthCommand & { type: 'userAdd' }): Outcome {
  if (name === '') return 'userEmpty'
  if (state.users.has(name)) return 'userExists'
  const kept = noPassword ? '' : hash
  state.users.set(name, { name, hash: kept, noPassword, roles: [], generation: state.revision + 1 })
  return 'changed'
}

/** Whoever has no password gets none by this; what he was known by is void all the same. */
function changePassword(state: AuthState, name: string, hash: string): Outcome {
  const user = state.users.get(name)
  if (user === undefined) return 'userNotFound'
  state.users.set(name, { ...user, hash: user.noPassword ? '' : hash, generation: state.revision + 1 })
  return 'changed'
}

/** The role root need not have been added. */
function grantRole(state: AuthState, name: string, role: string): Outcome {
  const user = state.users.get(name)
  if (user === undefined) return 'userNotFound'
  if (role !== root && !state.roles.has(role)) return 'roleNotFound'
  if (user.roles.includes(role)) return 'same'
  state.users.set(name, { ...user, roles: [...user.roles, role].sort() })
  return 'changed'
}

function revokeRole(state: AuthState, name: string, role: string): Outcome {
  // U1
  if (state.enabled && name === root && role === root) return 'invalidAuthManagement'
  const user = state.users.get(name)
  if (user === undefined) return 'userNotFound'
  if (!user.roles.includes(role)) return 'roleNotGranted'
  state.users.set(name, { ...user, roles: user.roles.filter((one) => one !== role) })
  return 'changed'
}

/** U7: with the role goes what it was given to: a role of that name made later is another one. */
function deleteRole(state: AuthState, role: string): Outcome {
  // U1
  if (state.enabled && role === root) return 'invalidAuthManagement'
  if (!state.roles.delete(role)) return 'roleNotFound'
  for (const user of state.users.values()) {
    if (user.roles.includes(role))
      state.users.set(user.name, { ...user, roles: user.roles.filter((one) => one !== role) })
  }
  return 'changed'
}

function withRole(state: AuthState, name: string, update: (role: Role) => readonly Permission[] | AuthError): Outcome {
  const role = state.roles.get(name)
  if (role === undefined) return 'roleNotFound'
  const permissions = update(role)
  if (typeof permissions === 'string') return permissions
  state.roles.set(name, { name, permissions })
  return 'changed'
}

function isRoot({ roles }: User): boolean {
  return roles.includes(root)
}

function isRange(want: Want): want is RangeWant {
  return want.type !== 'admin'
}

function coverage(state: AuthState, { name, roles }: User): Coverage {
  const known = state.coverage.get(name)
  if (known !== undefined) return known
  const joined = coverageOf(roles.flatMap((role) => state.roles.get(role)?.permissions ?? []))
  state.coverage.set(name, joined)
  return joined
}

function seesUser(state: AuthState, by: Principal, name: string): boolean {
  const user = state.users.get(by.user)
  return user !== undefined && (user.name === name || isRoot(user))
}

function seesRole(state: AuthState, by: Principal, role: string): boolean {
  const user = state.users.get(by.user)
  return user !== undefined && (user.roles.includes(role) || isRoot(user))
}

function save(state: AuthState): void {
  state.coverage.clear()
  const bytes = authSnapshot(state)
  state.digest = mix32(hash32(bytes))
  state.store.put(storeKey, bytes)
}

function adopt(state: AuthState, bytes: Uint8Array): void {
  const [enabled, revision, secret, users, roles] = unpack(bytes) as [boolean, number, Uint8Array, User[], Role[]]
  state.enabled = enabled
  state.revision = revision
  state.secret = secret
  state.coverage.clear()
  state.users.clear()
  for (const user of users) state.users.set(user.name, user)
  state.roles.clear()
  for (const role of roles) state.roles.set(role.name, role)
  state.digest = mix32(hash32(bytes))
}

function sorted<T extends { readonly name: string }>(named: ReadonlyMap<string, T>): T[] {
  return [...named.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}
