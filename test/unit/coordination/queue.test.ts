import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import {
  type Delivery,
  deadLetters,
  depthOf,
  extend,
  finish,
  giveBack,
  type Received,
  receive,
  revive,
  send,
} from '../../../client/coordination/recipes/queue.ts'
import { Desk, type Run } from './desk.ts'

const name = utf8('mail')
const visibilitySeconds = 5

test('messages come by priority, then in the order they were sent', () => {
  const desk = new Desk()
  for (const [id, priority] of [
    ['a', 50],
    ['b', 50],
    ['c', 10],
    ['d', 50],
  ] as const)
    post(desk, id, priority)

  assert.deepEqual([take(desk), take(desk), take(desk), take(desk), take(desk)].map(shown), [
    'c',
    'a',
    'b',
    'd',
    'empty',
  ])
})

test('G12: a message that somebody has is invisible until its time is over, and then comes with a greater token', () => {
  const desk = new Desk()
  post(desk, 'a')
  const first = delivery(take(desk))
  assert.equal(take(desk).type, 'empty')

  desk.pass(visibilitySeconds * 1_000)
  const second = delivery(take(desk))

  assert.deepEqual([first.deliveries, second.deliveries], [1, 2])
  assert.ok(second.token > first.token)
  assert.equal(desk.play(finish(name, first)), false)
  assert.equal(desk.play(extend(first)), false)
  assert.equal(desk.play(giveBack(name, first)), false)
  assert.equal(desk.play(finish(name, second)), true)
  assert.deepEqual(desk.contents, [])
})

test('G12: who asks for more time keeps the message, who gives it back lets it go at once', () => {
  const desk = new Desk()
  post(desk, 'a')
  const first = delivery(take(desk))
  desk.pass(4_000)
  assert.equal(desk.play(extend(first)), true)
  desk.pass(4_000)
  assert.equal(take(desk).type, 'empty')

  assert.equal(desk.play(giveBack(name, first)), true)

  assert.equal(delivery(take(desk)).deliveries, 2)
})

test('G13: after as many deliveries as allowed a message is a dead letter, and can be revived', () => {
  const desk = new Desk()
  post(desk, 'a')
  for (let at = 0; at < 2; at++) {
    assert.equal(shown(take(desk)), 'a')
    desk.pass(visibilitySeconds * 1_000)
  }

  assert.equal(take(desk).type, 'empty')
  const [letter] = desk.play(deadLetters(name, 10))
  assert.deepEqual(desk.play(depthOf(name)), { waiting: 0, taken: 0, dead: 1 })
  assert.equal(desk.play(revive(name, letter?.place ?? '')), true)
  assert.equal(desk.play(revive(name, letter?.place ?? '')), false)

  assert.equal(delivery(take(desk)).deliveries, 1)
})

test('G11: who waits is woken by a message, and by one that comes back', () => {
  const desk = new Desk()
  const waiting = desk.start(receive({ name, visibilitySeconds, deliveriesMax: 2, wait: true }))
  desk.settle()
  assert.equal(waiting.ended, false)

  post(desk, 'a')
  desk.settle()
  assert.equal(shown(waiting.result), 'a')

  const next = desk.start(receive({ name, visibilitySeconds, deliveriesMax: 2, wait: true }))
  desk.settle()
  assert.equal(next.ended, false)
  desk.pass(visibilitySeconds * 1_000)
  desk.settle()
  assert.equal(shown(next.result), 'a')
})

test('G11: a message behind many that others have is found', () => {
  const desk = new Desk()
  for (let at = 0; at < 80; at++) post(desk, `m${String(at).padStart(2, '0')}`)
  for (let at = 0; at < 70; at++) take(desk)

  assert.equal(shown(take(desk)), 'm70')
})

test('G11: a message of the first page that comes back while the second is read wakes who waits', () => {
  const desk = new Desk()
  for (let at = 0; at < 40; at++) post(desk, `m${String(at).padStart(2, '0')}`)
  const taken = Array.from({ length: 40 }, () => delivery(take(desk)))
  const waiting = desk.start(receive({ name, visibilitySeconds, deliveriesMax: 9, wait: true }))

  waiting.step()
  desk.play(giveBack(name, taken[0] as Delivery))
  desk.settle()

  assert.equal(shown(waiting.result), 'm00')
})

test('G11, G12: whatever receivers do, and die, every message ends finished once or as a dead letter', () => {
  const acts = fc.array(fc.tuple(fc.nat(2), fc.constantFrom('step', 'step', 'step', 'finish', 'back', 'die', 'late')), {
    minLength: 30,
    maxLength: 120,
  })
  fc.assert(
    fc.property(acts, (played) => {
      const desk = new Desk()
      const sent = ['a', 'b', 'c']
      for (const id of sent) post(desk, id)
      const finished: string[] = []
      const hands: { run: Run<Received> | undefined; has: Delivery | undefined; late: Delivery | undefined }[] = [
        0, 1, 2,
      ].map(() => ({ run: undefined, has: undefined, late: undefined }))
      const end = (each: Delivery): void => {
        if (desk.play(finish(name, each))) finished.push(fromUtf8(each.value))
      }
      for (const [who, act] of played) {
        const hand = hands[who] as (typeof hands)[number]
        if (hand.has === undefined) {
          hand.run ??= desk.start(receive({ name, visibilitySeconds: 600, deliveriesMax: 3, wait: false }))
          hand.run.step()
          if (!hand.run.ended) continue
          hand.has = hand.run.result.type === 'delivered' ? hand.run.result.delivery : undefined
          hand.run = undefined
        } else if (act === 'finish') end(hand.has)
        else if (act === 'back') desk.play(giveBack(name, hand.has))
        else if (act === 'die') {
          desk.revoke(hand.has.lease)
          hand.late = hand.has
        } else {
          if (act === 'late' && hand.late !== undefined) end(hand.late)
          continue
        }
        if (act !== 'step') hand.has = undefined
      }
      desk.pass(600_000)
      for (let next = take(desk, 3); next.type === 'delivered'; next = take(desk, 3)) end(next.delivery)
      const dead = desk.play(deadLetters(name, 10)).map(({ value }) => fromUtf8(value))

      assert.deepEqual([...finished, ...dead].sort(), sent, 'G11, G12')
    }),
    { numRuns: 150 },
  )
})

function post(desk: Desk, id: string, priority: number = 50): void {
  desk.play(send({ name, id, value: utf8(id), priority }))
}

function take(desk: Desk, deliveriesMax: number = 2): Received {
  return desk.play(receive({ name, visibilitySeconds, deliveriesMax, wait: false }))
}

function delivery(received: Received): Delivery {
  if (received.type !== 'delivered') assert.fail(`nothing came: ${received.type}`)
  return received.delivery
}

function shown(received: Received): string {
  return received.type === 'delivered' ? fromUtf8(received.delivery.value) : received.type
}
