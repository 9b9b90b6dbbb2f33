// Watches over real processes, with nothing of ours between the test and the wire: what clients of etcd rely on.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import type { EtcdConnection } from '../../client/etcd-grpc.ts'
import { type RawStream, rawStream } from '../unit/gateway/raw-stream.ts'
import { Cluster, eventually, withCluster } from './cluster.ts'

interface Event {
  readonly type: string
  readonly kv: { readonly key: Buffer; readonly value: Buffer; readonly mod_revision: string }
  readonly prev_kv: { readonly value: Buffer } | null
}

interface Answer {
  readonly header: { readonly revision: string; readonly member_id: string }
  readonly watch_id: string
  readonly created: boolean
  readonly canceled: boolean
  readonly compact_revision: string
  readonly cancel_reason: string
  readonly fragment: boolean
  readonly events: readonly Event[]
}

type Ends = { after(close: () => void): void }

function open(t: Ends, endpoint: string): RawStream {
  return rawStream(t, endpoint, 'watch', 'Watch')
}

const next = async (stream: RawStream): Promise<Answer> => (await stream.next()) as unknown as Answer

/** Events until so many came, in order, with what they are about. */
async function events(stream: RawStream, count: number): Promise<readonly string[]> {
  const told: string[] = []
  while (told.length < count) {
    for (const { type, kv } of (await next(stream)).events)
      told.push(`${type} ${kv.key}=${kv.value}@${kv.mod_revision}`)
  }
  return told
}

const prefix = (text: string): { key: Uint8Array; range_end: Uint8Array } => {
  const end = utf8(text)
  end[end.length - 1] = (end[end.length - 1] ?? 0) + 1
  return { key: utf8(text), range_end: end }
}

describe('watching one node', () => {
  let cluster: Cluster
  let client: EtcdConnection
  before(async () => {
    cluster = await Cluster.create({ nodes: 1, flags: ['--experimental-watch-progress-notify-interval=1s'] })
    await cluster.start()
    client = cluster.client(cluster.member(0))
  })
  after(() => cluster.close())
  const endpoint = (): string => cluster.member(0).endpoint
  const put = async (key: string, value: string): Promise<number> =>
    (await client.put({ key: utf8(key), value: utf8(value) })).header.revision

  test('all events of one transaction come in one answer, in order, and the next after it', async (t) => {
    const stream = open(t, endpoint())
    stream.send({ create_request: prefix('t/') })
    await next(stream)

    await client.txn({
      compare: [],
      success: ['a', 'b', 'c'].map((name) => ({ type: 'put', key: utf8(`t/${name}`), value: utf8('1') })),
      failure: [],
    })
    await client.deleteRange({ key: utf8('t/'), rangeEnd: utf8('t0') })
    const [puts, deletes] = [await next(stream), await next(stream)]

    assert.deepEqual(
      puts.events.map(({ type, kv }) => `${type} ${kv.key}`),
      ['PUT t/a', 'PUT t/b', 'PUT t/c'],
    )
    assert.equal(new Set(puts.events.map(({ kv }) => kv.mod_revision)).size, 1)
    assert.deepEqual(
      deletes.events.map(({ type, kv }) => `${type} ${kv.key}`),
      ['DELETE t/a', 'DELETE t/b', 'DELETE t/c'],
    )
    assert.equal(Number(deletes.header.revision), Number(puts.header.revision) + 1)
  })

  test('the past is told from any revision that is left, and then the present, without a gap', async (t) => {
    const first = await put('p', '0')
    for (let at = 1; at < 20; at++) await put('p', String(at))
    const stream = open(t, endpoint())
    stream.send({ create_request: { key: utf8('p'), start_revision: first + 5 } })
    await next(stream)
    await put('p', '20')

    const told = await events(stream, 16)

    assert.deepEqual(
      told,
      Array.from({ length: 16 }, (_, at) => `PUT p=${at + 5}@${first + 5 + at}`),
    )
  })

  test('what is compacted cannot be told, and the answer says from where on it can', async (t) => {
    await put('c', '1')
    const at = await put('c', '2')
    await put('c', '3')
    await client.compact({ revision: at })
    const stream = open(t, endpoint())
    stream.send({ create_request: { key: utf8('c'), start_revision: at - 1 } })
    const [created, canceled] = [await next(stream), await next(stream)]

    assert.deepEqual([created.created, created.canceled], [true, false])
    assert.deepEqual(
      [canceled.canceled, canceled.compact_revision, canceled.watch_id],
      [true, String(at), created.watch_id],
    )
  })

  test('a revision of the future is waited for', async (t) => {
    const now = await put('f', '1')
    const stream = open(t, endpoint())
    stream.send({ create_request: { key: utf8('f'), start_revision: now + 2 } })
    await next(stream)

    await put('f', '2')
    await put('f', '3')

    assert.deepEqual(await events(stream, 1), [`PUT f=3@${now + 2}`])
  })

  test('progress is told of all watchers together, at a revision that is up to date', async (t) => {
    const stream = open(t, endpoint())
    stream.send({ create_request: { key: utf8('g') } })
    stream.send({ create_request: { key: utf8('h') } })
    await stream.take(2)
    const now = await put('elsewhere', '1')

    const progress = await eventually('a bookmark of now', async () => {
      stream.send({ progress_request: {} })
      const answer = await next(stream)
      return Number(answer.header.revision) >= now ? answer : undefined
    })

    assert.deepEqual([progress.watch_id, progress.events.length], ['-1', 0])
  })

  test('a quiet watcher that asked for it is told how far it is, and one that did not is not', async (t) => {
    const stream = open(t, endpoint())
    stream.send({ create_request: { key: utf8('quiet'), progress_notify: true } })
    stream.send({ create_request: { key: utf8('silent') } })
    const [asked] = await stream.take(2)
    const now = await put('elsewhere', '2')

    const answer = await eventually('a bookmark of now', async () => {
      const told = await next(stream)
      return Number(told.header.revision) >= now ? told : undefined
    })

    assert.deepEqual([answer.watch_id, answer.events.length], [(asked as unknown as Answer).watch_id, 0])
  })

  test('our filters: kinds, several ranges, suffix, pattern, value, and only what changed', async (t) => {
    const stream = open(t, endpoint())
    const watch = (fields: object): void => stream.send({ create_request: { ...prefix('x/'), ...fields } })
    watch({ without: ['CREATE', 'DELETE'] })
    watch({ more_ranges: [prefix('y/')], without: ['DELETE'] })
    watch({ key_suffix: utf8('.json'), without: ['DELETE'] })
    watch({ key_pattern: '^x/[0-9]+$', without: ['DELETE'] })
    watch({ value: { json: { pointer: '/on', equals: 'true' } } })
    watch({ only_if_changed: true, filters: ['NODELETE'] })
    await stream.take(6)

    await put('x/1', 'a')
    await put('x/1', 'a')
    await put('x/1', 'b')
    await put('x/c.json', '{"on":true}')
    await put('y/1', 'z')
    await client.deleteRange({ key: utf8('x/1') })
    const end = await put('x/end', '{"on": true}')
    const told = new Map<string, string[]>()
    // The last write passes the second, the fifth and the sixth watcher.
    for (let ends = 0; ends < 3; ) {
      const { watch_id: id, events: some } = await next(stream)
      for (const { type, kv } of some) {
        told.set(id, [...(told.get(id) ?? []), `${type} ${kv.key}=${kv.value}`])
        if (Number(kv.mod_revision) === end) ends += 1
      }
    }

    const last = 'PUT x/end={"on": true}'
    const json = 'PUT x/c.json={"on":true}'
    assert.deepEqual(Object.fromEntries(told), {
      0: ['PUT x/1=a', 'PUT x/1=b'],
      1: ['PUT x/1=a', 'PUT x/1=a', 'PUT x/1=b', json, 'PUT y/1=z', last],
      2: [json],
      3: ['PUT x/1=a', 'PUT x/1=a', 'PUT x/1=b'],
      4: [json, last],
      5: ['PUT x/1=a', 'PUT x/1=b', json, last],
    })
  })

  test('a client that does not read for a while misses nothing', async (t) => {
    const stream = open(t, endpoint())
    stream.send({ create_request: { key: utf8('slow') } })
    await next(stream)
    stream.pause()
    const value = utf8('x'.repeat(20_000))
    const first = (await client.put({ key: utf8('slow'), value })).header.revision

    for (let at = 1; at < 300; at++) await client.put({ key: utf8('slow'), value })
    stream.resume()
    const told = await events(stream, 300)

    assert.deepEqual(
      told.map((event) => Number(event.slice(event.lastIndexOf('@') + 1))),
      Array.from({ length: 300 }, (_, at) => first + at),
    )
  })
})

test('followers tell what the leader tells, and a stream ends with its node so that clients go elsewhere', () =>
  withCluster({ nodes: 3 }, async (cluster) => {
    const closes: (() => void)[] = []
    const t: Ends = { after: (close) => void closes.push(close) }
    try {
      const leader = await cluster.leader()
      const follower = cluster.members.find((member) => member !== leader)
      assert.ok(follower !== undefined)
      const streams = cluster.members.map((member) => open(t, member.endpoint))
      for (const stream of streams) {
        stream.send({ create_request: { key: utf8('k') } })
        await next(stream)
      }
      const writer = cluster.client(leader)
      const revisions: number[] = []
      for (let at = 0; at < 20; at++)
        revisions.push((await writer.put({ key: utf8('k'), value: utf8(String(at)) })).header.revision)

      const wanted = revisions.map((revision, at) => `PUT k=${at}@${revision}`)
      for (const stream of streams) assert.deepEqual(await events(stream, 20), wanted)

      const wantsLeader = rawStream(t, follower.endpoint, 'watch', 'Watch', { hasleader: 'true' })
      wantsLeader.send({ create_request: { key: utf8('k') } })
      await wantsLeader.next()
      const mine = streams[cluster.members.indexOf(follower)]
      // SIGTERM: the stream is told, and not cut.
      const stopping = follower.stop()
      assert.deepEqual(await mine?.ended, { code: 14, details: 'etcdserver: server stopped' })
      await stopping
      const again = open(t, leader.endpoint)
      again.send({ create_request: { key: utf8('k'), start_revision: revisions[0] } })
      await next(again)
      assert.deepEqual(await events(again, 20), wanted)
    } finally {
      for (const close of closes) close()
    }
  }))

test('who wants a leader is told when there is none, whose stream would otherwise be silent', () =>
  withCluster({ nodes: 3 }, async (cluster) => {
    const closes: (() => void)[] = []
    const t: Ends = { after: (close) => void closes.push(close) }
    try {
      const leader = await cluster.leader()
      const [left, ...others] = cluster.members.filter((member) => member !== leader)
      assert.ok(left !== undefined)
      const eager = rawStream(t, left.endpoint, 'watch', 'Watch', { hasleader: 'true' })
      const patient = open(t, left.endpoint)
      for (const stream of [eager, patient]) {
        stream.send({ create_request: { key: utf8('k') } })
        await stream.next()
      }

      await Promise.all([leader, ...others].map((member) => member.kill()))

      assert.deepEqual(await eager.ended, { code: 14, details: 'etcdserver: no leader' })
      await cluster.start([leader, ...others])
      await cluster.leader()
      await cluster.client(leader).put({ key: utf8('k'), value: utf8('back') }, { request: { client: 'w', number: 1 } })
      assert.equal((await events(patient, 1))[0]?.startsWith('PUT k=back@'), true)
    } finally {
      for (const close of closes) close()
    }
  }))
