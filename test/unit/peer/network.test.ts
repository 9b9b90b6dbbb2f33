import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { utf8 } from '../../../base/bytes.ts'
import { askPeer } from '../../../runtime/node/peer/discover.ts'
import { encodeFrame, FrameDecoder } from '../../../runtime/node/peer/frame.ts'
import { decodeControl, encodeControl, type Hello, protocolVersion } from '../../../runtime/node/peer/handshake.ts'
import { TcpPeerNetwork, type TcpPeerNetworkOptions } from '../../../runtime/node/peer/tcp-network.ts'

const tuning = { backoffBaseMs: 2, backoffMaxMs: 10 }
const nothing = new Uint8Array(0)

/** What a test opened, closed after it whether it passed or not: a red run must end too. */
const open: (() => void | Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()))
})

type Changes = Partial<TcpPeerNetworkOptions>

interface Node {
  readonly network: TcpPeerNetwork
  readonly log: string[]
  readonly url: string
}

async function opened(nodeId: number, changes: Changes = {}): Promise<Node> {
  const log: string[] = []
  const network: TcpPeerNetwork = await TcpPeerNetwork.open({
    clusterId: 7,
    nodeId,
    executor: 0,
    executors: 1,
    listen: { host: '127.0.0.1', port: 0 },
    ports: () => [network?.port ?? 0],
    log: (_level, text) => log.push(text),
    tuning,
    ...changes,
  })
  open.push(() => network.close())
  return { network, log, url: `http://127.0.0.1:${network.port}` }
}

async function until(done: () => boolean, what: string): Promise<void> {
  const deadlineMs = Date.now() + 10_000
  while (!done()) {
    if (Date.now() > deadlineMs) throw new Error(`waited in vain for ${what}`)
    await sleep(2)
  }
}

/** A server that accepts and does what the test says; the sockets it got are ended with it. */
async function bareServer(
  onSocket: (socket: Socket) => void,
): Promise<{ readonly url: string; readonly close: () => void }> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined)
    sockets.push(socket)
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as { readonly port: number }
  const close = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  open.push(close)
  return { url: `http://127.0.0.1:${address.port}`, close }
}

/** A bare client: sends bytes, collects the control frames that come back, and knows when it was closed. */
function bareClient(
  port: number,
  ...sent: Uint8Array[]
): { readonly replies: string[]; readonly state: { closed: boolean }; readonly socket: Socket } {
  const replies: string[] = []
  const state = { closed: false }
  const decoder = new FrameDecoder(100_000, (_source, _target, body) => {
    const frame = decodeControl(body)
    replies.push(frame.type === 'refusal' ? `refusal: ${frame.refusal.text}` : frame.type)
  })
  const socket = connect(port, '127.0.0.1', () => {
    for (const bytes of sent) socket.write(bytes)
  })
  socket.on('data', (chunk) => decoder.push(chunk))
  socket.on('error', () => undefined)
  socket.on('close', () => {
    state.closed = true
  })
  open.push(() => void socket.destroy())
  return { replies, state, socket }
}

function helloOf(changes: Partial<Hello> = {}): Uint8Array {
  const hello = {
    version: protocolVersion,
    clusterId: 7,
    nodeId: 5,
    executor: 0,
    wantedNode: 1,
    wantedExecutor: 0,
    ports: [],
    urls: [],
  }
  return encodeControl({ type: 'hello', hello: { ...hello, ...changes } })
}

describe('the listener', () => {
  // Where the stream itself is at fault nothing is promised but the end; otherwise the refusal says why.
  const bad: [string, Uint8Array[], RegExp | undefined][] = [
    ['another cluster', [helloOf({ clusterId: 8 })], /refusal: node 1 belongs to cluster 7, node 5 to cluster 8/],
    ['another node in its place', [helloOf({ wantedNode: 3 })], /refusal: dialled node 3, answered node 1/],
    ['another version', [helloOf({ version: 99 })], /refusal: .* node 5 speaks 99/],
    ['no hello at all', [encodeControl({ type: 'pong' })], /refusal: a pong is not for a listener/],
    ['L1: a frame before the hello', [encodeFrame(0, 0, nothing)], undefined],
    ['L4: a frame for another executor', [helloOf(), encodeFrame(0, 3, nothing)], undefined],
    ['L4: a frame from another executor', [helloOf(), encodeFrame(2, 0, nothing)], undefined],
    ['F1: HTTP', [utf8('GET / HTTP/1.1\r\nHost: here\r\n\r\n')], undefined],
    [
      'L2: a stranger’s frame of 65 KiB',
      [encodeControl({ type: 'request', kind: 'x', body: new Uint8Array(66_000) })],
      undefined,
    ],
  ]
  for (const [title, sent, reply] of bad) {
    test(`turns away: ${title}`, async () => {
      const { network, log } = await opened(1)
      const delivered: number[] = []
      network.onFrame((node) => delivered.push(node))

      const client = bareClient(network.port, ...sent)
      await until(() => client.state.closed, 'the connection to be closed')

      if (reply !== undefined) assert.match(client.replies[0] ?? '', reply)
      assert.deepEqual(delivered, [])
      assert.equal(network.counters.faults + network.counters.refusals, 1)
      assert.equal(log.length, 1, log.join('\n'))
    })
  }

  test('L2: who says nothing is closed after the handshake timeout', async () => {
    const { network } = await opened(1, { tuning: { handshakeTimeoutMs: 30 } })

    const client = bareClient(network.port)

    await until(() => client.state.closed, 'the silent stranger to be closed')
  })

  test('L2: above pendingMax strangers are turned away at once, and room comes back', async () => {
    const { network } = await opened(1, { pendingMax: 2 })
    const first = [bareClient(network.port), bareClient(network.port)]
    await until(() => first.every(({ socket }) => socket.readyState === 'open'), 'two strangers to be connected')

    const third = bareClient(network.port, helloOf())
    await until(() => third.state.closed, 'the third to be turned away')
    assert.equal(network.counters.turnedAway, 1)
    for (const { socket } of first) socket.destroy()

    await until(() => bareClientWelcomed(network.port), 'a later one to be let in')
  })

  test('L3: a newer connection of the same executor ends the older', async () => {
    const { network } = await opened(1)
    const older = bareClient(network.port, helloOf())
    await until(() => older.replies.length === 1, 'the first welcome')

    const newer = bareClient(network.port, helloOf())
    await until(() => older.state.closed, 'the older to be closed')

    assert.deepEqual([newer.replies, newer.state.closed], [['welcome'], false])
  })

  test('an address in use is said plainly', async () => {
    const { network } = await opened(1)

    await assert.rejects(
      opened(2, { listen: { host: '127.0.0.1', port: network.port } }),
      new RegExp(`listen for peers at 127.0.0.1:${network.port}: the address is already in use`),
    )
  })

  test('options out of bounds are refused with their values', async () => {
    await assert.rejects(opened(1, { executor: 2, executors: 2 }), /executor must be one of 0 to 1, not 2/)
    await assert.rejects(
      opened(1, { tuning: { pingEveryMs: 10, deadAfterMs: 10 } }),
      /deadAfterMs must exceed pingEveryMs \(10\)/,
    )
  })
})

const welcomed: { client?: ReturnType<typeof bareClient> } = {}

/** Knocks until welcomed; true once it was. */
function bareClientWelcomed(port: number): boolean {
  if (welcomed.client === undefined || welcomed.client.state.closed) welcomed.client = bareClient(port, helloOf())
  return welcomed.client.replies.includes('welcome')
}

describe('the link', () => {
  test('N4: the wrong node behind an address gets no mail; both sides say who answered', async () => {
    const a = await opened(1)
    const b = await opened(5)
    const delivered: number[] = []
    b.network.onFrame((node) => delivered.push(node))
    a.network.setPeer(3, [b.url])

    a.network.send(3, 0, Uint8Array.of(1))
    await until(() => a.log.length > 0 && a.network.counters.refusals > 1, 'the refusal, more than once')

    assert.equal(a.log.length, 1, 'one line for one kind of trouble')
    assert.match(a.log[0] ?? '', /link to node 3, executor 0 .*: refused: dialled node 3, answered node 5/)
    assert.deepEqual(delivered, [])
    assert.ok(a.network.counters.framesDropped >= 1)
  })

  test('N2: what waits is bounded by bytes; the newest is dropped, counted and reported', async () => {
    const silent = await bareServer(() => undefined)
    const a = await opened(1, { tuning: { ...tuning, queueBytesMax: 10_000, maxFrameBytes: 5_000 } })
    a.network.setPeer(2, [silent.url])
    const frame = new Uint8Array(984)

    const sent = [...Array(15).keys()].map(() => a.network.send(2, 0, frame))

    assert.deepEqual(sent, [...Array(10).fill(true), ...Array(5).fill(false)])
    assert.equal(a.network.waitingBytes(2), 10_000)
    assert.equal(a.network.counters.framesDropped, 5)
    assert.equal(a.network.send(2, 0, new Uint8Array(5_001)), false)
  })

  test('N2: a peer that stops reading fills the bound and no more; the link keeps its order', async () => {
    const a = await opened(1, { tuning: { ...tuning, queueBytesMax: 4_000_000, deadAfterMs: 60_000 } })
    const seen: number[] = []
    const paused: Socket[] = []
    const reader = await bareServer((socket) => {
      const decoder = new FrameDecoder(1_000_000, (_source, target, body) => {
        if (target === 0) seen.push(((body[0] as number) << 8) | (body[1] as number))
        else if (decodeControl(body).type === 'hello') {
          socket.write(
            encodeControl({ type: 'welcome', welcome: { clusterId: 7, nodeId: 2, executors: 1, ports: [1] } }),
          )
          socket.pause()
          paused.push(socket)
        }
      })
      socket.on('data', (chunk) => decoder.push(chunk))
    })
    a.network.setPeer(2, [reader.url])
    const body = new Uint8Array(100_000)
    let accepted = 0

    await until(() => {
      body[0] = accepted >> 8
      body[1] = accepted & 0xff
      if (a.network.send(2, 0, body)) accepted += 1
      assert.ok(a.network.waitingBytes(2) <= 4_000_000)
      return paused.length === 1 && a.network.counters.framesDropped > 3
    }, 'the bound to be reached')
    paused[0]?.resume()
    await until(() => seen.length === accepted, 'all that was accepted to arrive')

    assert.deepEqual(seen, [...Array(accepted).keys()])
  })

  test('N3: what waited for a dial that failed is dropped', async () => {
    const gone = await bareServer(() => undefined)
    gone.close()
    const a = await opened(1)
    a.network.setPeer(2, [gone.url])

    assert.equal(a.network.send(2, 0, Uint8Array.of(1)), true)
    await until(() => a.network.counters.framesDropped === 1, 'the frame to be dropped')

    assert.equal(a.network.waitingBytes(2), 0)
  })

  test('a peer that answers no ping is given up, and dialled again', async () => {
    let dials = 0
    const mute = await bareServer((socket) => {
      dials += 1
      socket.resume()
      socket.write(encodeControl({ type: 'welcome', welcome: { clusterId: 7, nodeId: 2, executors: 1, ports: [1] } }))
    })
    const a = await opened(1, { tuning: { ...tuning, pingEveryMs: 5, deadAfterMs: 20 } })
    const notices: boolean[] = []
    a.network.onLink((_node, up) => notices.push(up))
    a.network.setPeer(2, [mute.url])

    a.network.send(2, 0, Uint8Array.of(1))
    await until(() => dials >= 2 && notices.length >= 2, 'a second dial')

    assert.deepEqual(notices.slice(0, 2), [true, false])
    assert.ok(
      a.log.some((line) => line.includes('silent for 20 ms')),
      a.log.join('\n'),
    )
  })

  test('an idle link stays up on pings alone', async () => {
    const a = await opened(1, { tuning: { ...tuning, pingEveryMs: 5, deadAfterMs: 100 } })
    const b = await opened(2, { tuning: { ...tuning, pingEveryMs: 5, deadAfterMs: 100 } })
    const notices: boolean[] = []
    a.network.onLink((_node, up) => notices.push(up))
    a.network.setPeer(2, [b.url])
    a.network.send(2, 0, Uint8Array.of(1))
    await until(() => notices.length === 1, 'the link to come up')
    const before = a.network.counters.bytesReceived

    // A pong has 17 bytes: forty of them are many times the patience of either side.
    await until(() => a.network.counters.bytesReceived >= before + 40 * 17, 'forty pongs')

    assert.deepEqual(notices, [true])
  })

  test('several URLs of a peer take turns until one answers', async () => {
    const gone = await bareServer(() => undefined)
    gone.close()
    const a = await opened(1)
    const b = await opened(2)
    let arrived = 0
    b.network.onFrame(() => {
      arrived += 1
    })
    a.network.setPeer(2, [gone.url, b.url])

    await until(() => {
      a.network.send(2, 0, nothing)
      return arrived > 0
    }, 'a frame over the second URL')
  })

  test('an executor that listens at another port after a restart is found again', async () => {
    const ports = [0, 0]
    const both = { executors: 2, ports: (): readonly number[] => ports }
    const a = await opened(1, { executors: 2, executor: 1 })
    const first = await opened(2, both)
    const before = await opened(2, { ...both, executor: 1 })
    ports.splice(0, 2, first.network.port, before.network.port)
    let arrived = 0
    const count = (): void => {
      arrived += 1
    }
    before.network.onFrame(count)
    a.network.setPeer(2, [first.url])
    await until(() => a.network.send(2, 1, nothing) && arrived > 0, 'a frame at the first port')

    const after = await opened(2, { ...both, executor: 1 })
    await before.network.close()
    ports[1] = after.network.port
    arrived = 0
    after.network.onFrame(count)

    await until(() => a.network.send(2, 1, nothing) && arrived > 0, 'a frame at the second port')
  })

  test('setPeer refuses this node itself and addresses that are none', async () => {
    const { network } = await opened(1)

    assert.throws(() => network.setPeer(1, ['http://127.0.0.1:1']), /another one than this \(1\), not 1/)
    assert.throws(() => network.setPeer(2, ['ftp://127.0.0.1:1']), /must start with http:\/\/ or https:\/\//)
    assert.throws(() => network.send(2, 0xffff, nothing), /0 to 65534, not 65535/)
  })

  test('close sends what is still waiting', async () => {
    const a = await opened(1)
    const b = await opened(2)
    let arrived = 0
    b.network.onFrame(() => {
      arrived += 1
    })
    a.network.setPeer(2, [b.url])
    await until(() => a.network.send(2, 0, nothing) && arrived > 0, 'the link to be up')
    await until(() => arrived === a.network.counters.framesSent, 'all before to arrive')
    arrived = 0

    for (let i = 0; i < 50; i++) a.network.send(2, 0, new Uint8Array(100_000))
    await a.network.close()
    await until(() => arrived === 50, 'the last fifty')

    assert.equal(a.network.send(2, 0, nothing), false)
    await b.network.close()
  })
})

describe('askPeer', () => {
  const onRequest = (kind: string, body: Uint8Array): Uint8Array | undefined => {
    if (kind === 'boom') throw new Error('no luck')
    return kind === 'double' ? body.map((byte) => byte * 2) : undefined
  }

  test('one request, one answer, of a node that knows no cluster yet', async () => {
    const { url } = await opened(1, { onRequest })

    const answer = await askPeer(url, { kind: 'double', body: Uint8Array.of(3, 4) })

    assert.deepEqual(answer.type === 'answered' ? [...answer.body] : answer, [6, 8])
  })

  test('a kind nobody knows, a hook that fails and an executor that does not answer refuse with a reason', async () => {
    const { url } = await opened(1, { onRequest })
    const other = await opened(1, { onRequest, executor: 1, executors: 2 })

    const reasons = [
      await askPeer(url, { kind: 'what', body: nothing }),
      await askPeer(url, { kind: 'boom', body: nothing }),
      await askPeer(other.url, { kind: 'double', body: nothing }),
    ].map((answer) => (answer.type === 'refused' ? answer.reason : answer.type))

    assert.match(reasons[0] ?? '', /no request is called 'what'/)
    assert.match(reasons[1] ?? '', /'boom' failed: Error: no luck/)
    assert.match(reasons[2] ?? '', /no requests are answered here, 'double' neither/)
  })

  test('nobody there, silence, garbage and a long answer are all unreachable, with the reason', async () => {
    const gone = await bareServer(() => undefined)
    gone.close()
    const silent = await bareServer(() => undefined)
    const garbage = await bareServer((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const { url } = await opened(1, { onRequest: () => new Uint8Array(2_000) })

    const answers = [
      await askPeer(gone.url, { kind: 'x', body: nothing }),
      await askPeer(silent.url, { kind: 'x', body: nothing, timeoutMs: 20 }),
      await askPeer(garbage.url, { kind: 'x', body: nothing }),
      await askPeer(url, { kind: 'x', body: nothing, replyBytesMax: 1_999 }),
      await askPeer(url, { kind: 'x', body: nothing, replyBytesMax: 2_000 }),
    ]

    const reasons = answers.map((answer) => (answer.type === 'unreachable' ? answer.reason : answer.type))
    assert.match(reasons[0] ?? '', /ECONNREFUSED/)
    assert.match(reasons[1] ?? '', /no answer within 20 ms/)
    assert.match(reasons[2] ?? '', /these are not frames/)
    assert.match(reasons[3] ?? '', /exceeds the limit of 2000/)
    assert.equal(reasons[4], 'answered')
  })

  test('a request too long is the caller’s mistake', () => {
    assert.throws(
      () => askPeer('http://127.0.0.1:1', { kind: 'x', body: new Uint8Array(65_000) }),
      /at most 64512 bytes, not 65000/,
    )
  })
})
