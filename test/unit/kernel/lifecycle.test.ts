/** Start, failure, restart, end: L1 to L3, links, watches, and the order in which things stop. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { ActorContext, ActorRef, Answer, DownReason } from '../../../runtime/kernel/actor.ts'
import { edgeAsk, edgeSpawn, edgeStop, edgeTell, edgeWatch } from '../../../runtime/kernel/edge.ts'
import { type Act, childEvents, named, probe, probeWith, supervisingProbe } from './probe.ts'
import { type SmallWorld, smallWorld } from './small-world.ts'

const boom: Act = () => {
  throw new Error('boom')
}

/** Does `act` in a turn of `ref` and lets everything settle. */
function doIn(world: SmallWorld, ref: ActorRef, act: Act, executor = 0): void {
  edgeTell(world.executors[executor]!, ref, act)
  world.settle()
}

test('L1: the mailbox of a failed actor waits; timers, watches and asks of the failed incarnation are gone', () => {
  const world = smallWorld()
  const events: unknown[] = []
  const heard: unknown[] = []
  let child: ActorRef | undefined
  const parent = edgeSpawn(world.executors[0]!, supervisingProbe, { heard: events }, { name: 'p' })
  const mute = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'mute' })
  doIn(world, parent, (ctx) => (child = ctx.spawn(probe, { heard }, { name: 'c' })))

  doIn(world, child!, (ctx) => {
    ctx.after(20, 'timer')
    ctx.ask(mute, 'q', { deadlineMs: 30 }, (answer) => answer.type)
    ctx.watch(mute, (reason) => `down ${reason.type}`)
  })
  doIn(world, child!, boom)
  edgeTell(world.executors[0]!, child!, 'waits')
  edgeStop(world.executors[0]!, mute)
  world.run(100)
  assert.deepEqual(heard, [])
  assert.deepEqual(childEvents(events), ['failed c'])

  doIn(world, parent, (ctx) => ctx.restart(child!))
  world.run(100)
  assert.deepEqual(heard, ['waits'])
})

test('a restarted actor starts with `init`, its own receiver and new timers', () => {
  const world = smallWorld()
  const heard: unknown[] = []
  let child: ActorRef | undefined
  const parent = edgeSpawn(world.executors[0]!, supervisingProbe, { heard: [] }, { name: 'p' })
  const init: Act = (ctx) => void ctx.every(10, 'tick')
  doIn(world, parent, (ctx) => (child = ctx.spawn(probe, { heard, init }, { name: 'c' })))
  doIn(world, child!, (ctx) => ctx.become((_state, message: unknown) => message === 'boom' && assert.fail('boom')))

  edgeTell(world.executors[0]!, child!, 'boom')
  world.run(50)
  assert.deepEqual(heard, [])
  doIn(world, parent, (ctx) => ctx.restart(child!))
  world.run(35)

  assert.deepEqual(heard, ['tick', 'tick', 'tick'])
})

test('L2: each watcher hears one `down` for each end: in order, by failure, and when there was nobody', () => {
  for (const [end, expected] of [
    ['stop', 'normal'],
    ['fail', 'failed'],
    ['gone', 'unknown'],
  ] as const) {
    const world = smallWorld()
    const heard: unknown[] = []
    const target = edgeSpawn(world.executors[0]!, probe, { heard: [] }, {})
    const watchers = [1, 2, 3].map(() => edgeSpawn(world.executors[0]!, probe, { heard }, {}))
    world.settle()
    if (end === 'gone') edgeStop(world.executors[0]!, target)
    world.settle()
    for (const watcher of watchers) {
      doIn(world, watcher, (ctx) => ctx.watch(target, (reason) => reason.type))
      doIn(world, watcher, (ctx) => ctx.watch(target, (reason) => reason.type))
    }

    if (end === 'stop') edgeStop(world.executors[0]!, target)
    if (end === 'fail') edgeTell(world.executors[0]!, target, boom)
    world.run(50)

    // Whoever is gone is told of at once, so the second watch is one of its own there.
    assert.deepEqual(heard, Array(end === 'gone' ? 6 : 3).fill(expected), end)
  }
})

test('L2: a last turn that throws is one end, with the failure as its reason', () => {
  const world = smallWorld()
  const downs: DownReason[] = []
  const events: unknown[] = []
  let child: ActorRef | undefined
  const parent = edgeSpawn(world.executors[0]!, supervisingProbe, { heard: events }, { name: 'p' })
  doIn(world, parent, (ctx) => (child = ctx.spawn(probe, { heard: [], stopping: boom }, { name: 'c' })))
  edgeWatch(world.executors[0]!, child!, (reason) => downs.push(reason))
  world.settle()

  doIn(world, parent, (ctx) => ctx.stop(child!))

  assert.deepEqual(
    downs.map(({ type }) => type),
    ['failed'],
  )
  assert.deepEqual(childEvents(events), ['stopped c failed'])
})

test('unwatch: nothing is heard of the end, and the watched keeps no trace', () => {
  const world = smallWorld()
  const heard: unknown[] = []
  const target = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 't' })
  const watcher = edgeSpawn(world.executors[0]!, probe, { heard }, {})
  doIn(world, watcher, (ctx) => ctx.watch(target, (reason) => reason.type))
  doIn(world, watcher, (ctx) => ctx.unwatch(target))

  const cell = world.executors[0]!.cells.get(target.type === 'local' ? target.id : 0)
  assert.equal(cell?.extras?.watchers?.size, 0)
  edgeStop(world.executors[0]!, target)
  world.settle()
  assert.deepEqual(heard, [])
})

test('a link outlives an unwatch and stands beside a watch of the same ref', () => {
  const world = smallWorld()
  const heard: unknown[] = []
  const target = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 't' })
  const linked = edgeSpawn(world.executors[0]!, probe, { heard }, { name: 'l' })
  doIn(world, linked, (ctx) => {
    ctx.watch(target, (reason) => reason.type)
    ctx.link(target)
    ctx.unwatch(target)
  })

  doIn(world, target, boom)

  assert.equal(world.executors[0]!.cells.size, 0)
  assert.deepEqual(heard, [])
})

test('links: a supervised end takes the other with it though it is itself restarted; an orderly end does not', () => {
  const world = smallWorld()
  const events: unknown[] = []
  const refs: ActorRef[] = []
  const parent = edgeSpawn(world.executors[0]!, supervisingProbe, { heard: events }, { name: 'p' })
  doIn(world, parent, (ctx) => {
    for (const name of ['a', 'b', 'c']) refs.push(ctx.spawn(probe, { heard: [] }, { name }))
  })
  const [a, b, c] = refs as [ActorRef, ActorRef, ActorRef]
  doIn(world, a, (ctx) => {
    ctx.link(b)
    ctx.link(c)
  })
  doIn(world, c, (ctx) => ctx.stop())
  assert.deepEqual(childEvents(events), ['stopped c normal'])

  doIn(world, b, boom)

  assert.deepEqual(childEvents(events), ['stopped c normal', 'failed b', 'failed a'])
  doIn(world, parent, (ctx) => {
    for (const ref of [a, b]) ctx.restart(ref)
  })
  const answers: Answer[] = []
  for (const ref of [a, b]) {
    edgeAsk(world.executors[0]!, ref, ((ctx) => ctx.reply('up')) satisfies Act, { deadlineMs: 100 }, (one) =>
      answers.push(one),
    )
  }
  world.settle()
  assert.deepEqual(answers, [
    { type: 'reply', value: 'up' },
    { type: 'reply', value: 'up' },
  ])
})

test('links fall over a dead thread as well', () => {
  const world = smallWorld(2, { probe })
  const here = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'here' })
  edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'there', place: { type: 'executor', executor: 1 } })
  world.settle()
  doIn(world, here, (ctx) => ctx.link(ctx.lookup('there') as ActorRef))

  world.replace(1)
  world.settle()

  assert.equal(world.executors[0]!.cells.size, 0)
})

test('children stop in the reverse of their start, whole subtrees first, and the parent ends last', () => {
  const world = smallWorld()
  const order: unknown[] = []
  const leaf =
    (name: string): Act =>
    (_ctx) =>
      order.push(name)
  const root = edgeSpawn(
    world.executors[0]!,
    probe,
    { heard: [], stopping: leaf('root says goodbye') },
    { name: 'root' },
  )
  doIn(world, root, (ctx) => {
    const branch: Act = (inner) => inner.spawn(probe, { heard: [], stopping: leaf('leaf') }, { name: 'leaf' })
    for (const name of ['a', 'b']) ctx.spawn(probe, { heard: [], stopping: leaf(name) }, { name })
    ctx.spawn(probe, { heard: [], init: branch, stopping: leaf('branch') }, { name: 'branch' })
  })
  edgeWatch(world.executors[0]!, root, () => order.push('root is gone'))
  world.settle()

  edgeStop(world.executors[0]!, root)
  world.settle()

  assert.deepEqual(order, ['root says goodbye', 'branch', 'b', 'a', 'leaf', 'root is gone'])
  assert.equal(world.executors[0]!.cells.size, 0)
})

test('a supervisor that fails stops its children before it starts again under the same names', () => {
  const world = smallWorld()
  const born: unknown[] = []
  const above = edgeSpawn(world.executors[0]!, supervisingProbe, { heard: [] }, { name: 'above' })
  const init: Act = (ctx, heard) => {
    ctx.spawn(
      probe,
      { heard: [], init: () => heard.push('born'), stopping: () => heard.push('stopped') },
      { name: 'child' },
    )
  }
  let middle: ActorRef | undefined
  doIn(world, above, (ctx) => (middle = ctx.spawn(supervisingProbe, { heard: born, init }, { name: 'middle' })))

  doIn(world, middle!, boom)
  doIn(world, above, (ctx) => ctx.restart(middle!))

  assert.deepEqual(born, ['born', 'stopped', 'born'])
  assert.equal(world.executors[0]!.registry.holder('child') !== undefined, true)
})

for (const executors of [1, 2]) {
  test(`an init that throws is a failure of the child, to be restarted or not (${executors} executors)`, () => {
    const world = smallWorld(executors, { probe })
    const events: unknown[] = []
    let child: ActorRef | undefined
    let healthy = false
    const init: Act = () => {
      if (!healthy) throw new Error('not yet')
    }
    // Arguments that cross a thread are data: there the probe fails for want of its list.
    const args = executors === 1 ? { heard: [], init } : ({ heard: [], init: 'no function' } as never)
    const parent = edgeSpawn(world.executors[0]!, supervisingProbe, { heard: events }, { name: 'p' })

    doIn(world, parent, (ctx) => {
      child = ctx.spawn(probe, args, { name: 'c', place: { type: 'executor', executor: executors - 1 } })
    })
    doIn(world, parent, (ctx) => ctx.restart(child!))
    assert.deepEqual(childEvents(events), ['failed c', 'failed c'])

    if (executors === 1) {
      healthy = true
      doIn(world, parent, (ctx) => ctx.restart(child!))
      assert.equal(world.executors[0]!.cells.get((child as { id: number }).id)?.status, 'running')
    }
    doIn(world, parent, (ctx) => ctx.stop(child!))
    assert.equal(childEvents(events).length, 3)
    assert.equal(world.executors[0]!.registry.holder('c'), undefined)
  })
}

test('an init that throws without a supervisor ends the actor: who watches hears it, and the name is free', () => {
  const world = smallWorld()
  const downs: string[] = []
  const ref = edgeSpawn(world.executors[0]!, probe, { heard: [], init: boom }, { name: 'n' })
  edgeWatch(world.executors[0]!, ref, (reason) => downs.push(reason.type))
  world.settle()

  assert.deepEqual(downs, ['unknown'])
  assert.equal(world.executors[0]!.registry.holder('n'), undefined)
  assert.equal(world.executors[0]!.cells.size, 0)
})

test('a definition that another thread cannot load: the parent hears it, the name is free everywhere', () => {
  const world = smallWorld(2, {})
  const events: unknown[] = []
  const parent = edgeSpawn(world.executors[0]!, supervisingProbe, { heard: events }, { name: 'p' })

  doIn(
    world,
    parent,
    (ctx) => void ctx.spawn(probe, { heard: [] }, { name: 'c', place: { type: 'executor', executor: 1 } }),
  )

  assert.deepEqual(childEvents(events), ['stopped c failed'])
  assert.deepEqual(
    world.executors.map((executor) => executor.registry.holder('c')),
    [undefined, undefined],
  )
})

test('a spawn onto a thread that just died is a lost child, not silence', () => {
  const world = smallWorld(2, { probe })
  const events: unknown[] = []
  const parent = edgeSpawn(world.executors[0]!, supervisingProbe, { heard: events }, { name: 'p' })
  world.settle()
  world.lose(1)

  doIn(
    world,
    parent,
    (ctx) => void ctx.spawn(probe, { heard: [] }, { name: 'c', place: { type: 'executor', executor: 1 } }),
  )

  assert.deepEqual(childEvents(events), ['stopped c threadLost'])
  assert.equal(world.executors[0]!.registry.holder('c'), undefined)
})

test('B3: while a thread is down, an ask is answered at once and a tell is a dead letter', () => {
  const world = smallWorld(2, { probe })
  edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'c', place: { type: 'executor', executor: 1 } })
  world.settle()
  const ref = world.executors[0]!.registry.holder('c')!
  world.lose(1)

  const answers: Answer[] = []
  edgeAsk(world.executors[0]!, ref, 'q', { deadlineMs: 1_000 }, (answer) => answers.push(answer))
  edgeTell(world.executors[0]!, ref, 'told')
  world.settle()

  assert.equal(answers[0]?.type, 'failed')
  assert.deepEqual(
    world.executors[0]!.deadLetters.newest().map(({ reason }) => reason),
    ['threadLost', 'threadLost'],
  )
})

test('what waits in the mailbox of an actor that stops is answered `stopped` or becomes a dead letter', () => {
  const world = smallWorld()
  const ref = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'n' })
  world.settle()
  const answers: Answer[] = []

  edgeTell(world.executors[0]!, ref, ((ctx) => ctx.stop()) satisfies Act)
  world.stores[0]!.automatic = false
  edgeTell(world.executors[0]!, ref, ((ctx: ActorContext) => ctx.store.put('k', new Uint8Array(1))) satisfies Act)
  for (let i = 0; i < 3; i++)
    edgeAsk(world.executors[0]!, ref, 'q', { deadlineMs: 1_000 }, (answer) => answers.push(answer))
  edgeStop(world.executors[0]!, ref)
  edgeTell(world.executors[0]!, ref, 'told')
  world.settle()

  assert.deepEqual(answers, Array(3).fill({ type: 'stopped' }))
})

test('stash is bounded by the mailbox limit: one more is a failure of the actor', () => {
  const world = smallWorld()
  const answers: Answer[] = []
  const definition = probeWith({ mailbox: { messagesMax: 2, whenFull: 'reject' } })
  const ref = edgeSpawn(world.executors[0]!, definition, { heard: [] }, { name: 'n' })
  const stash: Act = (ctx) => ctx.stash()

  for (let i = 0; i < 3; i++) {
    edgeAsk(world.executors[0]!, ref, stash, { deadlineMs: 1_000 }, (answer) => answers.push(answer))
    world.settle()
  }

  assert.deepEqual(answers.map(({ type }) => type).sort(), ['failed', 'stopped', 'stopped'])
})

test('a second holder of a name is refused where it is spawned, and names have bounds', () => {
  const world = smallWorld()
  const executor = world.executors[0]!
  edgeSpawn(executor, probe, { heard: [] }, { name: 'n' })

  for (const name of ['n', '', 'a\0b', 'x'.repeat(257)]) {
    assert.throws(() => edgeSpawn(executor, probe, { heard: [] }, { name }), RangeError)
  }
  for (const place of [-1, 1, 0.5]) {
    assert.throws(
      () => edgeSpawn(executor, probe, { heard: [] }, { place: { type: 'executor', executor: place } }),
      RangeError,
    )
  }
  assert.equal(executor.registry.holder(named('n').name)?.name, 'n')
})
