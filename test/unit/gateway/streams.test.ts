import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import { AspenError, type CallOptions } from '../../../client/interface.ts'
import { LeaderWatch } from '../../../gateway/etcd/leader-watch.ts'
import { RequestQueue } from '../../../gateway/etcd/request-queue.ts'
import { StreamEnd } from '../../../gateway/etcd/stream-end.ts'
import { bytes, openGateway } from './opened.ts'
import { rawCall } from './raw-call.ts'
import { rawStream } from './raw-stream.ts'

const create = { create_request: { key: bytes('k') } }
const wantsLeader = { hasleader: 'true' }

test('a stream that wants a leader is refused without one, and others are not', async (t) => {
  const { host, node } = await openGateway(t)
  node.leader = 0

  const refused = rawStream(t, host, 'watch', 'Watch', wantsLeader)
  const served = rawStream(t, host, 'watch', 'Watch')
  served.send(create)

  assert.deepEqual(await refused.ended, { code: status.UNAVAILABLE, details: 'etcdserver: no leader' })
  assert.equal((await served.next())['created'], true)
})

test('streams that want a leader end when it is lost for three looks, the others go on', async (t) => {
  const { host, node } = await openGateway(t, { electionTimeoutMs: 20 })
  const watch = rawStream(t, host, 'watch', 'Watch', wantsLeader)
  const keepAlive = rawStream(t, host, 'lease', 'LeaseKeepAlive', wantsLeader)
  const patient = rawStream(t, host, 'watch', 'Watch')
  for (const stream of [watch, patient]) {
    stream.send(create)
    await stream.next()
  }
  keepAlive.send({ ID: 1 })
  await keepAlive.next()

  node.leader = 0

  const noLeader = { code: status.UNAVAILABLE, details: 'etcdserver: no leader' }
  assert.deepEqual([await watch.ended, await keepAlive.ended], [noLeader, noLeader])
  await node.put({ key: bytes('k'), value: bytes('1') })
  assert.equal(((await patient.next())['events'] as unknown[]).length, 1)
})

test('one question a look serves all streams of a keyspace, and none is asked when nobody cares', async () => {
  const asked: (string | undefined)[] = []
  const answers = { leader: 1 }
  const status = async (options?: CallOptions) => {
    asked.push(options?.keyspace)
    if (answers.leader < 0) throw new AspenError('unhealthy')
    return { leader: answers.leader } as never
  }
  const leaders = new LeaderWatch({ status }, 10)
  const lost: string[] = []
  const releases = ['a', 'b'].map((name) => leaders.guard({ keyspace: 'x' }, () => lost.push(name)))
  const other = leaders.guard({}, () => lost.push('c'))
  const looks = async (count: number): Promise<void> => {
    const from = asked.length
    while (asked.length < from + count) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  await looks(6)
  assert.equal(Math.abs(asked.filter((one) => one === 'x').length * 2 - asked.length) <= 2, true, String(asked))
  assert.deepEqual(lost, [])
  releases[0]?.()
  // A member that cannot be asked knows of no leader either.
  answers.leader = -1
  while (lost.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(lost.sort(), ['b', 'c'])
  releases[1]?.()
  other()
  const quiet = asked.length
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(asked.length, quiet)
})

test('a gateway that closes ends endless streams as etcd does, and lets a snapshot finish', async (t) => {
  const { host, gateway, node } = await openGateway(t)
  const watch = rawStream(t, host, 'watch', 'Watch')
  const keepAlive = rawStream(t, host, 'lease', 'LeaseKeepAlive')
  watch.send(create)
  await watch.next()
  keepAlive.send({ ID: 1 })
  await keepAlive.next()
  let open = (): void => undefined
  node.gate = new Promise((resolve) => {
    open = resolve
  })
  const snapshot = rawStream(t, host, 'maintenance', 'Snapshot')
  snapshot.send({})
  snapshot.endRequests()
  while (!node.calls.some(({ method }) => method === 'snapshot')) await new Promise((resolve) => setTimeout(resolve, 5))

  const closed = gateway.close(5_000)
  const stopped = { code: status.UNAVAILABLE, details: 'etcdserver: server stopped' }
  assert.deepEqual([await watch.ended, await keepAlive.ended], [stopped, stopped])
  assert.equal(node.history.streams.size, 0)
  open()

  assert.equal((await snapshot.ended).code, status.OK)
  await closed
})

test('calls that are too many at a time are refused before they reach the node, streams and health are not', async (t) => {
  const { host, node, url } = await openGateway(t, { limits: { maxConcurrentRequests: 2 } })
  let open = (): void => undefined
  node.gate = new Promise((resolve) => {
    open = resolve
  })
  const range = () => rawCall(host, 'kv', 'Range', { key: bytes('k') })
  const running = [range(), range()]
  while (node.calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))

  const refused = await range()
  const overHttp = await fetch(`${url}/v3/kv/range`, { method: 'POST', body: '{"key":"aw=="}' })
  const health = rawCall(host, 'health', 'Check', { service: '' })
  const stream = rawStream(t, host, 'lease', 'LeaseKeepAlive')
  stream.send({ ID: 1 })
  open()

  assert.deepEqual([refused.code, refused.details], [status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests'])
  assert.equal(overHttp.status, 429)
  assert.equal((await health).code, status.OK)
  assert.equal((await stream.next())['ID'], '1')
  for (const { code } of await Promise.all(running)) assert.equal(code, status.OK)
  assert.equal((await range()).code, status.OK, 'there is room again')
  assert.match(await (await fetch(`${url}/metrics`)).text(), /aspen_gateway_refused_total\{bound="concurrency"\} 2/)
})

test('a call that waits for a lock takes no room of those that run', async (t) => {
  const { host, node } = await openGateway(t, { limits: { maxConcurrentRequests: 1 } })
  const lock = (): Promise<unknown> => rawCall(host, 'lock', 'Lock', { name: bytes('door') }, undefined, 1_000)

  const waiting = [lock(), lock(), lock()]
  while (node.history.streams.size < 3) await new Promise((resolve) => setTimeout(resolve, 5))

  assert.equal((await rawCall(host, 'kv', 'Range', { key: bytes('k') })).code, status.OK)
  await Promise.all(waiting)
})

test('calls that are too many in a second are refused, new streams too', async (t) => {
  const { host, url } = await openGateway(t, { limits: { maxRequestsPerSecond: 3 } })
  const codes: status[] = []

  for (let at = 0; at < 8; at++) codes.push((await rawCall(host, 'kv', 'Range', { key: bytes('k') })).code)
  const stream = rawStream(t, host, 'watch', 'Watch')
  const { code } = await stream.ended

  assert.deepEqual(codes.slice(0, 3), [status.OK, status.OK, status.OK])
  assert.ok(codes.includes(status.RESOURCE_EXHAUSTED), String(codes))
  assert.equal(code, status.RESOURCE_EXHAUSTED)
  assert.match(await (await fetch(`${url}/metrics`)).text(), /aspen_gateway_refused_total\{bound="rate"\} [1-9]/)
})

test('a connection too many is closed', async (t) => {
  const { url, host } = await openGateway(t, { limits: { maxConnections: 1 } })
  const stream = rawStream(t, host, 'lease', 'LeaseKeepAlive')
  stream.send({ ID: 1 })
  await stream.next()

  await assert.rejects(fetch(`${url}/health`))
})

/** A connection of HTTP/2 that has said hello, and answers no ping; resolves with what came when it is closed. */
function silentConnection(t: Pick<TestContext, 'after'>, port: number): Promise<Buffer> {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  const acknowledged = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0])
  const ping = Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(Buffer.concat([preface, settings, acknowledged, ping]))
    })
    t.after(() => socket.destroy())
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(Buffer.concat(chunks)))
  })
}

test('a client that answers no ping is dropped, and one that is not asked stays', async (t) => {
  const asking = await openGateway(t, { limits: { keepaliveIntervalMs: 40, keepaliveTimeoutMs: 40 } })
  const patient = await openGateway(t, { limits: { keepaliveIntervalMs: 0 } })
  const lively = rawStream(t, asking.host, 'lease', 'LeaseKeepAlive')

  const stays = silentConnection(t, patient.port).then(() => 'closed')
  const received = await silentConnection(t, asking.port)
  const first = await Promise.race([stays, Promise.resolve('open')])
  lively.send({ ID: 1 })

  // A frame of type 6 that is no answer: the server's own ping.
  assert.ok(received.includes(Buffer.from([0, 0, 8, 6, 0])), received.toString('hex'))
  assert.equal(first, 'open')
  assert.equal((await lively.next())['ID'], '1', 'who answers stays too')
})

test('streams of one connection are bounded: the client waits for its own', async (t) => {
  const { connect } = await openGateway(t, { limits: { maxConcurrentStreams: 1 } })
  const connection = connect()

  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) => connection.put({ key: bytes(`k${at}`), value: bytes('v') })),
  )

  assert.equal(answers.length, 20)
})

test('a request too large ends its stream with the refusal of the transport', async (t) => {
  const { host } = await openGateway(t, { maxRequestBytes: 1_024 })
  const stream = rawStream(t, host, 'watch', 'Watch')

  stream.send({ create_request: { key: bytes('x'.repeat(600_000)) } })

  assert.equal((await stream.ended).code, status.RESOURCE_EXHAUSTED)
})

test('streams are counted like calls, by their kind', async (t) => {
  const { host, url } = await openGateway(t)
  const stream = rawStream(t, host, 'lease', 'LeaseKeepAlive', { 'client-api-version': '3.4' })
  stream.send({ ID: 1 })
  stream.send({ ID: 2 })
  await stream.take(2)
  stream.endRequests()
  await stream.ended

  const page = await (await fetch(`${url}/metrics`)).text()

  const labels = 'grpc_method="LeaseKeepAlive",grpc_service="etcdserverpb.Lease",grpc_type="bidi_stream"'
  assert.ok(page.includes(`grpc_server_started_total{${labels}} 1`))
  assert.ok(page.includes(`grpc_server_msg_received_total{${labels}} 2`))
  assert.ok(page.includes(`grpc_server_msg_sent_total{${labels}} 2`))
  assert.ok(page.includes(`grpc_server_handled_total{grpc_code="OK",${labels}} 1`))
  assert.ok(page.includes('etcd_server_client_requests_total{type="stream",client_api_version="3.4"} 1'))
})

test('metadata without a meaning refuses a stream as it refuses a call', async (t) => {
  const { host } = await openGateway(t)
  const headers = { 'x-request-client': 'c' }
  const metadata = new Metadata()
  metadata.set('x-request-client', 'c')

  const call = await rawCall(host, 'kv', 'Range', { key: bytes('k') }, metadata)
  const { code, details } = await rawStream(t, host, 'watch', 'Watch', headers).ended

  assert.deepEqual([code, details], [call.code, call.details])
  assert.equal(code, status.INVALID_ARGUMENT)
})

test('a queue of requests pauses its source while enough of them wait, and loses none', async () => {
  const source = { paused: 0, resumed: 0 }
  const queue = new RequestQueue<number>(
    {
      pause: () => {
        source.paused += 1
      },
      resume: () => {
        source.resumed += 1
      },
    },
    4,
  )
  for (let at = 0; at < 6; at++) queue.push(at)
  queue.end()
  queue.push(99)

  const taken: number[] = []
  for await (const one of queue) taken.push(one)

  assert.deepEqual(taken, [0, 1, 2, 3, 4, 5])
  assert.deepEqual(source, { paused: 1, resumed: 1 })
})

test('a queue that fails gives out what waits first', async () => {
  const queue = new RequestQueue<number>({ pause: () => undefined, resume: () => undefined })
  queue.push(1)
  queue.fail(new Error('torn'))

  const taken: number[] = []
  await assert.rejects(async () => {
    for await (const one of queue) taken.push(one)
  }, /torn/)

  assert.deepEqual(taken, [1])
})

test('the end of a stream wins over what it waits for, and the first reason counts', async () => {
  const end = new StreamEnd()
  const never = end.race(new Promise<never>(() => undefined))
  assert.equal(await end.race(Promise.resolve(3)), 3)
  await assert.rejects(end.race(Promise.reject(new Error('own'))), /own/)

  end.end(new Error('first'))
  end.end(new Error('second'))

  await assert.rejects(never, /first/)
  await assert.rejects(end.race(Promise.resolve(4)), /first/)
})
