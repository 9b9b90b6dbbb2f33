/**
 * Users of keyspaces, as the front doors see them: who a caller is, and the calls that manage users, roles and permissions.
 *
 * Who a caller is:
 *   a token ─▶ the user it names ·  none, but a certificate ─▶ the user of its common name ·  neither ─▶ nobody
 * Where users are switched off everybody is nobody, and may do everything. Nothing is decided here: the principal goes along
 * with what is asked, and the state machine judges both at once.
 */
import { randomBytes } from 'node:crypto'
import type { AuthCommand, AuthQuery, Permission, Principal } from '../actors/auth/messages.ts'
import { AspenError, type AuthApi, type CallOptions, type Credentials, type Header } from '../client/interface.ts'
import { AuthKnowledge, type Knowledge } from './auth-knowledge.ts'
import type { Passwords } from './auth-password.ts'
import { expectResponse, type ResponseOf, type StrictStore } from './strict-store.ts'
import type { KnownUser, TokenProvider } from './tokens.ts'

/** Asks the store of a group for what a password or a token is checked against. */
export type AskCredentials = (
  group: string,
  query: AuthQuery & { type: 'credentials' },
  consistency: 'linearizable' | 'serializable',
  options: CallOptions | undefined,
) => Promise<ResponseOf<'credentials'>>

export interface CallerOptions {
  readonly tokens: TokenProvider
  readonly ask: AskCredentials
}

const nobody: Principal = { user: '', authRevision: 0 }

/** Finds out who calls. */
export class Callers {
  readonly #options: CallerOptions
  readonly #knowledge = new AuthKnowledge()

  constructor(options: CallerOptions) {
    this.#options = options
  }

  /**
   * @param fresh - The store found what was known outdated: it is asked anew.
   * @throws {AspenError} `invalidAuthToken`.
   */
  async principalOf(
    group: string,
    credentials: Credentials,
    options: CallOptions | undefined,
    fresh: boolean,
  ): Promise<Principal> {
    if (!fresh) {
      const principal = await this.#known(group, credentials, 'serializable', options)
      if (principal !== undefined) return principal
    }
    // A refusal must not rest on what is merely remembered, nor on a member that lags behind.
    this.#knowledge.forget(group)
    const principal = await this.#known(group, credentials, 'linearizable', options)
    if (principal === undefined) throw new AspenError('invalidAuthToken')
    return principal
  }

  /** Undefined: the token opens nothing. */
  async #known(
    group: string,
    { token, commonName }: Credentials,
    consistency: 'linearizable' | 'serializable',
    options: CallOptions | undefined,
  ): Promise<Principal | undefined> {
    const of = (user: string): Promise<Knowledge> => this.#knowledgeOf(group, user, consistency, options)
    if (token === undefined) {
      const { enabled, authRevision } = await of('')
      return enabled && commonName !== undefined ? { user: commonName, authRevision } : nobody
    }
    let enabled = true
    const verified = await this.#options.tokens.verify(token, async (user) => {
      const known = await of(user)
      enabled = known.enabled
      return knownUser(known)
    })
    if (verified !== undefined) return verified
    return enabled && (await of('')).enabled ? undefined : nobody
  }

  async #knowledgeOf(
    group: string,
    user: string,
    consistency: 'linearizable' | 'serializable',
    options: CallOptions | undefined,
  ): Promise<Knowledge> {
    const recalled = this.#knowledge.recall(group, user)
    if (recalled !== undefined) return recalled
    const answer = await this.#options.ask(group, { type: 'credentials', user }, consistency, options)
    return this.#knowledge.learn(group, user, answer)
  }
}

export interface AuthClientOptions extends CallerOptions {
  readonly store: StrictStore
  readonly passwords: Passwords
}

interface Done {
  readonly header: Header
}

export class AuthClient implements AuthApi {
  readonly #options: AuthClientOptions

  constructor(options: AuthClientOptions) {
    this.#options = options
  }

  async authenticate(
    { name, password }: { readonly name: string; readonly password: string },
    options?: CallOptions,
  ): Promise<Done & { readonly token: string }> {
    const { store, passwords, tokens, ask } = this.#options
    // Whoever logs in is not known yet, and whatever else he shows does not matter.
    const { credentials: _shown, ...call } = options ?? {}
    const known = await ask(store.groupOf(call), { type: 'credentials', user: name }, 'linearizable', call)
    if (!known.enabled) throw new AspenError('authNotEnabled')
    const matches = await passwords.matches(password, known.user?.hash)
    const user = knownUser(known)
    if (!matches || user === undefined) throw new AspenError('authFailed')
    const [token, { header }] = await Promise.all([
      tokens.issue(name, user),
      store.query({ type: 'status' }, 'serializable', call),
    ])
    return { header, token }
  }

  authEnable(options?: CallOptions): Promise<Done> {
    return this.#change({ type: 'authEnable', secret: randomBytes(32) }, options)
  }

  authDisable(options?: CallOptions): Promise<Done> {
    return this.#change({ type: 'authDisable' }, options)
  }

  async authStatus(
    options?: CallOptions,
  ): Promise<Done & { readonly enabled: boolean; readonly authRevision: number }> {
    const { header, response } = await this.#ask({ type: 'authStatus' }, 'authStatus', options)
    const { enabled, authRevision } = response
    return { header, enabled, authRevision }
  }

  async userAdd(
    { name, password }: { readonly name: string; readonly password?: string },
    options?: CallOptions,
  ): Promise<Done> {
    if (name === '') throw new AspenError('userEmpty')
    const noPassword = password === undefined
    const hash = noPassword ? '' : await this.#hash(password, options)
    return this.#change({ type: 'userAdd', name, hash, noPassword }, options)
  }

  userDelete({ name }: { readonly name: string }, options?: CallOptions): Promise<Done> {
    return this.#change({ type: 'userDelete', name }, options)
  }

  async userChangePassword(
    { name, password }: { readonly name: string; readonly password: string },
    options?: CallOptions,
  ): Promise<Done> {
    const hash = await this.#hash(password, options)
    return this.#change({ type: 'userChangePassword', name, hash }, options)
  }

  async userGet(
    { name }: { readonly name: string },
    options?: CallOptions,
  ): Promise<Done & { readonly roles: readonly string[] }> {
    const { header, response } = await this.#ask({ type: 'userGet', name }, 'user', options)
    return { header, roles: response.roles }
  }

  async userList(options?: CallOptions): Promise<Done & { readonly users: readonly string[] }> {
    const { header, response } = await this.#ask({ type: 'userList' }, 'users', options)
    return { header, users: response.users }
  }

  userGrantRole(
    { user, role }: { readonly user: string; readonly role: string },
    options?: CallOptions,
  ): Promise<Done> {
    return this.#change({ type: 'userGrantRole', user, role }, options)
  }

  userRevokeRole(
    { user, role }: { readonly user: string; readonly role: string },
    options?: CallOptions,
  ): Promise<Done> {
    return this.#change({ type: 'userRevokeRole', user, role }, options)
  }

  roleAdd({ name }: { readonly name: string }, options?: CallOptions): Promise<Done> {
    return this.#change({ type: 'roleAdd', name }, options)
  }

  roleDelete({ role }: { readonly role: string }, options?: CallOptions): Promise<Done> {
    return this.#change({ type: 'roleDelete', role }, options)
  }

  async roleGet(
    { role }: { readonly role: string },
    options?: CallOptions,
  ): Promise<Done & { readonly permissions: readonly Permission[] }> {
    const { header, response } = await this.#ask({ type: 'roleGet', role }, 'role', options)
    return { header, permissions: response.permissions }
  }

  async roleList(options?: CallOptions): Promise<Done & { readonly roles: readonly string[] }> {
    const { header, response } = await this.#ask({ type: 'roleList' }, 'roles', options)
    return { header, roles: response.roles }
  }

  roleGrantPermission(
    { role, permission }: { readonly role: string; readonly permission: Permission },
    options?: CallOptions,
  ): Promise<Done> {
    return this.#change({ type: 'roleGrantPermission', name: role, permission }, options)
  }

  roleRevokePermission(
    request: { readonly role: string; readonly key: Uint8Array; readonly rangeEnd?: Uint8Array },
    options?: CallOptions,
  ): Promise<Done> {
    return this.#change({ type: 'roleRevokePermission', ...request }, options)
  }

  /** Only for whoever may use it: a hash costs much, and anybody may ask. */
  async #hash(password: string, options: CallOptions | undefined): Promise<string> {
    const { store, passwords } = this.#options
    await store.require([{ type: 'admin' }], 'linearizable', options)
    return passwords.hash(password)
  }

  async #change(command: AuthCommand, options: CallOptions | undefined): Promise<Done> {
    const { header } = await this.#options.store.command(command, options)
    return { header }
  }

  async #ask<T extends 'authStatus' | 'user' | 'users' | 'role' | 'roles'>(
    query: AuthQuery,
    type: T,
    options: CallOptions | undefined,
  ): Promise<{ readonly header: Header; readonly response: ResponseOf<T> }> {
    return expectResponse(await this.#options.store.query(query, 'linearizable', options), type)
  }
}

/** The calls of `client` alone, each good by itself. */
export function authApi(client: AuthClient): AuthApi {
  return {
    authenticate: (request, call) => client.authenticate(request, call),
    authEnable: (call) => client.authEnable(call),
    authDisable: (call) => client.authDisable(call),
    authStatus: (call) => client.authStatus(call),
    userAdd: (request, call) => client.userAdd(request, call),
    userDelete: (request, call) => client.userDelete(request, call),
    userChangePassword: (request, call) => client.userChangePassword(request, call),
    userGet: (request, call) => client.userGet(request, call),
    userList: (call) => client.userList(call),
    userGrantRole: (request, call) => client.userGrantRole(request, call),
    userRevokeRole: (request, call) => client.userRevokeRole(request, call),
    roleAdd: (request, call) => client.roleAdd(request, call),
    roleDelete: (request, call) => client.roleDelete(request, call),
    roleGet: (request, call) => client.roleGet(request, call),
    roleList: (call) => client.roleList(call),
    roleGrantPermission: (request, call) => client.roleGrantPermission(request, call),
    roleRevokePermission: (request, call) => client.roleRevokePermission(request, call),
  }
}

function knownUser({ secret, authRevision, user }: Omit<Knowledge, 'enabled'>): KnownUser | undefined {
  return user && { secret, authRevision, generation: user.generation }
}
