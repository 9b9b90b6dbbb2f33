import assert from 'node:assert/strict'
import test from 'node:test'
import {
  acknowledged,
  createProgress,
  refused,
  sent,
  toProbe,
  toReplicate,
  toSnapshot,
} from '../../../actors/raft/progress.ts'

test('R12: replication sends ahead, and acknowledgements free the window up to their index', () => {
  const progress = createProgress(5)
  progress.match = 4
  toReplicate(progress)

  sent(progress, 6, 100)
  sent(progress, 9, 50)
  assert.equal(progress.next, 10)
  assert.equal(progress.inflightBytes, 150)

  assert.equal(acknowledged(progress, 6), true)
  assert.deepEqual(progress.inflight, [{ index: 9, bytes: 50 }])
  assert.equal(acknowledged(progress, 6), false)
  assert.equal(progress.inflightBytes, 50)
})

test('R12: a refusal sends a replicating follower back to probing, never to or below its match', () => {
  const progress = createProgress(5)
  progress.match = 4
  toReplicate(progress)
  sent(progress, 9, 10)

  assert.equal(refused(progress, 3, 0), false)
  assert.equal(progress.phase, 'replicate')
  assert.equal(refused(progress, 9, 2), true)
  assert.equal(progress.phase, 'probe')
  assert.equal(progress.next, 5)
  assert.equal(progress.inflight.length, 0)
})

test('R12: a late refusal of an earlier probe does not move the present one', () => {
  const progress = createProgress(20)

  assert.equal(refused(progress, 19, 10), true)
  assert.equal(progress.next, 11)
  assert.equal(refused(progress, 19, 3), false)
  assert.equal(progress.next, 11)
})

test('R12: each refusal moves the probe back, even when the hint does not', () => {
  const progress = createProgress(20)

  assert.equal(refused(progress, 19, 19), true)
  assert.equal(progress.next, 19)
})

test('a follower that waits for a snapshot hears no refusals', () => {
  const progress = createProgress(3)
  toSnapshot(progress, 7)

  assert.equal(refused(progress, 2, 0), false)
  toProbe(progress, 8)
  assert.equal(progress.next, 8)
})
