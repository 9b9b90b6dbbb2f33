import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { ListenError } from '../../../gateway/listener.ts'
import { startGateway } from '../../../gateway/start.ts'
import { createFakeNode } from './fake-node.ts'
import { bytes, type Opened, openGateway, text } from './opened.ts'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** Sends pieces, and resolves with what came back once the other side has closed. */
function exchange(
  t: Pick<TestContext, 'after'>,
  port: number,
  pieces: readonly Uint8Array[],
  end: boolean,
): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1', () => {
      socket.setNoDelay(true)
      const sendFrom = (at: number): void => {
        const piece = pieces[at]
        if (piece !== undefined) socket.write(piece, () => setImmediate(sendFrom, at + 1))
        else if (end) socket.end()
      }
      sendFrom(0)
    })
    t.after(() => socket.destroy())
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
  })
}

async function stillServes({ connect: open, url }: Opened): Promise<void> {
  const connection = open()
  await connection.put({ key: bytes('alive'), value: bytes('yes') })
  assert.equal(text((await connection.range({ key: bytes('alive') })).kvs[0]?.value), 'yes')
  connection.close()
  assert.equal((await fetch(`${url}/livez`)).status, 200)
}

test('gRPC and HTTP/1.1 share one port', async (t) => {
  await stillServes(await openGateway(t))
})

test('the first bytes decide however they are cut', async (t) => {
  const { port } = await openGateway(t, { slowClientMs: 300 })
  const request = Buffer.from('POST /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])

  for (const cut of [1, 2, 3, 4, 5]) {
    const http1 = await exchange(t, port, [request.subarray(0, cut), request.subarray(cut)], false)
    assert.match(http1, /^HTTP\/1\.1 405 /, `cut at ${cut}`)

    const goAway = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    const http2 = await exchange(t, port, [preface.subarray(0, cut), preface.subarray(cut), settings, goAway], true)
    // The server's own settings come first: length, then type 4.
    assert.equal(http2.charCodeAt(3), 4, `cut at ${cut}`)
  }
})

test('a connection that says nothing, or not enough, is closed', async (t) => {
  const opened = await openGateway(t, { slowClientMs: 60 })

  assert.equal(await exchange(t, opened.port, [], false), '')
  assert.equal(await exchange(t, opened.port, [Buffer.from('PR')], false), '')
  assert.equal(await exchange(t, opened.port, [], true), '')
  await stillServes(opened)
})

test('a header that never ends is answered and closed', async (t) => {
  const opened = await openGateway(t, { slowClientMs: 60 })

  const slow = await exchange(t, opened.port, [Buffer.from('GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ')], false)
  const body = await exchange(
    t,
    opened.port,
    [Buffer.from('POST /v3/x HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nx')],
    false,
  )
  const long = await exchange(
    t,
    opened.port,
    [Buffer.from(`GET /health HTTP/1.1\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`)],
    false,
  )

  assert.match(slow, /^HTTP\/1\.1 408 /)
  assert.match(body, /^HTTP\/1\.1 404 /)
  assert.match(long, /^HTTP\/1\.1 431 /)
  await stillServes(opened)
})

test('a TLS hello is closed without a word', async (t) => {
  const opened = await openGateway(t)

  assert.equal(
    await exchange(t, opened.port, [Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1]), randomBytes(300)])], false),
    '',
  )
  await stillServes(opened)
})

test('a preface with nonsense behind it, or cut off, ends that connection alone', async (t) => {
  const opened = await openGateway(t)
  const nonsense = [
    Buffer.concat([preface, randomBytes(500)]),
    Buffer.concat([preface, Buffer.alloc(500, 0xff)]),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'),
    Buffer.concat([preface.subarray(0, 10), randomBytes(50)]),
  ]

  for (const piece of nonsense) await exchange(t, opened.port, [piece], true)
  for (let cut = 1; cut < preface.length; cut += 1) await exchange(t, opened.port, [preface.subarray(0, cut)], true)
  await stillServes(opened)
})

test('no bytes crash it or hang it', async (t) => {
  const opened = await openGateway(t, { slowClientMs: 200 })
  const start = fc.constantFrom(
    '',
    'GET / HTTP/1.1\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'PRI',
    '\x16\x03\x01',
    'GET http://[ HTTP/1.1\r\n\r\n',
  )

  await fc.assert(
    fc.asyncProperty(start, fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (first, rest, whole) => {
      const head = Buffer.from(first, 'latin1')
      await exchange(t, opened.port, whole ? [Buffer.concat([head, rest])] : [head, rest], true)
    }),
    { numRuns: 150 },
  )
  await stillServes(opened)
})

test('an address in use, malformed or not ours is an error that names it', async (t) => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.after(() => taken.close())
  const { port } = taken.address() as { port: number }
  const start = (clientUrls: readonly string[], metricsUrls: readonly string[] = []): Promise<unknown> => {
    const logger = { info: () => undefined, warn: () => undefined, error: () => undefined }
    return startGateway({ node: createFakeNode(), clientUrls, metricsUrls, maxRequestBytes: 1, maxTxnOps: 1, logger })
  }

  const url = `http://127.0.0.1:${port}`
  const inUse = {
    name: 'ListenError',
    message: `cannot listen on ${url}: the address is in use, perhaps by another etcd or Aspen`,
  }
  await assert.rejects(start(['http://127.0.0.1:0', url]), inUse)
  await assert.rejects(start(['http://127.0.0.1:0'], [url]), inUse)
  await assert.rejects(start(['http://192.0.2.1:2379']), /not one of this machine/)
  for (const wrong of [
    'https://127.0.0.1:1',
    'ftp://127.0.0.1:1',
    '127.0.0.1:1',
    'http://127.0.0.1',
    'http://127.0.0.1:70000',
    'http://a/b:1',
  ]) {
    await assert.rejects(start([wrong]), (thrown) => thrown instanceof ListenError && thrown.message.includes(wrong))
  }
})

test('several addresses, and metrics on one of their own without gRPC', async (t) => {
  const opened = await openGateway(t, {
    clientUrls: ['http://127.0.0.1:0', 'http://localhost:0'],
    metricsUrls: ['http://127.0.0.1:0'],
  })
  const [, second = '', metrics = ''] = opened.gateway.urls

  const connection = opened.connect({ endpoints: [second] })
  await connection.put({ key: bytes('k'), value: bytes('v') })
  assert.match(await (await fetch(`${metrics}/metrics`)).text(), /^etcd_server_has_leader 1$/m)
  assert.equal((await fetch(`${metrics}/health`)).status, 200)
  await assert.rejects(opened.connect({ endpoints: [metrics] }).put({ key: bytes('k'), value: bytes('v') }))
})

test('closing lets running calls finish, and takes no new ones', async (t) => {
  const { connect: open, gateway, node, url } = await openGateway(t)
  const connection = open()
  let openGate = (): void => undefined
  node.gate = new Promise((resolve) => {
    openGate = resolve
  })
  const running = connection.put({ key: bytes('k'), value: bytes('v') }, { deadlineMs: 20_000 })
  const page = fetch(`${url}/health`)
  while (node.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  await new Promise((resolve) => setTimeout(resolve, 30))

  const closed = gateway.close(20_000)
  await assert.rejects(fetch(`${url}/health`))
  openGate()

  assert.equal((await running).header.revision, 2)
  assert.equal((await page).status, 200)
  await closed
  await assert.rejects(open().range({ key: bytes('k') }), { name: 'EtcdUnreachableError' })
})

test('closing cuts off what does not finish in time', async (t) => {
  const { connect: open, gateway, node } = await openGateway(t)
  node.gate = new Promise(() => undefined)
  const running = open().put({ key: bytes('k'), value: bytes('v') }, { deadlineMs: 20_000 })
  while (node.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))

  const failed = assert.rejects(running)
  await gateway.close(50)

  await failed
  const inside = node.calls[0]?.options?.signal
  if (inside?.aborted === false) await new Promise((resolve) => inside.addEventListener('abort', resolve))
})
