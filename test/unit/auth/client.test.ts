import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AuthCommand } from '../../../actors/auth/messages.ts'
import type { StrictCommand, StrictQuery } from '../../../actors/strict/messages.ts'
import { AuthClient, Callers } from '../../../aspen/auth-client.ts'
import { AuthGate } from '../../../aspen/auth-gate.ts'
import { Passwords } from '../../../aspen/auth-password.ts'
import type { Replicas } from '../../../aspen/replicas.ts'
import { expectResponse, StrictStore } from '../../../aspen/strict-store.ts'
import { SimpleTokens } from '../../../aspen/token-simple.ts'
import type { TokenProvider } from '../../../aspen/tokens.ts'
import { AspenError, type AspenErrorCode, type Credentials } from '../../../client/interface.ts'
import { put, range } from '../keyspace/replica.ts'
import { grant, StrictReplica } from './strict-replica.ts'

/** A member over replicas in memory, one a keyspace. Reads that need not be new see what `lag` left of the past. */
class Member {
  readonly groups: Map<string, StrictReplica> = new Map([['default', new StrictReplica()]])
  readonly asked: string[] = []
  readonly requests: unknown[] = []
  readonly store: StrictStore
  readonly client: AuthClient
  readonly gate: AuthGate
  readonly callers: Callers
  readonly passwords: Passwords = new Passwords(4)
  lagging: StrictReplica | undefined

  constructor(tokens: TokenProvider = new SimpleTokens(300_000)) {
    const replicas = {
      propose: (group: string, command: StrictCommand, options?: { readonly request?: unknown }) => {
        this.requests.push(options?.request)
        return Promise.resolve({ reply: this.of(group).apply(command), index: 1, term: 1 })
      },
      read: (group: string, query: StrictQuery, consistency: string) => {
        this.asked.push(query.type === 'as' ? query.query.type : query.type)
        const replica = consistency === 'serializable' ? (this.lagging ?? this.of(group)) : this.of(group)
        return Promise.resolve({ answer: replica.query(query), index: 1, term: 1 })
      },
    } as unknown as Replicas
    this.store = new StrictStore({
      replicas,
      clusterId: 1,
      memberId: 1,
      groupOf: (keyspace) => keyspace,
      principalOf: (group, credentials, options, fresh) => this.callers.principalOf(group, credentials, options, fresh),
    })
    const ask: ConstructorParameters<typeof Callers>[0]['ask'] = async (group, query, consistency) => {
      const answered = await replicas.read<never>(group, query, consistency, undefined)
      return (answered.answer as { readonly response: never }).response
    }
    this.callers = new Callers({ tokens, ask })
    this.client = new AuthClient({ store: this.store, passwords: this.passwords, tokens, ask })
    this.gate = new AuthGate(this.store)
  }

  of(group: string): StrictReplica {
    const replica = this.groups.get(group)
    if (replica === undefined) throw new AspenError('keyspaceNotFound')
    return replica
  }

  async enabled(): Promise<this> {
    await this.client.userAdd({ name: 'root', password: 'r' })
    await this.client.userGrantRole({ user: 'root', role: 'root' })
    await this.client.userAdd({ name: 'u', password: 'p' })
    await this.client.roleAdd({ name: 'u' })
    await this.client.roleGrantPermission({ role: 'u', permission: grant('readwrite', 'a', 'b') })
    await this.client.userGrantRole({ user: 'u', role: 'u' })
    await this.client.authEnable()
    return this
  }

  async logIn(name: string, password: string): Promise<Credentials> {
    const { token } = await this.client.authenticate({ name, password })
    return { token }
  }

  direct(command: AuthCommand): void {
    this.of('default').auth(command)
  }
}

async function code(work: Promise<unknown>): Promise<AspenErrorCode | 'done'> {
  try {
    await work
    return 'done'
  } catch (error) {
    if (error instanceof AspenError) return error.code
    throw error
  }
}

describe('logging in', () => {
  test('needs users that are on, a user that is there, and his password', async () => {
    const member = new Member()
    assert.equal(await code(member.logIn('u', 'p')), 'authNotEnabled')
    await member.enabled()

    assert.equal(await code(member.logIn('u', 'p')), 'done')
    assert.equal(await code(member.logIn('u', 'wrong')), 'authFailed')
    assert.equal(await code(member.logIn('u', '')), 'authFailed')
    assert.equal(await code(member.logIn('stranger', 'p')), 'authFailed')
    assert.equal(await code(member.logIn('', '')), 'authFailed')
  })

  test('is not for users without a password, whatever they say', async () => {
    const member = await new Member().enabled()
    await member.client.userAdd({ name: 'cert' })
    await member.client.userChangePassword({ name: 'cert', password: 'p' })

    assert.equal(await code(member.logIn('cert', 'p')), 'authFailed')
    assert.equal(await code(member.logIn('cert', '')), 'authFailed')
  })

  test('counts a password to its end: what bcrypt would not read is refused', async () => {
    const member = await new Member().enabled()
    const long = 'x'.repeat(73)

    assert.equal(await code(member.client.userAdd({ name: 'v', password: long })), 'invalidAuthManagement')
    await member.client.userAdd({ name: 'v', password: long.slice(1) })
    assert.equal(await code(member.logIn('v', long.slice(1))), 'done')
    assert.equal(await code(member.logIn('v', long)), 'authFailed')
  })

  test('checks a password for strangers too, so that the clock tells nothing', async () => {
    const passwords = new Passwords(4)

    assert.equal(await passwords.matches('x', undefined), false)
    assert.equal(await passwords.matches('x', ''), false)
    assert.equal(await passwords.matches('x', await passwords.hash('x')), true)
  })

  test('by too many at once is refused, and those that wait get their turn', async () => {
    const passwords = new Passwords(4)
    const stored = await passwords.hash('x')
    const codes = await Promise.all(Array.from({ length: 200 }, () => code(passwords.matches('x', stored))))

    assert.equal(codes.filter((each) => each === 'done').length, 130)
    assert.equal(codes.filter((each) => each === 'tooManyRequests').length, 70)
    assert.equal(await code(passwords.matches('x', stored)), 'done')
  })
})

describe('a caller', () => {
  test('is nobody while users are off, whatever he shows', async () => {
    const member = new Member()

    for (const credentials of [{}, { token: 'nonsense' }, { commonName: 'u' }]) {
      assert.equal(await code(member.store.command(put('z'), { credentials })), 'done')
    }
  })

  test('is whom his token names, else whom his certificate names, else nobody', async () => {
    const member = await new Member().enabled()
    const u = await member.logIn('u', 'p')
    const as = (credentials: Credentials, key: string): Promise<unknown> =>
      code(member.store.command(put(key), { credentials }))

    assert.equal(await as(u, 'a'), 'done')
    assert.equal(await as(u, 'c'), 'permissionDenied')
    assert.equal(await as({ ...u, commonName: 'root' }, 'c'), 'permissionDenied')
    assert.equal(await as({ commonName: 'u' }, 'a'), 'done')
    assert.equal(await as({ commonName: 'stranger' }, 'a'), 'permissionDenied')
    assert.equal(await as({ token: 'nonsense', commonName: 'root' }, 'a'), 'invalidAuthToken')
    assert.equal(await as({ token: '' }, 'a'), 'invalidAuthToken')
    assert.equal(await as({}, 'a'), 'userEmpty')
    assert.equal(await code(member.store.command(put('c'), undefined)), 'done')
  })

  test('is not asked about again and again', async () => {
    const member = await new Member().enabled()
    const u = await member.logIn('u', 'p')
    await member.store.command(put('a'), { credentials: u })
    member.asked.length = 0

    for (let i = 0; i < 5; i++) await member.store.command(put('a'), { credentials: u })

    assert.deepEqual(member.asked, [])
  })

  test('loses his token with his password, with himself, and when users are switched off', async () => {
    const member = await new Member().enabled()
    const put1 = async (credentials: Credentials): Promise<unknown> =>
      code(member.store.command(put('a'), { credentials }))
    let u = await member.logIn('u', 'p')
    assert.equal(await put1(u), 'done')

    await member.client.userChangePassword({ name: 'u', password: 'q' })
    assert.equal(await put1(u), 'invalidAuthToken')
    assert.equal(await code(member.logIn('u', 'p')), 'authFailed')

    u = await member.logIn('u', 'q')
    await member.client.authDisable()
    assert.equal(await put1(u), 'done')
    await member.client.authEnable()
    assert.equal(await put1(u), 'invalidAuthToken')

    u = await member.logIn('u', 'q')
    await member.client.userDelete({ name: 'u' })
    assert.equal(await put1(u), 'invalidAuthToken')
  })

  test('keeps his token while others are granted and taken what they may do', async () => {
    const member = await new Member().enabled()
    const u = await member.logIn('u', 'p')
    assert.equal(await code(member.store.command(put('a'), { credentials: u })), 'done')

    member.direct({ type: 'roleGrantPermission', name: 'u', permission: grant('readwrite', 'c') })
    assert.equal(await code(member.store.command(put('c'), { credentials: u })), 'done')

    member.direct({ type: 'roleRevokePermission', role: 'u', key: grant('read', 'c').key })
    assert.equal(await code(member.store.command(put('c'), { credentials: u })), 'permissionDenied')
  })

  test('of a JWT that is older than what changed has to get another', async () => {
    const jwt: TokenProvider = {
      issue: (user, { authRevision }) => Promise.resolve(`${user}:${authRevision}`),
      verify: (token) => {
        const [user = '', revision] = token.split(':')
        return Promise.resolve({ user, authRevision: Number(revision) })
      },
    }
    const member = await new Member(jwt).enabled()
    const u = await member.logIn('u', 'p')
    assert.equal(await code(member.store.command(put('a'), { credentials: u })), 'done')

    member.direct({ type: 'roleAdd', name: 'more' })

    assert.equal(await code(member.store.command(put('a'), { credentials: u })), 'authOldRevision')
  })

  test('is not turned away by a member that lags behind', async () => {
    const member = await new Member().enabled()
    const u = await member.logIn('u', 'p')
    const behind = new Member()
    behind.groups.set('default', member.of('default'))
    // Users are on there, and it has not heard of this one.
    behind.lagging = new StrictReplica()
    behind.lagging.enable()

    assert.equal(await code(behind.store.command(put('a'), { credentials: u })), 'done')
  })

  test('is found out by a member that has not heard of users yet', async () => {
    const member = await new Member().enabled()
    const behind = new Member()
    behind.groups.set('default', member.of('default'))
    behind.lagging = new StrictReplica()

    assert.equal(await code(behind.store.command(put('z'), { credentials: {} })), 'userEmpty')
    assert.equal(await code(behind.store.command(put('z'), { credentials: { commonName: 'u' } })), 'permissionDenied')
    assert.equal(await code(behind.store.command(put('a'), { credentials: { commonName: 'u' } })), 'done')
  })

  test('does not get the answer to the numbered request of another', async () => {
    const member = await new Member().enabled()
    const u = await member.logIn('u', 'p')
    const root = await member.logIn('root', 'r')
    const request = { client: 'app', number: 1 }
    member.requests.length = 0

    for (const credentials of [u, root]) await member.store.command(put('a'), { credentials, request })
    await code(member.store.command(put('a'), { credentials: {}, request }))
    await member.store.command(put('a'), { request })

    const clients = member.requests.map((each) => (each as typeof request).client)
    assert.equal(new Set(clients).size, 4)
    assert.equal(clients[3], 'app')
    for (const client of clients.slice(0, 3)) assert.match(client, /^app@.{22}$/)
  })
})

describe('the gate', () => {
  test('lets root and the process itself do what others may not', async () => {
    const member = await new Member().enabled()
    const [u, root] = [await member.logIn('u', 'p'), await member.logIn('root', 'r')]

    for (const ask of ['root', 'viewer', 'administrator'] as const) {
      assert.equal(await code(member.gate[ask]({ credentials: root })), 'done', ask)
      assert.equal(await code(member.gate[ask](undefined)), 'done', ask)
      assert.equal(await code(member.gate[ask]({ credentials: u })), 'permissionDenied', ask)
      assert.equal(await code(member.gate[ask]({ credentials: {} })), 'userEmpty', ask)
    }
    assert.equal(await code(member.gate.user({ credentials: u })), 'done')
    assert.equal(await code(member.gate.user({ credentials: {} })), 'userEmpty')
  })

  test('does not hash a password for whoever may not set one', async () => {
    const member = await new Member().enabled()
    const u = await member.logIn('u', 'p')
    let hashed = 0
    member.passwords.hash = () => Promise.resolve(`hash ${++hashed}`)

    assert.equal(
      await code(member.client.userAdd({ name: 'x', password: 'x' }, { credentials: u })),
      'permissionDenied',
    )
    assert.equal(
      await code(member.client.userChangePassword({ name: 'u', password: 'x' }, { credentials: {} })),
      'userEmpty',
    )
    assert.equal(hashed, 0)
  })

  test('guards a keyspace that has users against those of a cluster that has none', async () => {
    const member = new Member()
    const other = new StrictReplica()
    other.enable()
    member.groups.set('other', other)
    assert.equal(await code(member.gate.dropper('other', { credentials: {} })), 'userEmpty')
    assert.equal(await code(member.gate.dropper('other', { credentials: { commonName: 'root' } })), 'done')
    assert.equal(await code(member.gate.dropper('other', undefined)), 'done')

    member.of('default').enable()
    assert.equal(await code(member.gate.dropper('other', { credentials: { commonName: 'root' } })), 'done')
    assert.equal(await code(member.gate.dropper('other', { credentials: {} })), 'userEmpty')
  })
})

test('users and roles are shown as they are', async () => {
  const member = await new Member().enabled()
  const credentials = await member.logIn('u', 'p')
  const { client } = member

  assert.deepEqual((await client.userList()).users, ['root', 'u'])
  assert.deepEqual((await client.roleList()).roles, ['u'])
  assert.deepEqual((await client.userGet({ name: 'u' }, { credentials })).roles, ['u'])
  assert.deepEqual((await client.roleGet({ role: 'u' }, { credentials })).permissions, [grant('readwrite', 'a', 'b')])
  assert.deepEqual((await client.authStatus()).enabled, true)
  assert.equal(await code(client.authStatus({ credentials })), 'permissionDenied')
  const seen = expectResponse(await member.store.query(range('a'), 'linearizable', { credentials }), 'range')
  assert.equal(seen.response.kvs.length, 0)
})
