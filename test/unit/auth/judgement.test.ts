import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TxnOperation, TxnRequest } from '../../../actors/keyspace/messages.ts'
import { utf8 } from '../../../base/bytes.ts'
import { compare, del, put, range, txn } from '../keyspace/replica.ts'
import { errorOf, grant, StrictReplica } from './strict-replica.ts'

/** `u` may read [b, d) and write [c, e); users are on. */
function opened(): StrictReplica {
  const replica = new StrictReplica()
  replica.addUser('u', grant('read', 'b', 'd'), grant('write', 'c', 'e'))
  for (const key of ['a', 'b', 'c', 'd']) replica.apply(put(key, `secret of ${key}`))
  replica.enable()
  return replica
}

describe('who is heard', () => {
  test('everybody, while users are off', () => {
    const replica = new StrictReplica()
    replica.addUser('u', grant('read', 'a'))

    assert.equal(replica.as({ user: '', authRevision: 0 }, put('z')), undefined)
    assert.equal(replica.as({ user: 'nobody', authRevision: 9 }, put('z')), undefined)
  })

  test('nobody without a name, once they are on', () => {
    const replica = opened()
    const nobody = { user: '', authRevision: 0 }

    assert.equal(replica.as(nobody, put('c')), 'userEmpty')
    assert.equal(replica.asks(nobody, range('b')), 'userEmpty')
    assert.equal(replica.as(nobody, { type: 'leaseGrant', id: '7', ttlSeconds: 5 }), 'userEmpty')
    assert.equal(replica.as(nobody, { type: 'compact', revision: 2 }), 'userEmpty')
    assert.equal(replica.asks(nobody, { type: 'leases' }), 'userEmpty')
    assert.equal(replica.asks(nobody, { type: 'userGet', name: 'u' }), 'userEmpty')
  })

  test('nobody whom the store does not know', () => {
    const replica = opened()

    assert.equal(replica.as('stranger', put('c')), 'permissionDenied')
    assert.equal(replica.as('stranger', { type: 'leaseGrant', id: '7', ttlSeconds: 5 }), 'permissionDenied')
  })

  test('root always, and the node itself', () => {
    const replica = opened()

    assert.equal(replica.as('root', put('anything')), undefined)
    assert.equal(errorOf(replica.apply(put('anything'))), undefined)
  })

  test('whatever alarms there are', () => {
    const replica = opened()
    replica.apply({ type: 'alarm', action: 'activate', alarm: 'nospace', member: 1 })

    assert.equal(replica.as('u', { type: 'authDisable' }), 'permissionDenied')
    assert.equal(replica.as('u', del('a')), 'permissionDenied')
    assert.equal(
      replica.as('u', { type: 'alarm', action: 'deactivate', alarm: 'nospace', member: 1 }),
      'permissionDenied',
    )
  })
})

describe('U2: nobody is judged by another state than he was known by', () => {
  test('keys need the present revision, not an older and not a newer one', () => {
    const replica = opened()
    const known = replica.known('u')
    assert.equal(replica.as(known, put('c')), undefined)

    replica.auth({ type: 'roleAdd', name: 'unconcerned' })

    assert.equal(replica.as(known, put('c')), 'authOldRevision')
    assert.equal(replica.asks(known, range('b')), 'authOldRevision')
    assert.equal(replica.as({ user: 'u', authRevision: replica.authRevision + 1 }, put('c')), 'authOldRevision')
    assert.equal(replica.as('u', put('c')), undefined)
  })

  test('root manages on, though each of his changes makes him older', () => {
    const replica = opened()
    const known = replica.known('root')

    assert.equal(replica.as(known, { type: 'roleAdd', name: 'one' }), undefined)
    assert.equal(replica.as(known, { type: 'roleAdd', name: 'two' }), undefined)
    assert.equal(replica.as(known, put('a')), 'authOldRevision')
  })

  test('what is not about keys needs that he is still the one he was', () => {
    const replica = opened()
    const known = replica.known('u')
    replica.auth({ type: 'roleAdd', name: 'unconcerned' })
    assert.equal(replica.as(known, { type: 'leaseGrant', id: '7', ttlSeconds: 5 }), undefined)

    replica.auth({ type: 'userChangePassword', name: 'u', hash: 'new' })

    assert.equal(replica.as(known, { type: 'leaseGrant', id: '8', ttlSeconds: 5 }), 'authOldRevision')
  })

  test('a root who was deleted and made anew is another', () => {
    const replica = opened()
    replica.auth({ type: 'userAdd', name: 'admin', hash: '', noPassword: false })
    replica.auth({ type: 'userGrantRole', user: 'admin', role: 'root' })
    const known = replica.known('admin')

    replica.auth({ type: 'userDelete', name: 'admin' })
    assert.equal(replica.as(known, { type: 'authDisable' }), 'permissionDenied')
    replica.auth({ type: 'userAdd', name: 'admin', hash: '', noPassword: false })
    replica.auth({ type: 'userGrantRole', user: 'admin', role: 'root' })

    assert.equal(replica.as(known, { type: 'authDisable' }), 'authOldRevision')
  })
})

describe('U9: what a request touches and shows', () => {
  test('a put needs to write, and to read what it shows', () => {
    const replica = opened()

    assert.equal(replica.as('u', put('c')), undefined)
    assert.equal(replica.as('u', put('c', 'x', { prevKv: true })), undefined)
    assert.equal(replica.as('u', put('d')), undefined)
    assert.equal(replica.as('u', put('d', 'x', { prevKv: true })), 'permissionDenied')
    assert.equal(replica.as('u', put('b')), 'permissionDenied')
  })

  test('a delete needs to write all of its range, and to read what it shows', () => {
    const replica = opened()

    assert.equal(replica.as('u', del('d')), undefined)
    assert.equal(replica.as('u', del('d', undefined, { prevKv: true })), 'permissionDenied')
    assert.equal(replica.as('u', del('b', 'd')), 'permissionDenied')
    assert.equal(replica.as('u', del('c', '\0')), 'permissionDenied')
    assert.equal(replica.as('u', del('c', 'e')), undefined)
  })

  test('a range needs to read all of it', () => {
    const replica = opened()

    assert.equal(replica.asks('u', range('b', { rangeEnd: utf8('d') })), undefined)
    assert.equal(replica.asks('u', range('b', { rangeEnd: utf8('\0') })), 'permissionDenied')
    assert.equal(replica.asks('u', range('b', { rangeEnd: utf8('d\0'), countOnly: true })), 'permissionDenied')
    assert.equal(replica.asks('u', range('b', { rangeEnd: utf8('e'), limit: 1 })), 'permissionDenied')
  })

  test('to hang a key on a lease, or to end it, needs to write all that hangs there', () => {
    const replica = opened()
    replica.apply({ type: 'leaseGrant', id: '7', ttlSeconds: 50 })
    assert.equal(replica.as('u', put('c', 'x', { lease: '7' })), undefined)
    replica.apply(put('a', 'x', { lease: '7' }))

    assert.equal(replica.as('u', put('c', 'x', { lease: '7' })), 'permissionDenied')
    assert.equal(replica.as('u', txn([], [put('c', 'x', { lease: '7' })])), 'permissionDenied')
    assert.equal(replica.as('u', { type: 'leaseRevoke', id: '7' }), 'permissionDenied')
    assert.equal(replica.as('root', { type: 'leaseRevoke', id: '7' }), undefined)
    assert.equal(replica.as('u', { type: 'leaseRevoke', id: '7' }), 'leaseNotFound')
  })

  test('to see the keys of a lease needs to read them all', () => {
    const replica = opened()
    replica.apply({ type: 'leaseGrant', id: '7', ttlSeconds: 50 })
    replica.apply(put('b', 'x', { lease: '7' }))
    assert.equal(replica.asks('u', { type: 'lease', id: '7', keys: true }), undefined)

    replica.apply(put('a', 'x', { lease: '7' }))

    assert.equal(replica.asks('u', { type: 'lease', id: '7', keys: true }), 'permissionDenied')
    assert.equal(replica.asks('u', { type: 'lease', id: '7', keys: false }), undefined)
  })
})

describe('U8: a transaction', () => {
  const never = [compare('b', { type: 'version', value: 99 })]
  const hidden: readonly [string, TxnOperation][] = [
    ['a range', range('a')],
    ['a put', put('a')],
    ['a put that shows', put('d', '', { prevKv: true })],
    ['a delete', del('a')],
    ['a delete that shows', del('d', undefined, { prevKv: true })],
    ['a transaction', txn([], [], [range('a')])],
    ['a comparison within', txn([compare('a', { type: 'version', value: 0 })], [], [])],
    ['a transaction two below', txn([], [], [txn([], [], [put('a')])])],
  ]
  for (const [title, operation] of hidden) {
    test(`needs permission for ${title} in the branch that is not taken, and in the other`, () => {
      const replica = opened()
      const before = replica.state.keyspace.revision

      assert.equal(replica.as('u', txn(never, [operation], [put('c')])), 'permissionDenied')
      assert.equal(replica.as('u', txn(never, [put('c')], [operation])), 'permissionDenied')
      assert.equal(replica.asks('u', txn(never, [operation], [])), 'permissionDenied')
      assert.equal(replica.state.keyspace.revision, before)
    })
  }

  test('needs permission to read what it compares', () => {
    const replica = opened()
    const asks = (request: TxnRequest): unknown => replica.as('u', request)

    assert.equal(asks(txn([compare('d', { type: 'version', value: 0 })], [put('c')])), 'permissionDenied')
    assert.equal(asks(txn([compare('b', { type: 'version', value: 1 })], [put('c')])), undefined)
    const open = compare('b', { type: 'version', value: 0 }, 'greater', '\0')
    assert.equal(asks(txn([open], [put('c')])), 'permissionDenied')
  })
})

describe('U5: what users may see of users', () => {
  test('everybody himself and his roles, root everybody', () => {
    const replica = opened()
    replica.addUser('other')

    assert.equal(replica.asks('u', { type: 'userGet', name: 'u' }), undefined)
    assert.equal(replica.asks('u', { type: 'roleGet', role: 'u' }), undefined)
    assert.equal(replica.asks('u', { type: 'userGet', name: 'other' }), 'permissionDenied')
    assert.equal(replica.asks('u', { type: 'userGet', name: 'is there such a one' }), 'permissionDenied')
    assert.equal(replica.asks('u', { type: 'roleGet', role: 'other' }), 'permissionDenied')
    assert.equal(replica.asks('root', { type: 'userGet', name: 'other' }), undefined)
    assert.equal(replica.asks('root', { type: 'userGet', name: 'nobody' }), 'userNotFound')
  })

  test('lists and the state of the store are for root', () => {
    const replica = opened()

    for (const type of ['userList', 'roleList', 'authStatus', 'hash'] as const) {
      assert.equal(replica.asks('u', { type }), 'permissionDenied', type)
      assert.equal(replica.asks('root', { type }), undefined, type)
    }
  })

  test('hashes and keys are for the node alone, on or off', () => {
    const replica = opened()
    const ask = { type: 'credentials', user: 'u' } as const

    assert.equal(replica.asks('root', ask), 'permissionDenied')
    replica.auth({ type: 'authDisable' })
    assert.equal(replica.asks('root', ask), 'permissionDenied')
    assert.equal(errorOf(replica.query(ask)), undefined)
  })

  test('nobody but root manages them', () => {
    const replica = opened()

    assert.equal(replica.as('u', { type: 'authDisable' }), 'permissionDenied')
    assert.equal(replica.as('u', { type: 'userChangePassword', name: 'u', hash: 'x' }), 'permissionDenied')
    assert.equal(replica.as('u', { type: 'userGrantRole', user: 'u', role: 'root' }), 'permissionDenied')
    assert.equal(replica.as('u', { type: 'leaseExpire', leases: [], term: 1 }), 'permissionDenied')
  })
})

test('`may` judges as a request would', () => {
  const replica = opened()
  const may = (user: string, revision: number, ...wants: readonly ('read' | 'admin')[]): unknown =>
    errorOf(
      replica.query({
        type: 'may',
        user,
        revision,
        wants: wants.map((type) => (type === 'admin' ? { type } : { type, key: utf8('b') })),
      }),
    )
  const now = replica.authRevision

  assert.equal(may('u', now, 'read'), undefined)
  assert.equal(may('u', now, 'admin'), 'permissionDenied')
  assert.equal(may('u', now - 1, 'read'), 'authOldRevision')
  assert.equal(may('u', now), undefined)
  assert.equal(may('', 0), 'userEmpty')
  assert.equal(may('root', now, 'admin', 'read'), undefined)
})
