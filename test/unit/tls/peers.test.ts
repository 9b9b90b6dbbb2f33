// Members speak TLS with each other: who is dialled must be who was meant, and who dials must show who he is.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { askPeer } from '../../../runtime/node/peer/discover.ts'
import { TcpPeerNetwork, type TcpPeerNetworkOptions } from '../../../runtime/node/peer/tcp-network.ts'
import { TlsFileError } from '../../../runtime/node/tls/settings.ts'
import { makeHouse } from './house.ts'

interface Node {
  readonly network: TcpPeerNetwork
  readonly log: string[]
  readonly url: string
  readonly heard: string[]
}

async function open(t: TestContext, nodeId: number, changes: Partial<TcpPeerNetworkOptions>): Promise<Node> {
  const log: string[] = []
  const heard: string[] = []
  const network: TcpPeerNetwork = await TcpPeerNetwork.open({
    clusterId: 7,
    nodeId,
    executor: 0,
    executors: 1,
    listen: { host: '127.0.0.1', port: 0, secure: true },
    ports: () => [network?.port ?? 0],
    log: (_level, text) => log.push(text),
    tuning: { backoffBaseMs: 2, backoffMaxMs: 10 },
    ...changes,
  })
  t.after(() => network.close())
  network.onFrame((node, executor, frame) => heard.push(`${node}/${executor}: ${fromUtf8(frame)}`))
  const scheme = changes.listen?.secure === undefined && changes.listen !== undefined ? 'http' : 'https'
  return { network, log, heard, url: `${scheme}://127.0.0.1:${network.port}` }
}

async function until(what: string, done: () => boolean, nodes: readonly Node[] = []): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    if (done()) return
    await sleep(5)
  }
  assert.fail(`waited in vain for ${what}:\n${nodes.flatMap(({ log }) => log).join('\n')}`)
}

/** Sends again and again: a link that is not up yet drops what waits when its dial fails. */
async function delivered(from: Node, to: Node, node: number, text: string): Promise<void> {
  await until(`'${text}'`, () => {
    from.network.send(node, 0, utf8(text))
    return to.heard.some((line) => line.endsWith(text))
  }, [from, to])
}

test('two members with certificates of one house hear each other', async (t) => {
  const house = await makeHouse(t)
  await house.issue('a')
  await house.issue('b')
  const a = await open(t, 1, { tls: house.settings('a') })
  const b = await open(t, 2, { tls: house.settings('b') })
  a.network.setPeer(2, [b.url])
  b.network.setPeer(1, [a.url])

  await delivered(a, b, 2, 'from a')
  await delivered(b, a, 1, 'from b')

  assert.deepEqual([a.network.counters.refusals, b.network.counters.refusals], [0, 0])
})

test('ports of other executors are learned over TLS, and speak it too', async (t) => {
  const house = await makeHouse(t)
  await house.issue('a')
  await house.issue('b')
  const tls = house.settings('b')
  const a = await open(t, 1, { tls: house.settings('a') })
  const second = await open(t, 2, { tls, executor: 1, executors: 2 })
  const first = await open(t, 2, { tls, executors: 2, ports: () => [0, second.network.port] })
  a.network.setPeer(2, [first.url])

  await until('the second executor', () => {
    a.network.send(2, 1, utf8('to the second'))
    return second.heard.length > 0
  }, [a, first, second])

  assert.equal(second.heard[0], '1/0: to the second')
})

test('a large frame comes through whole', async (t) => {
  const house = await makeHouse(t)
  await house.issue('a')
  const a = await open(t, 1, { tls: house.settings('a') })
  const b = await open(t, 2, { tls: house.settings('a') })
  a.network.setPeer(2, [b.url])
  await delivered(a, b, 2, 'hello')
  const sizes: number[] = []
  b.network.onFrame((_node, _executor, frame) => sizes.push(frame.length))

  a.network.send(2, 0, new Uint8Array(5_000_000).fill(7))

  await until('the frame', () => sizes.includes(5_000_000), [a, b])
})

test('a dialler without a good certificate is refused, and both sides say why', async (t) => {
  const house = await makeHouse(t)
  const other = await makeHouse(t)
  await house.issue('b')
  await other.issue('a')
  const b = await open(t, 2, { tls: house.settings('b') })
  // It trusts the house, and shows what another house made.
  const stranger = await open(t, 1, { tls: { ...other.settings('a'), trustedCaFile: house.caFile } })
  stranger.network.setPeer(2, [b.url])

  stranger.network.send(2, 0, utf8('let me in'))

  await until(
    'the refusal',
    () => b.log.some((line) => /refused: its certificate is refused: no authority/.test(line)),
    [b],
  )
  await until('its end', () => stranger.log.length > 0, [stranger])
  assert.equal(b.heard.length, 0)
  assert.ok(b.network.counters.refusals > 0)
})

test('a listener that no trusted authority vouches for is not believed', async (t) => {
  const house = await makeHouse(t)
  const other = await makeHouse(t)
  await house.issue('a')
  await other.issue('b')
  const impostor = await open(t, 2, { tls: { ...other.settings('b'), trustedCaFile: house.caFile } })
  const a = await open(t, 1, { tls: house.settings('a') })
  a.network.setPeer(2, [impostor.url])

  a.network.send(2, 0, utf8('a secret'))

  await until(
    'the complaint',
    () => a.log.some((line) => /its certificate is refused: no authority that is trusted here/.test(line)),
    [a],
  )
  assert.equal(impostor.heard.length, 0)
})

test('a listener must be at an address that its certificate is made out to', async (t) => {
  const house = await makeHouse(t)
  await house.issue('a')
  await house.issue('b', { hosts: ['db.example', '10.0.0.1'] })
  const b = await open(t, 2, { tls: house.settings('b') })
  const a = await open(t, 1, { tls: house.settings('a') })
  a.network.setPeer(2, [b.url])

  a.network.send(2, 0, utf8('a secret'))

  await until('the complaint', () => a.log.some((line) => /its certificate is made out to somebody else/.test(line)), [
    a,
  ])
  assert.equal(b.heard.length, 0)
})

test('only the allowed common name comes in, and only it is dialled', async (t) => {
  const house = await makeHouse(t)
  await house.issue('member')
  await house.issue('guest')
  const strict = house.settings('member', { allowedCn: 'member' })
  const b = await open(t, 2, { tls: strict })
  const guest = await open(t, 3, { tls: house.settings('guest') })
  const a = await open(t, 1, { tls: strict })
  guest.network.setPeer(2, [b.url])
  a.network.setPeer(2, [b.url])
  a.network.setPeer(3, [guest.url])

  guest.network.send(2, 0, utf8('from a guest'))
  a.network.send(3, 0, utf8('to a guest'))

  const refusal = /its certificate has the common name "guest", and only "member" is allowed/
  await until('the refusal', () => b.log.some((line) => refusal.test(line)), [b])
  await until('the complaint', () => a.log.some((line) => refusal.test(line)), [a])
  await delivered(a, b, 2, 'from a member')
  assert.deepEqual([b.heard.every((line) => line.endsWith('member')), guest.heard.length], [true, 0])
})

test('only a certificate made out to the allowed host comes in', async (t) => {
  const house = await makeHouse(t)
  await house.issue('member', { hosts: ['127.0.0.1', 'members.example'] })
  await house.issue('guest')
  const b = await open(t, 2, { tls: house.settings('member', { allowedHostname: 'members.example' }) })
  const guest = await open(t, 3, { tls: house.settings('guest') })
  const a = await open(t, 1, { tls: house.settings('member') })
  guest.network.setPeer(2, [b.url])
  a.network.setPeer(2, [b.url])

  guest.network.send(2, 0, utf8('from a guest'))

  await until('the refusal', () => b.log.some((line) => /not made out to members\.example/.test(line)), [b])
  await delivered(a, b, 2, 'from a member')
  assert.equal(
    b.heard.some((line) => line.endsWith('guest')),
    false,
  )
})

test('without client authentication anybody may knock, and the listener is still checked', async (t) => {
  const house = await makeHouse(t)
  const other = await makeHouse(t)
  await house.issue('b')
  await other.issue('a')
  const { trustedCaFile, ...open1 } = house.settings('b', { clientCertAuth: false })
  const b = await open(t, 2, { tls: open1 })
  const a = await open(t, 1, { tls: { ...other.settings('a'), trustedCaFile: trustedCaFile as string } })
  a.network.setPeer(2, [b.url])

  await delivered(a, b, 2, 'hello')
})

test('self-signed members hear each other, and vouch for nothing', async (t) => {
  const house = await makeHouse(t)
  const other = await makeHouse(t)
  await house.issue('a', { hosts: [] })
  await other.issue('b', { hosts: [] })
  const own = (settings: ReturnType<typeof house.settings>): typeof settings => {
    const { trustedCaFile: _unused, ...rest } = settings
    return { ...rest, clientCertAuth: false, selfSigned: { hosts: [], days: 1 } }
  }
  const a = await open(t, 1, { tls: own(house.settings('a')) })
  const b = await open(t, 2, { tls: own(other.settings('b')) })
  a.network.setPeer(2, [b.url])

  await delivered(a, b, 2, 'hello')
})

test('plain TCP and TLS do not meet, whichever side is which', async (t) => {
  const house = await makeHouse(t)
  await house.issue('a')
  const secure = await open(t, 1, { tls: house.settings('a') })
  const plain = await open(t, 2, { listen: { host: '127.0.0.1', port: 0 } })
  plain.network.setPeer(1, [secure.url.replace('https', 'http')])
  secure.network.setPeer(2, [plain.url.replace('http', 'https')])

  plain.network.send(1, 0, utf8('in the clear'))
  secure.network.send(2, 0, utf8('secured'))

  await until('the one', () => secure.log.some((line) => /it does not speak TLS/.test(line)), [secure])
  await until('the other', () => secure.log.some((line) => line.startsWith('link to node 2')), [secure])
  assert.deepEqual([secure.heard, plain.heard], [[], []])
})

test('a member without certificates says so when it is to dial TLS, and refuses to listen to it', async (t) => {
  const plain = await open(t, 2, { listen: { host: '127.0.0.1', port: 0 } })
  plain.network.setPeer(1, ['https://127.0.0.1:2380'])

  plain.network.send(1, 0, utf8('hello'))

  await until('the complaint', () =>
    plain.log.some((line) => /wants TLS, and this node has no certificate for its peers/.test(line)),
  )
  await assert.rejects(open(t, 3, {}), /RangeError: .*https:\/\/127\.0\.0\.1:0: wanted a certificate, got none/)
})

test('a member with files that cannot be used does not open', async (t) => {
  const house = await makeHouse(t)

  await assert.rejects(open(t, 1, { tls: house.settings('nobody') }), TlsFileError)
})

test('connections in the handshake are strangers: few, and ended with the listener', async (t) => {
  const house = await makeHouse(t)
  await house.issue('a')
  const a = await open(t, 1, { tls: house.settings('a'), pendingMax: 2 })
  const knock = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connectPlain(a.network.port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.on('close', () => resolve())
      t.after(() => socket.destroy())
    })
  const waiting = [knock(), knock()]
  await until('both', () => a.network.counters.turnedAway === 0)
  await sleep(20)

  await knock()
  assert.equal(a.network.counters.turnedAway, 1)
  await a.network.close()

  await Promise.all(waiting)
})

test('a question from outside is asked over TLS', async (t) => {
  const house = await makeHouse(t)
  await house.issue('a')
  await house.issue('joiner')
  const a = await open(t, 1, { tls: house.settings('a'), onRequest: (kind) => utf8(`you asked for ${kind}`) })

  const answer = await askPeer(a.url, { kind: 'members', body: new Uint8Array(0), tls: house.settings('joiner') })
  const without = await askPeer(a.url, { kind: 'members', body: new Uint8Array(0) })

  assert.equal(answer.type === 'answered' && fromUtf8(answer.body), 'you asked for members')
  assert.match(without.type === 'unreachable' ? without.reason : '', /wants TLS, and this node has no certificate/)
})

test('a dialler shows the newest certificate: who was expired comes in after a renewal', async (t) => {
  const house = await makeHouse(t)
  await house.issue('b')
  await house.issue('a', { from: new Date(Date.now() - 86_400_000 * 9), days: 2 })
  const b = await open(t, 2, { tls: house.settings('b') })
  const a = await open(t, 1, { tls: house.settings('a') })
  a.network.setPeer(2, [b.url])
  a.network.send(2, 0, utf8('too late'))
  await until('the refusal', () => b.log.some((line) => /its certificate is refused: it has expired/.test(line)), [b])

  const renewed = await house.authority.issue({
    commonName: 'a',
    hosts: ['127.0.0.1'],
    usages: ['server', 'client'],
    days: 20,
  })
  writeFileSync(house.path('a-key.pem'), renewed.key)
  writeFileSync(house.path('a.pem'), renewed.certificate)

  await delivered(a, b, 2, 'in time')
})
