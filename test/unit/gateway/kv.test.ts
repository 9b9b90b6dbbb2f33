import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import fc from 'fast-check'
import type { Compare, RangeRequest, TxnOperation } from '../../../actors/keyspace/messages.ts'
import { AspenError } from '../../../client/interface.ts'
import { clusterId, memberId } from './fake-node.ts'
import { bytes, openGateway, text } from './opened.ts'
import { rawBytes, rawCall } from './raw-call.ts'

test('what is put is read back, with the whole header and the whole record', async (t) => {
  const { connect, node } = await openGateway(t)
  const connection = connect()
  node.leases.set('9223372036854775807', { ttlSeconds: 60 })

  const put = await connection.put({ key: bytes('k'), value: bytes('v'), lease: '9223372036854775807' })
  const again = await connection.put({ key: bytes('k'), value: bytes('w'), prevKv: true })
  const { header, kvs, count, more } = await connection.range({ key: bytes('k') })

  assert.deepEqual(put.header, { clusterId, memberId, revision: 2, raftTerm: 3 })
  assert.equal(again.prevKv?.lease, '9223372036854775807', 'a lease id keeps all its 63 bits')
  assert.equal(text(again.prevKv?.value), 'v')
  assert.deepEqual({ revision: header.revision, count, more }, { revision: 3, count: 1, more: false })
  assert.deepEqual(kvs, [
    { key: bytes('k'), value: bytes('w'), createRevision: 2, modRevision: 3, version: 2, lease: '0' },
  ])
  assert.ok(kvs[0] !== undefined && !Buffer.isBuffer(kvs[0].key), 'callers get a Uint8Array, as the types say')
})

test('deletes, transactions and compactions reach the node and come back', async (t) => {
  const { connect } = await openGateway(t)
  const connection = connect()
  await connection.put({ key: bytes('a'), value: bytes('1') })
  await connection.put({ key: bytes('b'), value: bytes('2') })

  const txn = await connection.txn({
    compare: [{ key: bytes('a'), result: 'equal', target: { type: 'value', value: bytes('1') } }],
    success: [
      { type: 'put', key: bytes('c'), value: bytes('3') },
      { type: 'range', key: bytes('a') },
      { type: 'txn', compare: [], success: [{ type: 'deleteRange', key: bytes('b'), prevKv: true }], failure: [] },
    ],
    failure: [],
  })
  const deleted = await connection.deleteRange({ key: bytes('a'), rangeEnd: new Uint8Array([0]), prevKv: true })
  const compacted = await connection.compact({ revision: 3, physical: true })

  assert.equal(txn.succeeded, true)
  assert.deepEqual(
    txn.responses.map(({ type }) => type),
    ['put', 'range', 'txn'],
  )
  const inner = txn.responses[2]
  assert.ok(inner?.type === 'txn' && inner.responses[0]?.type === 'deleteRange' && inner.responses[0].deleted === 1)
  assert.deepEqual(
    deleted.prevKvs.map(({ key }) => text(key)),
    ['a', 'c'],
  )
  assert.equal(compacted.header.revision, 5)
  await assert.rejects(connection.compact({ revision: 3 }), { code: 'compacted' })
})

test('the answers inside a transaction carry the revision in their header and nothing else', async (t) => {
  const { host } = await openGateway(t)

  const { response } = await rawCall(host, 'kv', 'Txn', { success: [{ request_put: { key: bytes('k') } }] })

  const [operation] = response['responses'] as { response_put: { header: object } }[]
  assert.deepEqual(operation?.response_put.header, { cluster_id: '0', member_id: '0', revision: '2', raft_term: '0' })
})

const record = <T>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(shape, { noNullPrototype: true }) as fc.Arbitrary<T>
const key = fc.uint8Array({ minLength: 1, maxLength: 6 })
const end = fc.option(fc.uint8Array({ minLength: 1, maxLength: 6 }), { nil: undefined })
const revision = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const on = fc.constant(true as const)
const lease = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String)
// Keys of one record are left out and not undefined, as the client's own requests have it.
const range: fc.Arbitrary<RangeRequest> = fc
  .record(
    {
      type: fc.constant('range' as const),
      key,
      rangeEnd: fc.uint8Array({ minLength: 1, maxLength: 6 }),
      limit: revision,
      revision,
      sortOrder: fc.constantFrom('ascend' as const, 'descend' as const),
      sortTarget: fc.constantFrom('version' as const, 'create' as const, 'mod' as const, 'value' as const),
      serializable: on,
      keysOnly: on,
      countOnly: on,
      minModRevision: revision,
      maxModRevision: revision,
      minCreateRevision: revision,
      maxCreateRevision: revision,
    },
    { requiredKeys: ['type', 'key'], noNullPrototype: true },
  )
  .map((request) => request as RangeRequest)
const compare: fc.Arbitrary<Compare> = record({
  key,
  rangeEnd: end,
  result: fc.constantFrom('equal' as const, 'greater' as const, 'less' as const, 'notEqual' as const),
  target: fc.oneof(
    record({
      type: fc.constantFrom('version' as const, 'create' as const, 'mod' as const),
      value: fc.maxSafeInteger(),
    }),
    record({ type: fc.constant('value' as const), value: fc.uint8Array({ maxLength: 6 }) }),
    record({ type: fc.constant('lease' as const), value: lease }),
  ),
}).map(({ rangeEnd, ...rest }) => (rangeEnd === undefined ? rest : { ...rest, rangeEnd }) as Compare)
const { operation } = fc.letrec<{ operation: TxnOperation; txn: TxnOperation }>((tie) => ({
  operation: fc.oneof(
    { maxDepth: 3 },
    range,
    record({ type: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 9 }), lease, prevKv: on }),
    record({ type: fc.constant('deleteRange' as const), key, prevKv: on }),
    tie('txn'),
  ) as fc.Arbitrary<TxnOperation>,
  txn: record({
    type: fc.constant('txn' as const),
    compare: fc.array(compare, { maxLength: 3 }),
    success: fc.array(tie('operation'), { maxLength: 3 }),
    failure: fc.array(tie('operation'), { maxLength: 3 }),
  }) as fc.Arbitrary<TxnOperation>,
}))

test('every request arrives at the node as the client was asked for it', async (t) => {
  const { connect, node } = await openGateway(t)
  const connection = connect()
  node.failure = new AspenError('stopped')

  await fc.assert(
    fc.asyncProperty(operation, async (asked) => {
      node.calls.length = 0
      const request = { compare: [], success: [asked], failure: [] }
      const refused = await connection.txn(request).catch((error: unknown) => error)

      // Some of what is generated clashes with itself; that is refused before the node is asked.
      if (refused instanceof AspenError && refused.code === 'duplicateKey') return
      assert.deepEqual(node.calls[0]?.request, { type: 'txn', ...request })
    }),
    { numRuns: 150 },
  )
})

test('what can be judged by the request alone never reaches the node', async (t) => {
  const { host, node } = await openGateway(t, { maxTxnOps: 3 })
  const put = (name: string) => ({ request_put: { key: bytes(name) } })
  const cases: readonly [string, object, string][] = [
    ['Range', {}, 'key is not provided'],
    ['Range', { key: bytes('k'), sort_order: 9 }, 'invalid sort option'],
    ['Range', { key: bytes('k'), sort_target: 9 }, 'invalid sort option'],
    ['Put', { value: bytes('v') }, 'key is not provided'],
    ['Put', { key: bytes('k'), value: bytes('v'), ignore_value: true }, 'value is provided'],
    ['Put', { key: bytes('k'), lease: '7', ignore_lease: true }, 'lease is provided'],
    ['DeleteRange', {}, 'key is not provided'],
    ['Txn', { compare: [{ target: 'VERSION' }] }, 'key is not provided'],
    ['Txn', { success: [{}] }, 'key not found'],
    ['Txn', { success: [put('a'), put('a')] }, 'duplicate key given in txn request'],
    ['Txn', { success: [put('a'), put('b'), put('c'), put('d')] }, 'too many operations in txn request'],
    // One level uses two of three, so the level inside it may use one.
    [
      'Txn',
      { success: [put('a'), { request_txn: { success: [put('b'), put('c')] } }] },
      'too many operations in txn request',
    ],
  ]

  for (const [method, message, refusal] of cases) {
    const { code, details } = await rawCall(host, 'kv', method, message)
    assert.deepEqual([code, details], [status.INVALID_ARGUMENT, `etcdserver: ${refusal}`])
  }
  assert.deepEqual(node.calls, [])
  const within = await rawCall(host, 'kv', 'Txn', { success: [put('a'), { request_txn: { success: [put('b')] } }] })
  assert.equal(within.code, status.OK, within.details)
})

test('an enum value of a compare that nobody knows is refused and not guessed', async (t) => {
  const { host } = await openGateway(t)

  for (const compare of [
    { key: bytes('k'), target: 9 },
    { key: bytes('k'), result: 9 },
  ]) {
    const { code, details } = await rawCall(host, 'kv', 'Txn', { compare: [compare] })
    assert.equal(code, status.INVALID_ARGUMENT)
    assert.match(details, /^aspen: compare has the unknown (target|result) 9$/)
  }
})

test('a compare without the value its target needs compares with zero or nothing', async (t) => {
  const { host, node } = await openGateway(t)

  await rawCall(host, 'kv', 'Txn', {
    compare: [
      { key: bytes('k'), target: 'MOD', version: 5 },
      { key: bytes('k'), target: 'VALUE' },
    ],
  })

  const asked = node.calls[0]?.request as { compare: readonly Compare[] } | undefined
  assert.deepEqual(
    asked?.compare.map(({ target }) => target),
    [
      { type: 'mod', value: 0 },
      { type: 'value', value: new Uint8Array() },
    ],
  )
})

test('revisions beyond the safe integers stay future ones, negative ones are unset', async (t) => {
  const { host, node } = await openGateway(t)

  const far = await rawCall(host, 'kv', 'Range', { key: bytes('k'), revision: '9223372036854775807' })
  const before = await rawCall(host, 'kv', 'Range', { key: bytes('k'), revision: '-1', limit: '-9223372036854775808' })

  assert.equal(far.details, 'etcdserver: mvcc: required revision is a future revision')
  assert.equal(before.code, status.OK)
  assert.deepEqual(node.calls[1]?.request, { type: 'range', key: bytes('k') })
})

test('a write above the limit is too large, a read is not, and beyond the overhead the transport refuses', async (t) => {
  const { host, node } = await openGateway(t, { maxRequestBytes: 100_000 })
  const large = new Uint8Array(100_001)
  const refusal = [status.INVALID_ARGUMENT, 'etcdserver: request is too large']

  const put = await rawCall(host, 'kv', 'Put', { key: bytes('k'), value: large })
  const deleted = await rawCall(host, 'kv', 'DeleteRange', { key: large })
  const txn = await rawCall(host, 'kv', 'Txn', { success: [{ request_put: { key: bytes('k'), value: large } }] })
  const read = await rawCall(host, 'kv', 'Txn', { success: [{ request_range: { key: large } }] })
  const fits = await rawCall(host, 'kv', 'Put', { key: bytes('k'), value: new Uint8Array(99_900) })
  const huge = await rawCall(host, 'kv', 'Put', { key: bytes('k'), value: new Uint8Array(100_000 + 512 * 1024) })

  for (const { code, details } of [put, deleted, txn]) assert.deepEqual([code, details], refusal)
  assert.equal(read.code, status.OK)
  assert.equal(fits.code, status.OK)
  assert.equal(huge.code, status.RESOURCE_EXHAUSTED)
  assert.deepEqual(
    node.calls.map(({ method }) => method),
    ['txn', 'put'],
  )
})

test('metadata becomes call options', async (t) => {
  const { host, node } = await openGateway(t)
  const metadata = new Metadata()
  metadata.set('x-keyspace', 'orders')
  metadata.set('x-request-client', 'c-1')
  metadata.set('x-request-number', '42')
  metadata.set('client-api-version', '3.5')

  await rawCall(host, 'kv', 'Put', { key: bytes('k') }, metadata, 9_000)

  const options = node.calls[0]?.options
  assert.equal(options?.keyspace, 'orders')
  assert.deepEqual(options?.request, { client: 'c-1', number: 42 })
  assert.ok(options?.signal instanceof AbortSignal)
  assert.ok(options.deadlineMs !== undefined && options.deadlineMs > 0 && options.deadlineMs <= 9_000)
})

test('a request number that is none, or comes alone, is refused', async (t) => {
  const { host, node } = await openGateway(t)
  const cases: readonly Record<string, string>[] = [
    { 'x-request-client': 'c' },
    { 'x-request-number': '1' },
    { 'x-request-client': 'c', 'x-request-number': '-1' },
    { 'x-request-client': 'c', 'x-request-number': '1.5' },
    { 'x-request-client': 'c', 'x-request-number': '9007199254740993' },
    { 'x-request-client': 'c'.repeat(129), 'x-request-number': '1' },
  ]

  for (const fields of cases) {
    const { code, details } = await rawCall(host, 'kv', 'Put', { key: bytes('k') }, Metadata.fromHttp2Headers(fields))
    assert.equal(code, status.INVALID_ARGUMENT, JSON.stringify(fields))
    assert.match(details, /^aspen: x-request-/)
  }
  assert.deepEqual(node.calls, [])
})

test('who wants a leader is refused while there is none', async (t) => {
  const { host, node } = await openGateway(t)
  const metadata = Metadata.fromHttp2Headers({ hasleader: 'true' })

  const led = await rawCall(host, 'kv', 'Range', { key: bytes('k') }, metadata)
  node.leader = 0
  const leaderless = await rawCall(host, 'kv', 'Range', { key: bytes('k') }, metadata)
  const indifferent = await rawCall(host, 'kv', 'Range', { key: bytes('k') })

  assert.equal(led.code, status.OK)
  assert.deepEqual([leaderless.code, leaderless.details], [status.UNAVAILABLE, 'etcdserver: no leader'])
  assert.equal(indifferent.code, status.OK)
})

test('a caller that gives up aborts the call inside', async (t) => {
  const { connect, node } = await openGateway(t)
  const connection = connect()
  node.gate = new Promise(() => undefined)
  const abort = new AbortController()

  const call = connection.range({ key: bytes('k') }, { signal: abort.signal })
  while (node.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  const inside = node.calls[0]?.options?.signal
  const aborted = new Promise((resolve) => inside?.addEventListener('abort', resolve))
  abort.abort()

  await assert.rejects(call, { name: 'AspenError', code: 'canceled' })
  await aborted
})

test('a deadline ends the call for both sides', async (t) => {
  const { connect, node } = await openGateway(t)
  const connection = connect()
  node.gate = new Promise(() => undefined)

  await assert.rejects(connection.range({ key: bytes('k') }, { deadlineMs: 60 }), {
    code: 'timeout',
    message: 'context deadline exceeded',
  })

  const inside = node.calls[0]?.options?.signal
  if (inside?.aborted === false) await new Promise((resolve) => inside.addEventListener('abort', resolve))
})

test('bytes that are no message are an error of the call, whatever their depth, and the server goes on', async (t) => {
  const { host } = await openGateway(t)
  // A transaction inside a transaction, as deep as a message can be: 3 levels of length prefixes for each.
  let nested: Buffer = Buffer.alloc(0)
  const wrap = (field: number, inner: Buffer): Buffer => {
    const length: number[] = []
    for (let left = inner.length; ; left >>>= 7) {
      length.push(left > 127 ? (left & 127) | 128 : left)
      if (left <= 127) break
    }
    return Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), inner])
  }
  for (let depth = 0; depth < 3_000; depth += 1) nested = wrap(2, wrap(4, nested))

  const garbage = await rawBytes(host, '/etcdserverpb.KV/Txn', Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]))
  const deep = await rawBytes(host, '/etcdserverpb.KV/Txn', nested)
  const after = await rawCall(host, 'kv', 'Range', { key: bytes('k') })

  assert.notEqual(garbage.code, status.OK)
  assert.notEqual(deep.code, status.OK)
  assert.equal(after.code, status.OK)
})

test('what is not served is UNIMPLEMENTED', async (t) => {
  const { host } = await openGateway(t)

  for (const path of ['/etcdserverpb.Maintenance/Downgrade', '/nobody.Knows/This']) {
    const { code } = await rawBytes(host, path, Buffer.alloc(0))
    assert.equal(code, status.UNIMPLEMENTED, path)
  }
})
