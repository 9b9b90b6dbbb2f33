/** Turns, durability, lanes, asks and supervision on one thread and over two. */
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type ActorContext,
  type ActorRef,
  type Answer,
  type ChildEvent,
  type DownReason,
  defineActor,
} from '../../../runtime/kernel/actor.ts'
import { edgeAsk, edgeSpawn, edgeStop, edgeTell, edgeWatch } from '../../../runtime/kernel/edge.ts'
import { StoreCorrupt } from '../../../runtime/ports/store.ts'
import { smallWorld } from './small-world.ts'

const counter = defineActor('test', {
  name: 'counter',
  init: (ctx, args: { start: number }) => ({ n: (ctx.store.getValue('n') as number | undefined) ?? args.start }),
  receive: {
    add: (state: { n: number }, by: number, ctx: ActorContext) => {
      state.n += by
      ctx.store.putValue('n', state.n)
      if (by === 13) throw new Error('thirteen')
      return state.n
    },
    read: (state: { n: number }) => state.n,
  },
})

function ask(world: ReturnType<typeof smallWorld>, ref: ActorRef, message: unknown, executor = 0): Answer[] {
  const answers: Answer[] = []
  edgeAsk(world.executors[executor]!, ref, message, { deadlineMs: 1_000 }, (answer) => answers.push(answer))
  return answers
}

test('K1: a reply waits until the write it speaks of is durable', () => {
  const world = smallWorld()
  world.stores[0]!.automatic = false
  const ref = edgeSpawn(world.executors[0]!, counter, { start: 1 }, { name: 'c' })

  const answers = ask(world, ref, { type: 'add', argument: 2 })
  world.settle()
  assert.deepEqual(answers, [])

  world.stores[0]!.flush()
  world.settle()
  assert.deepEqual(answers, [{ type: 'reply', value: 3 }])
})

test('K2: answers of one actor leave in the order they were asked for', () => {
  const world = smallWorld()
  const ref = edgeSpawn(world.executors[0]!, counter, { start: 0 }, { name: 'c' })
  const seen: unknown[] = []

  for (const message of [
    { type: 'add', argument: 1 },
    { type: 'read' },
    { type: 'add', argument: 5 },
    { type: 'read' },
  ]) {
    edgeAsk(world.executors[0]!, ref, message, { deadlineMs: 1_000 }, (answer) =>
      seen.push(answer.type === 'reply' && answer.value),
    )
  }
  world.settle()

  assert.deepEqual(seen, [1, 1, 6, 6])
})

test('a turn that throws leaves nothing behind and is answered', () => {
  const world = smallWorld()
  const ref = edgeSpawn(world.executors[0]!, counter, { start: 0 }, { name: 'c' })

  const before = ask(world, ref, { type: 'add', argument: 1 })
  const failing = ask(world, ref, { type: 'add', argument: 13 })
  world.settle()

  assert.deepEqual(before, [{ type: 'reply', value: 1 }])
  assert.equal(failing[0]?.type, 'failed')
  const again = edgeSpawn(world.executors[0]!, counter, { start: 0 }, { name: 'c' })
  const after = ask(world, again, { type: 'read' })
  world.settle()
  assert.deepEqual(after, [{ type: 'reply', value: 1 }])
})

test('a full disk holds the answer back and lets it go when there is room', () => {
  const world = smallWorld()
  const ref = edgeSpawn(world.executors[0]!, counter, { start: 0 }, { name: 'c' })
  world.stores[0]!.outcome = { type: 'full', reason: 'no space' }

  const answers = ask(world, ref, { type: 'add', argument: 7 })
  world.settle()
  assert.deepEqual(answers, [])
  assert.equal(world.executors[0]!.commits.full, true)

  world.stores[0]!.outcome = { type: 'durable' }
  world.run(600)
  assert.deepEqual(answers, [{ type: 'reply', value: 7 }])
})

test('a broken store is fatal', () => {
  const world = smallWorld()
  world.stores[0]!.outcome = { type: 'broken', reason: 'EIO' }
  const ref = edgeSpawn(world.executors[0]!, counter, { start: 0 }, { name: 'c' })

  ask(world, ref, { type: 'add', argument: 7 })
  world.settle()

  assert.deepEqual(world.fatals, ['store: EIO'])
})

test('an ask is never silent: deadline, stopped and unknown are answers', () => {
  const world = smallWorld()
  const silent = defineActor('test', {
    name: 'silent',
    init: () => ({}),
    receive: (_s: object, _m: unknown, ctx: ActorContext) => void ctx.defer(),
  })
  const ref = edgeSpawn(world.executors[0]!, silent, undefined, { name: 's' })

  const late = ask(world, ref, { type: 'x' })
  world.run(1_100)
  const unknown = ask(world, { type: 'named', node: 1, name: 'nobody' }, { type: 'x' })
  edgeStop(world.executors[0]!, ref)
  world.settle()
  const stopped = ask(world, ref, { type: 'x' })
  world.settle()

  assert.deepEqual(late, [{ type: 'timeout' }])
  assert.deepEqual(unknown, [{ type: 'stopped' }])
  assert.deepEqual(stopped, [{ type: 'stopped' }])
})

test('B1: a full mailbox answers overloaded and counts', () => {
  const world = smallWorld()
  const small = defineActor('test', {
    name: 'small',
    mailbox: { messagesMax: 2, whenFull: 'reject' },
    init: () => 0,
    receive: { go: () => 'ok' },
  })
  const ref = edgeSpawn(world.executors[0]!, small, undefined, { name: 's' })

  const answers = [1, 2, 3].map(() => ask(world, ref, { type: 'go' }))
  world.settle()

  assert.deepEqual(
    answers
      .flat()
      .map((answer) => answer.type)
      .sort(),
    ['overloaded', 'reply', 'reply'],
  )
  assert.equal(world.executors[0]!.deadLetters.total, 1)
})

test('an asynchronous handler parks its actor: later messages wait, its own awaits go on', async () => {
  const world = smallWorld()
  const order: string[] = []
  const slow = defineActor('test', {
    name: 'slow',
    init: () => 0,
    receive: {
      slow: async (_state: number, other: ActorRef, ctx: ActorContext) => {
        const answer = await ctx.call(other, { type: 'read' }, { deadlineMs: 500 })
        order.push('slow')
        return answer.type === 'reply' ? answer.value : answer.type
      },
      quick: () => void order.push('quick'),
    },
  })
  const other = edgeSpawn(world.executors[0]!, counter, { start: 9 }, { name: 'c' })
  const ref = edgeSpawn(world.executors[0]!, slow, undefined, { name: 's' })

  const answers = ask(world, ref, { type: 'slow', argument: other })
  edgeTell(world.executors[0]!, ref, { type: 'quick' })
  for (let i = 0; i < 5; i++) {
    world.settle()
    await new Promise((resolve) => setImmediate(resolve))
  }
  world.settle()

  assert.deepEqual(answers, [{ type: 'reply', value: 9 }])
  assert.deepEqual(order, ['slow', 'quick'])
})

const parent = defineActor('test', {
  name: 'parent',
  supervises: true,
  init: (ctx, args: { place?: number; seen: ChildEvent[]; restart: boolean }) => {
    const place = args.place === undefined ? {} : { place: { type: 'executor', executor: args.place } as const }
    return { ...args, child: ctx.spawn(counter, { start: 0 }, { name: 'child', ...place }) }
  },
  receive: (state: { seen: ChildEvent[]; restart: boolean }, event: ChildEvent, ctx: ActorContext) => {
    state.seen.push(event)
    if (state.restart && event.type === 'childFailed') ctx.restart(event.child)
  },
})

for (const executors of [1, 2]) {
  test(`L1: a failed child waits for its supervisor and restarts from the store (${executors} executors)`, () => {
    const world = smallWorld(executors, { counter })
    const seen: ChildEvent[] = []
    edgeSpawn(world.executors[0]!, parent, { place: executors - 1, seen, restart: true }, { name: 'p' })
    world.settle()
    const child: ActorRef = { type: 'named', node: 1, name: 'child' }

    ask(world, child, { type: 'add', argument: 4 })
    ask(world, child, { type: 'add', argument: 13 })
    const after = ask(world, child, { type: 'read' })
    world.settle()

    assert.equal(seen.length, 1)
    assert.equal(seen[0]?.type, 'childFailed')
    assert.deepEqual(after, [{ type: 'reply', value: 4 }])
  })
}

test('a dead thread is a failure: asks are answered, watchers and supervisors told, the name comes back with the data', () => {
  const world = smallWorld(2, { counter })
  const seen: ChildEvent[] = []
  const downs: DownReason[] = []
  edgeSpawn(world.executors[0]!, parent, { place: 1, seen, restart: false }, { name: 'p' })
  world.settle()
  const named: ActorRef = { type: 'named', node: 1, name: 'child' }
  ask(world, named, { type: 'add', argument: 4 })
  world.settle()
  edgeWatch(world.executors[0]!, world.executors[0]!.registry.holder('child')!, (reason) => downs.push(reason))
  world.settle()

  world.stores[1]!.automatic = false
  const open = ask(world, named, { type: 'add', argument: 1 })
  world.settle()
  world.replace(1)
  world.settle()

  assert.deepEqual(downs, [{ type: 'threadLost' }])
  assert.equal(seen.at(-1)?.type, 'childStopped')
  assert.equal(open[0]?.type, 'failed')
  world.stores[1]!.automatic = true
  edgeSpawn(world.executors[0]!, counter, { start: 0 }, { name: 'child', place: { type: 'executor', executor: 1 } })
  world.settle()
  const after = ask(world, named, { type: 'read' })
  world.settle()
  assert.deepEqual(after, [{ type: 'reply', value: 4 }])
})

test('linked actors fall together', () => {
  const world = smallWorld()
  const linker = defineActor('test', {
    name: 'linker',
    init: (ctx, other: ActorRef) => ctx.link(other),
    receive: {
      boom: () => {
        throw new Error('boom')
      },
    },
  })
  const target = edgeSpawn(world.executors[0]!, counter, { start: 0 }, { name: 'c' })
  const ref = edgeSpawn(world.executors[0]!, linker, target, { name: 'l' })
  const downs: string[] = []
  edgeWatch(world.executors[0]!, target, (reason) => downs.push(reason.type))
  world.settle()

  edgeTell(world.executors[0]!, ref, { type: 'boom' })
  world.settle()

  assert.deepEqual(downs, ['failed'])
  assert.equal(world.executors[0]!.cells.size, 0)
})

test('timers: once, periodic without piling up, cancelled by the end of their actor', () => {
  const world = smallWorld()
  const seen: string[] = []
  const ticking = defineActor('test', {
    name: 'ticking',
    init: (ctx) => {
      ctx.every(10, 'tick')
      ctx.after(25, 'once')
    },
    receive: (_state: unknown, message: string) => void seen.push(message),
  })
  const ref = edgeSpawn(world.executors[0]!, ticking, undefined, { name: 't' })
  world.settle()

  world.run(45)
  edgeStop(world.executors[0]!, ref)
  world.run(50)

  assert.deepEqual(seen, ['tick', 'tick', 'once', 'tick', 'tick'])
})

test("outputs: 'now' does not wait; its writes are folded, the last value of a key once", () => {
  const world = smallWorld()
  const lazy = defineActor('test', {
    name: 'lazy',
    outputs: 'now',
    foldWithinMs: 100,
    init: (ctx) => ({ n: (ctx.store.getValue('n') as number | undefined) ?? 0 }),
    receive: {
      add: (state: { n: number }, _: unknown, ctx: ActorContext) => {
        state.n += 1
        ctx.store.putValue('n', state.n)
        return ctx.store.getValue('n')
      },
    },
  })
  const ref = edgeSpawn(world.executors[0]!, lazy, undefined, { name: 'z' })

  const answers = [1, 2, 3].map(() => ask(world, ref, { type: 'add' }))
  world.settle()
  assert.deepEqual(
    answers.flat(),
    [1, 2, 3].map((value) => ({ type: 'reply', value })),
  )
  assert.equal(world.stores[0]!.commits, 0)

  world.run(105)
  assert.equal(world.stores[0]!.commits, 1)
  assert.equal(world.stores[0]!.data.size, 1)
})

test('stash keeps order, become changes the receiver', () => {
  const world = smallWorld()
  const seen: string[] = []
  const gate = defineActor('test', {
    name: 'gate',
    init: () => 0,
    receive: (_state: number, message: string, ctx: ActorContext) => {
      if (message !== 'open') return ctx.stash()
      ctx.become((_s, later: string) => void seen.push(later))
      ctx.unstash()
    },
  })
  const ref = edgeSpawn(world.executors[0]!, gate, undefined, { name: 'g' })

  for (const message of ['a', 'b', 'open', 'c']) edgeTell(world.executors[0]!, ref, message)
  world.settle()

  assert.deepEqual(seen, ['a', 'b', 'c'])
})

test('a range read sees own pending writes, deletions and range deletions, over two commits', () => {
  const world = smallWorld()
  const rows: string[][] = []
  const store = defineActor('test', {
    name: 'store',
    init: () => 0,
    receive: (_state: number, step: number, ctx: ActorContext) => {
      const key = (text: string): Uint8Array => new TextEncoder().encode(text)
      if (step === 1) for (const name of ['a', 'b', 'c', 'd']) ctx.store.put(name, key(name))
      if (step === 2) {
        ctx.store.deleteRange(key('b'), key('d'))
        ctx.store.put('c', key('new'))
        ctx.store.delete('d')
      }
      rows.push(
        ctx.store.range(key(''), undefined).map(([name, value]) => `${Buffer.from(name)}=${Buffer.from(value)}`),
      )
      rows.push(
        ctx.store.range(key('b'), undefined, { reverse: true, limit: 1 }).map(([name]) => `${Buffer.from(name)}`),
      )
    },
  })
  const ref = edgeSpawn(world.executors[0]!, store, undefined, { name: 's' })

  edgeTell(world.executors[0]!, ref, 1)
  world.settle()
  edgeTell(world.executors[0]!, ref, 2)
  edgeTell(world.executors[0]!, ref, 3)
  world.settle()
  edgeTell(world.executors[0]!, ref, 3)
  world.settle()

  assert.deepEqual(rows[0], ['a=a', 'b=b', 'c=c', 'd=d'])
  assert.deepEqual(rows[1], ['d'])
  for (const at of [2, 4, 6]) assert.deepEqual(rows[at], ['a=a', 'c=new'])
  assert.deepEqual(rows[3], ['c'])
})

test('S3: an actor that reads rot ends the node, not only itself', () => {
  const world = smallWorld()
  const reader = defineActor('test', {
    name: 'reader',
    init: () => 0,
    receive: { read: (_s: number, _a: unknown, ctx: ActorContext) => ctx.store.get('x') },
  })
  const reading = edgeSpawn(world.executors[0]!, reader, undefined, { name: 'r' })
  world.settle()
  world.stores[0]!.get = () => {
    throw new StoreCorrupt('checksum of key x')
  }

  const answers = ask(world, reading, { type: 'read' })
  world.settle()

  assert.equal(answers[0]?.type, 'failed')
  assert.deepEqual(world.fatals, ['a store is damaged: checksum of key x'])
})

const procrastinator = defineActor('test', {
  name: 'procrastinator',
  init: () => ({ handles: [] as unknown[] }),
  receive: {
    later: (state: { handles: unknown[] }, _argument: unknown, ctx: ActorContext) =>
      void state.handles.push(ctx.defer()),
    fail: () => {
      throw new Error('asked to')
    },
  },
})

test('an ask that was to be answered later is answered when its actor stops, and when it fails', () => {
  const world = smallWorld()
  const stopping = edgeSpawn(world.executors[0]!, procrastinator, undefined, { name: 'a' })
  const failing = edgeSpawn(world.executors[0]!, procrastinator, undefined, { name: 'b' })

  const first = ask(world, stopping, { type: 'later' })
  const second = ask(world, failing, { type: 'later' })
  world.settle()
  edgeStop(world.executors[0]!, stopping)
  edgeTell(world.executors[0]!, failing, { type: 'fail' })
  world.settle()

  assert.deepEqual(first, [{ type: 'failed', reason: "actor 'a' stopped before it answered" }])
  assert.deepEqual(second, [{ type: 'failed', reason: "actor 'b' failed before it answered" }])
})
