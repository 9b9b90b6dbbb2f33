// A program written for etcd moves over by changing an address: the examples of other languages, run as their users would.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from '../../client/connect.ts'
import { houseRoot } from '../tidy/house.ts'
import { withCluster } from './cluster.ts'
import { type CommandResult, run } from './commands.ts'

const example = (path: string): string => join(houseRoot, 'examples', path)
/** Debian's own: another Python on the path does not see Debian's packages. */
const python = '/usr/bin/python3'
const goPath = '/usr/share/gocode'

const noGo: string | false =
  spawnSync('go', ['version']).status === 0 && existsSync(join(goPath, 'src/go.etcd.io/etcd/clientv3'))
    ? false
    : 'Go or its client library of etcd is not installed (Debian: golang-go, golang-etcd-server-dev)'
const noPython: string | false =
  spawnSync(python, ['-c', 'import etcd3']).status === 0
    ? false
    : 'the client library of Python is not installed (Debian: python3-etcd3)'

/** What a program said, when it ended well. */
function said(name: string, { code, stdout, stderr }: CommandResult): readonly string[] {
  assert.equal(code, 0, `${name} ended with ${code}:\n${stdout}${stderr}`)
  return stdout.trimEnd().split('\n')
}

test('Go, with the official client: keys, transactions, watches, leases, locks, elections, users', {
  skip: noGo,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'aspen-go-'))
  try {
    const program = join(dir, 'example')
    const env = { GO111MODULE: 'off', GOPATH: goPath, GOFLAGS: '' }
    // Everything below it is compiled too, where that was not done before: minutes on a small machine.
    const built = await run('go', ['build', '-o', program, example('go/main.go')], { env, timeoutMs: 600_000 })
    assert.equal(built.code, 0, built.stderr)

    await withCluster({ nodes: 1 }, async (cluster) => {
      const result = await run(program, [cluster.endpoints, 'users'], { timeoutMs: 60_000 })

      assert.deepEqual(said('the Go program', result), [
        'go: kv: hello, hello again, hello',
        'go: txn: true false',
        'go: watch: PUT 1, PUT 2, DELETE ',
        'go: lease: 10',
        'go: leased: go/leased, then 0',
        'go: lock: one after the other',
        'go: election: ann the second',
        'go: after it: election: no leader',
        'go: users: swapped, etcdserver: permission denied',
        'go: done',
      ])
    })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('Python, with etcd3: keys, transactions, watches, leases, locks, and the door shut to strangers', {
  skip: noPython,
}, async () => {
  await withCluster({ nodes: 1 }, async (cluster) => {
    await using client = connect({ endpoints: [cluster.endpoints], deadlineMs: 20_000 })
    const words = [example('python/etcd3_example.py'), cluster.endpoints]

    const plain = await run(python, words, { timeoutMs: 60_000 })
    assert.deepEqual(said('the Python program', plain), [
      "py: kv: hello 1 ['py/second', 'py/greeting'] [True, False]",
      'py: txn: True too',
      'py: watch: PutEvent 1, PutEvent 2, DeleteEvent ',
      "py: lease: 10 ['py/leased'] None",
      'py: lock: [True, True]',
      'py: members: 1 True 3.5.21',
      'py: done',
    ])

    const { node } = client
    await node.userAdd({ name: 'root', password: 'secret' })
    await node.roleAdd({ name: 'root' })
    await node.userGrantRole({ user: 'root', role: 'root' })
    await node.authEnable()
    const nobody = await run(python, words, { timeoutMs: 60_000 })
    const wrong = await run(python, [...words, 'root', 'wrong'], { timeoutMs: 60_000 })

    assert.match(nobody.stderr, /user name is empty/)
    assert.match(wrong.stderr, /authentication failed, invalid user ID or password/)
  })
})

test('Node.js, with etcd3 of npm: keys, watches, leases, locks, elections, users', async () => {
  await withCluster({ nodes: 1 }, async (cluster) => {
    const words = [example('node/etcd3.mjs'), `http://${cluster.endpoints}`, 'users']

    const result = await run(process.execPath, words, { timeoutMs: 60_000 })

    assert.deepEqual(said('the Node.js program', result), [
      "js: kv: { 'js/greeting': 'hello' } [ true, false ]",
      'js: watch: put 1 -, put 2 1, delete 2',
      'js: lease: for a while null',
      'js: lock: one one EtcdLockFailedError',
      'js: election: ann',
      'js: users: swapped EtcdPermissionDeniedError',
      'js: done',
    ])
  })
})
