/** Frames from other nodes: whatever they hold, no throw, no way into the kernel's lane, nothing left behind. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { pack, unpack } from '../../../mailbox/codec.ts'
import type { Answer } from '../../../runtime/kernel/actor.ts'
import { edgeAsk, edgeSpawn } from '../../../runtime/kernel/edge.ts'
import { fromPeer } from '../../../runtime/kernel/wire.ts'
import { named, probe } from './probe.ts'
import { smallWorld } from './small-world.ts'

const junk = fc.oneof(
  fc.anything({ maxDepth: 2 }),
  fc.constantFrom(
    0,
    1,
    2,
    'target',
    'child',
    { type: 'reply', value: 1 },
    { type: 'stop', reason: { type: 'normal' } },
  ),
)
const tuple = fc.oneof(fc.array(junk, { maxLength: 7 }), junk)

test('a tuple of a peer is a message to a name on an open lane, an answer, or nothing', () => {
  fc.assert(
    fc.property(tuple, (fields) => {
      const checked = fromPeer(fields, 7, 3)
      if (checked === undefined) return
      if (checked.type === 'answer') {
        assert.equal(typeof checked.correlation, 'number')
        return
      }
      assert.equal(typeof checked.name, 'string')
      assert.ok(checked.lane === 'control' || checked.lane === 'user')
      // Answers go back where the frame came from, whatever it claims.
      if (checked.reply !== undefined) assert.deepEqual([checked.reply.node, checked.reply.executor], [7, 3])
    }),
    { numRuns: 5_000 },
  )
})

test('frames of garbage never throw and never stop an actor', () => {
  const world = smallWorld()
  const heard: unknown[] = []
  const executor = world.executors[0]!
  edgeSpawn(executor, probe, { heard: [], init: (ctx) => void ctx }, { name: 'target' })
  world.settle()
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.array(tuple, { maxLength: 5 }).map((tuples) => packed(tuples)),
    fc.anything().map((value) => packed(value)),
  )

  fc.assert(
    fc.property(frame, (bytes) => {
      executor.router.onFrame(7, 3, bytes)
      world.settle()
      assert.equal(executor.cells.size, 1)
    }),
    { numRuns: 2_000 },
  )
  assert.deepEqual(heard, [])
})

/** Some values have no frame (a function, a symbol): then the frame is empty. */
function packed(value: unknown): Uint8Array {
  try {
    return pack(value)
  } catch {
    return new Uint8Array(0)
  }
}

test('an answer of a peer settles its ask once; answers to nothing change nothing', () => {
  const frames: { readonly node: number; readonly tuples: readonly (readonly unknown[])[] }[] = []
  const world = smallWorld(1, {}, (node, _executor, frame) =>
    frames.push({ node, tuples: unpack(frame) as unknown[][] }),
  )
  const executor = world.executors[0]!
  const answers: Answer[] = []

  edgeAsk(executor, { type: 'named', node: 2, name: 'far' }, 'q', { deadlineMs: 1_000 }, (answer) =>
    answers.push(answer),
  )
  world.settle()
  const [target, lane, body, node, index, correlation] = frames[0]?.tuples[0] ?? []
  assert.deepEqual([frames[0]?.node, target, lane, body, node, index], [2, 'far', 2, 'q', 1, 0])

  for (const wrong of [(correlation as number) + 1, -1, 0.5]) {
    executor.router.onFrame(2, 0, pack([[0, wrong, { type: 'reply', value: 'wrong' }]]))
  }
  assert.deepEqual(answers, [])
  executor.router.onFrame(2, 0, pack([[0, correlation, { type: 'reply', value: 'right' }]]))
  executor.router.onFrame(2, 0, pack([[0, correlation, { type: 'reply', value: 'again' }]]))
  assert.deepEqual(answers, [{ type: 'reply', value: 'right' }])
  assert.equal(executor.asks.size, 0)
})

test('an ask from a peer is answered to the executor that the frame came from, for names that exist and names that do not', () => {
  const frames: unknown[][] = []
  const world = smallWorld(1, {}, (node, executor, frame) => frames.push([node, executor, unpack(frame)]))
  edgeSpawn(
    world.executors[0]!,
    { ...probe, openToPeers: true, receive: { ping: () => 'pong' } },
    { heard: [] },
    { name: 'here' },
  )
  world.settle()

  world.executors[0]!.router.onFrame(
    2,
    5,
    pack([
      ['here', 2, { type: 'ping' }, 9, 9, 41],
      ['nobody', 2, 'x', 9, 9, 42],
    ]),
  )
  world.settle()

  const answers = frames.flatMap(([node, executor, tuples]) =>
    (tuples as unknown[][]).map((one) => [node, executor, ...one]),
  )
  assert.deepEqual(answers, [
    [2, 5, 0, 42, { type: 'stopped' }],
    [2, 5, 0, 41, { type: 'reply', value: 'pong' }],
  ])
  assert.equal(world.executors[0]!.registry.holder(named('nobody').name), undefined)
})
