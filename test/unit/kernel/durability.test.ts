/** When outputs leave: K1 and K2 under any order of turns and flushes, and the two explicit exceptions. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  type ActorContext,
  type ActorRef,
  type Answer,
  type ChildEvent,
  defineActor,
} from '../../../runtime/kernel/actor.ts'
import { edgeAsk, edgeSpawn, edgeTell } from '../../../runtime/kernel/edge.ts'
import { type Act, named, probe, probeWith } from './probe.ts'
import { smallWorld } from './small-world.ts'

const bytes = new Uint8Array([1])

test('K1, K2: whatever turns and flushes come, nothing leaves before the writes it follows, and all in order', () => {
  const turn = fc.record({
    type: fc.constant('turn' as const),
    acts: fc.array(fc.constantFrom('send' as const, 'write' as const), { maxLength: 4 }),
  })
  const flush = fc.record({ type: fc.constant('flush' as const) })
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 3, arbitrary: turn }, flush), { maxLength: 40 }), (steps) => {
      const world = smallWorld()
      const store = world.stores[0]!
      store.automatic = false
      const heard: unknown[] = []
      const sink = edgeSpawn(world.executors[0]!, probe, { heard }, {})
      const actor = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'writer' })
      // For each send: how many writes of the actor were asked for up to the end of its turn.
      const writesBefore: number[] = []
      let writes = 0
      for (const step of steps) {
        if (step.type === 'flush') {
          store.flush()
        } else {
          const writesInTurn = step.acts.filter((act) => act === 'write').length
          edgeTell(world.executors[0]!, actor, ((ctx: ActorContext) => {
            for (const act of step.acts) {
              if (act === 'write') ctx.store.put(`k${writes++}`, bytes)
              else ctx.tell(sink, writesBefore.length)
              if (act === 'send') writesBefore.push(0)
            }
          }) satisfies Act)
          const first = writesBefore.length
          world.settle()
          for (let i = first; i < writesBefore.length; i++) writesBefore[i] = writes
          assert.ok(writesInTurn <= writes)
        }
        world.settle()

        assert.deepEqual(
          heard,
          heard.map((_, at) => at),
          'K2',
        )
        for (const send of heard) {
          assert.ok((writesBefore[send as number] ?? 0) <= store.data.size, `K1: send ${send} left before its writes`)
        }
      }
      while (store.pending) {
        store.flush()
        world.settle()
      }
      assert.equal(heard.length, writesBefore.length, 'everything leaves in the end')
    }),
  )
})

test("release: 'now' leaves before the disk; what was asked for before it still waits", () => {
  const world = smallWorld()
  world.stores[0]!.automatic = false
  const heard: unknown[] = []
  const sink = edgeSpawn(world.executors[0]!, probe, { heard }, {})
  const actor = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'a' })

  edgeTell(world.executors[0]!, actor, (ctx: ActorContext) => {
    ctx.store.put('k', bytes)
    ctx.tell(sink, 'durable')
    ctx.tell(sink, 'now', { release: 'now' })
  })
  world.settle()
  assert.deepEqual(heard, ['now'])

  world.stores[0]!.flush()
  world.settle()
  assert.deepEqual(heard, ['now', 'durable'])
})

test("release: 'durable' on an actor with outputs: 'now' waits for the fold and its commit", () => {
  const world = smallWorld()
  world.stores[0]!.automatic = false
  const heard: unknown[] = []
  const sink = edgeSpawn(world.executors[0]!, probe, { heard }, {})
  const lazy = edgeSpawn(
    world.executors[0]!,
    probeWith({ outputs: 'now', foldWithinMs: 50 }),
    { heard: [] },
    { name: 'z' },
  )

  edgeTell(world.executors[0]!, lazy, (ctx: ActorContext) => {
    ctx.store.put('k', bytes)
    ctx.tell(sink, 'durable', { release: 'durable' })
    ctx.tell(sink, 'now')
  })
  world.run(40)
  assert.deepEqual(heard, ['now'])
  assert.equal(world.stores[0]!.pending, false)

  world.run(20)
  assert.deepEqual(heard, ['now'])
  assert.equal(world.stores[0]!.pending, true)

  world.stores[0]!.flush()
  world.settle()
  assert.deepEqual(heard, ['now', 'durable'])
})

test('a turn that throws after it wrote, sent, replied, spawned and set a timer leaves only the failure', () => {
  const world = smallWorld()
  const heard: unknown[] = []
  const sink = edgeSpawn(world.executors[0]!, probe, { heard }, {})
  const actor = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'a' })
  const cells = world.executors[0]!.cells.size
  const answers: Answer[] = []

  const act: Act = (ctx) => {
    ctx.store.put('k', bytes)
    ctx.tell(sink, 'sent')
    ctx.reply('replied')
    ctx.spawn(probe, { heard }, {})
    ctx.after(5, 'late')
    throw new Error('no')
  }
  edgeAsk(world.executors[0]!, actor, act, { deadlineMs: 1_000 }, (answer) => answers.push(answer))
  world.run(50)

  assert.deepEqual(heard, [])
  assert.deepEqual(answers, [{ type: 'failed', reason: 'Error: no' }])
  assert.equal(world.stores[0]!.data.size, 0)
  assert.equal(world.executors[0]!.cells.size, cells - 1)
})

test('an ask that waits for the disk has its answer by its deadline, and its request does not leave after it', () => {
  const world = smallWorld()
  world.stores[0]!.automatic = false
  const heard: unknown[] = []
  const asked: unknown[] = []
  const other = edgeSpawn(world.executors[0]!, probe, { heard: asked }, {})
  const actor = edgeSpawn(world.executors[0]!, probe, { heard }, { name: 'a' })

  edgeTell(world.executors[0]!, actor, (ctx: ActorContext) => {
    ctx.store.put('k', bytes)
    ctx.ask(other, 'question', { deadlineMs: 100 }, (answer) => answer.type)
  })
  world.run(90)
  assert.deepEqual(heard, [])

  world.run(20)
  assert.deepEqual(heard, ['timeout'])

  world.stores[0]!.flush()
  world.settle()
  assert.deepEqual(asked, [])
  assert.equal(world.executors[0]!.asks.size, 0)
})

test('an answer that comes after the deadline, or twice, finds nobody', () => {
  const world = smallWorld()
  const heard: unknown[] = []
  const handles: unknown[] = []
  const slow = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'slow' })
  const actor = edgeSpawn(world.executors[0]!, probe, { heard }, { name: 'a' })

  const keep: Act = (ctx) => void handles.push(ctx.defer())
  edgeTell(world.executors[0]!, actor, (ctx: ActorContext) =>
    ctx.ask(slow, keep, { deadlineMs: 100 }, (answer) => answer.type),
  )
  world.run(110)
  edgeTell(world.executors[0]!, slow, (ctx: ActorContext) => ctx.replyTo(handles[0] as never, 'late'))
  world.settle()
  assert.deepEqual(heard, ['timeout'])

  edgeTell(world.executors[0]!, actor, (ctx: ActorContext) =>
    ctx.ask(slow, keep, { deadlineMs: 100 }, (answer) => answer),
  )
  world.settle()
  edgeTell(world.executors[0]!, slow, (ctx: ActorContext) => {
    ctx.replyTo(handles[1] as never, 'first')
    ctx.replyTo(handles[1] as never, 'second')
  })
  world.run(200)
  assert.deepEqual(heard, ['timeout', { type: 'reply', value: 'first' }])
})

test('L3: a name is free only when the writes of its holder are durable, and the successor reads them', () => {
  const world = smallWorld()
  world.stores[0]!.automatic = false
  const heard: unknown[] = []
  const first = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'n' })

  edgeTell(world.executors[0]!, first, (ctx: ActorContext) => {
    ctx.store.putValue('k', 'kept')
    ctx.stop()
  })
  world.settle()
  assert.throws(() => edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'n' }), RangeError)

  world.stores[0]!.flush()
  world.settle()
  edgeSpawn(
    world.executors[0]!,
    probe,
    { heard, init: (ctx, into) => into.push(ctx.store.getValue('k')) },
    { name: 'n' },
  )
  world.settle()
  assert.deepEqual(heard, ['kept'])
  assert.notEqual(world.executors[0]!.registry.holder(named('n').name)?.id, first.type === 'local' && first.id)
})

test('drainWrites: no further turn begins, so an actor that writes for ever does not keep its executor from ending', () => {
  const world = smallWorld()
  world.stores[0]!.automatic = false
  const lazy = edgeSpawn(
    world.executors[0]!,
    probeWith({ outputs: 'now', foldWithinMs: 60_000 }),
    { heard: [] },
    { name: 'z' },
  )
  const writer = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'w' })
  const churn: Act = (ctx) => {
    ctx.store.put('k', bytes)
    ctx.tell(ctx.self, churn, { release: 'now' })
  }
  edgeTell(world.executors[0]!, lazy, (ctx: ActorContext) => ctx.store.put('k', bytes))
  edgeTell(world.executors[0]!, writer, churn)
  world.executors[0]!.tick()

  let drained = false
  world.executors[0]!.drainWrites(() => (drained = true))
  for (let commits = 0; commits < 3; commits++) {
    world.settle()
    world.stores[0]!.flush()
  }

  assert.equal(drained, true)
  assert.equal(world.stores[0]!.data.size, 2)
})

test('K1: a lazy turn that wrote and then threw leaves nothing to commit, and its actor is restarted all the same', () => {
  const world = smallWorld()
  const answers: Answer[] = []
  const lazy = defineActor('test', {
    name: 'lazy',
    outputs: 'now',
    init: () => 0,
    receive: {
      fail: (_state: number, _argument: unknown, ctx: ActorContext) => {
        ctx.store.put('k', new Uint8Array(1))
        throw new Error('asked to')
      },
      ping: () => 'pong',
    },
  })
  const parent = defineActor('test', {
    name: 'parent',
    supervises: true,
    init: (ctx) => ctx.spawn(lazy, undefined, { name: 'child' }),
    receive: (_state: unknown, event: ChildEvent, ctx: ActorContext) => {
      if (event.type === 'childFailed') ctx.restart(event.child)
    },
  })
  edgeSpawn(world.executors[0]!, parent, undefined, { name: 'p' })
  world.settle()
  const child: ActorRef = { type: 'named', node: 1, name: 'child' }

  edgeTell(world.executors[0]!, child, { type: 'fail' })
  edgeAsk(world.executors[0]!, child, { type: 'ping' }, { deadlineMs: 5_000 }, (answer) => answers.push(answer))
  world.run(1_000)

  assert.deepEqual(answers, [{ type: 'reply', value: 'pong' }])
  assert.equal(world.stores[0]!.commits, 0)
})
