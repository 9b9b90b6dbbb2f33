// The replicated half of leases, alone and as a part of a strict keyspace: what a command does, and what it leaves as it was.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyspace } from '../../../actors/keyspace/machine.ts'
import type { LeaseCommand, LeaseRecord } from '../../../actors/lease/messages.ts'
import { leaseTtlSecondsMax } from '../../../actors/lease/messages.ts'
import {
  checkpoint,
  end,
  grant,
  leaseChunks,
  leasesOf,
  openLeaseTable,
  restoreLeases,
} from '../../../actors/lease/table.ts'
import { fromUtf8 } from '../../../base/bytes.ts'
import { MemoryStore } from '../keyspace/memory-store.ts'
import { assertRefused, drain, StrictReplica } from './strict.ts'

test('J3: an id is granted once at a time, and free again when its lease is gone', () => {
  const replica = new StrictReplica()
  const first = replica.grant('7', 60)

  assertRefused(replica.apply({ type: 'leaseGrant', id: '7', ttlSeconds: 5 }), 'leaseExists')
  replica.run({ type: 'leaseRevoke', id: '7' }, 'leaseRevoked')
  const second = replica.grant('7', 5)

  assert.ok(second.granted > first.granted)
  assert.deepEqual(replica.query({ type: 'lease', id: '7', keys: false }, 'lease').lease, {
    ...second,
    ttlSeconds: 5,
    remainingSeconds: undefined,
  })
  assertRefused(replica.apply({ type: 'leaseRevoke', id: '8' }), 'leaseNotFound')
  assertRefused(replica.apply({ type: 'leaseGrant', id: '9', ttlSeconds: leaseTtlSecondsMax + 1 }), 'leaseTtlTooLarge')
})

test('J1: an end counts in the term it was decided in, and for the lease it was decided of', () => {
  const replica = new StrictReplica()
  const old = replica.grant('7')
  replica.run({ type: 'leaseRevoke', id: '7' }, 'leaseRevoked')
  const present = replica.grant('7')
  replica.term = 3
  const before = replica.digest

  const voided: LeaseCommand[] = [
    { type: 'leaseExpire', leases: [present], term: 2 },
    { type: 'leaseExpire', leases: [old], term: 3 },
    { type: 'leaseCheckpoint', remaining: [{ ...present, seconds: 9 }], term: 2 },
    { type: 'leaseCheckpoint', remaining: [{ ...old, seconds: 9 }], term: 3 },
  ]
  for (const command of voided) {
    replica.apply(command)
    assert.equal(replica.digest, before, JSON.stringify(command))
    assert.deepEqual(replica.feed, [])
  }

  const { expired } = replica.run({ type: 'leaseExpire', leases: [present, present, old], term: 3 }, 'leasesExpired')
  assert.equal(expired, 1)
  assert.deepEqual(replica.feed, [{ type: 'leaseGone', ...present }])
})

test('S1: a key hangs on a lease that exists; what is refused changes nothing', () => {
  const replica = new StrictReplica()
  const before = [replica.revision, replica.digest]

  assertRefused(replica.put('a', '7'), 'leaseNotFound')
  assert.deepEqual([replica.revision, replica.digest], before)

  replica.grant('7')
  assert.equal(replica.put('a', '7').type, 'done')
  assert.equal(replica.keys, 'a@7')
})

test('S1: a lease takes its keys along in one revision, in the order of the keys', () => {
  const replica = new StrictReplica()
  replica.grant('7')
  replica.grant('8')
  for (const key of ['c', 'a', 'b']) replica.put(key, '7')
  replica.put('other', '8')
  const before = replica.revision

  const { keysDeleted } = replica.run({ type: 'leaseRevoke', id: '7' }, 'leaseRevoked')

  assert.equal(keysDeleted, 3)
  assert.equal(replica.revision, before + 1)
  assert.equal(replica.keys, 'other@8')
  const [gone, changes] = replica.feed
  assert.equal(gone?.type, 'leaseGone')
  assert.ok(changes?.type === 'changes')
  assert.equal(changes.revision, before + 1)
  assert.deepEqual(
    changes.changes.map(({ kv, deleted }) => [fromUtf8(kv.key), deleted]),
    [
      ['a', true],
      ['b', true],
      ['c', true],
    ],
  )
})

test('S1: a lease without keys ends without a revision; many that end in one command have one each', () => {
  const replica = new StrictReplica()
  const marks = ['7', '8', '9'].map((id) => replica.grant(id))
  replica.put('a', '7')
  replica.put('b', '8')
  const before = replica.revision

  const { expired } = replica.run({ type: 'leaseExpire', leases: marks, term: 1 }, 'leasesExpired')

  assert.equal(expired, 3)
  assert.equal(replica.revision, before + 2)
  assert.deepEqual(
    replica.feed.map(({ type }) => type),
    ['leaseGone', 'changes', 'leaseGone', 'changes', 'leaseGone'],
  )
})

test('S1: a key that moved to another lease, or to none, does not go with the first', () => {
  const replica = new StrictReplica()
  replica.grant('7')
  replica.grant('8')
  for (const key of ['a', 'b', 'c']) replica.put(key, '7')
  replica.put('a', '8')
  replica.put('b', '0')

  replica.run({ type: 'leaseRevoke', id: '7' }, 'leaseRevoked')

  assert.equal(replica.keys, 'a@8 b@0')
  const { keys } = replica.query({ type: 'lease', id: '8', keys: true }, 'lease')
  assert.deepEqual(keys.map(fromUtf8), ['a'])
})

test('S1: after a compaction of their history the keys of a lease still go with it', () => {
  const replica = new StrictReplica()
  replica.grant('7')
  for (const key of ['a', 'a', 'b', 'a']) replica.put(key, '7')
  replica.run({ type: 'compact', revision: replica.revision }, 'compact')
  replica.restart()

  const { keysDeleted } = replica.run({ type: 'leaseRevoke', id: '7' }, 'leaseRevoked')

  assert.equal(keysDeleted, 2)
  assert.equal(replica.keys, '')
})

test('M2: after a restart and out of a snapshot a keyspace has the leases, the keys on them and the digest it had', () => {
  const replica = new StrictReplica()
  const long = replica.grant('9007199254740993', 9_000)
  replica.grant('2')
  replica.put('a', long.id)
  replica.apply({ type: 'leaseCheckpoint', remaining: [{ ...long, seconds: 77 }], term: 1 })
  const wanted = [replica.digest, replica.keys, replica.query({ type: 'leases' }, 'leases').leases.length]

  replica.restart()
  assert.deepEqual([replica.digest, replica.keys, replica.state.leases.leases.size], wanted)
  const chunks = replica.snapshot()
  replica.grant('3')
  replica.restore(chunks)

  assert.deepEqual([replica.digest, replica.keys, replica.state.leases.leases.size], wanted)
  assert.equal(replica.query({ type: 'lease', id: long.id, keys: false }, 'lease').lease?.remainingSeconds, 77)
  assert.equal(replica.run({ type: 'leaseRevoke', id: long.id }, 'leaseRevoked').keysDeleted, 1)
})

test('M2: a snapshot is of the moment it was taken, though leases end while it is read', () => {
  const replica = new StrictReplica()
  replica.grant('7')
  replica.put('a', '7')
  const wanted = replica.digest
  const opened = replica.open()
  replica.run({ type: 'leaseRevoke', id: '7' }, 'leaseRevoked')
  const chunks = drain(opened)

  replica.restore(chunks)

  assert.equal(replica.digest, wanted)
  assert.equal(replica.keys, 'a@7')
})

test('M2: a snapshot of a keyspace from before there were leases is one without any', () => {
  const replica = new StrictReplica()
  replica.put('a', '0')
  const old = drain(keyspace.snapshot(replica.state.keyspace))

  const restored = new StrictReplica()
  restored.restore(old)

  assert.equal(restored.keys, 'a@0')
  assert.equal(restored.state.leases.leases.size, 0)
})

test('a checkpoint says what is left; the whole TTL takes it back, and what says nothing new is passed over', () => {
  const replica = new StrictReplica()
  const mark = replica.grant('7', 60)
  const write = (seconds: number): unknown => {
    replica.run({ type: 'leaseCheckpoint', remaining: [{ ...mark, seconds }], term: 1 }, 'leasesCheckpointed')
    return replica.feed.map((item) => (item.type === 'leaseCheckpointed' ? (item.seconds ?? 'whole') : item))
  }

  assert.deepEqual(write(12.5), [12.5])
  assert.deepEqual(write(12.5), [])
  assert.deepEqual(write(60), ['whole'])
  assert.deepEqual(write(61), [])
  assert.deepEqual(write(0), [])
  assert.deepEqual(write(Number.NaN), [])
})

test('J3: whatever happens, the digest of a table is a function of its leases, and its store holds them', () => {
  const id = fc.constantFrom('1', '2', '3')
  const step = fc.record({
    kind: fc.nat(2),
    id,
    ttl: fc.integer({ min: 1, max: 50 }),
    seconds: fc.integer({ min: 1, max: 60 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const store = new MemoryStore()
      const table = openLeaseTable(store)
      for (const [at, { kind, id: name, ttl, seconds }] of steps.entries()) {
        const there = table.leases.get(name)
        if (kind === 0 && there === undefined) grant(table, name, ttl, at + 1)
        else if (kind === 1 && there !== undefined) end(table, name)
        else if (there !== undefined) checkpoint(table, { id: name, granted: there.granted, seconds })
      }

      const reopened = openLeaseTable(store)
      const restored = openLeaseTable(new MemoryStore())
      for (const chunk of leaseChunks(table)) restoreLeases(restored, chunk)
      for (const other of [reopened, restored]) {
        assert.equal(other.digest, table.digest)
        assert.deepEqual(sorted(leasesOf(other)), sorted(leasesOf(table)))
      }
    }),
  )
})

function sorted(leases: readonly LeaseRecord[]): readonly LeaseRecord[] {
  return [...leases].sort((a, b) => Number(a.id) - Number(b.id))
}
