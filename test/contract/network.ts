/** What every `PeerNetwork` holds, over TCP and in the simulated world. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PeerNetwork } from '../../runtime/ports/network.ts'

/** A few nodes that know each other; node ids are 1 to `nodes`. */
export interface NetworkUnderTest {
  /** The network of one executor of one node. */
  readonly at: (node: number, executor: number) => PeerNetwork
  /** The addresses of a node, for `setPeer`. */
  readonly urls: (node: number) => readonly string[]
  /** Lets the world go on until `done` holds; fails after a generous while. */
  readonly until: (done: () => boolean, what: string) => Promise<void>
  /** Ends a node as a crash would; `start` brings it back, with nothing remembered but its peers. */
  readonly kill: (node: number) => Promise<void>
  readonly start: (node: number) => Promise<void>
  readonly close: () => Promise<void>
}

export interface NetworkShape {
  readonly nodes: number
  readonly executors: number
}

interface Mail {
  readonly node: number
  readonly executor: number
  readonly bytes: readonly number[]
}

/** Runs the suite. `make` gives a fresh network of that shape for each test, all nodes started. */
export function networkContract(name: string, make: (shape: NetworkShape) => Promise<NetworkUnderTest>): void {
  const onNetwork = async (shape: NetworkShape, body: (net: NetworkUnderTest) => Promise<void>): Promise<void> => {
    const net = await make(shape)
    try {
      await body(net)
    } finally {
      await net.close()
    }
  }

  describe(`network contract: ${name}`, () => {
    test('a frame arrives with its sender, byte for byte, empty and large ones too', () =>
      onNetwork({ nodes: 2, executors: 1 }, async (net) => {
        const inbox = collect(net.at(2, 0))
        const large = Uint8Array.from({ length: 300_000 }, (_, i) => i * 31)

        for (const frame of [Uint8Array.of(1, 2, 3), new Uint8Array(0), large]) {
          assert.equal(net.at(1, 0).send(2, 0, frame), true)
        }

        await net.until(() => inbox.length === 3, 'three frames')
        assert.deepEqual(
          inbox.map(({ node, executor }) => [node, executor]),
          [
            [1, 0],
            [1, 0],
            [1, 0],
          ],
        )
        assert.deepEqual(
          inbox.map(({ bytes }) => bytes),
          [[1, 2, 3], [], [...large]],
        )
      }))

    test('frames of one link arrive in order', () =>
      onNetwork({ nodes: 2, executors: 1 }, async (net) => {
        const inbox = collect(net.at(2, 0))

        for (let i = 0; i < 2_000; i++) net.at(1, 0).send(2, 0, Uint8Array.of(i >> 8, i & 0xff))

        await net.until(() => inbox.length === 2_000, 'two thousand frames')
        assert.deepEqual(
          inbox.map(({ bytes }) => ((bytes[0] as number) << 8) | (bytes[1] as number)),
          [...Array(2_000).keys()],
        )
      }))

    test('the caller may reuse what it sent, the receiver may keep what came', () =>
      onNetwork({ nodes: 2, executors: 1 }, async (net) => {
        const kept: Uint8Array[] = []
        net.at(2, 0).onFrame((_node, _executor, frame) => kept.push(frame))
        const scratch = new Uint8Array(8)

        for (let i = 1; i <= 100; i++) {
          scratch.fill(i)
          net.at(1, 0).send(2, 0, scratch)
        }

        await net.until(() => kept.length === 100, 'a hundred frames')
        assert.deepEqual(
          kept.map((frame) => [...frame]),
          [...Array(100).keys()].map((i) => Array(8).fill(i + 1)),
        )
      }))

    test('each executor gets its own mail, with the executor that sent it', () =>
      onNetwork({ nodes: 2, executors: 2 }, async (net) => {
        const inboxes = [collect(net.at(2, 0)), collect(net.at(2, 1))]

        for (const from of [0, 1]) {
          for (const to of [0, 1]) assert.equal(net.at(1, from).send(2, to, Uint8Array.of(from, to)), true)
        }

        await net.until(() => inboxes.every((inbox) => inbox.length === 2), 'two frames at each executor')
        for (const [to, inbox] of inboxes.entries()) {
          const sorted = inbox.toSorted((a, b) => a.executor - b.executor)
          assert.deepEqual(sorted, [
            { node: 1, executor: 0, bytes: [0, to] },
            { node: 1, executor: 1, bytes: [1, to] },
          ])
        }
      }))

    test('both directions are independent, and a third node hears nothing of it', () =>
      onNetwork({ nodes: 3, executors: 1 }, async (net) => {
        const inboxes = [1, 2, 3].map((node) => collect(net.at(node, 0)))

        net.at(1, 0).send(2, 0, Uint8Array.of(12))
        net.at(2, 0).send(1, 0, Uint8Array.of(21))

        await net.until(() => inboxes[0]?.length === 1 && inboxes[1]?.length === 1, 'one frame each')
        assert.deepEqual(inboxes, [
          [{ node: 2, executor: 0, bytes: [21] }],
          [{ node: 1, executor: 0, bytes: [12] }],
          [],
        ])
      }))

    test('a frame to a node nobody told of is dropped, and the sender hears it', () =>
      onNetwork({ nodes: 2, executors: 1 }, async (net) => {
        assert.equal(net.at(1, 0).send(99, 0, Uint8Array.of(1)), false)
      }))

    test('who was told of nobody can answer those who speak to it', () =>
      onNetwork({ nodes: 2, executors: 2 }, async (net) => {
        for (const executor of [0, 1]) net.at(1, executor).setPeer(2, [])
        assert.equal(net.at(1, 1).send(2, 1, Uint8Array.of(0)), false)
        const asked = collect(net.at(1, 1))
        const answered = collect(net.at(2, 1))

        await net.until(() => {
          net.at(2, 1).send(1, 1, Uint8Array.of(1))
          return asked.length > 0
        }, 'a question of a stranger')
        await net.until(() => net.at(1, 1).send(2, 1, Uint8Array.of(2)) && answered.length > 0, 'the answer')

        assert.deepEqual(answered[0], { node: 1, executor: 1, bytes: [2] })
        net.at(1, 1).setPeer(2, [])
        assert.equal(net.at(1, 1).send(2, 1, Uint8Array.of(3)), false, 'until it is forgotten')
      }))

    test('a peer that was forgotten is unknown; told again, it is reached again', () =>
      onNetwork({ nodes: 2, executors: 1 }, async (net) => {
        const inbox = collect(net.at(2, 0))
        net.at(1, 0).send(2, 0, Uint8Array.of(1))
        await net.until(() => inbox.length === 1, 'the first frame')

        net.at(1, 0).setPeer(2, [])
        assert.equal(net.at(1, 0).send(2, 0, Uint8Array.of(2)), false)
        net.at(1, 0).setPeer(2, net.urls(2))

        await untilArrives(net, inbox, 3)
        assert.ok(!inbox.some(({ bytes }) => bytes[0] === 2))
      }))

    test('a node that ends takes its link down; back again, it is reached again', () =>
      onNetwork({ nodes: 2, executors: 1 }, async (net) => {
        const notices: string[] = []
        net.at(1, 0).onLink((node, up) => notices.push(`${node} ${up ? 'up' : 'down'}`))
        await untilArrives(net, collect(net.at(2, 0)), 1)
        await net.until(() => notices.length === 1, 'the link to come up')

        await net.kill(2)
        await net.until(() => {
          net.at(1, 0).send(2, 0, Uint8Array.of(0))
          return notices.length === 2
        }, 'the link to go down')
        await net.start(2)

        await untilArrives(net, collect(net.at(2, 0)), 7)
        await net.until(() => notices.length >= 3, 'the link to come up again')
        assert.deepEqual(notices.slice(0, 3), ['2 up', '2 down', '2 up'])
      }))
  })
}

function collect(network: PeerNetwork): Mail[] {
  const inbox: Mail[] = []
  network.onFrame((node, executor, frame) => inbox.push({ node, executor, bytes: [...frame] }))
  return inbox
}

/** Sends from 1 to 2 until one arrives: delivery is never promised, so whoever needs it repeats. */
function untilArrives(net: NetworkUnderTest, inbox: readonly Mail[], byte: number): Promise<void> {
  return net.until(() => {
    if (inbox.some(({ bytes }) => bytes[0] === byte)) return true
    net.at(1, 0).send(2, 0, Uint8Array.of(byte))
    return false
  }, `a frame of ${byte}`)
}
