/** What happens when somebody is too slow: full mailboxes, credit between threads, streams. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { ActorContext, ActorRef, Answer } from '../../../runtime/kernel/actor.ts'
import { edgeAsk, edgeSpawn, edgeStop, edgeTell } from '../../../runtime/kernel/edge.ts'
import { waitingMax, windowMessages } from '../../../runtime/kernel/outbound.ts'
import { type Act, probe, probeWith } from './probe.ts'
import { type SmallWorld, smallWorld } from './small-world.ts'

function fill(world: SmallWorld, whenFull: 'reject' | 'dropOldest' | 'dropNewest' | 'signal'): unknown[] {
  const heard: unknown[] = []
  const definition = probeWith({ mailbox: { messagesMax: 3, whenFull } })
  const ref = edgeSpawn(world.executors[0]!, definition, { heard }, { name: whenFull })
  for (let i = 1; i <= 5; i++) edgeTell(world.executors[0]!, ref, i)
  world.settle()
  return heard
}

test('B1, B3: a full mailbox keeps the first or the last, and every other message is a dead letter', () => {
  for (const [whenFull, kept, dead] of [
    ['reject', [1, 2, 3], [4, 5]],
    ['dropNewest', [1, 2, 3], [4, 5]],
    ['dropOldest', [3, 4, 5], [1, 2]],
  ] as const) {
    const world = smallWorld()

    assert.deepEqual(fill(world, whenFull), kept, whenFull)

    assert.deepEqual(
      world.executors[0]!.deadLetters.newest().map(({ body }) => body),
      dead,
      whenFull,
    )
  }
})

test('signal: the actor is told that messages were lost, ahead of those that were not', () => {
  const world = smallWorld()

  assert.deepEqual(fill(world, 'signal'), [{ type: 'mailboxOverflow', dropped: 1 }, 1, 2, 3])

  assert.equal(world.executors[0]!.deadLetters.total, 2)
})

test('dropOldest: the ask that made room is answered `overloaded`', () => {
  const world = smallWorld()
  const definition = probeWith({ mailbox: { messagesMax: 1, whenFull: 'dropOldest' } })
  const ref = edgeSpawn(world.executors[0]!, definition, { heard: [] }, {})
  const answers: Answer[] = []

  edgeAsk(world.executors[0]!, ref, 'q', { deadlineMs: 100 }, (answer) => answers.push(answer))
  edgeTell(world.executors[0]!, ref, 'newer')
  world.settle()

  assert.deepEqual(answers, [{ type: 'overloaded' }])
})

test('lanes: the kernel first, then control, then user, however they came', () => {
  const world = smallWorld()
  const heard: unknown[] = []
  const ref = edgeSpawn(world.executors[0]!, probe, { heard, init: (ctx) => ctx.after(0, 'timer') }, {})

  edgeTell(world.executors[0]!, ref, 'user 1')
  edgeTell(world.executors[0]!, ref, 'control 1', 'control')
  edgeTell(world.executors[0]!, ref, 'user 2')
  edgeTell(world.executors[0]!, ref, 'control 2', 'control')
  world.settle()

  assert.deepEqual(heard, ['timer', 'control 1', 'control 2', 'user 1', 'user 2'])
})

test('B2: pairs of actors over two threads hear each other in order, whatever the schedule', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 }), (bursts) => {
      const world = smallWorld(2, { probe })
      const heard: unknown[] = []
      edgeSpawn(world.executors[1]!, probe, { heard }, { name: 'sink' })
      world.settle()
      const to = world.executors[0]!.registry.holder('sink') as ActorRef
      let sent = 0
      for (const burst of bursts) {
        for (let i = 0; i < burst; i++) edgeTell(world.executors[0]!, to, sent++)
        world.executors[sent % 2]!.tick()
      }
      world.settle()
      assert.deepEqual(
        heard,
        Array.from({ length: sent }, (_, at) => at),
      )
    }),
    { numRuns: 50 },
  )
})

/** Sends `count` messages to an actor on thread 1 that takes nothing, from thread 0. */
function overload(count: number): { world: SmallWorld; ref: ActorRef; answers: Answer[]; heard: unknown[] } {
  const world = smallWorld(2)
  const heard: unknown[] = []
  const definition = probeWith({ mailbox: { messagesMax: 1_048_576, whenFull: 'reject' } })
  edgeSpawn(world.executors[1]!, definition, { heard }, { name: 'slow' })
  world.settle()
  const ref = world.executors[0]!.registry.holder('slow') as ActorRef
  const answers: Answer[] = []
  for (let i = 0; i < count; i++) {
    edgeAsk(world.executors[0]!, ref, i, { deadlineMs: 60_000 }, (answer) => answers.push(answer))
  }
  return { world, ref, answers, heard }
}

test('C1: a slow thread holds at most one window of messages; the rest waits at the sender, bounded; what has no room is answered', () => {
  const tooMany = 1_000
  const { world, answers, heard } = overload(waitingMax + tooMany)
  const slow = world.executors[1]!.cells.get((world.executors[0]!.registry.holder('slow') as { id: number }).id)!
  const deadThere = world.executors[1]!.deadLetters.total

  // The receiving thread does not tick: batches come in, nothing is taken.
  for (let i = 0; i < 10; i++) {
    world.executors[0]!.tick()
    world.carry()
  }
  assert.equal(slow.mailboxDepth, windowMessages)
  assert.equal(answers.length, tooMany)
  assert.ok(answers.every(({ type }) => type === 'overloaded'))

  world.settle()
  assert.equal(heard.length, waitingMax)
  assert.deepEqual(heard.slice(0, 3), [0, 1, 2])
  assert.equal(world.executors[1]!.deadLetters.total, deadThere)
})

test('C2: credit comes back for what is taken, refused, undeliverable or left in the mailbox of an actor that ends', () => {
  const world = smallWorld(2)
  const definition = probeWith({ mailbox: { messagesMax: 100, whenFull: 'reject' } })
  const heard: unknown[] = []
  for (let round = 0; round < 3; round++) {
    const name = `r${round}`
    edgeSpawn(world.executors[1]!, definition, { heard }, { name })
    world.settle()
    const ref = world.executors[0]!.registry.holder(name) as ActorRef
    // Most have no room, some are taken, some are left, and the last find nobody.
    for (let i = 0; i < windowMessages; i++) edgeTell(world.executors[0]!, ref, i)
    world.executors[0]!.tick()
    world.carry()
    edgeStop(world.executors[1]!, ref)
    world.settle()
    for (let i = 0; i < 500; i++) edgeTell(world.executors[0]!, ref, i)
    world.settle()
  }

  // Without its credit back, the third round would not have left the sender.
  const dead = world.executors[1]!.deadLetters.total
  assert.equal(dead + heard.length, 3 * (windowMessages + 500))
})

test('C2: a message that is stashed and received again gives its credit back once', () => {
  const world = smallWorld(2)
  const heard: unknown[] = []
  edgeSpawn(world.executors[1]!, { ...probe, receive: stashing }, { heard }, { name: 'stasher' })
  world.settle()
  const ref = world.executors[0]!.registry.holder('stasher') as ActorRef
  for (const message of ['a', 'b', 'c', 'open']) edgeTell(world.executors[0]!, ref, message)
  world.settle()
  assert.deepEqual(heard, ['a', 'b', 'c'])

  // Were it given back twice, more than a window could be on its way.
  const slow = edgeSpawn(world.executors[1]!, wide, { heard: [] }, { name: 'slow' })
  world.settle()
  const far = world.executors[0]!.registry.holder('slow') as ActorRef
  for (let i = 0; i < windowMessages + 10; i++) edgeTell(world.executors[0]!, far, i)
  world.executors[0]!.tick()
  world.carry()
  assert.equal(world.executors[1]!.cells.get((slow as { id: number }).id)?.mailboxDepth, windowMessages)
})

const wide = probeWith({ mailbox: { messagesMax: 1_048_576, whenFull: 'reject' } })

/** Puts everything aside until it hears `open`, then notes it down. */
function stashing(_state: { readonly heard: unknown[] }, message: unknown, ctx: ActorContext): void {
  if (message !== 'open') {
    ctx.stash()
    return
  }
  ctx.become((later: { readonly heard: unknown[] }, each: unknown) => void later.heard.push(each))
  ctx.unstash()
}

test('what waited for a thread that died is answered, and its replacement starts with a whole window', () => {
  const { world, answers } = overload(windowMessages + 10)
  world.executors[0]!.tick()
  world.carry()

  world.replace(1)
  world.settle()
  assert.equal(answers.length, windowMessages + 10)
  assert.ok(answers.every(({ type }) => type === 'failed'))

  const heard: unknown[] = []
  const definition = probeWith({ mailbox: { messagesMax: 100_000, whenFull: 'reject' } })
  edgeSpawn(world.executors[1]!, definition, { heard }, { name: 'next' })
  world.settle()
  const ref = world.executors[0]!.registry.holder('next') as ActorRef
  for (let i = 0; i < windowMessages + 10; i++) edgeTell(world.executors[0]!, ref, i)
  world.settle()
  assert.equal(heard.length, windowMessages + 10)
})

interface Reader {
  readonly items: unknown[]
  readonly ends: string[]
  readonly stream: { taken(count: number): void; close(): void }
}

function subscribe(world: SmallWorld, executor: number, ref: ActorRef, window: number): Reader {
  const items: unknown[] = []
  const ends: string[] = []
  const sink = {
    item: (item: unknown): void => void items.push(item),
    ended: (reason: string): void => void ends.push(reason),
  }
  const stream = world.executors[executor]!.subscriptions.open(ref, 'topic', window, sink)
  world.settle()
  return { items, ends, stream }
}

const publish =
  (from: number, to: number): Act =>
  (ctx: ActorContext) => {
    for (let i = from; i <= to; i++) ctx.publish('topic', i)
  }

for (const executors of [1, 2]) {
  test(`streams: a reader with room gets all in order; a slow one waits, then is ended with \`overflow\` (${executors} executors)`, () => {
    const world = smallWorld(executors, { probe })
    const last = executors - 1
    edgeSpawn(world.executors[last]!, probe, { heard: [] }, { name: 'source' })
    world.settle()
    const ref = world.executors[0]!.registry.holder('source') as ActorRef
    const local = world.executors[last]!.registry.holder('source') as ActorRef
    const fast = subscribe(world, 0, ref, 100)
    const slow = subscribe(world, 0, ref, 3)

    edgeTell(world.executors[last]!, local, publish(1, 6))
    world.settle()
    assert.deepEqual(slow.items, [1, 2, 3])
    slow.stream.taken(2)
    world.settle()
    assert.deepEqual(slow.items, [1, 2, 3, 4, 5])
    assert.deepEqual(slow.ends, [])

    edgeTell(world.executors[last]!, local, publish(7, 20))
    world.settle()
    assert.deepEqual(slow.ends, ['overflow'])
    assert.deepEqual(
      fast.items,
      Array.from({ length: 20 }, (_, at) => at + 1),
    )

    fast.stream.close()
    edgeTell(world.executors[last]!, local, publish(21, 22))
    world.settle()
    assert.equal(fast.items.length, 20)
    assert.deepEqual(fast.ends, [])
  })
}

test('streams end with their actor, and a stream of nobody ends at once', () => {
  const world = smallWorld()
  const ref = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'source' })
  const reader = subscribe(world, 0, ref, 5)

  edgeStop(world.executors[0]!, ref)
  world.settle()
  const late = subscribe(world, 0, ref, 5)

  assert.deepEqual(reader.ends, ['normal'])
  assert.deepEqual(late.ends, ['stopped'])
})

test('streams: a published item waits for the disk like a send; the readers of a dead thread are forgotten', () => {
  const world = smallWorld(2, { probe })
  world.stores[0]!.automatic = false
  const ref = edgeSpawn(world.executors[0]!, probe, { heard: [] }, { name: 'source' })
  world.settle()
  const here = subscribe(world, 0, ref, 50)
  const there = subscribe(world, 1, ref, 50)

  edgeTell(world.executors[0]!, ref, ((ctx) => {
    ctx.store.put('k', new Uint8Array(1))
    ctx.publish('topic', 'durable')
  }) satisfies Act)
  world.settle()
  assert.deepEqual(here.items, [])
  world.stores[0]!.flush()
  world.settle()
  assert.deepEqual([here.items, there.items], [['durable'], ['durable']])

  world.replace(1)
  world.settle()
  // The first stream of the new thread has the number that the lost one had.
  const next = subscribe(world, 1, { type: 'named', node: 1, name: 'nobody' }, 5)
  edgeTell(world.executors[0]!, ref, publish(1, 2))
  world.settle()
  assert.deepEqual(next.items, [])
  assert.deepEqual(here.items, ['durable', 1, 2])
})
