import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import type { WatchEvent } from '../../../actors/watch/messages.ts'
import { clusterId, type FakeNode, memberId } from './fake-node.ts'
import { type FakeWatchStream, lost } from './fake-watch.ts'
import { bytes, type Opened, openGateway, text } from './opened.ts'
import { type RawStream, rawStream } from './raw-stream.ts'

interface Told {
  readonly id: number
  readonly created: boolean
  readonly canceled: boolean
  readonly reason: string
  readonly compact: number
  readonly fragment: boolean
  readonly events: readonly string[]
  readonly revision: number
}

/** An answer with its events as `PUT key=value@revision was previous`. */
function told(answer: Record<string, unknown>): Told {
  const { header, events } = answer as { header: { revision: string }; events: Record<string, unknown>[] }
  const pair = (kv: unknown): string => {
    const { key, value, mod_revision: at } = kv as { key: Buffer; value: Buffer; mod_revision: string }
    return `${text(key)}=${text(value)}@${at}`
  }
  return {
    id: Number(answer['watch_id']),
    created: answer['created'] === true,
    canceled: answer['canceled'] === true,
    reason: String(answer['cancel_reason']),
    compact: Number(answer['compact_revision']),
    fragment: answer['fragment'] === true,
    events: events.map(
      (event) =>
        `${event['type']} ${pair(event['kv'])}${event['prev_kv'] === null ? '' : ` was ${pair(event['prev_kv'])}`}`,
    ),
    revision: Number(header.revision),
  }
}

const nothing = { created: false, canceled: false, reason: '', compact: 0, fragment: false, events: [] }

function sessionOf(node: FakeNode): FakeWatchStream {
  const [session] = node.history.streams
  assert.ok(session !== undefined, 'a session is open')
  return session
}

function watch(t: Parameters<typeof rawStream>[0], { host }: Opened, headers?: Record<string, string>): RawStream {
  return rawStream(t, host, 'watch', 'Watch', headers)
}

const create = (fields: object): object => ({ create_request: { key: bytes('k'), ...fields } })

test('a watcher is created first, and then told what happens, as etcd writes it', async (t) => {
  const opened = await openGateway(t)
  const stream = watch(t, opened)
  stream.send(create({ prev_kv: true }))

  const created = await stream.next()
  await opened.node.put({ key: bytes('k'), value: bytes('1') })
  await opened.node.put({ key: bytes('k'), value: bytes('2') })
  await opened.node.deleteRange({ key: bytes('k') })
  const events = (await stream.take(3)).map(told)

  assert.deepEqual(created['header'], {
    cluster_id: String(clusterId),
    member_id: String(memberId),
    revision: '1',
    raft_term: '3',
  })
  assert.deepEqual(told(created), { ...nothing, id: 0, created: true, revision: 1 })
  assert.deepEqual(
    events.map((one) => [one.id, one.revision, ...one.events]),
    [
      [0, 2, 'PUT k=1@2'],
      [0, 3, 'PUT k=2@3 was k=1@2'],
      [0, 4, 'DELETE k=@4 was k=2@3'],
    ],
  )
})

test('what the client asks for arrives at the session, etcd filters and ours alike', async (t) => {
  const opened = await openGateway(t)
  const stream = watch(t, opened)

  stream.send({ create_request: { key: bytes('a'), range_end: bytes('b'), start_revision: 7, progress_notify: true } })
  stream.send({ create_request: { range_end: bytes('\0'), filters: ['NOPUT'], watch_id: 9 } })
  stream.send({ create_request: { key: bytes('k'), filters: ['NODELETE', 77] } })
  stream.send({
    create_request: {
      key: bytes('k'),
      more_ranges: [{ key: bytes('m'), range_end: bytes('n') }],
      without: ['UPDATE'],
      key_suffix: bytes('.json'),
      key_pattern: '^k+$',
      value: { json: { pointer: '/a', equals: '1' } },
      only_if_changed: true,
      latest_only: true,
      sample_ms: 250,
    },
  })
  for (const value of [{ equals: bytes('') }, { not_equals: bytes('x') }, { contains: bytes('x') }]) {
    stream.send(create({ value }))
  }
  for (const value of [{ starts_with: bytes('x') }, { at_least: 0 }, { at_most: 2.5 }, {}])
    stream.send(create({ value }))
  await stream.take(11)

  const { asked } = sessionOf(opened.node)
  const plain = { startRevision: 0, prevKv: false, progressNotify: false, without: [] }
  assert.deepEqual(asked[0], {
    spec: { ...plain, ranges: [{ key: bytes('a'), rangeEnd: bytes('b') }], startRevision: 7, progressNotify: true },
    watchId: undefined,
  })
  assert.deepEqual(asked[1], {
    spec: { ...plain, ranges: [{ key: bytes('\0'), rangeEnd: bytes('\0') }], without: ['create', 'update'] },
    watchId: 9,
  })
  assert.deepEqual(asked[2]?.spec, { ...plain, ranges: [{ key: bytes('k') }], without: ['delete'] })
  assert.deepEqual(asked[3]?.spec, {
    ...plain,
    ranges: [{ key: bytes('k') }, { key: bytes('m'), rangeEnd: bytes('n') }],
    without: ['update'],
    keySuffix: bytes('.json'),
    keyPattern: '^k+$',
    value: { type: 'json', pointer: '/a', equals: '1' },
    onlyIfChanged: true,
    latestOnly: true,
    sampleMs: 250,
  })
  assert.deepEqual(
    asked.slice(4).map(({ spec }) => spec.value),
    [
      { type: 'equals', bytes: bytes('') },
      { type: 'notEquals', bytes: bytes('x') },
      { type: 'contains', bytes: bytes('x') },
      { type: 'startsWith', bytes: bytes('x') },
      { type: 'atLeast', number: 0 },
      { type: 'atMost', number: 2.5 },
      undefined,
    ],
  )
})

test('who watches is passed on with the keyspace', async (t) => {
  const opened = await openGateway(t)
  const stream = watch(t, opened, { token: 'alice.7', 'x-keyspace': 'tenant' })
  stream.send(create({}))
  await stream.next()

  const call = opened.node.calls.find(({ method }) => method === 'openWatch')

  assert.deepEqual(call?.options?.credentials, { token: 'alice.7' })
  assert.equal(call?.options?.keyspace, 'tenant')
})

test('refusals are told as created and cancelled, in the order of the requests', async (t) => {
  const opened = await openGateway(t)
  const stream = watch(t, opened)

  stream.send(create({ watch_id: 5 }))
  stream.send(create({ start_revision: -1 }))
  stream.send(create({ watch_id: 5 }))
  stream.send(create({ range_end: bytes('k') }))
  stream.send(create({ watch_id: -4 }))
  stream.send(create({}))
  const answers = (await stream.take(6)).map(told)

  const refused = { ...nothing, id: -1, created: true, canceled: true, revision: 1 }
  assert.deepEqual(answers, [
    { ...nothing, id: 5, created: true, revision: 1 },
    { ...refused, reason: 'etcdserver: mvcc: required revision has been compacted' },
    { ...refused, reason: 'mvcc: duplicate watch ID provided on the WatchStream' },
    { ...refused, reason: 'mvcc: watcher range is empty' },
    { ...refused, reason: 'aspen: a watch id is 0, for one that the server chooses, or more' },
    { ...nothing, id: 0, created: true, revision: 1 },
  ])
})

test('a start that is compacted says where to begin, and is no error of the stream', async (t) => {
  const opened = await openGateway(t)
  for (const value of ['1', '2', '3']) await opened.node.put({ key: bytes('k'), value: bytes(value) })
  await opened.node.compact({ revision: 3 })
  const stream = watch(t, opened)

  stream.send(create({ start_revision: 2 }))
  stream.send(create({ start_revision: 3 }))
  const answers = (await stream.take(4)).map(told)

  assert.deepEqual(answers, [
    { ...nothing, id: 0, created: true, revision: 4 },
    { ...nothing, id: 0, canceled: true, compact: 3, revision: 4 },
    { ...nothing, id: 1, created: true, revision: 4 },
    { ...nothing, id: 1, events: ['PUT k=2@3', 'PUT k=3@4'], revision: 4 },
  ])
})

test('cancelling is answered, of what is not there it is not', async (t) => {
  const opened = await openGateway(t)
  const stream = watch(t, opened)
  stream.send(create({}))
  stream.send({ cancel_request: { watch_id: 3 } })
  stream.send({ cancel_request: { watch_id: 0 } })
  stream.send({ progress_request: {} })
  stream.send({})

  const answers = (await stream.take(3)).map(told)
  await opened.node.put({ key: bytes('k'), value: bytes('1') })

  assert.deepEqual(answers, [
    { ...nothing, id: 0, created: true, revision: 1 },
    { ...nothing, id: 0, canceled: true, revision: 1 },
    { ...nothing, id: -1, revision: 1 },
  ])
  assert.equal(stream.waiting.length, 0)
})

test('a watch that may not be says so in the words clients look for', async (t) => {
  const opened = await openGateway(t)
  const stream = watch(t, opened)
  stream.send(create({}))
  await stream.next()
  const session = sessionOf(opened.node)

  // One that was never created, and one that was.
  session.tell({ type: 'canceled', watchId: 7, revision: 1, cause: 'permissionDenied', compactRevision: 0 })
  session.tell({ type: 'canceled', watchId: 7, revision: 1, cause: 'tooManyWatchers', compactRevision: 0 })
  const reason = 'keyPattern: wanted an expression'
  session.tell({ type: 'canceled', watchId: -1, revision: 1, cause: 'invalid', compactRevision: 0, reason })
  const nobody = { cause: 'permissionDenied', reason: 'userEmpty' } as const
  session.tell({ type: 'canceled', watchId: -1, revision: 1, compactRevision: 0, ...nobody })
  session.tell({ type: 'canceled', watchId: 0, revision: 1, cause: 'invalidAuthToken', compactRevision: 0 })
  const [denied, tooMany, wrong, unknown, ended] = (await stream.take(5)).map(told)

  const denial = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied'
  const invalid = 'rpc error: code = Unauthenticated desc = etcdserver: invalid auth token'
  assert.deepEqual(denied, { ...nothing, id: -1, created: true, canceled: true, reason: denial, revision: 1 })
  assert.match(tooMany?.reason ?? '', /etcdserver: too many requests$/)
  assert.deepEqual([wrong?.id, wrong?.reason], [-1, `aspen: ${reason}`])
  assert.equal(unknown?.reason, 'rpc error: code = InvalidArgument desc = etcdserver: user name is empty')
  assert.deepEqual(ended, { ...nothing, id: 0, canceled: true, reason: invalid, revision: 1 })
})

const put = (key: string, value: string): WatchEvent => ({
  type: 'put',
  kv: { key: bytes(key), value: bytes(value), createRevision: 2, modRevision: 2, version: 1, lease: '0' },
})

test('pieces of a revision are fragments for who asked for them, and one answer for who did not', async (t) => {
  const opened = await openGateway(t, { maxRequestBytes: 1_024 })
  const stream = watch(t, opened)
  stream.send(create({ fragment: true }))
  stream.send(create({}))
  await stream.take(2)
  const session = sessionOf(opened.node)

  for (const watchId of [0, 1]) {
    session.tell({ type: 'events', watchId, revision: 2, events: [put('a', '1'), put('b', '2')], more: true })
    session.tell({ type: 'events', watchId, revision: 2, events: [put('c', '3')], more: false })
  }
  const [first, second, whole] = (await stream.take(3)).map(told)

  assert.deepEqual([first?.id, first?.fragment, first?.events.length], [0, true, 2])
  assert.deepEqual([second?.id, second?.fragment, second?.events.length], [0, false, 1])
  assert.deepEqual([whole?.id, whole?.fragment, whole?.events.length], [1, false, 3])
})

test('an answer too large for one message is cut between events, for who asked for it', async (t) => {
  const opened = await openGateway(t, { maxRequestBytes: 1_024 })
  const stream = watch(t, opened)
  stream.send(create({ fragment: true }))
  stream.send(create({}))
  await stream.take(2)
  // Each is above half of what a message may hold: 1 KiB and etcd's 512 KiB beyond it.
  const events = ['a', 'b', 'c'].map((key) => put(key, 'x'.repeat(300_000)))

  for (const watchId of [0, 1])
    sessionOf(opened.node).tell({ type: 'events', watchId, revision: 2, events, more: false })
  const answers = (await stream.take(4)).map(told)

  assert.deepEqual(
    answers.map((one) => [one.id, one.fragment, one.events.length]),
    [
      [0, true, 1],
      [0, true, 1],
      [0, false, 1],
      [1, false, 3],
    ],
  )
})

test('a client that does not read is not asked for: the session keeps what it has', async (t) => {
  const opened = await openGateway(t)
  const stream = watch(t, opened)
  stream.send(create({}))
  await stream.next()
  stream.pause()
  const session = sessionOf(opened.node)

  const total = 200
  for (let at = 0; at < total; at++) {
    session.tell({ type: 'events', watchId: 0, revision: 2, events: [put('k', 'x'.repeat(100_000))], more: false })
  }
  // Until nothing moves any more.
  for (let before = -1; before !== session.taken; await new Promise((resolve) => setTimeout(resolve, 50))) {
    before = session.taken
  }
  const takenByNobody = session.taken
  stream.resume()
  await stream.take(total)

  assert.ok(takenByNobody < total / 2, `${takenByNobody} of ${total} were taken while nobody read`)
  assert.equal(session.taken, total + 1)
})

test('a client that asks for more watchers than are made waits with the rest', async (t) => {
  const opened = await openGateway(t)
  const stream = watch(t, opened)
  const total = 3_000
  for (let at = 0; at < total; at++) stream.send(create({}))

  const answers = (await stream.take(total)).map(told)

  assert.deepEqual(
    answers.map(({ id, created }) => [id, created]),
    Array.from({ length: total }, (_, at) => [at, true]),
  )
})

test('a client with no more requests still watches', async (t) => {
  const opened = await openGateway(t)
  const stream = watch(t, opened)
  stream.send(create({}))
  stream.endRequests()
  await stream.next()

  await opened.node.put({ key: bytes('k'), value: bytes('1') })

  assert.deepEqual(told(await stream.next()).events, ['PUT k=1@2'])
})

test('a client that leaves leaves nothing behind', async (t) => {
  const opened = await openGateway(t)
  const stream = watch(t, opened)
  stream.send(create({}))
  await stream.next()
  const session = sessionOf(opened.node)

  stream.cancel()
  while (!session.closed) await new Promise((resolve) => setTimeout(resolve, 5))

  assert.equal(opened.node.history.streams.size, 0)
})

test('a stream whose session is lost ends with a status that makes clients open it anew', async (t) => {
  const opened = await openGateway(t)
  const first = watch(t, opened)
  first.send(create({}))
  await first.next()
  sessionOf(opened.node).fail(lost())
  const ended = await first.ended
  const second = watch(t, opened)
  second.send(create({}))
  await second.next()
  sessionOf(opened.node).tell({ type: 'canceled', watchId: 0, revision: 1, cause: 'unavailable', compactRevision: 0 })

  assert.deepEqual(ended, { code: status.UNAVAILABLE, details: 'etcdserver: leader changed' })
  assert.deepEqual(await second.ended, { code: status.UNAVAILABLE, details: 'etcdserver: server stopped' })
})
