// The judge of leases: what it takes for a broken promise, and what it does not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LeaseLife, LeaseSafety, ownPrefix } from '../../../sim/checkers/lease-safety.ts'
import { CommittedHistory } from '../../../sim/checkers/watch-history.ts'
import type { HistoryNote, Operation, Outcome } from '../../../sim/operation.ts'
import { leases } from '../../../sim/workloads/leases.ts'
import { StrictReplica } from '../lease/strict.ts'
import { done, note } from './lab-history.ts'

const lease = '7'
const grant: Operation = { type: 'leaseGrant', lease, ttlMs: 100 }
const keep: Operation = { type: 'leaseKeep', lease }
const look: Operation = { type: 'leaseLook', lease }
const revoke: Operation = { type: 'leaseRevoke', lease }

function lived(firstMs: number, goneMs?: number, granted: number = 1): LeaseLife {
  return { id: lease, granted, ttlMs: 100, firstMs, goneMs }
}

function said(leftMs: number, sentMs: number): Outcome {
  return { ...done(3, {}, leftMs >= 0), lease: { leftMs, sentMs } }
}

function kept(ttlMs: number, sentMs: number): Outcome {
  return { ...done(3, {}, ttlMs > 0), lease: { leftMs: ttlMs, sentMs } }
}

function judge(notes: readonly HistoryNote[], lives: readonly LeaseLife[]): () => void {
  return () => leases.check({ notes, replicas: [], wiped: new Set(), leases: lives, committed: new CommittedHistory() })
}

test('I17: a lease that ends before its time, counted from the sending of the newest request that ended well', () => {
  const granted = note([10, 20], grant, done(3))
  const again = note([60, 90], keep, kept(100, 80))

  assert.doesNotThrow(judge([granted], [lived(15, 110)]))
  assert.throws(judge([granted], [lived(15, 109)]), /^Violation: I17: lease 7 ended 99.000 ms after leaseGrant/)
  assert.doesNotThrow(judge([granted, again], [lived(15, 180)]))
  assert.throws(judge([granted, again], [lived(15, 179)]), /^Violation: I17: lease 7 ended 99.000 ms after leaseKeep/)
  assert.doesNotThrow(judge([granted, again], [lived(15)]))
})

test('I17: a client that asked for the end may get it, also when it never heard of it', () => {
  const granted = note([10, 20], grant, done(3))

  assert.doesNotThrow(judge([granted, note([30], revoke)], [lived(15, 40)]))
  assert.throws(judge([granted, note([50, 60], revoke, done(4))], [lived(15, 40)]), /^Violation: I17/)
})

test('I17: an id that was granted anew: it is enough that one of its leases kept the promise', () => {
  const again = note([60, 90], keep, kept(100, 80))

  assert.doesNotThrow(judge([again], [lived(10, 85), lived(86, 300, 9)]))
  assert.throws(judge([again], [lived(10, 85), lived(86, 170, 9)]), /^Violation: I17/)
})

test('I17: who is told of a lease that is gone, or that a lease is gone which was there', () => {
  assert.throws(
    judge([note([50, 70], keep, kept(100, 60))], [lived(10, 55)]),
    /was told of 100 ms, when the lease was gone/,
  )
  assert.doesNotThrow(judge([note([50, 70], keep, kept(0, 60))], [lived(10, 55)]))
  assert.throws(judge([note([50, 70], keep, kept(0, 60))], [lived(10, 75)]), /was told that there is no such lease/)
  assert.throws(judge([note([50, 70], look, said(-1, 60))], [lived(10)]), /was told that there is no such lease/)
  assert.throws(judge([note([50, 70], look, said(30, 60))], [lived(10, 89)]), /^Violation: I17: lease 7 ended 29/)
  assert.doesNotThrow(judge([note([50, 70], look, said(30, 60))], [lived(10, 90)]))
})

test('I17: keys without a lease, and refusals of one that was there', () => {
  const keys: Operation = { type: 'leaseKeys', lease }
  const put: Operation = { type: 'leasePut', lease, key: 'k', value: 'v' }
  const refused: Outcome = { type: 'refused', revision: 3, reason: 'leaseNotFound' }

  assert.throws(judge([note([50, 70], keys, done(3, { k: '' }, false))], [lived(10)]), /found k without a lease/)
  assert.throws(judge([note([50, 70], keys, done(3, {}, true))], [lived(10, 40)]), /found a lease that no replica/)
  assert.throws(judge([note([50, 70], put, done(3))], []), /hung a key on a lease that was nowhere/)
  assert.throws(judge([note([50, 70], put, refused)], [lived(10)]), /was refused: there is no such lease/)
  assert.doesNotThrow(judge([note([50, 70], put, refused)], [lived(10, 60)]))
})

test('I17: when a lease was there is read off the replicas: from the first that had it to the first that had it no more', () => {
  const safety = new LeaseSafety('default')
  const [one, two] = [new StrictReplica(), new StrictReplica()]
  const both = [one, two]
  for (const replica of both) replica.grant(lease)
  safety.stands(1, one.state, 10)
  safety.stands(2, two.state, 15)
  for (const replica of both) replica.run({ type: 'leaseRevoke', id: lease }, 'leaseRevoked')
  safety.stands(2, two.state, 30)
  safety.stands(1, one.state, 35)

  assert.deepEqual(
    safety.lives.map(({ id, firstMs, goneMs }) => [id, firstMs, goneMs]),
    [[lease, 10, 30]],
  )
})

test('I17: keys that stay when their lease goes, and keys that go one by one', () => {
  const safety = new LeaseSafety('default')
  const replica = new StrictReplica()
  replica.grant(lease)
  for (const at of [1, 2]) replica.put(`${ownPrefix(lease)}${at}`, lease)
  safety.stands(1, replica.state, 10)
  // As a replica would that takes keys away in a command each, and the lease in a third.
  for (const { key } of replica.query(
    { type: 'range', key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]) },
    'range',
  ).kvs)
    replica.run({ type: 'deleteRange', key }, 'deleteRange')
  replica.run({ type: 'leaseRevoke', id: lease }, 'leaseRevoked')

  assert.throws(() => safety.stands(1, replica.state, 20), /^Violation: I17: .* went in revisions .*, not in one/)

  const other = new StrictReplica()
  const late = new LeaseSafety('default')
  other.grant(lease)
  other.put('k', lease)
  late.stands(1, other.state, 10)
  other.state.leases.leases.delete(lease)
  other.state.leases.digest += 1
  assert.throws(() => late.stands(1, other.state, 20), /^Violation: I17: .* has 1 keys of lease 7, which is gone/)
})
