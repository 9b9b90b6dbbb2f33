/** The runtime on real threads: spawn, messages, asks, and threads that die. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { ActorRef, Answer } from '../../runtime/kernel/actor.ts'
import { edgeSpawn, edgeTell } from '../../runtime/kernel/edge.ts'
import { openRealNode, type RealNode } from './real-node.ts'
import { asker, keeper, relay, tally } from './thread-actors.ts'

const on = (executor: number) => ({ place: { type: 'executor', executor } }) as const
const named = (name: string): ActorRef => ({ type: 'named', node: 1, name })

function replied(answer: Answer): unknown {
  assert.equal(answer.type, 'reply', JSON.stringify(answer))
  return answer.type === 'reply' ? answer.value : undefined
}

/** Asks until the value is the one expected; gives the last one when time is up. */
async function eventually(node: RealNode, ref: ActorRef, message: unknown, expected: unknown): Promise<void> {
  let last: unknown
  for (const until = performance.now() + 10_000; performance.now() < until; ) {
    const answer = await node.ask(ref, message)
    last = answer.type === 'reply' ? answer.value : answer
    if (JSON.stringify(last) === JSON.stringify(expected)) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.deepEqual(last, expected)
}

async function withNode(workers: number, body: (node: RealNode) => Promise<void>): Promise<void> {
  const node = await openRealNode(workers)
  try {
    await body(node)
  } finally {
    await node.close()
  }
}

test('a pool opens its workers, and actors live on each of them by module address', () =>
  withNode(2, async (node) => {
    assert.deepEqual(node.notices.toSorted(), ['up 1', 'up 2'])
    for (const executor of [0, 1, 2]) edgeSpawn(node.host, tally, undefined, { name: `t${executor}`, ...on(executor) })

    for (const executor of [0, 1, 2]) {
      assert.equal(
        replied(await node.ask(named(`t${executor}`), { type: 'add', argument: executor + 1 })),
        executor + 1,
      )
    }

    const seen = await Promise.all([1, 2].map((executor) => node.pool.control(executor)?.inspect()))
    assert.deepEqual(
      seen.map((actors) => actors?.map(({ name, state }) => `${name} ${state}`)),
      [['t1 running'], ['t2 running']],
    )
  }))

test('B2: messages over three threads and back arrive in order and complete', () =>
  withNode(2, async (node) => {
    const count = 20_000
    const end = edgeSpawn(node.host, relay, { to: undefined }, { name: 'end' })
    const second = edgeSpawn(node.host, relay, { to: end }, { name: 'second', ...on(2) })
    const first = edgeSpawn(node.host, relay, { to: second }, { name: 'first', ...on(1) })

    edgeTell(node.host, first, { type: 'send', argument: { to: first, count } })

    const expected = Array.from({ length: count }, (_, at) => at)
    await eventually(node, named('end'), { type: 'heard' }, expected)
    assert.deepEqual(replied(await node.ask(named('second'), { type: 'heard' })), expected)
  }))

test('asks from actors over threads are answered after their writes are durable', () =>
  withNode(2, async (node) => {
    // By ref: the name is known to the third thread only some time after.
    const to = edgeSpawn(node.host, tally, undefined, { name: 'tally', ...on(2) })
    const other = edgeSpawn(node.host, asker, undefined, { name: 'asker', ...on(1) })

    const answer = replied(await node.ask(other, { type: 'askMany', to, count: 50 }))

    assert.deepEqual(answer, { type: 'reply', value: 50 })
    assert.equal(replied(await node.ask(named('tally'), { type: 'read' })), 50)
  }))

test('a failure on another thread is judged by the supervisor here, and the actor restarts from its store', () =>
  withNode(1, async (node) => {
    edgeSpawn(node.host, keeper, { place: 1 }, { name: 'keeper' })
    await eventually(node, named('kept'), { type: 'add', argument: 5 }, 5)

    const failed = await node.ask(named('kept'), { type: 'fail' })

    assert.equal(failed.type, 'failed')
    await eventually(node, named('kept'), { type: 'read' }, 5)
    assert.deepEqual(replied(await node.ask(named('keeper'), { type: 'events' })), ['failed'])
  }))

for (const how of ['throw', 'exit'] as const) {
  test(`a thread that dies (${how}) is a supervised failure: asks answered, watchers told, thread replaced, actor back with its store`, () =>
    withNode(2, async (node) => {
      edgeSpawn(node.host, keeper, { place: 2 }, { name: 'keeper', ...on(1) })
      await eventually(node, named('kept'), { type: 'add', argument: 5 }, 5)
      const watcher = edgeSpawn(node.host, asker, undefined, { name: 'watcher', ...on(1) })
      const kept = replied(await node.ask(named('keeper'), { type: 'child' })) as ActorRef
      const down = node.ask(watcher, { type: 'watch', ref: kept }, 60_000)
      const open = node.ask(named('kept'), { type: 'never' }, 60_000)
      // The watch has reached the other thread when a later ask of the same two threads is answered.
      replied(await node.ask(watcher, { type: 'askMany', to: named('kept'), count: 1 }))

      // Its answer may die with it, so nobody waits for one.
      void node.pool.control(2)?.crash(how)

      assert.deepEqual(replied(await down), { type: 'threadLost' })
      assert.equal((await open).type, 'failed')
      await node.noticed('up 2', 2)
      await eventually(node, named('kept'), { type: 'read' }, 6)
      const events = replied(await node.ask(named('keeper'), { type: 'events' })) as string[]
      assert.deepEqual([...new Set(events)], ['stopped threadLost'])
      assert.equal(node.notices.filter((notice) => notice.startsWith('death 2')).length, 1)
    }))

  test(`a thread that dies (${how}) in the middle of its commits hangs nothing, and the pool still closes`, () =>
    withNode(1, async (node) => {
      const churner = edgeSpawn(node.host, tally, undefined, { name: 'churner', ...on(1) })
      assert.equal(replied(await node.ask(churner, { type: 'add', argument: 1 })), 1)
      edgeTell(node.host, churner, { type: 'churn', argument: 0 })
      await new Promise((resolve) => setTimeout(resolve, 100))

      void node.pool.control(1)?.crash(how)

      await node.noticed('up 1', 2)
      edgeSpawn(node.host, tally, undefined, { name: 'churner', ...on(1) })
      await eventually(node, named('churner'), { type: 'read' }, 1)
    }))
}

test('T1: threads that die together are each replaced and wired with each other', () =>
  withNode(2, async (node) => {
    for (const executor of [1, 2]) void node.pool.control(executor)?.crash('exit')
    await Promise.all([node.noticed('up 1', 2), node.noticed('up 2', 2)])

    const count = 5_000
    const end = edgeSpawn(node.host, relay, { to: undefined }, { name: 'end', ...on(2) })
    const start = edgeSpawn(node.host, relay, { to: end }, { name: 'start', ...on(1) })
    edgeTell(node.host, start, { type: 'send', argument: { to: end, count } })

    await eventually(
      node,
      end,
      { type: 'heard' },
      Array.from({ length: count }, (_, at) => at),
    )
    assert.deepEqual(
      node.notices.filter((notice) => notice.startsWith('fatal')),
      [],
    )
  }))

test('T2: threads that keep dying end the node', () =>
  withNode(1, async (node) => {
    for (let life = 1; life <= 6; life++) {
      await node.noticed('up 1', life)
      void node.pool.control(1)?.crash('throw')
      await node.noticed('death 1', life)
    }

    await node.noticed('fatal: T2', 1)
  }))

test('a pool with commits under way closes within its bound', () =>
  withNode(2, async (node) => {
    for (const executor of [1, 2]) {
      const churner = edgeSpawn(node.host, tally, undefined, { name: `c${executor}`, ...on(executor) })
      edgeTell(node.host, churner, { type: 'churn', argument: 0 })
    }
    await new Promise((resolve) => setTimeout(resolve, 50))

    await node.pool.close(5_000)

    assert.deepEqual(
      node.notices.filter((notice) => !notice.startsWith('up')),
      [],
    )
  }))
