// A client between a program and a cluster that fails in every way a network can: what the program sees is an answer, once.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Client } from '../../../client/client.ts'
import { jsonCodec, textCodec } from '../../../client/codec.ts'
import { connect } from '../../../client/connect.ts'
import { EtcdUnreachableError } from '../../../client/etcd-connection.ts'
import { EtcdCallError } from '../../../client/etcd-errors.ts'
import { AspenError } from '../../../client/interface.ts'
import { between, everything, prefix } from '../../../client/keys.ts'
import { compare, exists, missing } from '../../../client/operation.ts'
import { inProcess, type Transport } from '../../../client/transport.ts'
import { MemoryCluster, type MemoryNode, memoryNode, type Trouble } from './memory-node.ts'

interface World {
  readonly cluster: MemoryCluster
  readonly node: MemoryNode
  readonly client: Client
}

function open(over: Partial<Transport> = {}): World {
  const cluster = new MemoryCluster()
  const node = memoryNode(cluster)
  const client = Client.over({ ...inProcess(node), ...over }, { deadlineMs: 2_000 })
  return { cluster, node, client }
}

/** Fails the first calls of a method, each with the next of these errors. */
function first(method: string, ...errors: Error[]): Trouble {
  return (called) => (called === method ? errors.shift() : undefined)
}

describe('keys and values', () => {
  test('put, get, delete: text or bytes go in, and come out as either', async () => {
    const { client } = open()

    const put = await client.kv.put('k', Uint8Array.of(104, 105))
    const again = await client.kv.put(Uint8Array.of(107), 'ho', { previous: true })
    const got = await client.kv.get('k')
    const gone = await client.kv.delete('k', { previous: true })

    assert.deepEqual([put.revision, put.previous], [2, undefined])
    assert.equal(again.previous?.text, 'hi')
    assert.deepEqual([got?.key, got?.text, got?.createRevision, got?.modRevision, got?.version], ['k', 'ho', 2, 3, 2])
    assert.deepEqual([...(got?.value ?? [])], [104, 111])
    assert.deepEqual([gone.deleted, gone.previous[0]?.text, gone.revision], [1, 'ho', 4])
    assert.equal(await client.kv.get('k'), undefined)
  })

  test('ranges: all of a prefix, between two keys, page by page, or only their number', async () => {
    const { client, node } = open()
    for (const key of ['a/1', 'a/2', 'a/3', 'b']) await client.kv.put(key, key)
    const keys = (entries: readonly { readonly key: string }[]): string[] => entries.map(({ key }) => key)

    const all = await client.kv.getAll(prefix('a/'))
    const some = await client.kv.getAll(between('a/2', 'b'), { limit: 1 })
    const scanned: string[] = []
    for await (const { key } of client.kv.scan(everything, { pageSize: 2 })) scanned.push(key)

    assert.deepEqual([keys(all.entries), all.more, all.count], [['a/1', 'a/2', 'a/3'], false, 3])
    assert.deepEqual([keys(some.entries), some.more], [['a/2'], true])
    assert.deepEqual(scanned, ['a/1', 'a/2', 'a/3', 'b'])
    assert.equal(await client.kv.count(prefix('a/')), 3)
    assert.equal(node.calls.filter(({ method }) => method === 'range').length, 2 + 2 + 1)
  })

  test('values of other kinds', async () => {
    const { client } = open()
    const jobs = client.kv.as(jsonCodec<{ state: string }>())
    const texts = client.kv.as(textCodec)

    await jobs.put('j', { state: 'new' })
    await jobs.update('j', (job) => ({ state: `${job?.state}er` }))

    assert.deepEqual((await jobs.get('j'))?.value, { state: 'newer' })
    assert.equal((await texts.get('j'))?.value, '{"state":"newer"}')
  })

  test('a transaction answers with what each of its operations answers', async () => {
    const { client } = open()
    const { kv } = client
    await kv.put('a', '1')

    const done = await kv.transact({
      when: [exists('a'), missing('b')],
      do: [kv.op.put('b', '2', { previous: true }), kv.op.get('a'), kv.op.delete('a')],
      else: [kv.op.range(everything)],
    })
    const not = await kv.transact({
      when: [compare('b').version('>', 1)],
      do: [kv.op.put('b', '3')],
      else: [kv.op.range(everything), kv.op.get('a')],
    })

    assert.ok(done.succeeded)
    assert.deepEqual(
      [done.answers[0].previous, done.answers[1]?.text, done.answers[2].deleted, done.revision],
      [undefined, '1', 1, 3],
    )
    assert.ok(!not.succeeded)
    assert.deepEqual([not.answers[0].entries[0]?.text, not.answers[1]], ['2', undefined])
  })

  test('create and replace are told whether they came first; update begins again when it did not', async () => {
    const { client } = open()
    const { kv } = client

    const created = [await kv.create('k', '1'), await kv.create('k', '2')]
    const old = await kv.get('k')
    assert.ok(old !== undefined)
    const replaced = [await kv.replace(old, '3'), await kv.replace(old, '4')]
    let asked = 0
    const rival = async (): Promise<void> => {
      asked += 1
      if (asked === 1) await kv.put('k', '5')
    }
    const rivals: Promise<void>[] = []
    await kv.update('k', (value) => {
      rivals.push(rival())
      return `${new TextDecoder().decode(value)}!`
    })
    await Promise.all(rivals)

    assert.deepEqual(
      [created, replaced],
      [
        [true, false],
        [true, false],
      ],
    )
    assert.equal((await kv.get('k'))?.text, '5!')
    assert.equal(asked, 2)
  })

  test('what a caller gets wrong is said before anything is sent', async () => {
    const { client, node } = open()

    await assert.rejects(client.kv.put('', 'x'), RangeError)
    await assert.rejects(client.kv.scan('k').next(), RangeError)
    await assert.rejects(client.lease({ ttlSeconds: 0.5 }), RangeError)
    assert.throws(() => client.watch([]), RangeError)
    assert.throws(() => client.watch('k', { only: [] }), RangeError)
    assert.throws(() => connect({ endpoints: [] }), RangeError)
    assert.equal(node.calls.length, 0)
  })
})

describe('calls that fail on the way', () => {
  const troubles = [
    new AspenError('noLeader'),
    new AspenError('leaderChanged'),
    new AspenError('timeout'),
    new EtcdCallError(14, 'the line broke'),
    new AspenError('tooManyRequests'),
  ]

  test('Q4: a write whose answers were lost is sent again with its number, and applied once', async () => {
    const { client, cluster, node } = open()
    node.after = first('put', ...troubles)

    const { revision } = await client.kv.put('k', 'v')

    assert.equal(revision, 2)
    assert.equal((await client.kv.get('k'))?.version, 1)
    const numbers = node.calls.filter(({ method }) => method === 'put').map(({ options }) => options?.request)
    assert.equal(numbers.length, troubles.length + 1)
    assert.equal(new Set(numbers.map((number) => JSON.stringify(number))).size, 1)
    assert.equal(cluster.history.length, 1)
  })

  test('Q4: a number under which the caller was refused is not used again', async () => {
    const { client, cluster, node } = open()
    node.before = first('put', new AspenError('authOldRevision'), new AspenError('authOldRevision'))

    await client.kv.put('k', 'v')

    const numbers = node.calls.map(({ options }) => options?.request?.number)
    assert.deepEqual([new Set(numbers).size, numbers.length, cluster.history.length], [3, 3, 1])
    node.before = () => new AspenError('invalidAuthToken')
    await assert.rejects(client.kv.put('k', 'v'), { code: 'invalidAuthToken' })
  })

  test('Q3: at an etcd, which knows no numbers, a write of unknown outcome fails', async () => {
    const { client, cluster, node } = open({ isAspen: async () => false })
    node.after = first('put', new AspenError('timeout'))

    await assert.rejects(client.kv.put('k', 'v'), { code: 'timeout' })

    assert.equal(cluster.history.length, 1)
    assert.equal(node.calls.length, 1)
  })

  test('Q3: nor is it sent again where it cannot be told which of the two it is', async () => {
    const { client, node } = open({ isAspen: async () => undefined })
    node.after = first('put', new AspenError('timeout'))

    await assert.rejects(client.kv.put('k', 'v'), { code: 'timeout' })

    assert.equal(node.calls.length, 1)
  })

  test('at an etcd too, what was refused or never sent is sent again, and so are reads', async () => {
    const { client, node } = open({ isAspen: async () => false })
    node.before = first('put', new EtcdUnreachableError('nobody there'), new AspenError('tooManyRequests'))

    await client.kv.put('k', 'v')
    node.before = first('range', ...troubles)
    const got = await client.kv.get('k')

    assert.equal(got?.version, 1)
  })

  test('an answer is an answer: refusals are told at once', async () => {
    const { client, node } = open()
    for (const code of ['noSpace', 'permissionDenied', 'compacted', 'leaseNotFound'] as const) {
      node.calls.length = 0
      node.before = first('put', new AspenError(code))

      await assert.rejects(client.kv.put('k', 'v'), { code })

      assert.equal(node.calls.length, 1, code)
    }
  })

  test('when the deadline has passed, the last error is told; each try knows what is left of it', async () => {
    const { client, node } = open()
    node.before = () => new AspenError('noLeader')

    await assert.rejects(client.kv.get('k', { deadlineMs: 150 }), { code: 'noLeader' })

    const left = node.calls.map(({ options }) => options?.deadlineMs ?? 0)
    assert.ok(left.length >= 2)
    assert.ok(left.every((ms, at) => ms <= (left[at - 1] ?? 150)))
  })

  test('a caller who leaves is let go between two tries', async () => {
    const { client, node } = open()
    const leaving = new AbortController()
    node.before = () => {
      queueMicrotask(() => leaving.abort())
      return new AspenError('noLeader')
    }

    await assert.rejects(client.kv.get('k', { signal: leaving.signal }), { code: 'canceled' })

    await assert.rejects(client.kv.put('k', 'v', { signal: leaving.signal }), { code: 'canceled' })
    assert.equal(node.calls.length, 1)
  })

  test('a closed client calls nobody', async () => {
    const { client, node } = open()
    node.before = () => new AspenError('noLeader')

    const waiting = client.kv.get('k')
    client.close()

    await assert.rejects(waiting, { code: 'canceled' })
    await assert.rejects(client.kv.get('k'), { code: 'canceled' })
    await assert.rejects(client.lease({ ttlSeconds: 5 }), { code: 'canceled' })
    for await (const _ of client.watch('k')) assert.fail('a closed client tells nothing')
  })

  test('a keyspace goes with every call of its client', async () => {
    const { client, node } = open()

    await client.keyspace('other').kv.put('k', 'v')
    await client.kv.get('k')

    assert.deepEqual(
      node.calls.map(({ options }) => options?.keyspace),
      ['other', undefined],
    )
  })
})
