// Leases over real processes and the wire: what keeps them, what ends them, and what a change of leaders does to them.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { utf8 } from '../../base/bytes.ts'
import type { EtcdConnection } from '../../client/etcd-grpc.ts'
import { rawCall } from '../unit/gateway/raw-call.ts'
import { rawStream } from '../unit/gateway/raw-stream.ts'
import { Cluster, eventually } from './cluster.ts'

describe('leases of three nodes', () => {
  let cluster: Cluster
  before(async () => {
    cluster = await Cluster.create({ nodes: 3 })
    await cluster.start()
  })
  after(() => cluster.close())

  const endpoint = (at: number): string => cluster.member(at).endpoint
  const grant = async (ttl: number, at = 0): Promise<{ id: string; ttl: number }> => {
    const { response, details } = await rawCall(endpoint(at), 'lease', 'LeaseGrant', { TTL: ttl })
    assert.equal(details, '')
    return { id: String(response['ID']), ttl: Number(response['TTL']) }
  }
  const left = async (id: string, at = 0): Promise<{ ttl: number; granted: number; keys: number }> => {
    const { response } = await rawCall(endpoint(at), 'lease', 'LeaseTimeToLive', { ID: id, keys: true })
    return {
      ttl: Number(response['TTL']),
      granted: Number(response['grantedTTL']),
      keys: (response['keys'] as unknown[] | undefined)?.length ?? 0,
    }
  }
  const count = async (client: EtcdConnection, prefix: string): Promise<number> =>
    (await client.range({ key: utf8(prefix), rangeEnd: utf8(`${prefix}\xff`), countOnly: true })).count

  test('a lease ends when nobody keeps it, its keys with it, all at one revision', async () => {
    const client = cluster.client(cluster.member(0))
    const { id, ttl } = await grant(1)
    assert.ok(ttl >= 1)
    for (const name of ['a', 'b', 'c']) await client.put({ key: utf8(`brief/${name}`), value: utf8('1'), lease: id })
    assert.equal((await left(id)).keys, 3)
    const closes: (() => void)[] = []
    const watch = rawStream({ after: (close) => void closes.push(close) }, endpoint(1), 'watch', 'Watch')
    watch.send({ create_request: { key: utf8('brief/'), range_end: utf8('brief0') } })
    await watch.next()

    const deleted = (await watch.next()) as { events: { type: string; kv: { mod_revision: string } }[] }

    assert.deepEqual(
      deleted.events.map(({ type }) => type),
      ['DELETE', 'DELETE', 'DELETE'],
    )
    assert.equal(new Set(deleted.events.map(({ kv }) => kv.mod_revision)).size, 1)
    assert.equal(await count(client, 'brief/'), 0)
    assert.deepEqual(await left(id), { ttl: -1, granted: 0, keys: 0 })
    for (const close of closes) close()
  })

  test('kept alive through any node, a lease lives on; of one that is gone the answer is 0', async (t) => {
    const { id, ttl } = await grant(2)
    const streams = [0, 1, 2].map((at) => rawStream(t, endpoint(at), 'lease', 'LeaseKeepAlive'))
    const untilMs = performance.now() + ttl * 2_500

    for (let at = 0; performance.now() < untilMs; at++) {
      const stream = streams[at % 3]
      stream?.send({ ID: id })
      assert.equal(Number((await stream?.next())?.['TTL']), ttl)
      await sleep((ttl * 1_000) / 4)
    }
    assert.equal((await rawCall(endpoint(2), 'lease', 'LeaseRevoke', { ID: id })).details, '')
    streams[1]?.send({ ID: id })

    assert.equal((await streams[1]?.next())?.['TTL'], '0')
  })

  test('a new leader gives every lease its time again, and lets none live for ever', async () => {
    const leader = await cluster.leader()
    const others = cluster.members.filter((member) => member !== leader)
    const client = cluster.client(others[0] ?? leader)
    const long = await grant(60, cluster.members.indexOf(others[0] ?? leader))
    const brief = await grant(3, cluster.members.indexOf(others[0] ?? leader))
    for (const [name, id] of [
      ['long', long.id],
      ['brief', brief.id],
    ] as const) {
      await client.put({ key: utf8(`moved/${name}`), value: utf8('1'), lease: id })
    }

    await leader.kill()
    await cluster.leader(others)
    const remaining = await eventually('an answer of the new leader', async () => {
      const found = await left(long.id, cluster.members.indexOf(others[0] ?? leader))
      return found.granted === 60 ? found : undefined
    })

    assert.ok(remaining.ttl > 30, `${remaining.ttl} s are left of 60`)
    assert.equal(remaining.keys, 1)
    await eventually(
      'the end of the brief one',
      async () => ((await count(client, 'moved/')) === 1 ? true : undefined),
      30_000,
    )
    await cluster.start([leader])
  })

  test('a hundred clients with a lease each, kept over one stream', async (t) => {
    const stream = rawStream(t, endpoint(0), 'lease', 'LeaseKeepAlive')
    const leases = await Promise.all(Array.from({ length: 100 }, () => grant(30)))

    for (const { id } of leases) stream.send({ ID: id })
    const answers = await stream.take(100)

    assert.deepEqual(
      answers.map(({ ID }) => ID),
      leases.map(({ id }) => id),
    )
    assert.ok(answers.every(({ TTL }) => Number(TTL) === 30))
    const listed = (await rawCall(endpoint(1), 'lease', 'LeaseLeases', {})).response['leases'] as { ID: string }[]
    for (const { id } of leases) assert.ok(listed.some(({ ID }) => ID === id))
  })
})
