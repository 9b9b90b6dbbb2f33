import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AuthCommand } from '../../../actors/auth/messages.ts'
import { authSnapshot, hashAuth, openAuth, queryAuth, restoreAuth } from '../../../actors/auth/store.ts'
import { hex, utf8 } from '../../../base/bytes.ts'
import { MemoryStore } from '../keyspace/memory-store.ts'
import { grant, StrictReplica } from './strict-replica.ts'

const secret = new Uint8Array(32).fill(1)

describe('U1: root', () => {
  test('users are switched on only when root is there and has its role, which need not have been added', () => {
    const replica = new StrictReplica()

    assert.equal(replica.fault({ type: 'authEnable', secret }), 'rootUserNotExist')
    replica.auth({ type: 'userAdd', name: 'root', hash: 'h', noPassword: false })
    assert.equal(replica.fault({ type: 'authEnable', secret }), 'rootRoleNotGranted')
    replica.auth({ type: 'userGrantRole', user: 'root', role: 'root' })
    assert.equal(replica.fault({ type: 'authEnable', secret }), undefined)
  })

  test('while they are on, root and its role stay', () => {
    const replica = new StrictReplica()
    replica.enable()
    replica.auth({ type: 'roleAdd', name: 'root' })

    assert.equal(replica.fault({ type: 'userDelete', name: 'root' }), 'invalidAuthManagement')
    assert.equal(replica.fault({ type: 'userRevokeRole', user: 'root', role: 'root' }), 'invalidAuthManagement')
    assert.equal(replica.fault({ type: 'roleDelete', role: 'root' }), 'invalidAuthManagement')
    assert.equal(replica.fault({ type: 'userRevokeRole', user: 'root', role: 'other' }), 'roleNotGranted')

    replica.auth({ type: 'authDisable' })
    assert.equal(replica.fault({ type: 'roleDelete', role: 'root' }), undefined)
    assert.equal(replica.fault({ type: 'authEnable', secret }), 'rootRoleNotGranted')
  })

  test('the role root is shown to allow everything, once it was added', () => {
    const replica = new StrictReplica()
    assert.deepEqual(queryAuth(replica.state.auth, { type: 'roleGet', role: 'root' }), 'roleNotFound')

    replica.auth({ type: 'roleAdd', name: 'root' })

    assert.deepEqual(queryAuth(replica.state.auth, { type: 'roleGet', role: 'root' }), {
      type: 'role',
      role: 'root',
      permissions: [{ type: 'readwrite', key: new Uint8Array(0), rangeEnd: new Uint8Array(1) }],
    })
  })
})

describe('refusals are those of etcd, in its order', () => {
  const cases: readonly [string, AuthCommand, string][] = [
    ['a user without a name', { type: 'userAdd', name: '', hash: '', noPassword: false }, 'userEmpty'],
    ['a user twice', { type: 'userAdd', name: 'u', hash: '', noPassword: false }, 'userExists'],
    ['no such user to delete', { type: 'userDelete', name: 'x' }, 'userNotFound'],
    ['no such user, with a new password', { type: 'userChangePassword', name: 'x', hash: '' }, 'userNotFound'],
    ['neither user nor role', { type: 'userGrantRole', user: 'x', role: 'x' }, 'userNotFound'],
    ['no such role to grant', { type: 'userGrantRole', user: 'u', role: 'x' }, 'roleNotFound'],
    ['a role of nobody', { type: 'userRevokeRole', user: 'x', role: 'x' }, 'userNotFound'],
    ['a role that he has not', { type: 'userRevokeRole', user: 'u', role: 'x' }, 'roleNotGranted'],
    ['a role without a name', { type: 'roleAdd', name: '' }, 'roleEmpty'],
    ['a role twice', { type: 'roleAdd', name: 'u' }, 'roleExists'],
    ['no such role to delete', { type: 'roleDelete', role: 'x' }, 'roleNotFound'],
    [
      'a permission of no role',
      { type: 'roleGrantPermission', name: 'x', permission: grant('read', 'k') },
      'roleNotFound',
    ],
    [
      'a permission of nothing',
      { type: 'roleGrantPermission', name: 'x', permission: grant('read', 'b', 'a') },
      'invalidAuthManagement',
    ],
    [
      'a permission that is not there',
      { type: 'roleRevokePermission', role: 'u', key: utf8('a'), rangeEnd: utf8('c') },
      'permissionNotGranted',
    ],
    ['a permission taken from no role', { type: 'roleRevokePermission', role: 'x', key: utf8('a') }, 'roleNotFound'],
  ]
  for (const [title, command, error] of cases) {
    test(`${title}: ${error}, and nothing changes`, () => {
      const replica = new StrictReplica()
      replica.addUser('u', grant('read', 'a', 'b'))
      const before = authSnapshot(replica.state.auth)

      assert.equal(replica.fault(command), error)
      assert.equal(hex(authSnapshot(replica.state.auth)), hex(before))
    })
  }
})

describe('U4: the revision', () => {
  test('is 1 at first and one more with every change', () => {
    const replica = new StrictReplica()
    assert.equal(replica.authRevision, 1)

    replica.addUser('u', grant('read', 'a'))

    assert.equal(replica.authRevision, 5)
    assert.deepEqual(
      replica.feed.map((item) => item.type === 'authChanged' && item.authRevision),
      [2, 3, 4, 5],
    )
  })

  test('stays, and nobody is told, when all was so already', () => {
    const replica = new StrictReplica()
    replica.enable()
    replica.auth({ type: 'userAdd', name: 'u', hash: '', noPassword: false })
    replica.auth({ type: 'roleAdd', name: 'r' })
    replica.auth({ type: 'userGrantRole', user: 'u', role: 'r' })
    const { authRevision } = replica
    const told = replica.feed.length

    replica.auth({ type: 'userGrantRole', user: 'u', role: 'r' })
    replica.auth({ type: 'authEnable', secret: new Uint8Array(32).fill(9) })
    assert.equal(replica.authRevision, authRevision)
    assert.equal(replica.feed.length, told)

    replica.auth({ type: 'authDisable' })
    replica.auth({ type: 'authDisable' })
    assert.equal(replica.authRevision, authRevision + 1)
  })
})

describe('users', () => {
  test('without a password get none by changing it, but are another generation', () => {
    const replica = new StrictReplica()
    replica.auth({ type: 'userAdd', name: 'cert', hash: 'x', noPassword: true })
    replica.auth({ type: 'userChangePassword', name: 'cert', hash: 'y' })

    const known = queryAuth(replica.state.auth, { type: 'credentials', user: 'cert' })

    assert.deepEqual(typeof known !== 'string' && known.type === 'credentials' && known.user, {
      hash: '',
      noPassword: true,
      generation: replica.authRevision,
    })
  })

  test('U7: a role that is deleted is taken from everybody; a new one of its name is another', () => {
    const replica = new StrictReplica()
    replica.addUser('u', grant('readwrite', 'a'))
    replica.enable()
    assert.equal(replica.asks('u', { type: 'range', key: utf8('a') }), undefined)

    replica.auth({ type: 'roleDelete', role: 'u' })
    replica.auth({ type: 'roleAdd', name: 'u' })
    replica.auth({ type: 'roleGrantPermission', name: 'u', permission: grant('readwrite', 'a') })

    assert.equal(replica.asks('u', { type: 'range', key: utf8('a') }), 'permissionDenied')
  })

  test('the key of tokens is another each time users are switched on', () => {
    const replica = new StrictReplica()
    replica.enable()
    const first = replica.state.auth.secret

    replica.auth({ type: 'authDisable' })
    replica.auth({ type: 'authEnable', secret })

    assert.notDeepEqual(replica.state.auth.secret, first)
    assert.deepEqual(replica.state.auth.secret, secret)
  })
})

describe('the state', () => {
  test('M2: comes back from its store and from a snapshot as it was', () => {
    const replica = new StrictReplica()
    replica.addUser('u', grant('read', 'a', 'b'))
    replica.enable()
    const snapshot = authSnapshot(replica.state.auth)
    const store = new MemoryStore()

    const restored = restoreAuth(store, snapshot)
    const opened = openAuth(store)

    for (const state of [restored, opened]) {
      assert.equal(hashAuth(state), hashAuth(replica.state.auth))
      assert.equal(hex(authSnapshot(state)), hex(snapshot))
    }
  })

  test('whoever is not the same has another digest', () => {
    const [one, other] = [new StrictReplica(), new StrictReplica()]
    one.auth({ type: 'userAdd', name: 'u', hash: 'a', noPassword: false })
    other.auth({ type: 'userAdd', name: 'u', hash: 'b', noPassword: false })

    assert.notEqual(hashAuth(one.state.auth), hashAuth(other.state.auth))
  })
})
