/** Asynchronous handlers: an actor has one turn at a time, and no ask is left without an answer. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { type ActorContext, type Answer, defineActor } from '../../../runtime/kernel/actor.ts'
import { edgeAsk, edgeSpawn, edgeStop } from '../../../runtime/kernel/edge.ts'
import { type Act, probe } from './probe.ts'
import { type SmallWorld, smallWorld } from './small-world.ts'

interface Parts {
  readonly heard: unknown[]
}

const waiter = defineActor('test', {
  name: 'waiter',
  init: (ctx: ActorContext, heard: unknown[]): Parts => {
    ctx.every(10, { type: 'beat' })
    return { heard }
  },
  receive: {
    sleep: async (state: Parts, ms: number, ctx: ActorContext) => {
      state.heard.push('begin')
      await ctx.sleep(ms)
      state.heard.push('end')
      return 'slept'
    },
    beat: (state: Parts) => void state.heard.push('beat'),
    fail: async (_state: Parts, _: undefined, ctx: ActorContext) => {
      await ctx.sleep(5)
      throw new Error('after a while')
    },
  },
})

/** Lets time pass and promises settle. */
async function run(world: SmallWorld, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5) {
    world.run(5)
    await new Promise((resolve) => setImmediate(resolve))
    world.settle()
  }
}

function ask(world: SmallWorld, ref: ReturnType<typeof edgeSpawn>, message: unknown): Answer[] {
  const answers: Answer[] = []
  edgeAsk(world.executors[0]!, ref, message, { deadlineMs: 1_000 }, (answer) => answers.push(answer))
  world.settle()
  return answers
}

test('timers and answers that come while a handler waits are received after it, once each', async () => {
  const world = smallWorld()
  const heard: unknown[] = []
  const ref = edgeSpawn(world.executors[0]!, waiter, heard, { name: 'w' })

  const answers = ask(world, ref, { type: 'sleep', argument: 35 })
  await run(world, 40)

  assert.deepEqual(answers, [{ type: 'reply', value: 'slept' }])
  assert.deepEqual(heard.slice(0, 3), ['begin', 'end', 'beat'])
})

test('an actor that is stopped while its handler waits answers its asker, and the rest of the handler does nothing', async () => {
  const world = smallWorld()
  const heard: unknown[] = []
  const ref = edgeSpawn(world.executors[0]!, waiter, heard, { name: 'w' })

  const answers = ask(world, ref, { type: 'sleep', argument: 20 })
  edgeStop(world.executors[0]!, ref)
  await run(world, 40)

  assert.deepEqual(answers, [{ type: 'stopped' }])
  assert.equal(world.executors[0]!.cells.size, 0)
})

test('a handler that rejects later is a failure like a throw', async () => {
  const world = smallWorld()
  const ref = edgeSpawn(world.executors[0]!, waiter, [], { name: 'w' })

  const answers = ask(world, ref, { type: 'fail' })
  await run(world, 20)

  assert.deepEqual(answers, [{ type: 'failed', reason: 'Error: after a while' }])
  assert.equal(world.executors[0]!.cells.size, 0)
})

test('a context outside of a turn throws instead of acting', () => {
  const world = smallWorld()
  let kept: ActorContext | undefined
  edgeSpawn(world.executors[0]!, probe, { heard: [], init: ((ctx) => (kept = ctx)) satisfies Act }, {})
  world.settle()

  assert.throws(() => kept!.tell(kept!.self, 'x'), TypeError)
  assert.throws(() => kept!.spawn(probe, { heard: [] }), TypeError)
})
