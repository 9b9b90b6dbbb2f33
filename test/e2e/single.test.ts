// One node as its users meet it: etcd's own command, HTTP, an etcd library, our own command.
import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Etcd3 } from 'etcd3'
import { utf8 } from '../../base/bytes.ts'
import { Cluster } from './cluster.ts'
import { noEtcdctl } from './commands.ts'

describe('one node', () => {
  let cluster: Cluster
  before(async () => {
    cluster = await Cluster.create({ nodes: 1 })
    await cluster.start()
  })
  after(() => cluster.close())

  const ctl = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.etcdctl(words)
    assert.equal(code, 0, stderr)
    return stdout
  }
  const refused = async (...words: string[]): Promise<string> => {
    const { code, stderr } = await cluster.etcdctl(words)
    assert.notEqual(code, 0, `etcdctl ${words.join(' ')} was not refused`)
    return stderr
  }

  test('a banner says what is where and what to try', () => {
    const node = cluster.member(0)

    assert.match(node.output, new RegExp(`clients +http://${node.endpoint}`))
    assert.match(node.output, new RegExp(`peers +${node.peerUrl}`))
    assert.match(node.output, new RegExp(`data +${node.dir}`))
    assert.match(node.output, /etcdctl --endpoints .* put hello world/)
  })

  test('etcdctl: put, get with its options, del', { skip: noEtcdctl }, async () => {
    assert.equal(await ctl('put', 'fruit/a', '1'), 'OK\n')
    for (const [key, value] of [
      ['fruit/b', '3'],
      ['fruit/c', '2'],
      ['grain', '9'],
    ] as const)
      await ctl('put', key, value)
    await ctl('put', 'fruit/a', '1')

    assert.equal(await ctl('get', 'fruit/a'), 'fruit/a\n1\n')
    assert.equal(await ctl('get', '--prefix', 'fruit/', '--print-value-only'), '1\n3\n2\n')
    assert.equal(
      await ctl('get', '--prefix', 'fruit/', '--sort-by=VALUE', '--order=DESCEND', '--print-value-only'),
      '3\n2\n1\n',
    )
    assert.equal(await ctl('get', 'fruit/a', 'fruit/c', '--keys-only'), 'fruit/a\n\nfruit/b\n\n')
    assert.equal(await ctl('get', '--prefix', 'fruit/', '--limit=1', '--keys-only'), 'fruit/a\n\n')
    assert.match(await ctl('get', '--from-key', 'fruit/c', '--limit=1', '--write-out=fields'), /"Count" : 2/)
    assert.match(await ctl('get', 'fruit/a', '--write-out=json'), /"version":2/)
    assert.equal(await ctl('get', 'fruit/a', '--consistency=s', '--print-value-only'), '1\n')
    assert.equal(await ctl('del', 'fruit/b', '--prev-kv'), '1\nfruit/b\n3\n')
    assert.equal(await ctl('del', '--prefix', 'fruit/'), '2\n')
    assert.equal(await ctl('get', '--prefix', 'fruit/'), '')
    assert.equal(await ctl('put', 'grain', '10', '--prev-kv'), 'OK\ngrain\n9\n')
    assert.match(await refused('put', 'never', '--ignore-value'), /key not found/)
  })

  test('etcdctl: txn takes the branch that its compares choose, once', { skip: noEtcdctl }, async () => {
    await ctl('put', 'account', '5')

    const taken = await cluster.etcdctl(['txn'], {
      input: 'value("account") = "5"\n\nput account 6\nget account\n\nput account broken\n\n',
    })
    const refusedOnce = await cluster.etcdctl(['txn'], {
      input: 'value("account") = "5"\n\nput account broken\n\nget account\n\n',
    })

    assert.match(taken.stdout, /^SUCCESS\n\nOK\n\naccount\n6\n/)
    assert.match(refusedOnce.stdout, /^FAILURE\n\naccount\n6\n/)
  })

  test('etcdctl: history, compaction and their errors', { skip: noEtcdctl }, async () => {
    const first = Number(/"revision":(\d+)/.exec(await ctl('put', 'h', 'one', '-w', 'json'))?.[1])
    await ctl('put', 'h', 'two')

    assert.equal(await ctl('get', 'h', `--rev=${first}`, '--print-value-only'), 'one\n')
    assert.equal(await ctl('compact', '--physical', String(first + 1)), `compacted revision ${first + 1}\n`)
    assert.match(await refused('get', 'h', `--rev=${first}`), /mvcc: required revision has been compacted/)
    assert.match(await refused('get', 'h', '--rev=999999'), /mvcc: required revision is a future revision/)
    assert.match(await refused('compact', String(first)), /mvcc: required revision has been compacted/)
    assert.equal(await ctl('get', 'h', '--print-value-only'), 'two\n')
  })

  test('etcdctl: maintenance', { skip: noEtcdctl }, async () => {
    const { endpoint, peerUrl, dir } = cluster.member(0)

    assert.match(await ctl('member', 'list'), new RegExp(`, started, n1, ${peerUrl}, http://${endpoint}, false`))
    assert.match(await ctl('endpoint', 'status', '-w', 'json'), /"leader":[1-9]/)
    assert.match(await ctl('endpoint', 'status', '--cluster'), new RegExp(`^http://${endpoint}, .*, true, false, `))
    assert.match(
      (await cluster.etcdctl(['endpoint', 'health'])).stderr + (await ctl('endpoint', 'health')),
      /is healthy/,
    )
    assert.match(await ctl('endpoint', 'hashkv'), new RegExp(`^${endpoint}, \\d+\n`))
    assert.equal(await ctl('alarm', 'list'), '')
    assert.match(await ctl('defrag'), /Finished defragmenting/)
    assert.match(await refused('move-leader', '1'), /bad leader transferee/)
    const file = join(dir, '..', 'backup.db')
    await ctl('snapshot', 'save', file)
    assert.ok(existsSync(file) && statSync(file).size > 512)
    const status = await cluster.aspen(['snapshot', 'status', file])
    assert.equal(status.code, 0, status.stderr)
  })

  test('etcdctl: endpoints written as URLs work like those without a scheme', { skip: noEtcdctl }, async () => {
    const url = `http://${cluster.member(0).endpoint}`
    const { etcdctl } = await import('./commands.ts')

    assert.equal((await etcdctl(url, ['put', 'u', '1'])).stdout, 'OK\n')
    assert.match((await etcdctl(url, ['endpoint', 'status'])).stdout, new RegExp(`^${url}, `))
    assert.match((await etcdctl(url, ['endpoint', 'hashkv'])).stdout, new RegExp(`^${url}, \\d+`))
  })

  test('HTTP: health, readiness, version, metrics, and nothing else', async () => {
    const node = cluster.member(0)

    assert.deepEqual(await node.get('/health'), { code: 200, body: '{"health":"true","reason":""}' })
    assert.deepEqual(await node.get('/livez'), { code: 200, body: 'ok\n' })
    assert.match((await node.get('/readyz?verbose')).body, /\[\+\]linearizable_read ok/)
    assert.match((await node.get('/version')).body, /"etcdserver":"3\.\d+\.\d+"/)
    const metrics = await node.get('/metrics')
    assert.match(metrics.body, /^etcd_server_has_leader 1$/m)
    assert.match(metrics.body, /^etcd_server_is_leader 1$/m)
    assert.match(metrics.body, /^grpc_server_handled_total\{/m)
    assert.equal((await node.get('/nothing')).code, 404)
  })

  test('the etcd3 library of Node.js: put, get, delete, compare and swap', async () => {
    const client = new Etcd3({ hosts: `http://${cluster.member(0).endpoint}` })
    try {
      await client.put('lib/a').value('1')
      await client.put('lib/b').value('2')

      assert.equal(await client.get('lib/a').string(), '1')
      assert.deepEqual(await client.getAll().prefix('lib/').strings(), { 'lib/a': '1', 'lib/b': '2' })
      const swap = await client.if('lib/a', 'Value', '==', '1').then(client.put('lib/a').value('9')).commit()
      assert.equal(swap.succeeded, true)
      assert.equal(await client.get('lib/a').string(), '9')
      assert.equal((await client.delete().prefix('lib/')).deleted, '2')
      assert.equal(await client.get('lib/a').string(), null)
    } finally {
      client.close()
    }
  })

  test('our own command: put, get, member list, endpoint status, actors', async () => {
    const put = await cluster.aspen(['put', 'own', 'hand'])
    const got = await cluster.aspen(['get', 'own', '--print-value-only'])
    const members = await cluster.aspen(['member', 'list', '--json'])
    const status = await cluster.aspen(['endpoint', 'status', '--json'])
    const actors = await cluster.aspen(['actors', '--json'])

    assert.equal(put.code, 0, put.stderr)
    assert.equal(got.stdout.trim(), 'hand')
    assert.match(members.stdout, /"name":\s*"n1"/)
    assert.equal(status.code, 0, status.stderr)
    assert.match(actors.stdout, /raft\/default/)
  })

  test('a request beyond the limit is refused with the text of etcd, and the node lives', async () => {
    const client = cluster.client(cluster.member(0))
    const value = new Uint8Array(1.5 * 1024 * 1024 + 1)

    await assert.rejects(client.put({ key: utf8('big'), value }), /etcdserver: request is too large/)
    await assert.rejects(
      client.put({ key: utf8('big'), value: new Uint8Array(8 * 1024 * 1024) }),
      /larger than max|too large/,
    )

    assert.equal((await client.range({ key: utf8('big') })).count, 0)
  })

  // Last: it ends the node and starts it again.
  test('SIGTERM ends it with 0 in under 5 s, and everything written is there after the next start', async () => {
    const node = cluster.member(0)
    const client = cluster.client(node)
    const { header } = await client.put({ key: utf8('kept'), value: utf8('over the restart') })

    const exit = await node.stop()
    assert.deepEqual([exit.code, exit.signal], [0, null], node.tail())
    assert.ok(exit.tookMs < 5_000, `it took ${exit.tookMs} ms`)

    await cluster.start()
    const { kvs } = await client.range({ key: utf8('kept') })
    assert.equal(Buffer.from(kvs[0]?.value ?? '').toString(), 'over the restart')
    assert.equal(kvs[0]?.modRevision, header.revision)
  })
})
