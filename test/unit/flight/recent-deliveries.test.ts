import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Envelope } from '../../../mailbox/envelope.ts'
import type { ActorRef } from '../../../runtime/kernel/actor.ts'
import type { Cell } from '../../../runtime/kernel/cell.ts'
import { RecentDeliveries } from '../../../runtime/kernel/recent-deliveries.ts'

function fill(count: number): RecentDeliveries {
  let nowMs = 0
  const recent = new RecentDeliveries(() => nowMs)
  for (let i = 0; i < count; i++) {
    nowMs = i
    const ref: ActorRef = { type: 'local', executor: 0, id: i % 2, name: `actor-${i % 2}` }
    const body = i % 3 === 0 ? 'bare' : { type: `kind-${i}` }
    recent.note({ ref } as unknown as Cell, new Envelope(ref, body, 'user', undefined, i % 2 === 0 ? 3 : -1, 0))
  }
  return recent
}

test('the newest deliveries are told in words, oldest first: when, whom, what, from where', () => {
  const recent = fill(6)

  assert.deepEqual(recent.lines(undefined, 3), [
    '-2.0 ms  actor-1  value',
    '-1.0 ms  actor-0  kind-4 from executor 3',
    '-0.0 ms  actor-1  kind-5',
  ])
  assert.deepEqual(recent.lines('actor-0', 2), [
    '-3.0 ms  actor-0  kind-2 from executor 3',
    '-1.0 ms  actor-0  kind-4 from executor 3',
  ])
  assert.deepEqual(recent.lines('nobody', 9), [])
})

test('however many there were, a thousand are kept', () => {
  const recent = fill(5_000)

  const lines = recent.lines(undefined, 10_000)

  assert.equal(lines.length, 1_024)
  assert.match(lines[0] ?? '', /^-1023\.0 ms/)
})
