import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compactStep } from '../../../actors/keyspace/compact.ts'
import { keyspace } from '../../../actors/keyspace/machine.ts'
import { InvariantError } from '../../../base/assert.ts'
import { all, del, put, Replica, told } from './replica.ts'

function filled(): Replica {
  const replica = new Replica()
  for (let i = 0; i < 300; i++) replica.apply(put(`k${i % 40}`, `value ${i}`))
  for (let i = 0; i < 10; i++) replica.apply(del(`k${i}`))
  replica.apply({ type: 'alarm', action: 'activate', member: 5, alarm: 'nospace' })
  replica.apply({ type: 'compact', revision: 250 })
  return replica
}

test('M2, K14: a restored keyspace answers as the original, and goes on as it does', () => {
  const original = filled()
  const copy = new Replica()

  copy.restore(original.snapshot())

  assert.equal(copy.digest, original.digest)
  assert.deepEqual(copy.status, original.status)
  for (const revision of [0, 250, 283, 311]) {
    assert.deepEqual(copy.query(all({ revision })), original.query(all({ revision })))
  }
  assert.equal(copy.hashKv(260), original.hashKv(260))
  for (const command of [del('k1', 'k3'), { type: 'compact', revision: 300 } as const]) {
    assert.deepEqual(copy.apply(command), original.apply(command))
  }
  assert.equal(copy.digest, original.digest)
  copy.restart()
  assert.equal(copy.digest, original.digest)
})

test('M2: a snapshot is of the moment it was taken, however much is applied while it is pulled', () => {
  const original = filled()
  original.apply({ type: 'alarm', action: 'deactivate', member: 5, alarm: 'nospace' })
  const { digest, status } = original
  const before = original.range('\0', all()).kvs.map(told)

  const { chunks, done } = keyspace.snapshot(original.state)
  const pulled: Uint8Array[] = []
  for (let next = chunks.next(); next.done !== true; next = chunks.next()) {
    pulled.push(next.value)
    original.apply(put('k5', 'later'))
    original.apply(del('k2', 'k3'))
    original.apply({ type: 'compact', revision: original.state.revision })
    compactStep(original.state, 1_000)
  }
  done()

  const copy = new Replica()
  copy.restore(pulled)
  assert.equal(copy.digest, digest)
  assert.deepEqual(copy.status, status)
  assert.deepEqual(copy.range('\0', all()).kvs.map(told), before)
})

test('K14: while a snapshot is open nothing is removed; when all are done, all of it is', () => {
  const replica = filled()
  const first = keyspace.snapshot(replica.state)
  const second = keyspace.snapshot(replica.state)
  const { size } = replica.store

  assert.equal(compactStep(replica.state, 1_000), false)
  first.done()
  first.done()
  assert.equal(compactStep(replica.state, 1_000), false)
  assert.equal(replica.store.size, size)

  second.done()
  assert.equal(compactStep(replica.state, 1_000), false)
  assert.ok(replica.store.size < size)
})

test('chunks are about 1 MiB, whatever the sizes of the values', () => {
  const replica = new Replica()
  const value = 'v'.repeat(100_000)
  for (let i = 0; i < 25; i++) replica.apply(put(`k${i}`, value))
  replica.apply(put('big', 'b'.repeat(1_500_000)))

  const sizes = replica.snapshot().map(({ length }) => length)

  assert.deepEqual(
    sizes.map((size) => Math.round(size / 100_000)),
    [0, 11, 11, 18],
  )
  const copy = new Replica()
  copy.restore(replica.snapshot())
  assert.equal(copy.range('big').kvs[0]?.value.length, 1_500_000)
})

test('an empty keyspace has a snapshot, too', () => {
  const copy = new Replica()

  copy.restore(new Replica().snapshot())

  assert.deepEqual([copy.state.revision, copy.status.keys], [1, 0])
  assert.equal(copy.apply(put('a')).revision, 2)
})

test('K14: a snapshot that lost a chunk, its head, or a bit is not opened', () => {
  const chunks = filled().snapshot()
  const copy = new Replica()
  const flipped = chunks.map((chunk) => chunk.slice())
  const records = flipped[1] ?? assert.fail('there are records')
  records[records.length - 1] = (records[records.length - 1] ?? 0) ^ 1

  assert.throws(() => copy.restore(chunks.slice(0, -1)), InvariantError)
  assert.throws(() => copy.restore(chunks.slice(1)), InvariantError)
  assert.throws(() => copy.restore([]), InvariantError)
  assert.throws(() => copy.restore(flipped), InvariantError)
})
