import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8 } from '../../../base/bytes.ts'
import { AspenError } from '../../../client/interface.ts'
import { type HarnessOptions, header, type Ran, run } from './harness.ts'

const done = { header }
const answers = {
  authEnable: done,
  authDisable: done,
  authStatus: { header, enabled: true, authRevision: 9 },
  userAdd: done,
  userDelete: done,
  userChangePassword: done,
  userGet: { header, roles: ['r', 's'] },
  userList: { header, users: ['root', 'u'] },
  userGrantRole: done,
  userRevokeRole: done,
  roleAdd: done,
  roleDelete: done,
  roleList: { header, roles: ['r'] },
  roleGrantPermission: done,
  roleRevokePermission: done,
  roleGet: {
    header,
    permissions: [
      { type: 'read', key: utf8('a') },
      { type: 'readwrite', key: utf8('b'), rangeEnd: utf8('c') },
      { type: 'write', key: utf8('d'), rangeEnd: utf8('\0') },
      { type: 'write', key: utf8('e'), rangeEnd: utf8('z') },
    ],
  },
  get: done,
}

const ask = (line: string, options: HarnessOptions = {}): Promise<Ran> =>
  run(
    line.split(' ').filter((word) => word !== ''),
    { answers, ...options },
  )

const zero = utf8('\0')

describe('one call and one line, as etcdctl has them', () => {
  const lines: readonly [string, readonly unknown[], string][] = [
    ['auth enable', ['authEnable'], 'Authentication Enabled'],
    ['auth disable', ['authDisable'], 'Authentication Disabled'],
    ['user add u:p:w', ['userAdd', { name: 'u', password: 'p:w' }], 'User u created'],
    ['user add u --new-user-password pw', ['userAdd', { name: 'u', password: 'pw' }], 'User u created'],
    ['user add u --no-password', ['userAdd', { name: 'u' }], 'User u created'],
    ['user delete u', ['userDelete', { name: 'u' }], 'User u deleted'],
    ['user passwd u --new-user-password n', ['userChangePassword', { name: 'u', password: 'n' }], 'Password updated'],
    ['user grant-role u r', ['userGrantRole', { user: 'u', role: 'r' }], 'Role r is granted to user u'],
    ['user revoke-role u r', ['userRevokeRole', { user: 'u', role: 'r' }], 'Role r is revoked from user u'],
    ['role add r', ['roleAdd', { name: 'r' }], 'Role r created'],
    ['role delete r', ['roleDelete', { role: 'r' }], 'Role r deleted'],
    [
      'role grant-permission r read k',
      ['roleGrantPermission', { role: 'r', permission: { type: 'read', key: utf8('k') } }],
      'Role r updated',
    ],
    [
      'role grant-permission r READWRITE k m',
      ['roleGrantPermission', { role: 'r', permission: { type: 'readwrite', key: utf8('k'), rangeEnd: utf8('m') } }],
      'Role r updated',
    ],
    [
      'role grant-permission r write k --prefix',
      ['roleGrantPermission', { role: 'r', permission: { type: 'write', key: utf8('k'), rangeEnd: utf8('l') } }],
      'Role r updated',
    ],
    [
      'role grant-permission r write k --from-key',
      ['roleGrantPermission', { role: 'r', permission: { type: 'write', key: utf8('k'), rangeEnd: zero } }],
      'Role r updated',
    ],
    [
      'role revoke-permission r k',
      ['roleRevokePermission', { role: 'r', key: utf8('k') }],
      'Permission of key k is revoked from role r',
    ],
    [
      'role revoke-permission r k m',
      ['roleRevokePermission', { role: 'r', key: utf8('k'), rangeEnd: utf8('m') }],
      'Permission of range [k, m) is revoked from role r',
    ],
  ]
  for (const [line, call, wanted] of lines) {
    test(line, async () => {
      const { stdout, calls, code } = await ask(line)

      assert.deepEqual([calls, stdout, code], [[call], `${wanted}\n`, 0])
      assert.deepEqual(JSON.parse((await ask(`${line} --json`)).stdout), {
        header: { clusterId: 0xc1, memberId: 0xa1, revision: 7, raftTerm: 2 },
      })
    })
  }
})

describe('what is shown', () => {
  const shown: readonly [string, string][] = [
    ['auth status', 'Authentication Status: true\nAuthRevision: 9\n'],
    ['user list', 'root\nu\n'],
    ['user get u', 'User: u\nRoles: r s\n'],
    ['role list', 'r\n'],
    [
      'role get r',
      'Role r\nKV Read:\n\ta\n\t[b, c) (prefix b)\nKV Write:\n\t[b, c) (prefix b)\n\t[d, <open ended>\n\t[e, z)\n',
    ],
  ]
  for (const [line, wanted] of shown) {
    test(line, async () => assert.equal((await ask(line)).stdout, wanted))
  }

  test('a role as JSON, with text and bytes', async () => {
    const { permissions } = JSON.parse((await ask('role get r --json')).stdout) as { permissions: unknown[] }

    assert.deepEqual(permissions[2], {
      type: 'write',
      key: 'd',
      keyBase64: 'ZA==',
      rangeEnd: '\0',
      rangeEndBase64: 'AA==',
    })
  })
})

describe('auth enable', () => {
  test('gives root the role that it lacks', async () => {
    let tries = 0
    const { calls, code } = await ask('auth enable', {
      answers: { ...answers, authEnable: () => (tries++ === 0 ? new AspenError('rootRoleNotGranted') : done) },
    })

    assert.equal(code, 0)
    assert.deepEqual(calls, [
      ['authEnable'],
      ['roleAdd', { name: 'root' }],
      ['userGrantRole', { user: 'root', role: 'root' }],
      ['authEnable'],
    ])
  })

  test('does not make a root', async () => {
    const missing = new AspenError('rootUserNotExist', 'etcdserver: root user does not exist')
    const { stderr, code, calls } = await ask('auth enable', { answers: { authEnable: missing } })

    assert.equal(code, 1)
    assert.equal(calls.length, 1)
    assert.match(stderr, /etcdserver: root user does not exist/)
  })
})

describe('passwords', () => {
  test('come from standard input where that is said', async () => {
    const { calls } = await ask('user add u --interactive=false', { stdin: 'from stdin\nmore' })

    assert.deepEqual(calls, [['userAdd', { name: 'u', password: 'from stdin' }]])
  })

  test('are asked for where none is given', async () => {
    for (const line of ['user add u', 'user passwd u']) {
      const { code, stderr, calls } = await ask(line)

      assert.deepEqual([code, calls], [2, []])
      assert.match(stderr, /wanted a password/)
    }
  })
})

describe('who asks', () => {
  const authOf = async (line: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> =>
    (await ask(line, { env })).connections[0]?.auth

  test('is said by option or environment, with the password there or apart', async () => {
    assert.deepEqual(await authOf('user list --user root:a:b'), { name: 'root', password: 'a:b' })
    assert.deepEqual(await authOf('user list --user root --password x'), { name: 'root', password: 'x' })
    assert.deepEqual(await authOf('--user root:x user list'), { name: 'root', password: 'x' })
    assert.deepEqual(await authOf('user list', { ETCDCTL_USER: 'u:p' }), { name: 'u', password: 'p' })
    assert.deepEqual(await authOf('user list', { ASPEN_USER: 'u', ASPEN_PASSWORD: 'p' }), { name: 'u', password: 'p' })
    assert.equal(await authOf('user list'), undefined)
  })

  test('is not hidden by a user without a password', async () => {
    const root = { name: 'root', password: 'x' }

    assert.deepEqual(await authOf('--user root --password x user add u --no-password'), root)
    assert.deepEqual(await authOf('--user root --password x user add u:p'), root)
    assert.deepEqual(await authOf('user add u --no-password --user root:x'), root)
  })

  test('is not half said', async () => {
    const { code, stderr } = await ask('user list --user root')

    assert.equal(code, 2)
    assert.match(stderr, /--user: wanted name:password/)
  })
})

test('what is asked wrongly is not asked', async () => {
  for (const line of ['role grant-permission r own k', 'role grant-permission r read k m --prefix']) {
    const { code, calls } = await ask(line)

    assert.deepEqual([code, calls], [2, []], line)
  }
})
