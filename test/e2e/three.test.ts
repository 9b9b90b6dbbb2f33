// Three processes as one store: what one acknowledged the others have, and one of them may go at any moment.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import type { EtcdConnection } from '../../client/etcd-grpc.ts'
import { Cluster, eventually, withCluster } from './cluster.ts'
import { noEtcdctl } from './commands.ts'

const text = async (client: EtcdConnection, key: string, serializable = false): Promise<string | undefined> => {
  const { kvs } = await client.range({ key: utf8(key), serializable })
  return kvs[0] === undefined ? undefined : fromUtf8(kvs[0].value)
}

describe('three nodes', () => {
  let cluster: Cluster
  before(async () => {
    cluster = await Cluster.create({ nodes: 3 })
    await cluster.start()
  })
  after(() => cluster.close())

  test('what one node acknowledged every other reads at once', async () => {
    const clients = cluster.members.map((member) => cluster.client(member))

    for (let round = 0; round < 10; round++) {
      const writer = clients[round % 3] as EtcdConnection
      await writer.put({ key: utf8('shared'), value: utf8(`v${round}`) })

      const read = await Promise.all(clients.map((client) => text(client, 'shared')))
      assert.deepEqual(read, [`v${round}`, `v${round}`, `v${round}`])
    }
    const hashes = await cluster.hashes()
    assert.equal(new Set(hashes).size, 1)
  })

  test('etcdctl sees one cluster with one leader, and moves the leadership', { skip: noEtcdctl }, async () => {
    const before = await cluster.leader()
    const target = cluster.members.find((member) => member !== before)
    const list = await cluster.etcdctl(['endpoint', 'status', '-w', 'json'])
    const statuses = JSON.parse(list.stdout) as { Endpoint: string; Status: { header: { member_id: number } } }[]
    const id = statuses.find(({ Endpoint }) => Endpoint === target?.endpoint)?.Status.header.member_id ?? 0

    const moved = await cluster.etcdctl(['move-leader', id.toString(16)], { at: cluster.members })

    assert.equal(moved.code, 0, moved.stderr)
    assert.equal(await cluster.leader(), target)
    assert.equal((await cluster.etcdctl(['endpoint', 'health', '--cluster'])).code, 0)
    assert.match(
      (await cluster.etcdctl(['move-leader', id.toString(16)], { at: [before] })).stderr,
      /not leader|no leader endpoint/,
    )
  })

  test('a write with a request number is applied once, wherever it is repeated', async () => {
    const [a, b, c] = cluster.members.map((member) => cluster.client(member)) as [
      EtcdConnection,
      EtcdConnection,
      EtcdConnection,
    ]
    const request = { client: 'writer-7', number: 1 }
    const write = { key: utf8('once'), value: utf8('x') }

    const first = await a.put(write, { request })
    const again = await b.put(write, { request })
    await c.put(write, { request })

    assert.equal(again.header.revision, first.header.revision)
    assert.equal((await b.range({ key: utf8('once') })).kvs[0]?.version, 1)
    await c.put(write, { request: { client: 'writer-7', number: 2 } })
    assert.equal((await a.range({ key: utf8('once') })).kvs[0]?.version, 2)
  })

  test('keyspaces: created, apart from each other, dropped', async () => {
    const [here, there] = [cluster.member(0), cluster.member(1)]

    const created = await cluster.aspen(['keyspace', 'create', 'orders'], { at: [here] })
    assert.equal(created.code, 0, created.stderr)
    assert.match((await cluster.aspen(['keyspace', 'create', 'orders'], { at: [here] })).stderr, /already exists/)
    await cluster.aspen(['put', 'k', 'of orders', '--keyspace', 'orders'], { at: [here] })
    await cluster.aspen(['put', 'k', 'of default'], { at: [here] })

    assert.equal(await text(cluster.client(there, 'orders'), 'k'), 'of orders')
    assert.equal(await text(cluster.client(there), 'k'), 'of default')
    assert.match((await cluster.aspen(['keyspace', 'list', '--json'], { at: [there] })).stdout, /"orders"/)
    assert.equal((await cluster.aspen(['keyspace', 'drop', 'orders'], { at: [there] })).code, 0)
    await assert.rejects(text(cluster.client(here, 'orders'), 'k'), /keyspace not found/)
    await assert.rejects(text(cluster.client(here, 'never-made'), 'k'), /keyspace not found/)

    // A name that comes back is a new keyspace: nothing of the old one shows.
    await eventually(
      'orders again',
      async () => (await cluster.aspen(['keyspace', 'create', 'orders'])).code === 0 || undefined,
    )
    assert.equal(await text(cluster.client(there, 'orders'), 'k'), undefined)
  })

  test('SIGTERM hands the leadership over: nobody waits for an election', async () => {
    const leader = await cluster.leader()
    const others = cluster.members.filter((member) => member !== leader)
    const client = cluster.client(others[0] as never)
    const { raftTerm } = await client.status()

    const exit = await leader.stop()

    assert.equal(exit.code, 0, leader.tail())
    assert.ok(exit.tookMs < 5_000, `it took ${exit.tookMs} ms`)
    assert.doesNotMatch(leader.output, /leadership was not handed over/)
    const after = await cluster.leader(others)
    assert.notEqual(after, leader)
    assert.equal((await client.status()).raftTerm, raftTerm + 1)
    await cluster.start([leader])
  })

  test('kill -9 of the leader: the others go on, and it catches up when it is back', async () => {
    const leader = await cluster.leader()
    const others = cluster.members.filter((member) => member !== leader)
    const client = cluster.client(others[1] as never)
    await client.put({ key: utf8('before'), value: utf8('1') })

    await leader.kill()
    // The first try may meet the old leader's silence; a client repeats what it may repeat.
    await eventually('a write without the old leader', () =>
      client.put({ key: utf8('after'), value: utf8('2') }, { request: { client: 'failover', number: 1 } }),
    )
    assert.equal(await text(client, 'before'), '1')

    await cluster.start([leader])
    const back = cluster.client(leader)
    assert.equal(await text(back, 'after'), '2')
    assert.equal(new Set(await cluster.hashes()).size, 1)
  })

  test('a frozen minority: the majority serves, and the frozen one tells nothing old when it thaws', async () => {
    const leader = await cluster.leader()
    const others = cluster.members.filter((member) => member !== leader)
    const client = cluster.client(others[0] as never)
    const thawed = cluster.client(leader)
    await client.put({ key: utf8('frozen'), value: utf8('old') })

    leader.pause()
    await eventually('a write without the frozen leader', () =>
      client.put({ key: utf8('frozen'), value: utf8('new') }, { request: { client: 'thaw', number: 1 } }),
    )
    // Asked while it sleeps, answered when it wakes: an old leader must not believe it still leads.
    const answer = text(thawed, 'frozen').catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 300))
    leader.resume()

    assert.notEqual(await answer, 'old')
    await leader.ready()
    assert.equal(await text(thawed, 'frozen'), 'new')
  })

  test('without a majority: no writes, no linearizable reads, but what a node has it shows to who asks for that', async () => {
    const [a, b, c] = cluster.members as [never, never, never]
    const client = cluster.client(a)
    await client.put({ key: utf8('alone'), value: utf8('1') })
    await eventually('the write is here', async () => ((await text(client, 'alone', true)) === '1' ? true : undefined))
    for (const member of [b, c]) cluster.members[cluster.members.indexOf(member)]?.pause()
    try {
      const deadlineMs = 1_500

      await assert.rejects(client.put({ key: utf8('alone'), value: utf8('2') }, { deadlineMs }))
      await assert.rejects(client.range({ key: utf8('alone') }, { deadlineMs }))
      assert.equal(await text(client, 'alone', true), '1')
      assert.equal((await cluster.member(0).get('/livez')).code, 200)
      assert.equal((await cluster.member(0).get('/readyz', 8_000)).code, 503)
    } finally {
      for (const member of cluster.members) member.resume()
    }
    await Promise.all(cluster.members.map((member) => member.ready()))
  })
})

test('a follower that was away longer than the log is kept gets a snapshot', () =>
  withCluster({ nodes: 3, flags: ['--snapshot-count=100'] }, async (cluster) => {
    const leader = await cluster.leader()
    const lagging = cluster.members.find((member) => member !== leader) as never as Cluster['members'][number]
    const client = cluster.client(leader)
    await client.put({ key: utf8('first'), value: utf8('1') })
    await lagging.kill()
    for (let batch = 0; batch < 20; batch++) {
      // One after the other within a batch: each entry of the log is to count.
      await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          client.put({ key: utf8(`k/${batch}/${at}`), value: new Uint8Array(2_000) }),
        ),
      )
      await client.put({ key: utf8('turn'), value: utf8(String(batch)) })
    }
    for (let at = 0; at < 150; at++) await client.put({ key: utf8('one by one'), value: utf8(String(at)) })

    await cluster.start([lagging])

    const own = cluster.client(lagging)
    assert.equal(await text(own, 'first'), '1')
    assert.equal(await text(own, 'one by one', true), '149')
    assert.equal(new Set(await cluster.hashes()).size, 1)
    const metrics = (await lagging.get('/metrics')).body
    assert.match(metrics, /aspen_|etcd_/)
  }))
