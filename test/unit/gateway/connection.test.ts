import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectEtcd } from '../../../client/etcd-grpc.ts'
import { AspenError } from '../../../client/interface.ts'
import type { FakeNode } from './fake-node.ts'
import { bytes, openGateway } from './opened.ts'

/** What was asked of a node, without the client's own questions about who leads. */
const asked = (node: FakeNode): readonly string[] =>
  node.calls.map(({ method }) => method).filter((method) => method !== 'status')

// Nothing listens on port 1.
const nobody = 'http://127.0.0.1:1'

test('a call goes on to the next endpoint when nobody answers, writes too: nothing was sent', async (t) => {
  const { connect, url, node } = await openGateway(t)
  const connection = connect({ endpoints: [nobody, url] })

  await connection.put({ key: bytes('k'), value: bytes('v') })
  await connection.range({ key: bytes('k') })

  assert.deepEqual(asked(node), ['put', 'range'])
})

test('where nobody answers at all, the error names the endpoints', async (t) => {
  const connection = connectEtcd({ endpoints: [nobody, '127.0.0.1:2'] })
  t.after(() => connection.close())

  await assert.rejects(connection.range({ key: bytes('k') }), {
    name: 'EtcdUnreachableError',
    message: /^cannot reach 127\.0\.0\.1:1, 127\.0\.0\.1:2: /,
  })
})

test('a server that cannot serve is left for reads and numbered writes, and not for other writes', async (t) => {
  const sick = await openGateway(t)
  const well = await openGateway(t)
  sick.node.failure = new AspenError('noLeader')
  const fresh = () => sick.connect({ endpoints: [sick.url, well.url] })
  const put = { key: bytes('k'), value: bytes('v') }

  await fresh().range({ key: bytes('k') })
  await fresh().put(put, { request: { client: 'c', number: 1 } })
  await assert.rejects(fresh().put(put), { code: 'noLeader' })

  assert.deepEqual(asked(well.node), ['range', 'put'])
  const numbered = well.node.calls.find(({ method }) => method === 'put')
  assert.deepEqual(numbered?.options?.request, { client: 'c', number: 1 })
})

test('a refusal is final, wherever there are more endpoints', async (t) => {
  const first = await openGateway(t)
  const second = await openGateway(t)
  first.node.failure = new AspenError('compacted')

  await assert.rejects(first.connect({ endpoints: [first.url, second.url] }).range({ key: bytes('k') }), {
    code: 'compacted',
  })

  assert.deepEqual(second.node.calls, [])
})

test('a snapshot begins at the next endpoint when nobody answers', async (t) => {
  const { connect, url } = await openGateway(t)
  let length = 0

  for await (const { blob } of connect({ endpoints: [nobody, url] }).snapshot()) length += blob.length

  assert.equal(length, 544)
})

test('the keyspace of the connection goes with each call, unless the call names its own', async (t) => {
  const { connect, node } = await openGateway(t)
  const connection = connect({ keyspace: 'orders' })

  await connection.range({ key: bytes('k') })
  await connection.range({ key: bytes('k') }, { keyspace: 'other' })

  assert.deepEqual(
    node.calls.map(({ options }) => options?.keyspace),
    ['orders', 'other'],
  )
})

test('an endpoint that is no address is refused at once', () => {
  for (const endpoints of [[], ['nonsense'], ['https://n1'], ['http://n1:2379/path'], ['n1:999999']]) {
    assert.throws(() => connectEtcd({ endpoints }), RangeError, String(endpoints))
  }
  for (const tls of [{ cert: 'x' }, { key: 'x' }, { cert: 'no certificate', key: 'no key' }]) {
    assert.throws(() => connectEtcd({ endpoints: ['https://n1:2379'], tls }), RangeError, Object.keys(tls).join())
  }
})
