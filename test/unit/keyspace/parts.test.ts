import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeFacts, encodeFacts } from '../../../actors/keyspace/facts.ts'
import { GarbageLine } from '../../../actors/keyspace/garbage-line.ts'
import { KeyTable } from '../../../actors/keyspace/key-table.ts'
import { RecordCache } from '../../../actors/keyspace/record-cache.ts'
import {
  decodeHead,
  encodeRecord,
  recordBytesMax,
  recordHash,
  valueStart,
} from '../../../actors/keyspace/record-codec.ts'
import { InvariantError } from '../../../base/assert.ts'
import { utf8 } from '../../../base/bytes.ts'
import { hash32 } from '../../../base/digest.ts'

const revisionNumber = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc.constantFrom(127, 128, 16_383, 16_384, Number.MAX_SAFE_INTEGER),
)
const fields = fc.record(
  {
    key: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    value: fc.uint8Array({ maxLength: 300 }),
    create: revisionNumber,
    version: revisionNumber,
    lease: fc.oneof(fc.constant('0'), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
    deleted: fc.boolean(),
  },
  { noNullPrototype: true },
)

test('K1: a record is read back as it was written, within the bytes foretold', () => {
  fc.assert(
    fc.property(fields, (written) => {
      const record = encodeRecord(written)
      const { key, create, version, lease, deleted, valueAt } = decodeHead(record)

      assert.deepEqual({ key, create, version, lease, deleted, value: record.subarray(valueAt) }, written)
      assert.equal(valueStart(record), valueAt)
      assert.ok(record.length <= recordBytesMax(written.key.length, written.value.length))
    }),
  )
})

test('K1: a record that was cut is not taken for one', () => {
  const record = encodeRecord({
    key: new Uint8Array(200),
    value: new Uint8Array(0),
    create: 300,
    version: 1,
    lease: '0',
    deleted: false,
  })

  for (let length = 2; length < record.length; length += 9) {
    assert.throws(() => decodeHead(record.subarray(0, length)), InvariantError)
  }
})

test('the hash of a record depends on every byte and on its place', () => {
  const record = new Uint8Array(37)
  const hashes = new Set([recordHash(2, 0, record), recordHash(3, 0, record), recordHash(2, 1, record)])
  hashes.add(recordHash(2 + 2 ** 32, 0, record))
  hashes.add(recordHash(2, 0, record.subarray(1)))
  for (let i = 0; i < record.length; i++) {
    const changed = record.slice()
    changed[i] = 1
    hashes.add(recordHash(2, 0, changed))
  }

  assert.equal(hashes.size, 5 + record.length)
})

test('K1: facts are read back as they were written', () => {
  const facts = {
    compactRevision: 2 ** 40,
    alarms: [
      { member: 2 ** 53 - 1, alarm: 'nospace' },
      { member: 0, alarm: 'corrupt' },
    ],
  } as const

  assert.deepEqual(decodeFacts(encodeFacts(facts)), facts)
  assert.deepEqual(decodeFacts(encodeFacts({ compactRevision: -1, alarms: [] })), { compactRevision: -1, alarms: [] })
  assert.throws(() => decodeFacts(new Uint8Array([9, 0, 0])), InvariantError)
})

test('the cache holds what is used within its bytes, and forgets what is not', () => {
  const cache = new RecordCache<{ readonly id: number }>(1_000)
  const ids = Array.from({ length: 40 }, (_, id) => ({ id }))
  const [kept] = ids
  assert.ok(kept !== undefined)

  for (const id of ids) {
    cache.set(id, new Uint8Array(36))
    assert.equal(cache.get(kept)?.length, 36)
  }

  const held = ids.filter((id) => cache.get(id) !== undefined)
  assert.ok(held.length <= 10 && held.length >= 5, `${held.length} of 100 bytes each are held in 1000`)
  assert.ok(held.includes(kept))
})

test('the cache forgets what it is told to, and takes nothing that is too large for it', () => {
  const cache = new RecordCache<object>(1_000)
  const [one, two] = [{}, {}]

  cache.set(one, new Uint8Array(20))
  cache.set(two, new Uint8Array(437))
  assert.deepEqual([cache.get(one)?.length, cache.get(two)], [20, undefined])
  cache.delete(one)
  assert.equal(cache.get(one), undefined)
})

test('the table finds keys that share a hash, and forgets each by itself', () => {
  const table = new KeyTable<{ readonly key: Uint8Array; sameHash: never }>()
  const keys = collidingKeys()
  const entries = keys.map((key) => ({ key, sameHash: undefined as never }))

  for (const entry of entries) table.add(entry)
  for (const entry of entries) assert.equal(table.get(entry.key.slice()), entry)

  for (const [i, removed] of [...entries.entries()].sort(([a], [b]) => ((a * 5) % 7) - ((b * 5) % 7))) {
    table.delete(removed)
    assert.equal(table.get(removed.key), undefined, `key ${i}`)
  }
})

/** Two pairs of keys with one hash each, and some that are alone. */
function collidingKeys(): Uint8Array[] {
  const seen = new Map<number, Uint8Array>()
  const found: Uint8Array[] = []
  for (let i = 0; found.length < 4; i++) {
    const key = utf8(`key ${i}`)
    const other = seen.get(hash32(key))
    if (other !== undefined) found.push(other, key)
    seen.set(hash32(key), key)
  }
  return [...found, utf8('a'), utf8('b'), utf8('c')]
}

test('a garbage line gives ripe items, in order, and keeps the rest waiting', () => {
  const line = new GarbageLine<number>()
  const dropped: number[] = []
  const taken: number[] = []
  for (let i = 0; i < 5_000; i++) line.add(i)

  assert.equal(line.take(), undefined)
  for (const limit of [10, 10, 2_500, 4_999]) {
    line.ripen(
      (item) => item < limit,
      (item) => dropped.push(item),
    )
    for (let i = 0; i < 2_000; i++) {
      const item = line.take()
      if (item !== undefined) taken.push(item)
    }
  }

  assert.deepEqual(
    dropped,
    Array.from({ length: 4_999 }, (_, i) => i),
  )
  assert.deepEqual(taken, dropped.slice(0, 4_010))
  assert.equal(line.ripeCount, 4_999 - 4_010)
})
