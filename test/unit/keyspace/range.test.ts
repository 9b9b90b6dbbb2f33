import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../../base/bytes.ts'
import { all, assertRefused, del, keysOf, put, Replica, range, toTheEnd } from './replica.ts'

/** a to e; versions 1 3 1 2 1, written last: a c e b d. Values run against keys. */
function filled(): Replica {
  const replica = new Replica()
  for (const [key, value] of ['a5', 'b0', 'c3', 'b0', 'd0', 'e1', 'b4', 'd2'].entries()) {
    assert.ok(key >= 0)
    replica.apply(put(value.charAt(0), value.charAt(1)))
  }
  return replica
}

test('a range takes one key, keys up to an end that is excluded, or all from a key on', () => {
  const replica = filled()
  const keys = (key: string, rangeEnd?: string): string =>
    keysOf(replica.range(key, rangeEnd === undefined ? {} : { rangeEnd: utf8(rangeEnd) }))

  assert.equal(keys('b'), 'b')
  assert.equal(keys('bb'), '')
  assert.equal(keys('b', ''), 'b')
  assert.equal(keys('b', 'd'), 'b c')
  assert.equal(keys('b', 'd\0'), 'b c d')
  assert.equal(keys('c', toTheEnd), 'c d e')
  assert.equal(keys('\0', toTheEnd), 'a b c d e')
  assert.equal(keys('d', 'b'), '')
  assert.equal(keys('c', 'c'), '')
})

test('keys order as unsigned bytes, a prefix first', () => {
  const replica = new Replica()
  for (const key of [[0xff], [0x61, 0x00], [0x61], [0x80], [0x00], [0x61, 0x62]]) {
    replica.apply({ type: 'put', key: new Uint8Array(key), value: utf8('') })
  }

  const { kvs } = replica.range('\0', all())

  assert.deepEqual(
    kvs.map(({ key }) => [...key]),
    [[0x00], [0x61], [0x61, 0x00], [0x61, 0x62], [0x80], [0xff]],
  )
})

test('a range at a revision sees the keys of then, deleted ones included', () => {
  const replica = new Replica()
  replica.apply(put('a', '1'))
  replica.apply(put('b', '1'))
  replica.apply(del('a'))
  replica.apply(put('a', '2'))

  const at = (revision: number): string => keysOf(replica.range('\0', all({ revision })))

  assert.deepEqual([1, 2, 3, 4, 5].map(at), ['', 'a', 'a b', 'b', 'a b'])
  assert.equal(at(0), 'a b')
})

test('a revision ahead of the keyspace is refused, one before the compact revision too, the compact revision itself not', () => {
  const replica = filled()
  replica.apply({ type: 'compact', revision: 5 })

  assertRefused(replica.query(range('a', { revision: 10 })), 'futureRevision')
  assertRefused(replica.query(range('a', { revision: 4 })), 'compacted')
  assert.equal(keysOf(replica.range('\0', all({ revision: 5 }))), 'a b c')
  assert.equal(keysOf(replica.range('\0', all({ revision: 9 }))), 'a b c d e')
})

test('K6, K7: count is of all keys in the range, and more says that the limit cut', () => {
  const replica = filled()
  const seen = (more: object): object => {
    const { kvs, more: cut, count } = replica.range('b', { rangeEnd: utf8('e'), ...more })
    return { keys: keysOf({ kvs }), cut, count }
  }

  assert.deepEqual(seen({}), { keys: 'b c d', cut: false, count: 3 })
  assert.deepEqual(seen({ limit: 2 }), { keys: 'b c', cut: true, count: 3 })
  assert.deepEqual(seen({ limit: 3 }), { keys: 'b c d', cut: false, count: 3 })
  assert.deepEqual(seen({ countOnly: true, limit: 1 }), { keys: '', cut: false, count: 3 })
  assert.deepEqual(seen({ minModRevision: 8 }), { keys: 'b d', cut: false, count: 3 })
  assert.deepEqual(seen({ minModRevision: 8, limit: 1 }), { keys: 'b', cut: true, count: 3 })
  assert.deepEqual(seen({ maxModRevision: 4, limit: 1 }), { keys: 'c', cut: false, count: 3 })
})

test('K6: countOnly over everything counts live keys alone, at any revision', () => {
  const replica = filled()
  replica.apply(del('a'))

  assert.equal(replica.range('\0', all({ countOnly: true })).count, 4)
  assert.equal(replica.range('\0', all({ countOnly: true, revision: 9 })).count, 5)
  assert.equal(replica.range('b', { countOnly: true }).count, 1)
  assert.equal(replica.range('a', { countOnly: true }).count, 0)
})

test('revision filters include their bounds', () => {
  const replica = filled()
  const keys = (more: object): string => keysOf(replica.range('\0', all(more)))

  // mod revisions: a 2, c 4, e 7, b 8, d 9; create revisions: a 2, b 3, c 4, d 6, e 7
  assert.equal(keys({ minModRevision: 7 }), 'b d e')
  assert.equal(keys({ maxModRevision: 7 }), 'a c e')
  assert.equal(keys({ minCreateRevision: 4 }), 'c d e')
  assert.equal(keys({ maxCreateRevision: 4 }), 'a b c')
  assert.equal(keys({ minModRevision: 4, maxModRevision: 8, minCreateRevision: 3, maxCreateRevision: 6 }), 'b c')
})

test('ranges sort by every target, both ways; with an order the limit applies last', () => {
  const replica = filled()
  const keys = (sortTarget: 'key' | 'version' | 'create' | 'mod' | 'value', sortOrder: 'ascend' | 'descend'): string =>
    keysOf(replica.range('\0', all({ sortTarget, sortOrder })))

  assert.equal(keys('key', 'ascend'), 'a b c d e')
  assert.equal(keys('key', 'descend'), 'e d c b a')
  assert.equal(keys('version', 'ascend'), 'a c e d b')
  assert.equal(keys('version', 'descend'), 'b d a c e')
  assert.equal(keys('create', 'ascend'), 'a b c d e')
  assert.equal(keys('mod', 'ascend'), 'a c e b d')
  assert.equal(keys('mod', 'descend'), 'd b e c a')
  assert.equal(keys('value', 'ascend'), 'e d c b a')
  assert.equal(keys('value', 'descend'), 'a b c d e')
  assert.deepEqual(keysOf(replica.range('\0', all({ sortTarget: 'mod', sortOrder: 'descend', limit: 2 }))), 'd b')
})

test('a sort target without an order ascends, after the limit took its part in order of keys', () => {
  const replica = filled()

  assert.equal(keysOf(replica.range('\0', all({ sortTarget: 'value' }))), 'e d c b a')
  // Of a, b and c (one more than asked for), those with the smallest values.
  assert.equal(keysOf(replica.range('\0', all({ sortTarget: 'value', limit: 2 }))), 'c b')
})

test('keysOnly leaves the values out and all else in', () => {
  const replica = filled()
  const [whole] = replica.range('b').kvs
  const [bare] = replica.range('b', { keysOnly: true }).kvs

  assert.deepEqual(bare, { ...whole, value: new Uint8Array(0) })
})

test('K6: ten thousand keys are ranged, limited and counted right', () => {
  const replica = new Replica()
  const name = (i: number): string => `key ${String(i).padStart(5, '0')}`
  for (let i = 0; i < 10_000; i++) replica.apply(put(name((i * 7_919) % 10_000), String(i)))

  const whole = replica.range('key', { rangeEnd: utf8('kez') })
  const part = replica.range(name(2_500), { rangeEnd: utf8(name(7_500)), limit: 10 })

  assert.equal(whole.kvs.length, 10_000)
  assert.equal(keysOf(part), Array.from({ length: 10 }, (_, i) => name(2_500 + i)).join(' '))
  assert.deepEqual([part.count, part.more], [5_000, true])
})
