import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkRequest, holdsPut, isReadOnly, isSerializable } from '../../../actors/keyspace/check.ts'
import type { KeyspaceError, TxnOperation, TxnRequest } from '../../../actors/keyspace/messages.ts'
import { assertRefused, compare, del, put, Replica, range, toTheEnd, txn } from './replica.ts'

const version0 = { type: 'version', value: 0 } as const

function fault(request: TxnOperation, operationsMax: number = 128): KeyspaceError | undefined {
  return checkRequest(request, { operationsMax })
}

test('a key must be there, wherever one is named', () => {
  for (const request of [range(''), put(''), del(''), txn([compare('', version0)], [])]) {
    assert.equal(fault(request), 'emptyKey')
    assert.equal(fault(txn([], [], [txn([], [request])])), 'emptyKey')
  }
})

test('a value or a lease beside the flag that ignores it is refused', () => {
  assert.equal(fault(put('a', '1', { ignoreValue: true })), 'valueProvided')
  assert.equal(fault(put('a', '1', { ignoreLease: true, lease: '7' })), 'leaseProvided')
  assert.equal(fault(put('a', '', { ignoreValue: true, ignoreLease: true, lease: '0' })), undefined)
  assert.equal(fault(txn([], [put('a', '1', { ignoreValue: true })])), 'valueProvided')
})

test('a sort option that does not exist is refused', () => {
  const unknown: string = 'sideways'

  assert.equal(fault(range('a', { sortOrder: unknown as 'ascend' })), 'invalidSortOption')
  assert.equal(fault(range('a', { sortTarget: unknown as 'key' })), 'invalidSortOption')
  assert.equal(fault(txn([], [range('a', { sortTarget: unknown as 'key' })])), 'invalidSortOption')
  assert.equal(fault(range('a', { sortOrder: 'descend', sortTarget: 'value' })), undefined)
})

test('an operation of no known kind is refused as etcd refuses an empty one', () => {
  assert.equal(fault(txn([], [{ type: 'nothing' } as unknown as TxnOperation])), 'keyNotFound')
})

test('each list of a transaction has at most so many operations; a nested one has what is left', () => {
  const ranges = (count: number): TxnOperation[] => Array.from({ length: count }, () => range('a'))
  const compares = (count: number): TxnRequest['compare'] => Array.from({ length: count }, () => compare('a', version0))

  assert.equal(fault(txn(compares(4), ranges(4), ranges(4)), 4), undefined)
  assert.equal(fault(txn(compares(5), []), 4), 'tooManyOperations')
  assert.equal(fault(txn([], ranges(5)), 4), 'tooManyOperations')
  assert.equal(fault(txn([], [], ranges(5)), 4), 'tooManyOperations')
  assert.equal(fault(txn([], [txn([], ranges(3))]), 4), undefined)
  assert.equal(fault(txn([], [txn([], ranges(4))]), 4), 'tooManyOperations')
  assert.equal(fault(txn(compares(3), [txn([], [], ranges(2))]), 4), 'tooManyOperations')
})

test('nesting ends somewhere, so that a command of any depth is refused and not fatal', () => {
  let deep: TxnRequest = txn([], [])
  for (let i = 0; i < 10_000; i++) deep = txn([], [deep])

  assert.equal(checkRequest(deep, { operationsMax: Number.POSITIVE_INFINITY }), 'tooManyOperations')
  assertRefused(new Replica().apply(deep), 'tooManyOperations')
})

test('no path puts a key twice, or puts one that it deletes', () => {
  const duplicate: readonly TxnOperation[][] = [
    [put('b'), put('b')],
    [put('b'), del('b')],
    [put('b'), del('a', 'c')],
    [del('x', 'z'), del('a', 'c'), del('c', 'd'), put('b')],
    [put('b'), txn([], [del('b')])],
    [del('b'), txn([], [put('b')])],
    [put('b'), txn([], [], [put('b')])],
    [del('a', 'c'), txn([], [], [txn([], [put('b')])])],
    [txn([], [put('b')]), txn([], [], [put('b')])],
    [txn([], [put('b')], [put('b')]), put('b')],
    [txn([], [del('a', 'c')]), txn([], [put('b')])],
  ]

  for (const operations of duplicate) {
    assert.equal(fault(txn([], operations)), 'duplicateKey')
    assert.equal(fault(txn([], [], operations)), 'duplicateKey')
    assert.equal(fault(txn([], [txn([], [], operations)])), 'duplicateKey')
    assertRefused(new Replica().apply(txn([], operations)), 'duplicateKey')
  }
})

test('paths that exclude each other may touch the same key, and deletes may overlap', () => {
  const clean: readonly TxnRequest[] = [
    txn([], [put('b')], [put('b')]),
    txn([], [txn([], [put('b')], [put('b')])]),
    txn([], [txn([], [put('b')], [del('b')])]),
    txn([], [del('a', 'c'), del('b'), del('b'), del('a', 'd')]),
    txn([], [put('b'), del('a', 'b'), del('b\0', 'c')]),
    txn([], [put('b'), range('b')]),
    // Overlaps that etcd does not see.
    txn([], [del('a', toTheEnd), put('b')]),
    txn([], [txn([], [put('b')]), txn([], [del('b')])]),
  ]

  for (const request of clean) assert.equal(fault(request), undefined)
})

test('a transaction is read-only when no path writes, and serializable when every range says so', () => {
  const loose = range('a', { serializable: true })

  assert.equal(isReadOnly(txn([], [loose], [txn([], [range('a')])])), true)
  assert.equal(isReadOnly(txn([], [], [txn([], [del('a')])])), false)
  assert.equal(isReadOnly(txn([], [put('a')])), false)
  assert.equal(isSerializable(txn([], [loose], [txn([], [loose])])), true)
  assert.equal(isSerializable(txn([], [loose], [txn([], [range('a')])])), false)
  assert.equal(isSerializable(txn([], [put('a')])), false)
  assert.equal(holdsPut(txn([], [], [txn([], [put('a')])])), true)
  assert.equal(holdsPut(txn([], [del('a')], [range('a')])), false)
})
