import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineActor } from '../../../runtime/kernel/actor.ts'
import { begin, createSupervision, step } from '../../../supervisors/core.ts'
import { child } from '../../../supervisors/spec.ts'

const worker = defineActor(import.meta.url, { name: 'worker', init: () => ({}), receive: () => undefined })

function supervising(strategy: 'oneForOne' | 'oneForAll'): ReturnType<typeof createSupervision> {
  const children = ['a', 'b'].map((name) => child(name, worker, {}, { restart: 'permanent', stopWithinMs: 100 }))
  const backoff = { baseMs: 100, maxMs: 1_000 }
  const state = createSupervision(
    { name: 'top', strategy, restartsMax: 9, restartsWindowMs: 1_000, children, backoff },
    1,
  )
  begin(state, 0)
  return state
}

const at = (nowMs: number): { nowMs: number; draw: number; asker: undefined } => ({ nowMs, draw: 0, asker: undefined })

test('U7: the wake comes at the drawn time, and one out of date does nothing', () => {
  const state = supervising('oneForOne')

  const failed = step(state, { type: 'childFailed', name: 'a', error: 'boom' }, at(10))

  assert.deepEqual(failed, [{ type: 'wake', afterMs: 50, atMs: 60 }])
  assert.deepEqual(step(state, { type: 'wake', atMs: 59 }, at(61)), [])
  assert.deepEqual(step(state, { type: 'wake', atMs: 60 }, at(61)), [{ type: 'restart', name: 'a' }])
})

test('U7: a timer that is early by a fraction is set again, not lost', () => {
  const state = supervising('oneForOne')
  step(state, { type: 'childFailed', name: 'a', error: 'boom' }, at(10))

  assert.deepEqual(step(state, { type: 'wake', atMs: 60 }, at(59.5)), [{ type: 'wake', afterMs: 0.5, atMs: 60 }])
})

test('U4: a sibling that fails while it is being stopped is told to stop again, and does not count', () => {
  const state = supervising('oneForAll')
  const first = step(state, { type: 'childFailed', name: 'a', error: 'boom' }, at(10))

  const again = step(state, { type: 'childFailed', name: 'b', error: 'late' }, at(11))

  assert.deepEqual(
    first.map(({ type }) => type),
    ['stop', 'wake'],
  )
  assert.deepEqual(again, [{ type: 'stop', name: 'b' }])
  assert.equal(state.window.times.length, 1)
})

test('events of children that nobody knows any more change nothing', () => {
  const state = supervising('oneForOne')

  assert.deepEqual(step(state, { type: 'childFailed', name: undefined, error: 'old' }, at(10)), [])
  assert.deepEqual(
    step(state, { type: 'childStopped', name: undefined, reason: { type: 'threadLost' }, executor: 3 }, at(10)),
    [],
  )
})
