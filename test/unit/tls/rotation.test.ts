// Certificates are renewed under a running node: new handshakes use the new ones, and nothing that goes on is disturbed.
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { TlsDoor } from '../../../runtime/node/tls/door.ts'
import type { TlsSettings } from '../../../runtime/node/tls/settings.ts'
import { WatchedTls } from '../../../runtime/node/tls/watched.ts'
import { type House, makeHouse } from './house.ts'

interface Watching {
  readonly tls: WatchedTls
  readonly log: string[]
}

async function watch(t: TestContext, settings: TlsSettings, everyMs = 600_000): Promise<Watching> {
  const log: string[] = []
  const tls = await WatchedTls.open(settings, { everyMs, log: (level, text) => log.push(`${level}: ${text}`) })
  log.length = 0
  t.after(() => tls.close())
  return { tls, log }
}

/** A server that says nothing, and callers that see its certificate. */
async function serve(
  t: TestContext,
  tls: WatchedTls,
): Promise<{ port: number; refused: string[]; secured: TLSSocket[] }> {
  const refused: string[] = []
  const secured: TLSSocket[] = []
  const door = new TlsDoor(tls, {
    handshakeTimeoutMs: 5_000,
    onSecure: (socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => socket.write(bytes))
      secured.push(socket)
    },
    onRefused: (_remote, reason) => refused.push(reason),
  })
  const server = createServer((raw) => {
    raw.on('error', () => undefined)
    door.accept(raw)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    for (const socket of secured) socket.destroy()
  })
  return { port: (server.address() as { port: number }).port, refused, secured }
}

async function call(
  t: TestContext,
  port: number,
  house: House,
  as: { certificate: string; key: string },
): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: house.authority.certificate,
    cert: as.certificate,
    key: as.key,
  })
  t.after(() => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => undefined)
  return socket
}

/** Whether the server still answers on this connection. */
function answers(socket: TLSSocket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once('data', () => resolve(true))
    socket.once('close', () => resolve(false))
    socket.write('?')
  })
}

test('new handshakes use the new certificate, connections that are there go on', async (t) => {
  const house = await makeHouse(t)
  const node = await house.issue('node', { commonName: 'first' })
  const { tls, log } = await watch(t, house.settings('node'))
  const { port } = await serve(t, tls)
  const before = await call(t, port, house, node)

  await house.issue('node', { commonName: 'second' })
  await tls.look()
  const after = await call(t, port, house, node)

  assert.equal(before.getPeerCertificate().subject.CN, 'first')
  assert.equal(after.getPeerCertificate().subject.CN, 'second')
  assert.equal(await answers(before), true)
  assert.deepEqual(log, [`info: certificates were read again: ${house.path('node.pem')}`])
})

test('files are looked at without being asked', async (t) => {
  const house = await makeHouse(t)
  await house.issue('node')
  const { tls } = await watch(t, house.settings('node'), 5)
  const changed = new Promise<string>((resolve) => tls.onChange(() => resolve('changed')))
  // The looking alone keeps no process alive.
  const alive = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(alive))

  await house.issue('node')

  assert.equal(await changed, 'changed')
})

test('new files that cannot be used are said once, and the old ones stay in force until there are good ones', async (t) => {
  const house = await makeHouse(t)
  const node = await house.issue('node', { commonName: 'first' })
  const { tls, log } = await watch(t, house.settings('node'))
  const { port } = await serve(t, tls)

  writeFileSync(house.path('node.pem'), 'half a certific')
  await tls.look()
  await tls.look()
  rmSync(house.path('node-key.pem'))
  await tls.look()
  const meanwhile = await call(t, port, house, node)
  await house.issue('node', { commonName: 'second' })
  await tls.look()
  const after = await call(t, port, house, node)

  assert.equal(meanwhile.getPeerCertificate().subject.CN, 'first')
  assert.equal(after.getPeerCertificate().subject.CN, 'second')
  assert.equal(log.length, 3, log.join('\n'))
  assert.match(
    log[0] ?? '',
    /^warn: new certificates cannot be used, the old ones stay in force: .*holds no certificate in PEM$/,
  )
  assert.match(log[1] ?? '', /no such file$/)
  assert.match(log[2] ?? '', /^info: certificates were read again/)
})

test('a certificate whose key has not come yet waits for it', async (t) => {
  const house = await makeHouse(t)
  await house.issue('node', { commonName: 'first' })
  const second = await house.authority.issue({ commonName: 'second', hosts: [], usages: ['server'], days: 5 })
  const { tls, log } = await watch(t, house.settings('node'))
  const first = tls.current

  writeFileSync(house.path('node.pem'), second.certificate)
  await tls.look()
  assert.equal(tls.current, first)
  assert.match(log[0] ?? '', /the key in .* is not that of the certificate/)
  writeFileSync(house.path('node-key.pem'), second.key)
  await tls.look()

  assert.equal(String(tls.current.options.cert), second.certificate)
})

test('a link that is switched is a change: so are secrets mounted in containers', async (t) => {
  const house = await makeHouse(t)
  await house.issue('node', { commonName: 'first' })
  for (const version of ['v1', 'v2']) {
    mkdirSync(house.path(version))
    const issued = await house.authority.issue({ commonName: version, hosts: [], usages: ['server'], days: 5 })
    writeFileSync(house.path(`${version}/tls.crt`), issued.certificate)
    writeFileSync(house.path(`${version}/tls.key`), issued.key)
  }
  symlinkSync('v1', house.path('now'))
  const settings = house.settings('node', { certFile: house.path('now/tls.crt'), keyFile: house.path('now/tls.key') })
  const { tls } = await watch(t, settings)
  const before = String(tls.current.options.cert)

  symlinkSync('v2', house.path('next'))
  renameSync(house.path('next'), house.path('now'))
  await tls.look()

  assert.notEqual(String(tls.current.options.cert), before)
})

test('who was revoked is refused from then on, and who is connected stays', async (t) => {
  const house = await makeHouse(t)
  const node = await house.issue('node')
  const alice = await house.issue('alice')
  const file = house.path('crl.pem')
  writeFileSync(file, await house.authority.revoke([], 5))
  const { tls } = await watch(t, house.settings('node', { crlFile: file }))
  const { port, refused } = await serve(t, tls)
  const connected = await call(t, port, house, alice)
  assert.equal(await answers(connected), true)

  writeFileSync(file, await house.authority.revoke([alice.certificate], 5))
  await tls.look()
  const late = await call(t, port, house, alice).catch(() => undefined)

  assert.equal(late === undefined ? false : await answers(late), false)
  assert.deepEqual(refused, ['its certificate is refused: it was revoked'])
  assert.equal(await answers(connected), true)
  assert.equal(await answers(await call(t, port, house, node)), true)
})

test('a list that has expired lets nobody in, for it no longer says who was revoked', async (t) => {
  const house = await makeHouse(t)
  const node = await house.issue('node')
  const file = house.path('crl.pem')
  writeFileSync(file, await house.authority.revoke([], 1 / 1_440))
  const { tls } = await watch(t, house.settings('node', { crlFile: file }))
  const { port, refused } = await serve(t, tls)

  const socket = await call(t, port, house, node).catch(() => undefined)

  assert.equal(socket === undefined ? false : await answers(socket), false)
  assert.match(refused[0] ?? '', /the revocation list has expired/)
})

test('a ticket of an earlier handshake opens nothing after a change', async (t) => {
  const house = await makeHouse(t)
  await house.issue('node')
  const alice = await house.issue('alice')
  const file = house.path('crl.pem')
  writeFileSync(file, await house.authority.revoke([], 5))
  const { tls } = await watch(t, house.settings('node', { crlFile: file }))
  const { port, refused } = await serve(t, tls)
  const first = await call(t, port, house, alice)
  const session = await new Promise<Buffer>((resolve) => {
    first.once('session', resolve)
    first.write('?')
  })

  writeFileSync(file, await house.authority.revoke([alice.certificate], 5))
  await tls.look()
  const again = connect({
    host: '127.0.0.1',
    port,
    ca: house.authority.certificate,
    cert: alice.certificate,
    key: alice.key,
    session,
  })
  t.after(() => again.destroy())
  again.on('error', () => undefined)

  assert.equal(await answers(again), false)
  assert.deepEqual(refused, ['its certificate is refused: it was revoked'])
})
