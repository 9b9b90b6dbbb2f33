import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../../base/bytes.ts'
import { all, assertRefused, del, keysOf, put, Replica, told, toTheEnd } from './replica.ts'

test('K8: an empty keyspace is at revision 1, and its first write gets 2', () => {
  const replica = new Replica()
  const before = replica.query({ type: 'range', key: utf8('a') })

  const reply = replica.apply(put('a', '1'))

  assert.deepEqual(before, { type: 'done', revision: 1, response: { type: 'range', kvs: [], more: false, count: 0 } })
  assert.deepEqual(reply, { type: 'done', revision: 2, response: { type: 'put' } })
  assert.deepEqual(replica.range('a').kvs.map(told), ['a=1 2/2/1'])
})

test('a put keeps the create revision and counts the version; a new life after a delete starts over', () => {
  const replica = new Replica()

  replica.apply(put('a', '1'))
  replica.apply(put('a', '2'))
  assert.deepEqual(replica.range('a').kvs.map(told), ['a=2 2/3/2'])

  replica.apply(del('a'))
  replica.apply(put('a', '3'))
  assert.deepEqual(replica.range('a').kvs.map(told), ['a=3 5/5/1'])
})

test('K8: a delete of nothing leaves the revision, and says that it deleted nothing', () => {
  const replica = new Replica()
  replica.apply(put('a', '1'))

  const reply = replica.apply(del('b', 'z', { prevKv: true }))

  assert.deepEqual(reply, {
    type: 'done',
    revision: 2,
    response: { type: 'deleteRange', deleted: 0, prevKvs: [] },
  })
})

test('K8: a delete of many keys is one revision, and answers what was there when asked to', () => {
  const replica = new Replica()
  for (const key of ['a', 'b', 'c', 'd']) replica.apply(put(key, key.toUpperCase()))

  const told3 = replica.run<'deleteRange'>(del('b', 'd', { prevKv: true }))

  assert.equal(told3.deleted, 2)
  assert.deepEqual(told3.prevKvs.map(told), ['b=B 3/3/1', 'c=C 4/4/1'])
  assert.equal(replica.state.revision, 6)
  assert.equal(keysOf(replica.range('\0', all())), 'a d')
  assert.equal(replica.run<'deleteRange'>(del('a', toTheEnd)).deleted, 2)
})

test('a put answers the key before it when asked to, and nothing for a new key', () => {
  const replica = new Replica()

  const first = replica.run<'put'>(put('a', '1', { prevKv: true }))
  const second = replica.run<'put'>(put('a', '2', { prevKv: true }))

  assert.equal(first.prevKv, undefined)
  assert.equal(second.prevKv && told(second.prevKv), 'a=1 2/2/1')
})

test('ignoreValue and ignoreLease keep what the key has, and need a key that is there', () => {
  const replica = new Replica()
  replica.state.leaseExists = (lease) => lease === '7' || lease === '8'
  replica.apply(put('a', '1', { lease: '7' }))

  replica.apply(put('a', '', { ignoreValue: true, lease: '8' }))
  assert.deepEqual(replica.range('a').kvs.map(told), ['a=1 2/3/2 lease 8'])

  replica.apply(put('a', '2', { ignoreLease: true }))
  assert.deepEqual(replica.range('a').kvs.map(told), ['a=2 2/4/3 lease 8'])

  replica.apply(put('a', '3'))
  assert.deepEqual(replica.range('a').kvs.map(told), ['a=3 2/5/4'])
  assertRefused(replica.apply(put('b', '', { ignoreValue: true })), 'keyNotFound')
  assertRefused(replica.apply(put('b', '1', { ignoreLease: true })), 'keyNotFound')
  assert.equal(replica.state.revision, 5)
})

test('a put with a lease is refused where no lease table says that the lease exists', () => {
  const replica = new Replica()

  assertRefused(replica.apply(put('a', '1', { lease: '7' })), 'leaseNotFound')
  // A missing lease is named before a missing key.
  assertRefused(replica.apply(put('a', '', { lease: '7', ignoreValue: true })), 'leaseNotFound')
  assert.equal(replica.apply(put('a', '1', { lease: '0' })).type, 'done')
})

test('answers belong to the caller: writing into one changes nothing here', () => {
  const replica = new Replica()
  const value = utf8('1')
  replica.apply({ type: 'put', key: utf8('a'), value })

  const [answered] = replica.range('a').kvs
  answered?.value.fill(0xff)
  answered?.key.fill(0xff)
  const [keyOnly] = replica.range('a', { keysOnly: true }).kvs
  keyOnly?.key.fill(0xff)
  value.fill(0xff)

  assert.deepEqual(replica.range('a').kvs.map(told), ['a=1 2/2/1'])
  replica.restart()
  assert.deepEqual(replica.range('a').kvs.map(told), ['a=1 2/2/1'])
})

test('K5: every version is read back alike from memory, from the store and after a restart', () => {
  const cached = new Replica(1_048_576)
  const uncached = new Replica(0)
  for (const replica of [cached, uncached]) {
    for (let i = 0; i < 300; i++) replica.apply(put(`k${i % 50}`, `value ${i}`))
  }

  const read = (replica: Replica, revision: number): string[] =>
    replica.range('k', { ...all(), revision }).kvs.map(told)

  for (const revision of [0, 2, 77, 300]) assert.deepEqual(read(cached, revision), read(uncached, revision))
  const before = read(cached, 0)
  cached.restart()
  assert.deepEqual(read(cached, 0), before)
  assert.equal(before.length, 50)
  assert.equal(before[0], 'k0=value 250 2/252/6')
})
