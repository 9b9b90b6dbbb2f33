/** The kit for users' own actors: what it promises of time, crashes, threads and supervision. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { draw } from '../../../base/draw.ts'
import {
  type ActorContext,
  type ActorDefinition,
  defineActor,
  type ReplyHandle,
} from '../../../runtime/kernel/actor.ts'
import { type AnswerOf, type SimulatedNode, type SimulateOptions, simulateActors } from '../../../sim/testing.ts'

const counting = {
  add: (state: { n: number }, by: number, ctx: ActorContext): number => {
    if (by === 13) throw new Error('thirteen')
    state.n += by
    ctx.store.putValue('n', state.n)
    return state.n
  },
  remember: (state: { n: number }, n: number): void => {
    state.n = n
  },
  read: (state: { n: number }): number => state.n,
  thread: (_state: { n: number }, _none: unknown, ctx: ActorContext): number => ctx.executor,
}
const tally: ActorDefinition<{ start: number }, { n: number }, typeof counting> = defineActor(import.meta.url, {
  name: 'tally',
  init: (ctx, { start }: { start: number }) => ({ n: Number(ctx.store.getValue('n') ?? start) }),
  receive: counting,
})

type Parcel = { readonly type: 'hold' } | { readonly type: 'answerAll' }
type Clerk = (state: ReplyHandle[], message: Parcel, ctx: ActorContext) => unknown
/** Bears the name of an actor of the store, whose states look otherwise. */
const clerk: ActorDefinition<null, ReplyHandle[], Clerk> = defineActor(import.meta.url, {
  name: 'replica',
  init: (): ReplyHandle[] => [],
  receive: (held: ReplyHandle[], message: Parcel, ctx: ActorContext): void => {
    if (message.type === 'hold') held.push(ctx.defer() as ReplyHandle)
    else for (const handle of held.splice(0)) ctx.replyTo(handle, 'late')
  },
})

const waiting = { nap: async (_state: null, ms: number, ctx: ActorContext): Promise<void> => ctx.sleep(ms) }
const sleeper: ActorDefinition<null, null, typeof waiting> = defineActor(import.meta.url, {
  name: 'sleeper',
  init: () => null,
  receive: waiting,
})

const definitions = [tally, clerk, sleeper]
const supervise = { restart: 'permanent' } as const

function opened(options: Partial<SimulateOptions> = {}): SimulatedNode {
  return simulateActors({ seed: 7, definitions, ...options })
}

test('asks and tells are typed by the handlers and handled in order', () => {
  const node = opened()
  const hits = node.spawn(tally, { start: 1 }, { name: 'hits' })

  const first: AnswerOf<number> = hits.ask.add(2)
  hits.tell.add(3)
  const then = hits.ask.read()
  // @ts-expect-error: `add` takes a number.
  const wrong = (): unknown => hits.ask.add('four')

  assert.deepEqual(
    [first, then],
    [
      { type: 'reply', value: 3 },
      { type: 'reply', value: 6 },
    ],
  )
  assert.equal(typeof wrong, 'function')
})

test('what was answered survives a crash, what was only in memory does not, and the old handle is good again', () => {
  const node = opened()
  const hits = node.spawn(tally, { start: 0 }, { name: 'hits', supervise })
  hits.ask.add(5)
  hits.tell.remember(99)
  assert.deepEqual(hits.ask.read(), { type: 'reply', value: 99 })

  node.crash()
  assert.equal(node.up, false)
  node.restart()
  assert.deepEqual(hits.ask.read(), { type: 'stopped' })
  node.spawn(tally, { start: 0 }, { name: 'hits', supervise })

  assert.deepEqual(hits.ask.read(), { type: 'reply', value: 5 })
})

test('K1: wherever a crash strikes, what was answered is there and nothing is there twice', () => {
  let unanswered = 0
  let lost = 0
  for (let seed = 0; seed < 40; seed++) {
    const node = opened({ seed, faults: seed % 2 === 0 ? 'calm' : 'drawn' })
    const hits = node.spawn(tally, { start: 0 }, { name: 'hits', supervise })
    node.later({ ms: 3 * draw(seed, 'test.crash', 1) }, () => node.crash())

    let answered = 0
    while (node.up) {
      const answer = hits.ask.add(1, { deadlineMs: 60_000 })
      if (answer.type === 'reply') answered = answer.value
      else unanswered += 1
    }
    node.restart()
    node.spawn(tally, { start: 0 }, { name: 'hits', supervise })
    const read = hits.ask.read()

    assert.ok(read.type === 'reply' && (read.value === answered || read.value === answered + 1), `seed ${seed}`)
    if (read.value === answered) lost += 1
  }
  assert.ok(unanswered > 0 && lost > 0 && lost < 40, `${unanswered} cut off, ${lost} of them lost: both must happen`)
})

test('a thread that dies takes its actors along: the supervised come back from the store, the others are gone', () => {
  const node = opened({ executors: 2 })
  const kept = node.spawn(tally, { start: 0 }, { name: 'kept', supervise })
  const loose = node.spawn(tally, { start: 0 }, { name: 'loose' })
  kept.ask.add(4)
  assert.deepEqual(loose.ask.thread(), { type: 'reply', value: 1 })

  node.crashThread(1, { replaceAfterMs: 20 })
  const meanwhile = kept.ask.read(undefined, { deadlineMs: 5 })
  node.run({ ms: 1_000 })

  assert.notEqual(meanwhile.type, 'reply')
  assert.deepEqual(
    [kept.ask.read(), kept.ask.thread()],
    [
      { type: 'reply', value: 4 },
      { type: 'reply', value: 1 },
    ],
  )
  assert.deepEqual(loose.ask.read(), { type: 'stopped' })
})

test('a handler that throws is answered for, and its supervisor starts the actor again', () => {
  const node = opened()
  const hits = node.spawn(tally, { start: 0 }, { name: 'hits', supervise })
  hits.ask.add(2)
  hits.tell.remember(50)

  const answer = hits.ask.add(13)
  node.run({ ms: 100 })

  assert.deepEqual(answer, { type: 'failed', reason: 'Error: thirteen' })
  assert.deepEqual(hits.ask.read(), { type: 'reply', value: 2 })
  assert.deepEqual([node.failures.length, node.failures[0]?.startsWith('Error: thirteen\n')], [1, true])
})

test('a union of messages makes functions of ask and tell; a deadline takes as long as it says', () => {
  const node = opened()
  const held = node.spawn(clerk, null)

  assert.deepEqual(held.ask({ type: 'hold' }, { deadlineMs: 300 }), { type: 'timeout' })
  const passed = node.nowMs
  node.later({ ms: 200 }, () => held.tell({ type: 'answerAll' }))
  const answer = held.ask({ type: 'hold' })

  assert.ok(passed >= 300 && passed < 310, `${passed}`)
  assert.deepEqual(answer, { type: 'reply', value: 'late' })
  assert.ok(node.nowMs - passed >= 200 && node.nowMs - passed < 210, `${node.nowMs - passed}`)
})

test('what reached nobody is listed, over crashes and threads', () => {
  const node = opened({ executors: 2 })
  const gone = node.spawn(tally, { start: 0 }, { name: 'gone' })
  node.actor<typeof counting>('nobody').tell.add(1)
  gone.ask.read()
  node.crashThread(1)
  node.run({ ms: 200 })
  gone.tell.add(2)
  node.run({ ms: 10 })
  node.crash()
  node.restart()
  node.actor<typeof counting>('again').tell.add(3)

  assert.deepEqual(
    node.deadLetters.map(({ reason, body }) => [reason, (body as { argument: number }).argument]),
    [
      ['unknown', 1],
      ['stopped', 2],
      ['unknown', 3],
    ],
  )
})

test('a seed is one run: digests are equal for equal seeds and differ for others', () => {
  const digestOf = (seed: number): string => {
    const node = opened({ seed, executors: 3, faults: 'drawn' })
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const actors = names.map((name) => node.spawn(tally, { start: 0 }, { name, supervise }))
    for (const actor of actors) for (const by of [1, 2, 3]) actor.tell.add(by)
    node.later({ ms: 3 }, () => node.crashThread(2))
    node.run({ ms: 500 })
    for (const actor of actors) actor.ask.read()
    return node.digest
  }

  assert.equal(digestOf(1), digestOf(1))
  assert.equal(new Set([1, 2, 3, 4].map(digestOf)).size, 4)
})

test('mistakes are refused at once, with what to do', () => {
  assert.throws(() => opened({ seed: 0.5 }), /seed must be a whole number, not 0.5/)
  assert.throws(() => opened({ executors: 65 }), /executors must be a whole number of 1 to 64, not 65/)
  const node = opened({ definitions: [tally, sleeper] })
  const hits = node.spawn(tally, { start: 0 }, { name: 'hits', supervise })

  assert.throws(() => node.spawn(clerk, null), /add it to 'definitions'/)
  assert.throws(() => node.spawn(tally, { start: 0 }, { supervise }), /needs a name/)
  assert.throws(() => node.spawn(tally, { start: 0 }, { name: 'hits', supervise }), /name is taken/)
  assert.throws(() => node.crashThread(0), /wanted thread 0, there are 1 to 0/)
  assert.throws(() => node.run({ ms: -1 }), /ms must be a number of 0 or more/)
  assert.throws(() => hits.ask.add(1, { deadlineMs: 0 }), /deadlineMs must be 1 to 86400000, not 0/)
  node.later({ ms: 1 }, () => hits.ask.read())
  assert.throws(() => node.run({ ms: 2 }), /time passes already/)
  node.crash()
  assert.throws(() => hits.tell.add(1), /call restart\(\) after a crash/)
})

test('an asynchronous handler is refused: no promise settles while a test runs', () => {
  const node = opened()
  const lazy = node.spawn(sleeper, null, { name: 'lazy' })

  assert.throws(() => lazy.ask.nap(5), /a handler of 'lazy' is asynchronous/)
})
