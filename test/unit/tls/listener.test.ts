// The client port with TLS: what client and server agreed on decides, and bytes where they agreed on nothing.
import assert from 'node:assert/strict'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import {
  Client,
  credentials,
  Server as GrpcServer,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { commonNameOf, type PeerSocket } from '../../../gateway/etcd/credentials.ts'
import { type Listener, listen } from '../../../gateway/listener.ts'
import type { Issued } from '../../../runtime/node/tls/issue.ts'
import type { TlsSettings } from '../../../runtime/node/tls/settings.ts'
import { WatchedTls } from '../../../runtime/node/tls/watched.ts'
import { type House, makeHouse } from './house.ts'

interface Served {
  readonly house: House
  readonly tls: WatchedTls
  readonly listener: Listener
  readonly port: number
  readonly server: Issued
  readonly alice: Issued
  readonly refused: string[]
  /** What a caller needs to be let in. */
  readonly way: ConnectionOptions
}

const name = (bytes: Buffer): Buffer => bytes
const echo = {
  path: '/test.Echo/Name',
  requestStream: false,
  responseStream: false,
  requestSerialize: name,
  requestDeserialize: name,
  responseSerialize: name,
  responseDeserialize: name,
} as const

/** gRPC answers the common name of the caller, HTTP the protocol and the common name. */
async function serve(t: TestContext, more: Partial<TlsSettings> = {}, decideWithinMs = 5_000): Promise<Served> {
  const house = await makeHouse(t)
  const server = await house.issue('server')
  const alice = await house.issue('alice', { hosts: [], usages: ['client'] })
  const tls = await WatchedTls.open(house.settings('server', more), { everyMs: 60_000 })
  const grpc = new GrpcServer()
  grpc.addService({ name: echo } as never, {
    name: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) =>
      answer(null, Buffer.from(String(call.getAuthContext().sslPeerCertificate?.subject.CN ?? 'nobody'))),
  })
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure())
  const http: HttpServer = createHttpServer((call, response) => {
    response.end(`HTTP/${call.httpVersion} ${commonNameOf(call.socket as PeerSocket) ?? 'nobody'}`)
  })
  const refused: string[] = []
  const listener = await listen('https://127.0.0.1:0', {
    onHttp1: (socket) => void http.emit('connection', socket),
    onHttp2: (socket) => injector.injectConnection(socket),
    decideWithinMs,
    tls,
    onRefused: (_remote, reason) => refused.push(reason),
  })
  t.after(() => {
    listener.stop()
    listener.destroy()
    grpc.forceShutdown()
    tls.close()
  })
  const port = Number(new URL(listener.url).port)
  const way = { host: '127.0.0.1', port, ca: house.authority.certificate, cert: alice.certificate, key: alice.key }
  return { house, tls, listener, port, server, alice, refused, way }
}

function askGrpc({ port, house, alice }: Served): Promise<string> {
  const way = credentials.createSsl(
    Buffer.from(house.authority.certificate),
    Buffer.from(alice.key),
    Buffer.from(alice.certificate),
  )
  const client = new Client(`127.0.0.1:${port}`, way)
  return new Promise<string>((resolve, reject) => {
    client.makeUnaryRequest(
      echo.path,
      name,
      name,
      Buffer.alloc(0),
      { deadline: Date.now() + 5_000 },
      (error, answer) => {
        client.close()
        if (error === null) resolve(String(answer))
        else reject(error)
      },
    )
  })
}

function askHttp(options: ConnectionOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ ...options, path: '/', agent: false } as never, (response) => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
      .on('error', reject)
      .end()
  })
}

/** Sends bytes over TLS, and resolves with what came back once the other side has closed, or with why it could not. */
function exchange(options: ConnectionOptions, bytes: string | Uint8Array, closes = true): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls(options, () => void socket.write(bytes))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      if (!closes) socket.destroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('close', () => resolve(answer))
  })
}

const eventually = async (what: string, done: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 500; tries++) {
    if (done()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.fail(`waited in vain for ${what}`)
}

test('gRPC and HTTP/1.1 share a port with TLS, and both know who calls', async (t) => {
  const served = await serve(t)

  assert.equal(await askGrpc(served), 'alice')
  assert.equal(await askHttp(served.way), 'HTTP/1.1 alice')
  assert.match(served.listener.url, /^https:\/\/127\.0\.0\.1:\d+$/)
})

test('what was agreed on in the handshake decides; where nothing was, the first bytes do', async (t) => {
  const served = await serve(t)
  const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

  assert.match(await exchange({ ...served.way, ALPNProtocols: ['http/1.1'] }, get), /HTTP\/1\.1 alice$/)
  assert.match(
    await exchange({ ...served.way, ALPNProtocols: ['h2', 'http/1.1'] }, get),
    /HTTP\/1\.1 alice$/,
    'as curl does',
  )
  assert.match(await exchange(served.way, get), /HTTP\/1\.1 alice$/)
  const preface = Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  ])
  const settings = await exchange(served.way, preface, false)
  assert.equal(settings.charCodeAt(3), 4, 'a SETTINGS frame comes first')
  // The same without agreement, whole: a call of an HTTP/2 client that does not say what it speaks.
  const session = connectHttp2('https://127.0.0.1', {
    createConnection: () => connectTls(served.way),
  })
  t.after(() => session.destroy())
  const stream = session.request({
    ':path': echo.path,
    ':method': 'POST',
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  stream.end(Buffer.alloc(5))
  const body = await new Promise<string>((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => resolve(chunk.subarray(5).toString()))
    stream.on('error', reject)
    stream.on('end', () => reject(new Error('no answer')))
  })
  assert.equal(body, 'alice')
})

test('a client that names other protocols alone is refused in the handshake', async (t) => {
  const served = await serve(t)

  const outcome = await exchange({ ...served.way, ALPNProtocols: ['spdy/3'] }, 'x')

  assert.match(outcome, /NO_APPLICATION_PROTOCOL/)
  await eventually('the refusal', () => served.refused.includes('no protocol suits both sides'))
})

test('whoever has no certificate, or one of another house, is kept out', async (t) => {
  const served = await serve(t)
  const other = await makeHouse(t)
  const mallory = await other.issue('alice')
  const { ca, host, port } = served.way
  const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

  const without = await exchange({ ca, host, port } as ConnectionOptions, get)
  const foreign = await exchange({ ...served.way, cert: mallory.certificate, key: mallory.key }, get)

  assert.doesNotMatch(without + foreign, /HTTP\/1\.1/)
  await eventually('both refusals', () => served.refused.length === 2)
  assert.equal(served.refused[0], 'it shows no certificate')
  assert.match(served.refused[1] ?? '', /^its certificate is refused: no authority that is trusted here vouches for it/)
})

test('without client authentication nobody needs a certificate, and nobody is somebody', async (t) => {
  const served = await serve(t, { clientCertAuth: false, trustedCaFile: undefined as never })
  const { ca, host, port } = served.way

  assert.equal(await askHttp({ ca, host, port } as ConnectionOptions), 'HTTP/1.1 nobody')
  assert.equal(await askHttp(served.way), 'HTTP/1.1 nobody', 'a certificate that nobody asked for says nothing')
  assert.equal(await askGrpc(served), 'nobody')
})

test('a certificate must be made out to the allowed host name', async (t) => {
  const served = await serve(t, { allowedHostname: 'app.example' })
  const app = await served.house.issue('app', { hosts: ['app.example'], usages: ['client'] })

  const refused = await exchange(served.way, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')

  assert.doesNotMatch(refused, /HTTP\/1\.1/)
  await eventually('the refusal', () =>
    served.refused.includes('its certificate is not made out to app.example, as it must be'),
  )
  assert.equal(await askHttp({ ...served.way, cert: app.certificate, key: app.key }), 'HTTP/1.1 app')
})

test('plain text on a port of TLS is closed, and so is silence', async (t) => {
  const served = await serve(t, {}, 200)
  const plain = (bytes: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connectPlain(served.port, '127.0.0.1', () => void socket.write(bytes))
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1')
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(answer))
    })

  assert.doesNotMatch(await plain('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), /HTTP/)
  await plain('')

  await eventually('both refusals', () => served.refused.length === 2)
  assert.deepEqual(served.refused, ['it does not speak TLS', 'the handshake took too long'])
})

test('who was secured and then says nothing is closed too', async (t) => {
  const served = await serve(t, {}, 200)

  const outcome = await new Promise<string>((resolve) => {
    const socket = connectTls({ ...served.way, ALPNProtocols: ['h2'] })
    socket.on('error', () => undefined)
    socket.on('data', () => undefined)
    socket.on('close', () => resolve('closed'))
  })

  assert.equal(outcome, 'closed')
})

test('a stopped listener closes who is in the handshake, and lets who is served go on', async (t) => {
  const served = await serve(t)
  const waiting = connectPlain(served.port, '127.0.0.1')
  const gone = new Promise<void>((resolve) => waiting.on('close', () => resolve()))
  waiting.on('error', () => undefined)
  const secured = connectTls({ ...served.way, ALPNProtocols: ['http/1.1'] })
  await new Promise<void>((resolve) => secured.once('secureConnect', () => resolve()))
  const answers: string[] = []
  const ended = new Promise<void>((resolve) => secured.on('close', () => resolve()))
  secured.on('data', (chunk) => answers.push(chunk.toString('latin1')))
  secured.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually('the first answer', () => answers.length > 0)

  served.listener.stop()
  await gone
  secured.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await Promise.all([served.listener.closed, ended])

  assert.equal(answers.join('').match(/HTTP\/1\.1 alice/g)?.length, 2)
})

test('versions and suites of TLS are those of the settings', async (t) => {
  const served = await serve(t, { maxVersion: 'TLS1.2', cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] })
  const newest = await serve(t, { minVersion: 'TLS1.3' })
  const agreed = (options: ConnectionOptions): Promise<string> =>
    new Promise((resolve) => {
      const socket = connectTls(options, () => {
        resolve(`${socket.getProtocol()} ${socket.getCipher().name}`)
        socket.destroy()
      })
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    })

  assert.equal(await agreed(served.way), 'TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384')
  assert.match(await agreed({ ...served.way, minVersion: 'TLSv1.3' }), /ALERT_PROTOCOL_VERSION/)
  assert.match(
    await agreed({ ...served.way, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }),
    /HANDSHAKE_FAILURE/,
  )
  assert.match(await agreed(newest.way), /^TLSv1\.3 /)
  assert.match(await agreed({ ...newest.way, maxVersion: 'TLSv1.2' }), /ALERT_PROTOCOL_VERSION/)
})
