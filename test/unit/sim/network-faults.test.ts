/** What befalls frames on their way: each fault by itself, between two executors. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Decisions } from '../../../sim/decisions.ts'
import { EventQueue } from '../../../sim/event-queue.ts'
import { SimNetwork } from '../../../sim/network.ts'
import type { NetworkFaults } from '../../../sim/network-faults.ts'
import { Standstill } from '../../../sim/standstill.ts'

interface Lab {
  readonly queue: EventQueue
  readonly network: SimNetwork
  /** What node 2 got, and when. */
  readonly arrived: { readonly at: number; readonly frame: number }[]
  readonly links: boolean[]
  send(frame: number): boolean
  until(ms: number): void
}

function lab(faults: Partial<NetworkFaults> = {}): Lab {
  const queue = new EventQueue(3)
  const network = new SimNetwork(queue, Decisions.drawn(3))
  Object.assign(network.faults, { latencyMinMs: 1, latencyMeanMs: 0, ...faults })
  const arrived: Lab['arrived'] = []
  const links: boolean[] = []
  const port = network.attach(1, 0, 1)
  port.setPeer(2, ['http://n2:2380'])
  port.onLink((_node, up) => links.push(up))
  network
    .attach(2, 0, 1)
    .onFrame((_node, _executor, bytes) => arrived.push({ at: queue.nowMs, frame: bytes[0] as number }))
  return {
    queue,
    network,
    arrived,
    links,
    send: (frame) => port.send(2, 0, new Uint8Array([frame, 1, 2, 3])),
    until: (ms) => {
      for (let next = queue.nextMs(); next !== undefined && next <= ms; next = queue.nextMs()) queue.step()
      queue.skipTo(ms)
    },
  }
}

test('clog: what is sent is held back, loses nothing and keeps its order, and comes when it clears', () => {
  const { network, arrived, send, until } = lab()

  network.clog(1, 2, 50)
  for (const frame of [1, 2, 3]) send(frame)
  until(49)
  assert.equal(arrived.length, 0)
  until(60)

  assert.deepEqual(
    arrived.map(({ frame }) => frame),
    [1, 2, 3],
  )
  assert.ok(arrived.every(({ at }) => at === 50))
})

test('clog: of two the longer counts, and the other way is open', () => {
  const { network, arrived, send, until } = lab()

  network.clog(1, 2, 50)
  network.clog(1, 2, 20)
  network.clog(2, 1, 500)
  send(1)
  until(40)
  assert.equal(arrived.length, 0)
  until(100)

  assert.deepEqual(arrived, [{ at: 50, frame: 1 }])
})

test('clog: what is held back goes at once when all ways are opened', () => {
  const { network, arrived, send, until } = lab()

  network.clog(1, 2, 10_000)
  send(1)
  until(30)
  network.joinAll()
  until(31)

  assert.deepEqual(arrived, [{ at: 30, frame: 1 }])
})

test('capacity: a link carries so many frames a moment; the rest waits, and one too many is refused to its sender', () => {
  const { network, arrived, send, until } = lab({ framesPerMs: 0.5, queueFrames: 3 })

  const taken = [1, 2, 3, 4, 5, 6].map((frame) => send(frame))
  until(100)

  assert.deepEqual(taken, [true, true, true, true, false, false])
  assert.deepEqual(
    arrived.map(({ at }) => at),
    [1, 3, 5, 7],
    'one every two milliseconds',
  )
  assert.equal(network.counts.dropped, 2)
  assert.equal(send(7), true, 'there is room again')
})

test('replay: a frame comes once more when everybody has moved on', () => {
  const { network, arrived, send, until } = lab({ replay: 1, replayMs: 4_000 })

  send(1)
  until(5_000)

  assert.deepEqual(
    arrived.map(({ frame }) => frame),
    [1, 1],
  )
  assert.ok((arrived[1]?.at ?? 0) > 100, JSON.stringify(arrived))
  assert.deepEqual([network.counts.replayed, network.counts.duplicated, network.counts.delivered], [1, 1, 2])
})

test('replay: nothing outlives the connection of its sender, or the process of its receiver', () => {
  for (const end of ['sender', 'receiver'] as const) {
    const { network, arrived, send, until } = lab({ replay: 1, replayMs: 4_000 })
    send(1)
    until(5)

    const gone = end === 'sender' ? 1 : 2
    network.detach(gone, 0)
    network.attach(gone, 0, 2).onFrame(() => assert.fail('it came to another life'))
    until(5_000)

    assert.equal(arrived.length, 1)
  }
})

test('misdirection: no actor sees the frame, the connection ends, and what was under way on it is lost', () => {
  const { network, arrived, links, send, until } = lab()
  send(1)
  until(5)
  assert.deepEqual(links, [true])

  network.faults.misdirect = 1
  send(2)
  network.faults.misdirect = 0
  send(3)
  until(50)
  send(4)
  until(100)

  assert.deepEqual(
    arrived.map(({ frame }) => frame),
    [1, 4],
  )
  assert.deepEqual([network.counts.misdirected, network.counts.dropped], [1, 1])
  assert.deepEqual(links, [true, false, true])
})

test('who stands still reads nothing, and everything in its order when it goes on, be it sooner than planned', () => {
  const { queue, network, arrived, send, until } = lab()
  const still = new Standstill(queue, 2)
  network.standstills.set(2, still)

  still.begin(1_000)
  for (const frame of [1, 2, 3]) send(frame)
  until(100)
  assert.equal(arrived.length, 0)
  still.end()
  until(101)

  assert.deepEqual(
    arrived.map(({ frame }) => frame),
    [1, 2, 3],
  )
  still.begin(10)
  still.begin(5)
  send(4)
  until(200)
  assert.equal(arrived[3]?.at, 111, 'of two standstills the longer counts')
})
