import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { defineActor } from '../../../runtime/kernel/actor.ts'
import {
  type AnyDefinition,
  type ChildOptions,
  type ChildSpec,
  child,
  type SupervisorSpec,
} from '../../../supervisors/spec.ts'
import { defineSupervisor } from '../../../supervisors/supervisor.ts'
import { FakeKernel } from './fake-kernel.ts'

const worker: AnyDefinition = defineActor(import.meta.url, {
  name: 'worker',
  init: () => ({}),
  receive: () => undefined,
})

function aWorker(name: string, options: Partial<ChildOptions> = {}): ChildSpec {
  return child(name, worker, {}, { restart: 'permanent', stopWithinMs: 100, ...options })
}

function running(changes: Partial<SupervisorSpec>): FakeKernel {
  const spec: SupervisorSpec = {
    name: 'top',
    strategy: 'oneForOne',
    restartsMax: 3,
    restartsWindowMs: 10_000,
    backoff: { baseMs: 10, maxMs: 1_000 },
    children: [aWorker('a'), aWorker('b'), aWorker('c')],
    ...changes,
  }
  const kernel = new FakeKernel()
  kernel.spawnRoot(
    defineSupervisor(import.meta.url, 'tree', () => spec),
    undefined,
    'top',
  )
  return kernel
}

/** What was journalled since the last call. */
function news(kernel: FakeKernel): string[] {
  return kernel.journal.splice(0)
}

const onThread = (executor: number): Partial<ChildOptions> => ({ place: { type: 'executor', executor } })

describe('starting and restarting', () => {
  test('U5: children start in the order of the spec', () => {
    assert.deepEqual(news(running({})), ['start top', 'start a', 'start b', 'start c'])
  })

  test('U3 U7 U8: oneForOne restarts the failed child alone, in place, after its delay', () => {
    const kernel = running({})
    const before = kernel.refOf('b')
    news(kernel)

    kernel.fail('b')
    kernel.advance(9)
    assert.deepEqual(news(kernel), [])
    kernel.advance(1)

    assert.deepEqual(news(kernel), ['restart b'])
    assert.deepEqual(kernel.refOf('b'), before)
  })

  test('U5: with oneForOne a child that waits holds up nobody', () => {
    const kernel = running({ restartsMax: 10 })
    for (let i = 0; i < 4; i++) {
      kernel.fail('a')
      kernel.advance(1_000)
    }
    news(kernel)

    kernel.fail('a')
    kernel.fail('c')
    kernel.advance(10)

    assert.deepEqual(news(kernel), ['restart c'])
    kernel.advance(1_000)
    assert.deepEqual(news(kernel), ['restart a'])
  })

  test('U3 U4 U5 U8: oneForAll stops the siblings newest first, then starts all in order, the failed one in place', () => {
    const kernel = running({ strategy: 'oneForAll' })
    news(kernel)

    kernel.fail('b')
    assert.deepEqual(news(kernel), ['stop c', 'stop a'])
    kernel.advance(10)

    assert.deepEqual(news(kernel), ['start a', 'restart b', 'start c'])
  })

  test('U3 U4 U5: restForOne leaves those before the failed child alone', () => {
    const kernel = running({ strategy: 'restForOne', children: ['a', 'b', 'c', 'd'].map((name) => aWorker(name)) })
    news(kernel)

    kernel.fail('b')
    kernel.advance(10)

    assert.deepEqual(news(kernel), ['stop d', 'stop c', 'restart b', 'start c', 'start d'])
  })

  test('U4: the next stop waits until the one before is done', () => {
    const kernel = running({ strategy: 'oneForAll' })
    kernel.hanging.add('c')
    news(kernel)

    kernel.fail('b')
    assert.deepEqual(news(kernel), ['stop c'])
    kernel.letStop('c')

    assert.deepEqual(news(kernel), ['stop a'])
  })

  test('a second failure during a group restart is part of it', () => {
    const kernel = running({ strategy: 'oneForAll', restartsMax: 1 })
    kernel.hanging.add('c')
    news(kernel)

    kernel.fail('b')
    kernel.fail('a')
    kernel.letStop('c')
    kernel.advance(10)

    assert.deepEqual(news(kernel), ['stop c', 'restart a', 'restart b', 'start c'])
    assert.equal(kernel.rootFailure, undefined)
  })

  test('U6: a transient child that ended in order stays away until its group restarts', () => {
    const children = [aWorker('a'), aWorker('job', { restart: 'transient' })]
    const alone = running({ children })
    const group = running({ children, strategy: 'oneForAll' })

    for (const kernel of [alone, group]) {
      kernel.finish('job')
      kernel.advance(1_000)
      assert.deepEqual(kernel.names(), ['top', 'a'])
      kernel.fail('a')
      kernel.advance(1_000)
    }

    assert.deepEqual(alone.names(), ['top', 'a'])
    assert.deepEqual(group.names(), ['top', 'a', 'job'])
  })

  test('U6: a temporary child that fails is stopped and forgotten, also by its group', () => {
    const children = [aWorker('a'), aWorker('once', { restart: 'temporary' })]
    const failed = running({ children })
    failed.fail('once')
    const bounced = running({ children, strategy: 'oneForAll' })
    bounced.fail('a')
    bounced.advance(1_000)

    assert.deepEqual(failed.names(), ['top', 'a'])
    assert.deepEqual(bounced.names(), ['top', 'a'])
    assert.ok(failed.journal.includes('stop once'))
  })

  test('U8: a permanent child that ended in order is spawned anew under its name', () => {
    const kernel = running({})
    const before = kernel.refOf('a')

    kernel.finish('a')
    kernel.advance(10)

    assert.notEqual(kernel.refOf('a').id, before.id)
  })

  test('U9: a child that does not stop for a restart fails the supervisor', () => {
    const kernel = running({ strategy: 'oneForAll' })
    kernel.hanging.add('c')

    kernel.fail('a')
    kernel.advance(99)
    assert.equal(kernel.rootFailure, undefined)
    kernel.advance(1)

    assert.match(kernel.rootFailure ?? '', /U9: .*child 'c' must stop within 100 ms/)
  })
})

describe('escalation', () => {
  test('U1: too many failures fail the supervisor, with the last error in the text', () => {
    const kernel = running({ restartsMax: 1 })

    kernel.fail('a')
    kernel.advance(100)
    kernel.fail('b', 'disk on fire')

    assert.match(kernel.rootFailure ?? '', /U1: .*'top' allows 1 restarts in 10000 ms; child 'b' .*disk on fire/)
  })

  test('U1: the supervisor above restarts the failed subtree, which begins anew', () => {
    const inner = defineSupervisor(import.meta.url, 'inner', (config: { readonly of: string }) => ({
      name: 'inner',
      strategy: 'oneForOne' as const,
      restartsMax: 0,
      restartsWindowMs: 1_000,
      children: [aWorker(`${config.of}/x`), aWorker(`${config.of}/y`)],
    }))
    const kernel = running({
      children: [child('sub', inner, { of: 'sub' }, { restart: 'permanent', stopWithinMs: 100 })],
    })
    news(kernel)

    kernel.fail('sub/x')
    kernel.advance(10)

    assert.deepEqual(news(kernel), ['restart sub', 'start sub/x', 'start sub/y'])
    assert.equal(kernel.rootFailure, undefined)
  })

  test('U1 U4 U5: any failures in any order keep the rules', () => {
    const names = ['a', 'b', 'c', 'd']
    const strategy = fc.constantFrom('oneForOne', 'oneForAll', 'restForOne')
    const action = fc.record({
      name: fc.constantFrom(...names),
      how: fc.constantFrom('fail', 'finish'),
      waitMs: fc.nat(300),
    })
    fc.assert(
      fc.property(
        strategy,
        fc.array(action, { maxLength: 40 }),
        fc.integer({ min: 0, max: 5 }),
        (chosen, actions, max) => {
          const kernel = running({
            strategy: chosen as SupervisorSpec['strategy'],
            restartsMax: max,
            restartsWindowMs: 1_000,
            children: names.map((name) => aWorker(name)),
          })
          const failures: number[] = []
          for (const { name, how, waitMs } of actions) {
            if (kernel.rootFailure !== undefined) break
            kernel.advance(waitMs)
            const listed = kernel.askNow('top', { type: 'listChildren' }) as {
              children: { name: string; phase: string }[]
            }
            if (listed.children.find((each) => each.name === name)?.phase !== 'running') continue
            const within = failures.filter((at) => at > kernel.nowMs - 1_000).length
            news(kernel)
            if (how === 'fail') kernel.fail(name)
            else kernel.finish(name)
            failures.push(kernel.nowMs)
            assert.equal(kernel.rootFailure !== undefined, within >= max, 'U1')
            assertStopOrder(news(kernel), names)
          }
          if (kernel.rootFailure !== undefined) return
          kernel.advance(2_000)
          assert.deepEqual(
            [...kernel.names()].sort(),
            ['a', 'b', 'c', 'd', 'top'],
            'every permanent child runs in the end',
          )
        },
      ),
      { numRuns: 200 },
    )
  })
})

function assertStopOrder(journal: readonly string[], names: readonly string[]): void {
  const stops = journal.filter((line) => line.startsWith('stop ')).map((line) => names.indexOf(line.slice(5)))
  assert.deepEqual(
    stops,
    stops.toSorted((a, b) => b - a),
    'U4',
  )
}

describe('lost threads', () => {
  test('U2 U10: one loss counts once, and its children wait for the replacement', () => {
    const children = ['a', 'b', 'c'].map((name) => aWorker(name, onThread(name === 'c' ? 2 : 1)))
    const kernel = running({ restartsMax: 1, children })
    news(kernel)

    kernel.loseThread(1)
    kernel.advance(60_000)
    assert.deepEqual(news(kernel), [])
    kernel.tell('top', { type: 'threadReady', executor: 2 })
    assert.deepEqual(news(kernel), [])
    kernel.tell('top', { type: 'threadReady', executor: 1 })

    assert.deepEqual(news(kernel), ['start a', 'start b'])
    assert.equal(kernel.rootFailure, undefined)
  })

  test('U1 U2: losing the same thread again is another failure', () => {
    const kernel = running({ restartsMax: 1, children: [aWorker('a', onThread(1)), aWorker('b', onThread(1))] })

    kernel.loseThread(1)
    kernel.tell('top', { type: 'threadReady', executor: 1 })
    kernel.loseThread(1)

    assert.match(kernel.rootFailure ?? '', /U1: .*\(threadLost\)/)
  })

  test('U5 U10: a lost child of a group holds up those after it', () => {
    const kernel = running({
      strategy: 'restForOne',
      children: [aWorker('a'), aWorker('b', onThread(1)), aWorker('c')],
    })
    news(kernel)

    kernel.loseThread(1)
    kernel.advance(1_000)
    assert.deepEqual(news(kernel), ['stop c'])
    kernel.tell('top', { type: 'threadReady', executor: 1 })

    assert.deepEqual(news(kernel), ['start b', 'start c'])
  })

  test('U10: a child that failed and then lost its thread waits for the replacement too', () => {
    const kernel = running({ children: [aWorker('a', onThread(1))] })
    news(kernel)

    kernel.fail('a')
    kernel.loseThread(1)
    kernel.advance(1_000)
    assert.deepEqual(news(kernel), [])
    kernel.tell('top', { type: 'threadReady', executor: 1 })

    assert.deepEqual(news(kernel), ['start a'])
  })

  test('U10: subtrees on other threads hear of the replacement', () => {
    const inner = defineSupervisor(import.meta.url, 'inner', () => ({
      name: 'inner',
      strategy: 'oneForOne' as const,
      restartsMax: 1,
      restartsWindowMs: 1_000,
      children: [aWorker('far', onThread(3))],
    }))
    const kernel = running({ children: [child('sub', inner, undefined, { restart: 'permanent', stopWithinMs: 100 })] })

    kernel.loseThread(3)
    assert.ok(!kernel.names().includes('far'))
    kernel.tell('top', { type: 'threadReady', executor: 3 })

    assert.ok(kernel.names().includes('far'))
  })
})

describe('dynamic children', () => {
  const dynamic = { childrenMax: 3 }
  const start = (name: string, changes: object = {}): object => ({
    type: 'startChild',
    child: { ...aWorker(name), ...changes },
  })

  test('startChild answers with a ref that outlives restarts', () => {
    const kernel = running({ children: [], dynamic })

    const reply = kernel.askNow('top', start('x'))

    assert.deepEqual(reply, { type: 'started', ref: { type: 'named', node: 1, name: 'x' } })
    assert.deepEqual(kernel.names(), ['top', 'x'])
    kernel.fail('x')
    kernel.advance(10)
    assert.ok(kernel.journal.includes('restart x'))
  })

  test('startChild a second time answers the same ref and starts nothing', () => {
    const kernel = running({ children: [], dynamic })
    kernel.askNow('top', start('x'))
    news(kernel)

    const reply = kernel.askNow('top', start('x'))

    assert.deepEqual(reply, { type: 'alreadyStarted', ref: { type: 'named', node: 1, name: 'x' } })
    assert.deepEqual(news(kernel), [])
  })

  test('U11: no child above childrenMax; room comes back with a stop', () => {
    const kernel = running({ children: [aWorker('a'), aWorker('b')], dynamic })

    assert.deepEqual((kernel.askNow('top', start('x')) as { type: string }).type, 'started')
    assert.deepEqual(kernel.askNow('top', start('y')), { type: 'full', childrenMax: 3 })
    assert.deepEqual(kernel.askNow('top', { type: 'stopChild', name: 'x' }), { type: 'stopped' })
    assert.deepEqual((kernel.askNow('top', start('y')) as { type: string }).type, 'started')
  })

  test('a bad child is refused with the reason, and the supervisor lives', () => {
    const kernel = running({ children: [], dynamic })

    const badTime = kernel.askNow('top', start('x', { stopWithinMs: 0 })) as { type: string; reason: string }
    const address = { definition: { module: 'file:///m.js', exportName: 'gone' } }
    const unknown = kernel.askNow('top', start('x', address)) as { type: string; reason: string }

    assert.equal(badTime.type, 'refused')
    assert.match(badTime.reason, /child 'x': stopWithinMs must be/)
    assert.match(unknown.reason, /cannot start a child 'x': no definition 'gone' from file:\/\/\/m.js is loaded here/)
    assert.equal(kernel.rootFailure, undefined)
  })

  test('a name that another actor of the node has is refused, and the supervisor lives', () => {
    const kernel = running({ children: [], dynamic })
    kernel.spawnRoot(worker, {}, 'stranger')

    const reply = kernel.askNow('top', start('stranger')) as { reason: string }

    assert.match(reply.reason, /cannot start a child 'stranger': another actor of this node has that name/)
    assert.equal(kernel.rootFailure, undefined)
  })

  test('a definition from another thread is found by its address', () => {
    const kernel = new FakeKernel()
    const tree = defineSupervisor(
      import.meta.url,
      'tree',
      () => ({
        name: 'top',
        strategy: 'oneForOne' as const,
        restartsMax: 1,
        restartsWindowMs: 1_000,
        children: [],
        dynamic,
      }),
      { resolve: ({ exportName }) => (exportName === 'worker' ? worker : undefined) },
    )
    kernel.spawnRoot(tree, undefined, 'top')

    kernel.askNow('top', start('x', { definition: { module: worker.module, exportName: 'worker' } }))

    assert.deepEqual(kernel.names(), ['top', 'x'])
  })

  test('a spec without dynamic children refuses both requests', () => {
    const kernel = running({})

    assert.match((kernel.askNow('top', start('x')) as { reason: string }).reason, /its spec has no dynamic children/)
    assert.match(
      (kernel.askNow('top', { type: 'stopChild', name: 'a' }) as { reason: string }).reason,
      /cannot stop child 'a'/,
    )
  })

  test('stopChild is answered when the child is gone, by overdue when it will not go, by unknownChild for a stranger', () => {
    const kernel = running({ children: [], dynamic })
    kernel.askNow('top', start('x'))
    kernel.hanging.add('x')

    const first = kernel.ask('top', { type: 'stopChild', name: 'x' })
    assert.equal(kernel.answer(first), undefined)
    kernel.advance(100)

    assert.deepEqual(kernel.answer(first), { type: 'overdue' })
    assert.deepEqual(kernel.askNow('top', { type: 'stopChild', name: 'x' }), { type: 'unknownChild' })
  })

  test('a dynamic job that is done leaves no trace', () => {
    const kernel = running({ children: [], dynamic })
    kernel.askNow('top', start('job', { restart: 'transient' }))

    kernel.finish('job')

    assert.deepEqual(kernel.askNow('top', { type: 'listChildren' }), { type: 'children', children: [] })
  })

  test('listChildren tells phases and failures', () => {
    const kernel = running({ children: [aWorker('a'), aWorker('b')] })
    kernel.fail('b')

    const { children } = kernel.askNow('top', { type: 'listChildren' }) as {
      children: { name: string; phase: string; failures: number }[]
    }

    assert.deepEqual(
      children.map(({ name, phase, failures }) => [name, phase, failures]),
      [
        ['a', 'running', 0],
        ['b', 'failed', 1],
      ],
    )
  })
})

describe('shutDown', () => {
  test('U4: stops the children newest first, then itself, then answers', () => {
    const kernel = running({})
    kernel.hanging.add('b')
    news(kernel)

    const asked = kernel.ask('top', { type: 'shutDown' })
    assert.deepEqual(news(kernel), ['stop c', 'stop b'])
    assert.equal(kernel.answer(asked), undefined)
    kernel.letStop('b')

    assert.deepEqual(news(kernel), ['stop a', 'stop top'])
    assert.deepEqual(kernel.answer(asked), { type: 'stopped' })
    assert.deepEqual(kernel.names(), [])
  })

  test('U9: goes on without a child that will not stop', () => {
    const kernel = running({})
    kernel.hanging.add('c')
    news(kernel)

    kernel.ask('top', { type: 'shutDown' })
    kernel.advance(100)

    assert.deepEqual(news(kernel), ['stop c', 'stop b', 'stop a', 'stop top'])
    assert.equal(kernel.rootFailure, undefined)
  })

  test('U4 U9: a subtree stops its own children first; stuck, it is stopped from outside', () => {
    const inner = defineSupervisor(import.meta.url, 'inner', () => ({
      name: 'inner',
      strategy: 'oneForOne' as const,
      restartsMax: 1,
      restartsWindowMs: 1_000,
      children: [child('x', worker, {}, { restart: 'permanent', stopWithinMs: 10_000 }), aWorker('y')],
    }))
    const sub = child('sub', inner, undefined, { restart: 'permanent', stopWithinMs: 100 })
    const kernel = running({ children: [aWorker('a'), sub] })
    kernel.hanging.add('x')
    news(kernel)

    kernel.ask('top', { type: 'shutDown' })
    assert.deepEqual(news(kernel), ['stop y', 'stop x'])
    kernel.advance(100)

    assert.deepEqual(news(kernel), ['stop sub', 'stop a', 'stop top'])
  })

  test('U6: a child that fails meanwhile is stopped, not restarted', () => {
    const kernel = running({})
    kernel.hanging.add('c')
    kernel.ask('top', { type: 'shutDown' })
    news(kernel)

    kernel.fail('a')
    kernel.letStop('c')
    kernel.advance(10_000)

    assert.deepEqual(news(kernel), ['stop b', 'stop a', 'stop top'])
  })

  test('ten thousand dynamic children stop in one go', () => {
    const kernel = running({ children: [aWorker('a')], dynamic: { childrenMax: 20_000 } })
    for (let i = 0; i < 10_000; i++) kernel.askNow('top', { type: 'startChild', child: aWorker(`d${i}`) })
    kernel.hanging.add('d7')
    news(kernel)

    kernel.ask('top', { type: 'shutDown' })

    assert.equal(news(kernel).length, 10_000)
    kernel.letStop('d7')
    assert.deepEqual(news(kernel), ['stop a', 'stop top'])
  })
})
