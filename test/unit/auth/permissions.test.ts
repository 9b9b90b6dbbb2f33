import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Permission } from '../../../actors/auth/messages.ts'
import { allows, coverageOf, isPermission, mergePermission, sameRange } from '../../../actors/auth/permissions.ts'
import { boundsOf, covers } from '../../../actors/keyspace/bounds.ts'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { grant } from './strict-replica.ts'

function may(permissions: readonly Permission[], type: 'read' | 'write', key: string, end?: string): boolean {
  return allows(coverageOf(permissions), { type, key: utf8(key), ...(end !== undefined && { rangeEnd: utf8(end) }) })
}

describe('U3: what permissions cover', () => {
  test('one key is that key and no other', () => {
    const held = [grant('read', 'b')]

    assert.equal(may(held, 'read', 'b'), true)
    assert.equal(may(held, 'read', 'b', 'b\0'), true)
    assert.equal(may(held, 'read', 'b', 'c'), false)
    assert.equal(may(held, 'read', 'b\0'), false)
    assert.equal(may(held, 'read', 'a'), false)
  })

  test('one key does not open everything from it on, however that is written', () => {
    const held = [grant('read', 'b')]

    assert.equal(may(held, 'read', 'b', '\0'), false)
    assert.equal(may(held, 'read', '\0', '\0'), false)
  })

  test('an empty end is none, in a permission and in a request', () => {
    assert.equal(may([grant('read', 'b', '')], 'read', 'b'), true)
    assert.equal(may([grant('read', 'b', '')], 'read', 'bb'), false)
    assert.equal(may([grant('read', 'b')], 'read', 'b', ''), true)
  })

  test('an open end reaches every key from its own on', () => {
    const held = [grant('read', 'b', '\0')]

    assert.equal(may(held, 'read', 'zzz'), true)
    assert.equal(may(held, 'read', 'b', '\0'), true)
    assert.equal(may(held, 'read', 'c', 'x'), true)
    assert.equal(may(held, 'read', 'a', '\0'), false)
    assert.equal(may([grant('read', 'b', 'z')], 'read', 'b', '\0'), false)
  })

  test('the end is not part of a range', () => {
    const held = [grant('readwrite', 'b', 'd')]

    assert.equal(may(held, 'write', 'c', 'd'), true)
    assert.equal(may(held, 'write', 'd'), false)
    assert.equal(may(held, 'write', 'c', 'd\0'), false)
  })

  test('grants that meet or overlap count as one, those with a key between them do not', () => {
    assert.equal(may([grant('read', 'b', 'c'), grant('read', 'a', 'b')], 'read', 'a', 'c'), true)
    assert.equal(may([grant('read', 'a', 'm'), grant('readwrite', 'c', 'z')], 'read', 'b', 'y'), true)
    assert.equal(may([grant('read', 'a', 'z'), grant('read', 'b', 'c')], 'read', 'c', 'y'), true)
    assert.equal(may([grant('read', 'a', 'b'), grant('read', 'b\0', 'c')], 'read', 'a', 'c'), false)
    assert.equal(may([grant('read', 'a'), grant('read', 'a\0', 'b')], 'read', 'a', 'b'), true)
  })

  test('to read is not to write, and a gap in one is not filled by the other', () => {
    assert.equal(may([grant('read', 'a', 'z')], 'write', 'b'), false)
    assert.equal(may([grant('write', 'a', 'z')], 'read', 'b'), false)
    assert.equal(may([grant('read', 'a', 'm'), grant('write', 'm', 'z')], 'read', 'a', 'z'), false)
  })

  // What etcd 3.4 answers to `get c b`, `get b b` and `get z c` of a user who may read [b, d).
  test('a range that holds nothing needs the permission of its first key', () => {
    const held = [grant('read', 'b', 'd')]

    assert.equal(may(held, 'read', 'c', 'b'), true)
    assert.equal(may(held, 'read', 'b', 'b'), true)
    assert.equal(may(held, 'read', 'z', 'c'), false)
    assert.equal(may(held, 'read', 'a', 'a'), false)
  })

  test('a grant of nothing gives nothing', () => {
    assert.equal(may([grant('read', 'b', 'a')], 'read', 'b'), false)
    assert.equal(isPermission(grant('read', 'b', 'a')), false)
    assert.equal(isPermission(grant('read', 'b', 'b')), false)
    assert.equal(isPermission(grant('read', '')), false)
    assert.equal(isPermission(grant('read', 'b')), true)
    assert.equal(isPermission(grant('read', '\0', '\0')), true)
  })

  test('a request is allowed exactly when each key that it selects is', () => {
    const key = fc.stringMatching(/^[abc]{1,2}$/)
    const end = fc.option(fc.oneof(key, fc.constant('\0'), fc.constant('')), { nil: undefined })
    const range = fc.record({ key, end })
    const permission = fc.tuple(fc.constantFrom('read' as const, 'write' as const, 'readwrite' as const), range)
    // Every key of the small world that a bound can tell apart.
    const world = ['a', 'b', 'c'].flatMap((one) => [
      one,
      `${one}\0`,
      ...['a', 'b', 'c'].flatMap((two) => [one + two, `${one}${two}\0`]),
    ])

    fc.assert(
      fc.property(fc.array(permission, { maxLength: 5 }), range, (held, wanted) => {
        const permissions = held.map(([type, { key: from, end: to }]) => grant(type, from, to))
        const request = { key: utf8(wanted.key), ...(wanted.end !== undefined && { rangeEnd: utf8(wanted.end) }) }
        const selected = world.filter((each) => covers(boundsOf(request), utf8(each)))
        const open = wanted.end === '\0'
        const each = (selected.length === 0 ? [wanted.key] : selected).every((one) =>
          permissions.some((permit) => permit.type !== 'write' && covers(boundsOf(permit), utf8(one))),
        )
        const end = permissions.some(
          (permit) => permit.type !== 'write' && boundsOf(permit).to === undefined && !boundsOf(permit).single,
        )

        assert.equal(allows(coverageOf(permissions), { type: 'read', ...request }), each && (!open || end))
      }),
      { numRuns: 500 },
    )
  })
})

describe('U6: a permission has the range that was written', () => {
  test('granted again it takes the place of the old, and of no other', () => {
    const first = mergePermission([grant('read', 'b', 'c'), grant('read', 'b')], grant('write', 'b', 'c'))

    assert.deepEqual(
      first.map(({ type, key, rangeEnd }) => [type, fromUtf8(key), rangeEnd && fromUtf8(rangeEnd)]),
      [
        ['read', 'b', undefined],
        ['write', 'b', 'c'],
      ],
    )
  })

  test('the same keys in other words are another range', () => {
    assert.equal(sameRange(grant('read', 'b'), grant('write', 'b', '')), true)
    assert.equal(sameRange(grant('read', 'b'), grant('read', 'b', 'b\0')), false)
    assert.equal(sameRange(grant('read', 'b', 'c'), grant('read', 'b', 'd')), false)
  })
})
