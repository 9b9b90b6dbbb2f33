// A program with our client must not notice that a node died, and must be able to trust what it was told.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { utf8 } from '../../base/bytes.ts'
import type { Client } from '../../client/client.ts'
import { textCodec } from '../../client/codec.ts'
import { connect } from '../../client/connect.ts'
import { everything, prefix } from '../../client/keys.ts'
import { exists } from '../../client/operation.ts'
import { Cluster } from './cluster.ts'
import { run } from './commands.ts'
import { noEtcd, withEtcd } from './etcd-process.ts'

const clientModule = fileURLToPath(new URL('../../client/index.js', import.meta.url))

/** The keys of the first `count` changes of a prefix, in the order in which they are told; `begun` when it watches. */
function follow(
  client: Client,
  start: string,
  count: number,
): { readonly begun: Promise<number>; readonly keys: Promise<readonly string[]> } {
  const watch = client.watch(prefix(start))
  const keys = (async () => {
    const told: string[] = []
    for await (const { key } of watch) {
      told.push(key)
      if (told.length === count) break
    }
    return told
  })()
  return { begun: watch.started, keys }
}

describe('our client and three nodes', () => {
  let cluster: Cluster
  let client: Client
  before(async () => {
    cluster = await Cluster.create({ nodes: 3 })
    await cluster.start()
    client = connect({ endpoints: cluster.members.map(({ endpoint }) => endpoint), deadlineMs: 30_000 })
  })
  after(async () => {
    client.close()
    await cluster.close()
  })

  test('a leader that is killed costs no write, no change and no lease', async () => {
    const count = 60
    const names = Array.from({ length: count }, (_, at) => `death/${String(at).padStart(3, '0')}`)
    const { begun, keys } = follow(client, 'death/', count)
    await begun
    const lease = await client.lease({ ttlSeconds: 4 })
    await client.kv.put('held', 'by the lease', { lease })
    const leader = await cluster.leader()

    for (const [at, name] of names.entries()) {
      if (at === 20) void leader.kill()
      await client.kv.put(name, 'once')
    }

    const { entries } = await client.kv.getAll(prefix('death/'))
    assert.deepEqual(
      entries.map(({ key, version }) => [key, version]),
      names.map((name) => [name, 1]),
      'each was applied once',
    )
    assert.deepEqual(await keys, names)
    await sleep(5_000)
    assert.equal(lease.signal.aborted, false)
    assert.equal((await client.kv.get('held'))?.lease, lease.id)
    await lease.revoke()
    assert.equal(await client.kv.get('held'), undefined)
    await cluster.start([leader])
  })

  test('a node that hangs is passed by', async () => {
    const [first] = cluster.members
    assert.ok(first !== undefined)
    await using other = connect({ endpoints: [first.endpoint, cluster.member(1).endpoint], deadlineMs: 10_000 })
    await other.kv.put('hang', 'before')
    await cluster.leader()

    first.pause()
    try {
      for (let n = 0; n < 4; n += 1) assert.equal((await other.kv.get('hang'))?.text, 'before')
      await other.kv.put('hang', 'while')
    } finally {
      first.resume()
    }

    assert.equal((await other.kv.get('hang'))?.version, 2)
  })

  test('one endpoint is enough to find the others', async () => {
    await using other = connect({ endpoints: [cluster.member(2).endpoint] })

    const endpoints = await other.sync()

    assert.deepEqual([...endpoints].sort(), cluster.members.map(({ endpoint }) => endpoint).sort())
  })

  test('a slow program gets everything, whatever it missed meanwhile', async () => {
    const watch = client.watch(prefix('slow/'), { bufferedEventsMax: 16 })
    await watch.started
    for (let n = 0; n < 20; n += 1) {
      const puts = Array.from({ length: 10 }, (_, at) => client.kv.op.put(`slow/${at}`, String(n)))
      await client.kv.transact({ do: puts })
    }

    const values: string[] = []
    for await (const change of watch) {
      if (change.type !== 'delete') values.push(`${change.key}=${change.entry.text}`)
      if (values.length === 200) break
    }

    assert.deepEqual(
      values,
      Array.from({ length: 200 }, (_, at) => `slow/${at % 10}=${Math.floor(at / 10)}`),
    )
  })

  test('keyspaces are apart; filters are the server’s', async () => {
    await client.node.keyspaceCreate({ name: 'apart' })
    const apart = client.keyspace('apart')
    const watch = apart.watch(everything, { only: ['update'], keySuffix: '/state', onlyIfChanged: true })
    await watch.started

    await client.kv.put('a/state', 'elsewhere')
    for (const value of ['1', '1', '2']) await apart.kv.put('a/state', value)
    await apart.kv.put('a/name', '2')
    await apart.kv.put('a/name', '3')
    await apart.kv.put('a/state', '3')
    const told: string[] = []
    for await (const change of watch) {
      if (change.type !== 'delete') told.push(change.entry.text)
      if (told.length === 2) break
    }

    assert.deepEqual(told, ['2', '3'])
    assert.equal((await client.kv.get('a/state'))?.text, 'elsewhere')
  })

  test('users: the token is had, and had again, without a word', async () => {
    await client.node.keyspaceCreate({ name: 'secured' })
    const call = { keyspace: 'secured' }
    const admin = client.node
    await admin.userAdd({ name: 'root', password: 'secret' }, call)
    await admin.roleAdd({ name: 'root' }, call)
    await admin.userGrantRole({ user: 'root', role: 'root' }, call)
    await admin.roleAdd({ name: 'writer' }, call)
    await admin.roleGrantPermission(
      { role: 'writer', permission: { type: 'readwrite', key: utf8('mine/'), rangeEnd: utf8('mine0') } },
      call,
    )
    await admin.userAdd({ name: 'ann', password: 'pw' }, call)
    await admin.userGrantRole({ user: 'ann', role: 'writer' }, call)
    await admin.authEnable(call)
    const endpoints = cluster.members.map(({ endpoint }) => endpoint)
    const options = { endpoints, keyspace: 'secured', deadlineMs: 15_000 }
    await using root = connect({ ...options, auth: { name: 'root', password: 'secret' } })
    await using ann = connect({ ...options, auth: { name: 'ann', password: 'pw' } })
    await using nobody = connect(options)
    await using wrong = connect({ ...options, auth: { name: 'ann', password: 'no' } })

    await ann.kv.put('mine/1', 'a')
    const watch = ann.watch(prefix('mine/'))
    await watch.started
    // Every change of users or roles makes the tokens that were given before old.
    await root.node.roleAdd({ name: 'another' }, call)
    await ann.kv.put('mine/1', 'b')

    for await (const { revision } of watch) {
      assert.ok(revision > 0)
      break
    }
    await assert.rejects(ann.kv.put('other', 'x'), { code: 'permissionDenied' })
    await assert.rejects(ann.watch(everything)[Symbol.asyncIterator]().next(), { code: 'permissionDenied' })
    await assert.rejects(nobody.kv.get('mine/1'), { code: 'userEmpty' })
    await assert.rejects(wrong.kv.get('mine/1'), { code: 'authFailed' })
    assert.equal((await root.kv.get('mine/1'))?.text, 'b')
  })

  test('a program that closes its client ends by itself', async () => {
    const program = `
      import { connect, prefix } from ${JSON.stringify(clientModule)}
      await using client = connect({ endpoints: ${JSON.stringify(cluster.members.map(({ endpoint }) => endpoint))} })
      const watch = client.watch(prefix('end/'))
      await watch.started
      const lease = await client.lease({ ttlSeconds: 30 })
      await client.kv.put('end/1', 'x', { lease })
      for await (const change of watch) { console.log(change.key); break }
      client.close()
      console.log(await lease.lost)
    `.replace('await using client', 'const client')

    const { code, stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', program])

    assert.deepEqual([code, stdout, stderr], [0, 'end/1\nclosed\n', ''])
  })
})

test('our client and a real etcd', { skip: noEtcd }, async () => {
  await withEtcd(async (endpoint) => {
    await using client = connect({ endpoints: [endpoint], deadlineMs: 10_000 })
    const kv = client.kv.as(textCodec)
    const { begun, keys } = follow(client, 'k/', 3)
    await begun

    await kv.put('k/1', 'a')
    const swapped = await kv.transact({ when: [exists('k/1')], do: [kv.op.put('k/2', 'b'), kv.op.get('k/1')] })
    await using lease = await client.lease({ ttlSeconds: 5 })
    await kv.put('k/3', 'c', { lease })

    assert.ok(swapped.succeeded)
    assert.equal(swapped.answers[1]?.value, 'a')
    assert.deepEqual(await keys, ['k/1', 'k/2', 'k/3'])
    assert.deepEqual((await lease.timeToLive()).keys, [utf8('k/3')])
    await assert.rejects(client.watch('k', { latestOnly: true })[Symbol.asyncIterator]().next(), RangeError)
    await assert.rejects(client.kv.get('k/1', { revision: 999 }), { code: 'futureRevision' })
    const { node } = client
    await node.userAdd({ name: 'root', password: 'secret' })
    await node.userGrantRole({ user: 'root', role: 'root' }).catch(() => node.roleAdd({ name: 'root' }))
    await node.userGrantRole({ user: 'root', role: 'root' })
    await node.authEnable()
    await using root = connect({ endpoints: [endpoint], auth: { name: 'root', password: 'secret' } })
    assert.equal((await root.kv.get('k/1'))?.text, 'a')
    await root.node.roleAdd({ name: 'another' })
    await root.kv.put('k/1', 'again')
    assert.equal((await root.kv.get('k/1'))?.version, 2)
    await root.node.authDisable()
  })
})
