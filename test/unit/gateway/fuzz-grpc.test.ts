import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Client, credentials, type MethodDefinition, status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { type AspenServices, aspenServices } from '../../../client/etcd-proto.ts'
import { requestMessageOf } from '../../../gateway/json/request.ts'
import { bytes, type Opened, openGateway, text } from './opened.ts'
import { spoilt, wireOf } from './wire-arbitraries.ts'

interface Caller {
  unary(path: string, request: Buffer): Promise<{ readonly code: status; readonly details: string }>
  /** All requests at once; resolves when the stream ended, or when the server has had its time to end it. */
  bidi(path: string, requests: readonly Buffer[]): Promise<status | 'open'>
}

/** One connection for all calls, which sends bytes as they are. */
function callerOf(t: Pick<TestContext, 'after'>, host: string): Caller {
  const client = new Client(host, credentials.createInsecure())
  t.after(() => client.close())
  const same = (value: Buffer): Buffer => value
  return {
    unary: (path, request) =>
      new Promise((resolve) => {
        client.makeUnaryRequest(path, same, same, request, { deadline: Date.now() + 5_000 }, (error) =>
          resolve(error === null ? { code: status.OK, details: '' } : { code: error.code, details: error.details }),
        )
      }),
    bidi: (path, requests) =>
      new Promise((resolve) => {
        const call = client.makeBidiStreamRequest(path, same, same)
        call.on('data', () => undefined)
        call.on('error', () => undefined)
        const timer = setTimeout(() => {
          resolve('open')
          call.cancel()
        }, 20)
        call.on('status', ({ code }: { code: status }) => {
          clearTimeout(timer)
          resolve(code)
        })
        for (const request of requests) call.write(request)
      }),
  }
}

async function stillServes(opened: Opened): Promise<void> {
  const connection = opened.connect()
  await connection.put({ key: bytes('alive'), value: bytes('yes') })
  assert.equal(text((await connection.range({ key: bytes('alive') })).kvs[0]?.value), 'yes')
}

const names: readonly (keyof AspenServices)[] = [
  'kv',
  'lease',
  'auth',
  'cluster',
  'maintenance',
  'lock',
  'election',
  'health',
]

function methodsOf(form: 'unary' | 'bidi'): readonly MethodDefinition<object, object>[] {
  const all = [...names, 'watch' as const].flatMap((name) => Object.values(aspenServices()[name]))
  return all.filter(
    (method) => method.requestStream === (form === 'bidi') && (form === 'bidi' || !method.responseStream),
  )
}

/** A call of some method with bytes that are nearly a request of it. */
function callOf(methods: readonly MethodDefinition<object, object>[]) {
  return fc.constantFrom(...methods).chain((method) => {
    const valid = wireOf(requestMessageOf(method), 3).map((wire) => method.requestSerialize(wire))
    return fc.tuple(fc.constant(method.path), fc.oneof(valid, spoilt(valid)))
  })
}

/** Locks and campaigns may wait for ever, and that is what they are for. */
const waits = /\/(Lock|Campaign)$/

test('whatever bytes a call is, it is answered in words for the caller', async (t) => {
  const opened = await openGateway(t)
  const caller = callerOf(t, opened.host)
  const quick = methodsOf('unary').filter(({ path }) => !waits.test(path))

  await fc.assert(
    fc.asyncProperty(fc.array(callOf(quick), { minLength: 1, maxLength: 8 }), async (calls) => {
      const answers = await Promise.all(calls.map(([path, request]) => caller.unary(path, request)))
      for (const [at, { code, details }] of answers.entries()) {
        const said = `${calls[at]?.[0]} ${calls[at]?.[1].toString('hex')}: ${status[code]} ${details}`
        assert.notEqual(code, status.DEADLINE_EXCEEDED, said)
        // Bytes that are no message at all are refused by the library, which calls that INTERNAL.
        if (code === status.INTERNAL) assert.match(details, /deserializ|decompress/i, said)
        if (code === status.UNKNOWN) assert.doesNotMatch(details, /^aspen: /, said)
      }
    }),
    { numRuns: 150 },
  )

  assert.deepEqual(
    opened.logged.filter(({ level }) => level === 'error'),
    [],
  )
  await stillServes(opened)
})

test('whatever bytes a stream is, it goes on or ends, and leaves nothing behind', async (t) => {
  const opened = await openGateway(t)
  const caller = callerOf(t, opened.host)

  await fc.assert(
    fc.asyncProperty(fc.array(callOf(methodsOf('bidi')), { minLength: 1, maxLength: 6 }), async (calls) => {
      const endings = await Promise.all(calls.map(([path, request]) => caller.bidi(path, [request, request])))
      for (const [at, ending] of endings.entries()) {
        assert.ok(ending === 'open' || ending !== status.UNKNOWN, `${calls[at]?.[0]} ${calls[at]?.[1].toString('hex')}`)
      }
    }),
    { numRuns: 40 },
  )

  assert.deepEqual(
    opened.logged.filter(({ level }) => level === 'error'),
    [],
  )
  await stillServes(opened)
  while (opened.node.history.streams.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
})

test('a transaction inside itself, a hundred thousand levels deep, is refused', async (t) => {
  const opened = await openGateway(t)
  const caller = callerOf(t, opened.host)

  for (const depth of [200, 5_000, 60_000]) {
    // A transaction's `success` is field 2, its operation's `request_txn` field 4.
    const { code } = await caller.unary('/etcdserverpb.KV/Txn', alternating(depth))
    assert.ok(
      code === status.INVALID_ARGUMENT || code === status.INTERNAL || code === status.RESOURCE_EXHAUSTED,
      status[code],
    )
  }

  await stillServes(opened)
})

/** Built from the inside out, with each length known before it is written. */
function alternating(depth: number): Buffer {
  const pieces: Buffer[] = []
  let length = 0
  for (let level = 0; level < depth; level++) {
    const head = [level % 2 === 0 ? 0x22 : 0x12]
    for (let rest = length; ; rest = Math.floor(rest / 128)) {
      head.push(rest > 127 ? (rest & 127) | 128 : rest)
      if (rest <= 127) break
    }
    pieces.push(Buffer.from(head))
    length += head.length
  }
  return Buffer.concat(pieces.reverse())
}
