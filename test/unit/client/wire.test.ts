// The client as it meets the front doors: real gRPC on both sides, and behind the gateways a cluster in memory.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../../client/client.ts'
import { type ConnectOptions, connect } from '../../../client/connect.ts'
import type { EtcdOptions } from '../../../client/etcd-connection.ts'
import { connectEtcd, type EtcdConnection } from '../../../client/etcd-grpc.ts'
import { AspenError, type NodeClient } from '../../../client/interface.ts'
import { everything, prefix } from '../../../client/keys.ts'
import { type Gateway, startGateway } from '../../../gateway/start.ts'
import { MemoryCluster, type MemoryNode, memoryNode } from './memory-node.ts'

interface Ending {
  after(end: () => unknown): void
}

interface Member {
  readonly node: MemoryNode
  readonly url: string
  readonly gateway: Gateway
  /** The methods of the store that were called here, from now on. */
  heard(): readonly string[]
}

interface World {
  readonly cluster: MemoryCluster
  readonly members: readonly Member[]
  readonly client: Client
  member(at: number): Member
}

async function serve(t: Ending, node: NodeClient, url = 'http://127.0.0.1:0'): Promise<Gateway> {
  const nothing = (): void => undefined
  const gateway = await startGateway({
    node,
    clientUrls: [url],
    metricsUrls: [],
    maxRequestBytes: 1_572_864,
    maxTxnOps: 128,
    logger: { info: nothing, warn: nothing, error: nothing },
  })
  t.after(() => gateway.close(0))
  return gateway
}

async function open(t: Ending, count: number, options: Partial<EtcdOptions> = {}): Promise<World> {
  const cluster = new MemoryCluster()
  const members: Member[] = []
  for (let id = 1; id <= count; id += 1) {
    const node = memoryNode(cluster, id)
    const gateway = await serve(t, node)
    const stores = new Set(['range', 'put', 'deleteRange', 'txn', 'leaseGrant', 'leaseKeepAlive'])
    members.push({
      node,
      gateway,
      url: gateway.urls[0] as string,
      heard: () => {
        const methods = node.calls.map(({ method }) => method).filter((method) => stores.has(method))
        node.calls.length = 0
        return methods
      },
    })
  }
  cluster.clientUrls = members.map(({ url }) => url)
  const all: ConnectOptions = { endpoints: cluster.clientUrls, deadlineMs: 5_000, ...options }
  const client = connect(all)
  t.after(() => client.close())
  return { cluster, members, client, member: (at) => members[at] as Member }
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await condition()); tries += 1) {
    assert.ok(tries < 1_000, `waited in vain: ${what}`)
    await sleep(5)
  }
}

describe('where calls go', () => {
  test('reads go to all members in turn; writes to the leader, once it is known, and to the next one after it', async (t) => {
    const { client, cluster, members, member } = await open(t, 3)
    cluster.leader = 3
    await client.kv.put('k', 'v')
    await until(() => members.every(({ node }) => node.calls.some(({ method }) => method === 'status')), 'who leads')
    for (const each of members) each.heard()

    for (let n = 0; n < 6; n += 1) await client.kv.get('k')
    assert.deepEqual(
      members.map((each) => each.heard().length),
      [2, 2, 2],
    )
    for (let n = 0; n < 4; n += 1) await client.kv.put('k', 'v')
    assert.deepEqual(
      members.map((each) => each.heard().length),
      [0, 0, 4],
    )

    cluster.leader = 1
    cluster.term = 3
    await until(async () => {
      await client.kv.put('k', 'v')
      return member(0).node.calls.filter(({ method }) => method === 'put').length >= 3
    }, 'the new leader to be found')
  })

  test('a connection that was not told to balance stays with its first endpoint', async (t) => {
    const { members } = await open(t, 2)
    const connection = connectEtcd({ endpoints: members.map(({ url }) => url) })
    t.after(() => connection.close())

    for (let n = 0; n < 3; n += 1) await connection.range({ key: Uint8Array.of(1) })

    assert.deepEqual(
      members.map((each) => each.heard().length),
      [3, 0],
    )
  })

  test('a member that went away is left alone until it is back', async (t) => {
    const { client, member } = await open(t, 2)
    await client.kv.put('k', 'v')
    await member(0).gateway.close(0)

    for (let n = 0; n < 6; n += 1) assert.equal((await client.kv.get('k'))?.text, 'v')
    assert.equal(
      member(1)
        .heard()
        .filter((method) => method === 'range').length,
      6,
    )
    await serve(t, member(0).node, member(0).url)
    member(0).heard()

    await until(async () => {
      await client.kv.get('k')
      return member(0).heard().includes('range')
    }, 'the first member to be used again')
  })

  test('`sync` takes the members that the cluster has', async (t) => {
    const { cluster, member } = await open(t, 3)
    const client = connect({ endpoints: [member(1).url] })
    t.after(() => client.close())

    const endpoints = await client.sync()
    for (let n = 0; n < 3; n += 1) await client.kv.get('k')

    assert.deepEqual(
      endpoints.map((endpoint) => `http://${endpoint}`),
      cluster.clientUrls,
    )
    assert.deepEqual(
      [0, 1, 2].map((at) => member(at).heard().length),
      [1, 1, 1],
    )
  })
})

describe('writes over a network', () => {
  test('Q4: a write that was applied where the answer was lost is applied once, whoever is asked next', async (t) => {
    const { client, cluster, members } = await open(t, 3)
    const troubles = [new AspenError('leaderChanged'), new AspenError('timeout'), new AspenError('stopped')]
    for (const { node } of members) node.after = (method) => (method === 'put' ? troubles.shift() : undefined)

    await client.kv.put('k', 'v')

    assert.equal((await client.kv.get('k'))?.version, 1)
    assert.equal(cluster.history.length, 1)
    const puts = members.flatMap(({ node }) => node.calls.filter(({ method }) => method === 'put'))
    assert.equal(puts.length, 4)
    assert.equal(new Set(puts.map(({ options }) => JSON.stringify(options?.request))).size, 1)
  })

  test('Q3: to a server that is said to be an etcd it is sent once', async (t) => {
    const { client, members } = await open(t, 2, { server: 'etcd' })
    for (const { node } of members) node.after = () => new AspenError('timeout')

    await assert.rejects(client.kv.put('k', 'v'), { code: 'timeout' })

    assert.equal(members.flatMap((each) => each.heard()).length, 1)
  })

  test('hundreds at once arrive once each', async (t) => {
    const { client, cluster } = await open(t, 2, { deadlineMs: 60_000 })

    await Promise.all(Array.from({ length: 400 }, (_, n) => client.kv.put(`k${n}`, 'v')))

    assert.equal(cluster.history.length, 400)
    assert.equal(await client.kv.count(everything), 400)
  })
})

describe('who calls', () => {
  const auth = { name: 'ann', password: 'right' }

  test('the token is had with the first call, and had anew when it is refused: calls and watches notice nothing', async (t) => {
    const { client, cluster, members } = await open(t, 1, { auth })
    cluster.token = 'one'
    await Promise.all([client.kv.put('k', '1'), client.kv.get('k'), client.kv.get('k')])
    const watch = client.watch('k')
    await watch.started
    const asked = (): number =>
      members.flatMap(({ node }) => node.calls).filter(({ method }) => method === 'authenticate').length
    assert.equal(asked(), 1)

    cluster.token = 'two'
    await Promise.all([client.kv.put('k', '2'), client.kv.get('k')])
    assert.equal(asked(), 2)

    const changes = watch[Symbol.asyncIterator]()
    assert.equal((await changes.next()).value?.revision, 3)
    cluster.token = 'three'
    for (const stream of cluster.streams) stream.break(new AspenError('leaderChanged'))
    cluster.commit([{ type: 'put', key: Uint8Array.of(107), value: Uint8Array.of(51) }])
    assert.equal((await changes.next()).value?.revision, 4)
    assert.equal(asked(), 3)
  })

  test('a wrong password is said once and not tried for ever', async (t) => {
    const { client, cluster } = await open(t, 1, { auth: { name: 'ann', password: 'wrong' } })
    cluster.token = 'one'

    await assert.rejects(client.kv.get('k'), { code: 'authFailed' })
    await assert.rejects(client.watch('k')[Symbol.asyncIterator]().next(), { code: 'authFailed' })
  })

  test('where nobody has users, nobody needs a token', async (t) => {
    const { client } = await open(t, 1, { auth })

    await client.kv.put('k', 'v')

    assert.equal((await client.kv.get('k'))?.text, 'v')
  })
})

describe('watches and leases over a network', () => {
  test('a watch goes on at another member when its own is lost, with nothing missing and nothing twice', async (t) => {
    const { client, members, member } = await open(t, 2)
    const watch = client.watch(prefix('k/'), { previous: true })
    await watch.started
    const at = members.findIndex(({ node }) => node.opened.length > 0)
    const told: string[] = []
    const telling = (async () => {
      for await (const change of watch) {
        told.push(`${change.type} ${change.key} ${change.previous?.text}`)
        if (told.length === 6) break
      }
    })()

    await client.kv.put('k/1', 'a')
    await client.kv.put('k/1', 'b')
    await member(at).gateway.close(0)
    await client.kv.put('k/1', 'c')
    await client.kv.delete('k/1')
    await until(() => member(1 - at).node.opened.length > 0, 'the watch to be at the other member')
    await client.kv.put('k/2', 'd')
    await client.kv.put('k/2', 'e')
    await telling

    assert.deepEqual(told, [
      'create k/1 undefined',
      'update k/1 a',
      'update k/1 b',
      'delete k/1 c',
      'create k/2 undefined',
      'update k/2 d',
    ])
  })

  test('a filter arrives at the node as it was asked for', async (t) => {
    const { client, member } = await open(t, 1)

    await client.watch([prefix('a'), prefix('b')], {
      only: ['create', 'delete'],
      keySuffix: 'z',
      keyPattern: '^a.*z$',
      value: { type: 'json', pointer: '/state', equals: '"done"' },
      onlyIfChanged: true,
      latestOnly: true,
      sampleMs: 250,
      fromRevision: 1,
    }).started

    const { spec } = member(0).node.opened[0]?.created[0] ?? {}
    const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()
    assert.deepEqual(
      spec?.ranges.map(({ key, rangeEnd }) => [text(key), text(rangeEnd)]),
      [
        ['a', 'b'],
        ['b', 'c'],
      ],
    )
    assert.deepEqual(
      { ...spec, ranges: [], keySuffix: text(spec?.keySuffix) },
      {
        ranges: [],
        startRevision: 1,
        prevKv: false,
        progressNotify: true,
        without: ['update'],
        keySuffix: 'z',
        keyPattern: '^a.*z$',
        value: { type: 'json', pointer: '/state', equals: '"done"' },
        onlyIfChanged: true,
        latestOnly: true,
        sampleMs: 250,
      },
    )
  })

  test('compaction and cancels come with their causes', async (t) => {
    const { client, cluster } = await open(t, 1)
    for (const value of ['1', '2', '3']) await client.kv.put('k', value)
    cluster.compacted = 3

    const late = client.watch('k', { fromRevision: 2 })

    await assert.rejects(late[Symbol.asyncIterator]().next(), { code: 'compacted', compactRevision: 3 })
  })

  test('a refusal, which comes without an id, ends the watch that was refused and no other', async (t) => {
    const errors = { permissionDenied: { code: 'permissionDenied' }, tooManyWatchers: { code: 'tooManyRequests' } }
    for (const cause of ['permissionDenied', 'tooManyWatchers', 'invalid'] as const) {
      const { client, cluster } = await open(t, 1)
      cluster.forbidden = { first: 120, cause }
      const watches = ['a', 'x', 'b'].map((key) => client.watch(key))

      const [a, x, b] = await Promise.allSettled(watches.map(({ started }) => started))
      await client.kv.put('b', 'v')
      const told = await watches[2]?.[Symbol.asyncIterator]().next()

      assert.deepEqual([a?.status, b?.status, told?.value?.key], ['fulfilled', 'fulfilled', 'b'])
      assert.equal(x?.status, 'rejected')
      const reason: unknown = x?.status === 'rejected' && x.reason
      if (cause === 'invalid') assert.ok(reason instanceof RangeError)
      else assert.equal((reason as { code?: string }).code, errors[cause].code)
    }
  })

  test('a lease lives on when the member that kept it alive is lost', async (t) => {
    const { client, cluster, member } = await open(t, 2)
    const lease = await client.lease({ ttlSeconds: 1 })
    await client.kv.put('k', 'v', { lease })

    await member(0).gateway.close(0)
    await sleep(1_300)

    assert.equal(lease.signal.aborted, false)
    assert.deepEqual((await lease.timeToLive()).keys, [Uint8Array.of(107)])
    await lease.revoke()
    assert.deepEqual([cluster.leases.size, cluster.records.length], [0, 0])
  })

  test('closing ends everything that runs, at once', async (t) => {
    const { client, member } = await open(t, 1)
    const watch = client.watch('k')
    await watch.started
    const reading = (async () => {
      for await (const _ of watch) assert.fail('nothing happened')
    })()
    member(0).node.before = () => new AspenError('noLeader')
    const trying = client.kv.get('k')

    client.close()

    await reading
    await assert.rejects(trying, { code: 'canceled' })
    await until(() => member(0).node.opened[0]?.closed === true, 'the stream to be closed on the other side')
  })
})

describe('users and roles over the wire', () => {
  /** Answers every call of the Auth service with what it was asked. */
  async function recording(t: Ending): Promise<{ readonly asked: [string, unknown][]; readonly to: EtcdConnection }> {
    const asked: [string, unknown][] = []
    const header = { clusterId: 1, memberId: 2, revision: 3, raftTerm: 4 }
    const permissions = [{ type: 'readwrite', key: Uint8Array.of(97), rangeEnd: Uint8Array.of(98) }]
    const node = new Proxy(memoryNode(new MemoryCluster()), {
      get: (target, name: string) => {
        if (!/^(auth|user|role)/.test(name)) return Reflect.get(target, name)
        return async (...args: readonly unknown[]) => {
          asked.push([name, args.length > 1 ? args[0] : undefined])
          return { header, token: 't', enabled: true, authRevision: 9, roles: ['r'], users: ['u'], permissions }
        }
      },
    })
    const gateway = await serve(t, node)
    const to = connectEtcd({ endpoints: [gateway.urls[0] as string] })
    t.after(() => to.close())
    return { asked, to }
  }

  test('each call arrives as it was meant, and its answer comes back', async (t) => {
    const { asked, to } = await recording(t)
    const key = Uint8Array.of(97)
    const rangeEnd = Uint8Array.of(98)
    const permission = { type: 'read', key, rangeEnd } as const

    await to.authEnable()
    await to.authDisable()
    await to.userAdd({ name: 'u', password: 'p' })
    await to.userDelete({ name: 'u' })
    await to.userChangePassword({ name: 'u', password: 'q' })
    await to.userGrantRole({ user: 'u', role: 'r' })
    await to.userRevokeRole({ user: 'u', role: 'r' })
    await to.roleAdd({ name: 'r' })
    await to.roleDelete({ role: 'r' })
    await to.roleGrantPermission({ role: 'r', permission })
    await to.roleRevokePermission({ role: 'r', key, rangeEnd })
    const answers = {
      authenticate: (await to.authenticate({ name: 'u', password: 'p' })).token,
      authStatus: (await to.authStatus()).authRevision,
      userGet: (await to.userGet({ name: 'u' })).roles,
      userList: (await to.userList()).users,
      roleGet: (await to.roleGet({ role: 'r' })).permissions,
      roleList: (await to.roleList()).roles,
    }

    assert.deepEqual(asked.slice(0, 11), [
      ['authEnable', undefined],
      ['authDisable', undefined],
      ['userAdd', { name: 'u', password: 'p' }],
      ['userDelete', { name: 'u' }],
      ['userChangePassword', { name: 'u', password: 'q' }],
      ['userGrantRole', { user: 'u', role: 'r' }],
      ['userRevokeRole', { user: 'u', role: 'r' }],
      ['roleAdd', { name: 'r' }],
      ['roleDelete', { role: 'r' }],
      ['roleGrantPermission', { role: 'r', permission: { type: 'read', key, rangeEnd } }],
      ['roleRevokePermission', { role: 'r', key, rangeEnd }],
    ])
    assert.deepEqual(answers, {
      authenticate: 't',
      authStatus: 9,
      userGet: ['r'],
      userList: ['u'],
      roleGet: [{ type: 'readwrite', key, rangeEnd }],
      roleList: ['r'],
    })
  })
})
