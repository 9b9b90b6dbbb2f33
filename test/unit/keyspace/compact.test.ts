import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compactStep } from '../../../actors/keyspace/compact.ts'
import { keyspace } from '../../../actors/keyspace/machine.ts'
import { utf8 } from '../../../base/bytes.ts'
import { all, assertRefused, del, put, Replica, range, responseOf, told } from './replica.ts'

/** Revisions of `a`: 2 put, 3 put, 4 delete, 5 put, 6 put; of `b`: 7 put, 8 delete. */
function filled(): Replica {
  const replica = new Replica()
  for (const command of [
    put('a', '2'),
    put('a', '3'),
    del('a'),
    put('a', '5'),
    put('a', '6'),
    put('b', '7'),
    del('b'),
  ]) {
    replica.apply(command)
  }
  return replica
}

/** Main revisions whose records are in the store. */
function stored(replica: Replica): number[] {
  return [...replica.state.records.scan(0, 1_000)].map(({ main }) => main)
}

test('a compaction goes forward, and not beyond the present', () => {
  const replica = filled()

  assertRefused(replica.apply({ type: 'compact', revision: 9 }), 'futureRevision')
  assert.deepEqual(replica.apply({ type: 'compact', revision: 5 }), {
    type: 'done',
    revision: 8,
    response: { type: 'compact' },
  })
  assertRefused(replica.apply({ type: 'compact', revision: 5 }), 'compacted')
  assertRefused(replica.apply({ type: 'compact', revision: 4 }), 'compacted')
  assertRefused(replica.apply({ type: 'compact', revision: Number.NaN }), 'compacted')
  assert.equal(replica.apply({ type: 'compact', revision: 8 }).type, 'done')
})

test('before the first compaction the compact revision is -1, so 0 can be compacted, once', () => {
  const replica = new Replica()

  assert.equal(replica.status.compactRevision, -1)
  assertRefused(replica.apply({ type: 'compact', revision: -1 }), 'compacted')
  assert.equal(replica.apply({ type: 'compact', revision: 0 }).type, 'done')
  assertRefused(replica.apply({ type: 'compact', revision: 0 }), 'compacted')
})

test('K2: a compaction keeps of each key the newest version at it and all later ones, and no tombstone before it', () => {
  const kept: readonly [compactRevision: number, stored: readonly number[]][] = [
    [1, [2, 3, 4, 5, 6, 7, 8]],
    [2, [2, 3, 4, 5, 6, 7, 8]],
    [3, [3, 4, 5, 6, 7, 8]],
    // The tombstone at the compact revision itself: somebody may watch from there on.
    [4, [4, 5, 6, 7, 8]],
    [5, [5, 6, 7, 8]],
    [6, [6, 7, 8]],
    [7, [6, 7, 8]],
    [8, [6, 8]],
  ]

  for (const [revision, expected] of kept) {
    const replica = filled()
    replica.apply({ type: 'compact', revision })
    replica.removeDropped()
    assert.deepEqual(stored(replica), expected, `compacted at ${revision}`)
    assert.equal(replica.status.removable, 0)
  }
})

test('K2: one compaction after another keeps what one alone would', () => {
  const replica = filled()

  for (const revision of [2, 4, 6, 8]) {
    replica.apply({ type: 'compact', revision })
    compactStep(replica.state, 1)
  }
  replica.apply(put('c'))
  replica.apply({ type: 'compact', revision: 9 })
  replica.removeDropped()

  assert.deepEqual(stored(replica), [6, 9])
  assert.equal(replica.state.index.find(utf8('b')), undefined)
  assert.deepEqual(replica.range('\0', all()).kvs.map(told), ['a=6 5/6/2', 'c= 9/9/1'])
})

test('what is dropped no longer counts, at once, before and after it is removed', () => {
  const replica = filled()
  const sizes = new Map([...replica.state.records.scan(0, 100)].map(({ main, record }) => [main, 13 + record.length]))
  const sum = (...revisions: number[]): number => revisions.reduce((total, each) => total + (sizes.get(each) ?? 0), 0)
  assert.equal(replica.status.bytes, sum(2, 3, 4, 5, 6, 7, 8))

  replica.apply({ type: 'compact', revision: 6 })
  assert.deepEqual([replica.status.bytes, replica.status.removable > 0], [sum(6, 7, 8), true])

  replica.removeDropped()
  assert.deepEqual([replica.status.bytes, replica.status.removable], [sum(6, 7, 8), 0])
})

test('removal is bounded, and says whether more is left', () => {
  const replica = new Replica()
  for (let i = 0; i < 10; i++) replica.apply(put('a', String(i)))
  assert.equal(compactStep(replica.state, 4), false)

  replica.apply({ type: 'compact', revision: 11 })

  assert.equal(replica.store.size, 11)
  assert.equal(compactStep(replica.state, 4), true)
  assert.equal(replica.store.size, 7)
  assert.equal(compactStep(replica.state, 4), true)
  assert.equal(compactStep(replica.state, 4), false)
  assert.equal(replica.store.size, 2)
  assert.equal(keyspace.idle?.(replica.state), false)
})

test('K3: a restart in the middle of removal never shows a deleted key again', () => {
  const replica = new Replica()
  for (const key of ['a', 'b', 'c']) {
    replica.apply(put(key, '1'))
    replica.apply(put(key, '2'))
    replica.apply(del(key))
  }
  replica.apply(put('b', '3'))
  replica.apply({ type: 'compact', revision: 11 })
  const { bytes, keys } = replica.status
  const { digest } = replica

  for (let more = true; more; ) {
    more = compactStep(replica.state, 1)
    replica.restart()
    assert.deepEqual(replica.range('\0', all()).kvs.map(told), ['b=3 11/11/1'])
    assert.deepEqual([replica.status.bytes, replica.status.keys, replica.digest], [bytes, keys, digest])
  }
  assert.deepEqual(stored(replica), [11])
})

test('a keyspace whose every record is gone remembers its revision', () => {
  const replica = new Replica()
  replica.apply(put('a'))
  replica.apply(del('a'))
  replica.apply(put('b'))
  replica.apply(txnOfDeletes())
  replica.apply({ type: 'compact', revision: 5 })
  replica.removeDropped()
  assert.deepEqual(stored(replica), [5])

  replica.restart()

  assert.equal(replica.state.revision, 5)
  assert.deepEqual(replica.apply(put('c')).revision, 6)
})

function txnOfDeletes(): Parameters<Replica['apply']>[0] {
  return { type: 'txn', compare: [], success: [del('b')], failure: [] }
}

test('a long history of one key is read at any revision while it is removed from the front', () => {
  const replica = new Replica()
  for (let i = 2; i <= 400; i++) replica.apply(put('a', String(i)))

  for (let compactRevision = 50; compactRevision <= 350; compactRevision += 50) {
    replica.apply({ type: 'compact', revision: compactRevision })
    compactStep(replica.state, 40)
    for (let revision = compactRevision; revision <= 400; revision += 7) {
      assert.equal(
        told(replica.range('a', { revision }).kvs[0] ?? assert.fail()),
        `a=${revision} 2/${revision}/${revision - 1}`,
      )
    }
  }
  assert.equal(responseOf<'range'>(replica.query(range('a'))).kvs[0]?.version, 399)
})
