import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Compare } from '../../../actors/keyspace/messages.ts'
import { InvariantError } from '../../../base/assert.ts'
import { utf8 } from '../../../base/bytes.ts'
import {
  all,
  assertRefused,
  compare,
  del,
  keysOf,
  put,
  Replica,
  range,
  responseOf,
  told,
  toTheEnd,
  txn,
} from './replica.ts'

function succeeded(replica: Replica, guard: Compare): boolean {
  return responseOf<'txn'>(replica.query(txn([guard], []))).succeeded
}

test('K8: all writes of a transaction share one revision; one that changes nothing has none', () => {
  const replica = new Replica()

  const wrote = replica.apply(txn([], [put('a', '1'), put('b', '2'), del('c')]))
  const idle = replica.apply(txn([], [del('x', 'z'), range('a')]))

  assert.equal(wrote.revision, 2)
  assert.deepEqual(replica.range('\0', all()).kvs.map(told), ['a=1 2/2/1', 'b=2 2/2/1'])
  assert.equal(idle.revision, 2)
})

test('operations see the writes before them, ranges at a revision see that revision', () => {
  const replica = new Replica()
  replica.apply(put('a', 'old'))

  const { responses } = replica.run<'txn'>(
    txn(
      [],
      [
        range('a'),
        put('a', 'new', { prevKv: true }),
        range('a'),
        range('a', { revision: 2 }),
        del('b'),
        txn([], [all()]),
      ],
    ),
  )

  const values = responses.map((each) => {
    if (each.type === 'range') return each.kvs.map(told).join()
    if (each.type === 'put') return each.prevKv && told(each.prevKv)
    return each.type === 'txn'
      ? each.responses.map((inner) => inner.type === 'range' && inner.kvs.map(told).join())[0]
      : each.deleted
  })
  assert.deepEqual(values, ['a=old 2/2/1', 'a=old 2/2/1', 'a=new 2/3/2', 'a=old 2/2/1', 0, 'a=new 2/3/2'])
})

test('the first branch runs when all compares hold, the other when one does not', () => {
  const replica = new Replica()
  replica.apply(put('a', '1'))
  const yes = compare('a', { type: 'value', value: utf8('1') })
  const no = compare('a', { type: 'version', value: 2 })

  assert.equal(replica.run<'txn'>(txn([yes], [put('b', 'then')], [put('b', 'else')])).succeeded, true)
  assert.deepEqual(replica.range('b').kvs.map(told), ['b=then 3/3/1'])
  assert.equal(replica.run<'txn'>(txn([yes, no], [put('b', 'then')], [put('b', 'else')])).succeeded, false)
  assert.deepEqual(replica.range('b').kvs.map(told), ['b=else 3/4/2'])
})

test('nested compares are judged on the state before the transaction, not on the writes around them', () => {
  const replica = new Replica()
  const there = compare('a', { type: 'version', value: 0 }, 'greater')

  const { responses } = replica.run<'txn'>(
    txn([], [put('a', '1'), txn([there], [put('b', 'then')], [put('b', 'else')])]),
  )

  assert.deepEqual(responses[1], { type: 'txn', succeeded: false, responses: [{ type: 'put' }] })
  assert.deepEqual(replica.range('b').kvs.map(told), ['b=else 2/2/1'])
})

test('every target compares by every operator', () => {
  const replica = new Replica()
  replica.state.leaseExists = () => true
  replica.apply(put('x', ''))
  replica.apply(put('a', 'm', { lease: '100' }))
  replica.apply(put('a', 'm', { lease: '100' }))
  // create 3, mod 4, version 2
  const ofTarget = (type: 'version' | 'create' | 'mod', value: number): Compare['target'] => ({ type, value })
  const targets: readonly [below: Compare['target'], equal: Compare['target'], above: Compare['target']][] = [
    [ofTarget('version', 1), ofTarget('version', 2), ofTarget('version', 3)],
    [ofTarget('create', 2), ofTarget('create', 3), ofTarget('create', 4)],
    [ofTarget('mod', 3), ofTarget('mod', 4), ofTarget('mod', 5)],
    [
      { type: 'value', value: utf8('l') },
      { type: 'value', value: utf8('m') },
      { type: 'value', value: utf8('ma') },
    ],
    [
      { type: 'lease', value: '99' },
      { type: 'lease', value: '100' },
      { type: 'lease', value: '9007199254740993' },
    ],
  ]

  for (const [below, equal, above] of targets) {
    const judged = (['equal', 'notEqual', 'greater', 'less'] as const).map((result) =>
      [below, equal, above].map((target) => succeeded(replica, compare('a', target, result))),
    )
    assert.deepEqual(
      judged,
      [
        [false, true, false],
        [true, false, true],
        [true, false, false],
        [false, false, true],
      ],
      below.type,
    )
  }
})

test('leases compare as numbers, however long and of whatever sign', () => {
  const replica = new Replica()
  replica.state.leaseExists = () => true
  replica.apply(put('a', '', { lease: '9223372036854775807' }))
  replica.apply(put('b', '', { lease: '-20' }))
  const judge = (key: string, value: string, result: Compare['result']): boolean =>
    succeeded(replica, compare(key, { type: 'lease', value }, result))

  assert.equal(judge('a', '9223372036854775806', 'greater'), true)
  assert.equal(judge('a', '9223372036854775807', 'equal'), true)
  assert.equal(judge('b', '-3', 'less'), true)
  assert.equal(judge('b', '-100', 'greater'), true)
  assert.equal(judge('b', '0', 'less'), true)
})

test('a key that is not there has version, revisions and lease of 0, and no value to compare', () => {
  const replica = new Replica()
  replica.apply(put('a', ''))
  replica.apply(del('a'))

  for (const key of ['a', 'b']) {
    for (const type of ['version', 'create', 'mod'] as const) {
      assert.equal(succeeded(replica, compare(key, { type, value: 0 })), true)
      assert.equal(succeeded(replica, compare(key, { type, value: 1 }, 'less')), true)
      assert.equal(succeeded(replica, compare(key, { type, value: 0 }, 'notEqual')), false)
    }
    assert.equal(succeeded(replica, compare(key, { type: 'lease', value: '0' })), true)
    assert.equal(succeeded(replica, compare(key, { type: 'lease', value: '5' }, 'less')), true)
    for (const result of ['equal', 'notEqual', 'greater', 'less'] as const) {
      assert.equal(succeeded(replica, compare(key, { type: 'value', value: utf8('') }, result)), false)
    }
  }
})

test('a compare over a range holds when it holds for every key in it', () => {
  const replica = new Replica()
  for (const key of ['a', 'b', 'c']) replica.apply(put(key, 'v'))
  replica.apply(put('c', 'v'))
  const version1 = (key: string, rangeEnd: string): boolean =>
    succeeded(replica, compare(key, { type: 'version', value: 1 }, 'equal', rangeEnd))

  assert.equal(version1('a', 'c'), true)
  assert.equal(version1('a', 'd'), false)
  assert.equal(version1('b', toTheEnd), false)
  assert.equal(version1('x', 'z'), false)
  assert.equal(succeeded(replica, compare('a', { type: 'value', value: utf8('v') }, 'equal', toTheEnd)), true)
  assert.equal(succeeded(replica, compare('x', { type: 'version', value: 0 }, 'equal', toTheEnd)), true)
})

test('K9: what is refused on the path leaves no trace; what is not taken is not judged', () => {
  const replica = new Replica()
  replica.apply(put('a', '1'))
  replica.apply(put('a', '2'))
  replica.apply({ type: 'compact', revision: 3 })
  const digest = replica.digest
  const faults = [
    [range('a', { revision: 9 }), 'futureRevision'],
    [range('a', { revision: 2 }), 'compacted'],
    [put('b', '', { ignoreValue: true }), 'keyNotFound'],
    [put('b', '', { lease: '7' }), 'leaseNotFound'],
    [put('b', '', { lease: '7', ignoreValue: true }), 'keyNotFound'],
  ] as const

  for (const [operation, error] of faults) {
    assertRefused(replica.apply(txn([], [put('c', '1'), operation])), error)
    assertRefused(replica.apply(txn([], [put('c', '1'), txn([], [txn([], [operation])])])), error)
    assert.equal(replica.apply(txn([], [], [operation])).type, 'done')
  }
  assert.equal(replica.digest, digest)
  assert.equal(replica.state.revision, 3)
})

test('K9: a put that would keep what the same transaction deletes before it is refused, and all else with it', () => {
  const replica = new Replica()
  replica.apply(put('a', '1'))
  replica.apply(put('\0', '2'))
  const { digest, status } = replica
  const keepsValue = put('a', '', { ignoreValue: true })
  const keepsLease = put('a', '2', { ignoreLease: true })
  const keepsBoth = put('\0', '', { ignoreValue: true, ignoreLease: true })

  const refused = [
    [txn([], [del('\0', toTheEnd)]), keepsBoth],
    [del('a', toTheEnd), keepsValue],
    [del('a', toTheEnd), keepsLease],
    [put('b', '3'), txn([], [del('a', toTheEnd)]), txn([], [txn([], [keepsValue])])],
    [txn([], [del('a', toTheEnd), del('c')]), txn([], [keepsLease]), range('a', { revision: 9 })],
  ]
  for (const operations of refused) assertRefused(replica.apply(txn([], operations)), 'keyNotFound')

  assert.equal(replica.digest, digest)
  assert.deepEqual(replica.status, status)
  assert.deepEqual(replica.range('\0', all()).kvs.map(told), ['\0=2 3/3/1', 'a=1 2/2/1'])
  replica.restart()
  assert.equal(replica.digest, digest)
})

test('a put keeps what a delete of other keys, of no key, or later in the transaction leaves it', () => {
  const replica = new Replica()
  replica.apply(put('a', '1'))
  replica.apply(put('b', '2'))
  const keeps = put('a', '', { ignoreValue: true })

  replica.run<'txn'>(txn([], [txn([], [del('b')]), keeps]))
  replica.run<'txn'>(txn([], [txn([], [del('b', 'a'), del('a\0', toTheEnd)]), txn([], [keeps])]))
  assert.deepEqual(replica.range('\0', all()).kvs.map(told), ['a=1 2/5/3'])

  replica.run<'txn'>(txn([], [txn([], [keeps]), txn([], [del('a')])]))
  assert.deepEqual(replica.range('\0', all()).kvs.map(told), [])
})

test('a put and a delete of one key in one transaction, where etcd lets both through, happen in order', () => {
  const replica = new Replica()
  replica.apply(put('a', '1'))

  replica.apply(txn([], [txn([], [put('a', '2')]), txn([], [del('a')])]))
  assert.deepEqual(replica.range('\0', all()).kvs.map(told), [])

  replica.apply(txn([], [put('a', '3')]))
  replica.apply(txn([], [del('a', toTheEnd), put('a', '4')]))
  assert.deepEqual(replica.range('\0', all()).kvs.map(told), ['a=4 5/5/1'])
  assert.equal(keysOf(replica.range('a', { revision: 3 })), '')

  replica.apply({ type: 'compact', revision: 5 })
  const { bytes } = replica.status
  replica.removeDropped()
  replica.restart()
  assert.deepEqual(replica.range('\0', all()).kvs.map(told), ['a=4 5/5/1'])
  assert.equal(replica.status.bytes, bytes)
  // One record, and the facts.
  assert.equal(replica.store.size, 2)
})

test('M3: a query with a write on any path is a mistake of ours', () => {
  const replica = new Replica()

  assert.throws(() => replica.query(txn([], [range('a')], [put('a', '1')])), InvariantError)
  assert.throws(() => replica.query(txn([], [txn([], [del('a')])])), InvariantError)
})
