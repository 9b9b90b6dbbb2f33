// A watch must tell each change once and in order, whatever becomes of the streams beneath it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../../../client/client.ts'
import { AspenError } from '../../../client/interface.ts'
import { prefix } from '../../../client/keys.ts'
import { tokenRenewalsMax } from '../../../client/tokens.ts'
import { inProcess } from '../../../client/transport.ts'
import { type Watch, type WatchChange, WatchCompactedError, type WatchMarker } from '../../../client/watch/watch.ts'
import { MemoryCluster, type MemoryNode, type MemoryStream, memoryNode } from './memory-node.ts'

interface World {
  readonly cluster: MemoryCluster
  readonly node: MemoryNode
  readonly client: Client
  put(key: string, value?: string): Promise<number>
  stream(at?: number): MemoryStream
}

function open(t: { after(end: () => void): void }, isAspen = true): World {
  const cluster = new MemoryCluster()
  const node = memoryNode(cluster)
  const client = Client.over({ ...inProcess(node), isAspen: async () => isAspen })
  t.after(() => client.close())
  return {
    cluster,
    node,
    client,
    put: async (key, value = '') => (await client.kv.put(key, value)).revision,
    stream: (at = -1) => {
      const stream = node.opened.at(at)
      assert.ok(stream !== undefined, 'no stream was opened')
      return stream
    },
  }
}

type Told = WatchChange<Uint8Array> | WatchMarker

async function take(watch: Watch<Uint8Array, Told> | Watch<Uint8Array>, count: number): Promise<readonly Told[]> {
  const told: Told[] = []
  const iterator = watch[Symbol.asyncIterator]()
  while (told.length < count) {
    const { value, done } = await iterator.next()
    if (done === true) break
    told.push(value as Told)
  }
  return told
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    assert.ok(tries < 500, `waited in vain: ${what}`)
    await sleep(5)
  }
}

const short = (told: readonly Told[]): string[] =>
  told.map((one) => ('key' in one ? `${one.type} ${one.key} ${one.revision}` : `${one.type} ${one.revision}`))

describe('a watch', () => {
  test('tells what was created, updated and deleted, and what was there before', async (t) => {
    const { client, put } = open(t)
    const watch = client.watch(prefix('a/'), { previous: true })
    assert.equal(await watch.started, 1)

    await put('a/1', 'x')
    await put('b')
    await put('a/1', 'y')
    await client.kv.delete('a/1')
    const told = await take(watch, 3)

    assert.deepEqual(short(told), ['create a/1 2', 'update a/1 4', 'delete a/1 5'])
    const [created, updated, deleted] = told as [Told, Told, Told]
    assert.ok(created.type === 'create' && updated.type === 'update' && deleted.type === 'delete')
    assert.deepEqual([created.previous, created.entry.text], [undefined, 'x'])
    assert.deepEqual([updated.previous?.text, updated.entry.text], ['x', 'y'])
    assert.equal(deleted.previous?.text, 'y')
  })

  test('begins in the past when it is told to, and knows where another would go on', async (t) => {
    const { client, put } = open(t)
    await put('k', '1')
    await put('k', '2')
    const watch = client.watch('k', { fromRevision: 3 })

    const told = await take(watch, 1)
    await put('k', '3')
    const next = client.watch('k', { fromRevision: watch.bookmark })

    assert.deepEqual(short(told), ['update k 3'])
    assert.equal(watch.bookmark, 4)
    assert.deepEqual(short(await take(next, 1)), ['update k 4'])
  })

  test('the bookmark passes a revision only with its last change', async (t) => {
    const { client } = open(t)
    const { kv } = client
    const watch = client.watch(prefix('k'))
    await watch.started

    await kv.transact({ do: [kv.op.put('k1', ''), kv.op.put('k2', '')] })
    const iterator = watch[Symbol.asyncIterator]()
    await iterator.next()
    const between = watch.bookmark
    await iterator.next()

    assert.deepEqual([between, watch.bookmark], [2, 3])
  })

  test('many share one stream, which ends with the last of them', async (t) => {
    const { client, node, put, stream } = open(t)
    const watches = ['a', 'b', 'c'].map((key) => client.watch(key))
    await Promise.all(watches.map(({ started }) => started))

    for (const key of ['a', 'b', 'c']) await put(key)
    const told = await Promise.all(watches.map((watch) => take(watch, 1)))
    assert.deepEqual(told.flatMap(short), ['create a 2', 'create b 3', 'create c 4'])
    assert.equal(node.opened.length, 1)

    watches[0]?.close()
    assert.deepEqual([stream().canceled, stream().closed], [[1], false])
    for (const watch of watches) watch.close()

    assert.equal(stream().closed, true)
  })

  test('P3, P5: goes on after lost streams, with nothing missing and nothing twice', async (t) => {
    const { client, node, put, stream } = open(t)
    const watch = client.watch(prefix('k'))
    await watch.started
    const failures = [undefined, new AspenError('leaderChanged'), new AspenError('stopped'), new AspenError('canceled')]

    const taking = take(watch, 12)
    for (const failure of failures) {
      await put('k1')
      await put('k2')
      stream().break(failure)
      await put('k3')
      const opened = node.opened.length
      await until(() => node.opened.length > opened && stream().created.length > 0, 'another stream')
    }

    assert.deepEqual(
      (await taking).map(({ revision }) => revision),
      [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
    )
    assert.equal(node.opened.length, failures.length + 1)
  })

  test('P4: a member that cannot go on, and one that refuses for a while, are both mended by trying again', async (t) => {
    const { client, node, put, stream } = open(t)
    node.refuseWatch = new AspenError('noLeader')
    const watch = client.watch('k')
    await until(() => node.opened.length >= 2, 'a second try')
    node.refuseWatch = undefined
    await watch.started

    const { watchId } = stream().created[0] as { watchId: number }
    stream().tell({ type: 'canceled', watchId, revision: 1, cause: 'unavailable', compactRevision: 0 })
    await put('k')

    assert.deepEqual(short(await take(watch, 1)), ['create k 2'])
    assert.equal(stream().created.length, 2, 'it is created again on the stream that lives')
  })

  test('P3: a late answer to an earlier creation is told to nobody', async (t) => {
    const { client, put, stream, cluster } = open(t)
    const watch = client.watch('k')
    await watch.started
    const { watchId } = stream().created[0] as { watchId: number }
    stream().tell({ type: 'canceled', watchId, revision: 1, cause: 'unavailable', compactRevision: 0 })
    await until(() => stream().created.length === 2, 'the second creation')

    await put('k')
    const [event] = cluster.history
    assert.ok(event !== undefined)
    stream().tell({ type: 'events', watchId, revision: 2, events: [event], more: false })
    await put('k')

    assert.deepEqual(short(await take(watch, 2)), ['create k 2', 'update k 3'])
  })

  test('P2: a revision whose rest was lost with the stream comes again whole', async (t) => {
    const { client, cluster, stream } = open(t)
    const { kv } = client
    const watch = client.watch(prefix('k'))
    await watch.started
    const { watchId } = stream().created[0] as { watchId: number }
    const lost = stream()
    // It tells a part of the revision, and no more.
    cluster.streams.delete(lost)
    const taking = take(watch, 3)

    await kv.transact({ do: [kv.op.put('k1', ''), kv.op.put('k2', ''), kv.op.put('k3', '')] })
    lost.tell({ type: 'events', watchId, revision: 2, events: cluster.history.slice(0, 2), more: true })
    await until(() => lost.taken === 2, 'the part to be taken')
    lost.break()

    assert.deepEqual(short(await taking), ['create k1 2', 'create k2 2', 'create k3 2'])
  })

  test('is told why when history is gone', async (t) => {
    const { client, cluster, put } = open(t)
    for (const value of ['1', '2', '3', '4']) await put('k', value)
    cluster.compacted = 4

    const failing = take(client.watch('k', { fromRevision: 2 }), 1)

    await assert.rejects(failing, (error) => error instanceof WatchCompactedError && error.compactRevision === 4)
  })

  test('with markers it says where history is missing, and goes on from what is left', async (t) => {
    const { client, cluster, put } = open(t)
    for (const value of ['1', '2', '3', '4']) await put('k', value)
    cluster.compacted = 4

    const told = await take(client.watch('k', { fromRevision: 2, markers: true }), 3)

    assert.deepEqual(short(told), ['compacted 5', 'update k 4', 'update k 5'])
  })

  test('a bookmark moves every watch of the stream past what happened elsewhere', async (t) => {
    const { client, cluster, put, stream } = open(t)
    const quiet = client.watch('k', { markers: true })
    await quiet.started
    for (let n = 0; n < 5; n += 1) await put('other')

    quiet.requestProgress()
    const told = await take(quiet, 1)
    assert.deepEqual(short(told), ['progress 6'])
    const again = client.watch('k', { fromRevision: quiet.bookmark })
    await again.started
    cluster.compacted = 6
    stream().break()

    await put('k')
    assert.deepEqual(short(await take(again, 1)), ['create k 7'], 'compaction of what it passed does not catch it')
  })

  test('P2: a bookmark of the stream is not one of a watch that is still being created', async (t) => {
    const { client, put, stream } = open(t)
    await put('k', 'a')
    await put('k', 'b')
    const first = client.watch('other')
    await first.started
    const lost = stream()
    const before = lost.taken
    lost.deaf = true
    const second = client.watch('k', { fromRevision: 2 })
    await until(() => lost.created.length === 2, 'the second creation')

    // Said by a server that has not heard of the second watch yet.
    lost.tell({ type: 'progress', watchId: -1, revision: 3 })
    await until(() => lost.taken > before, 'the bookmark to be read')
    lost.break()

    assert.deepEqual(short(await take(second, 2)), ['create k 2', 'update k 3'])
  })

  test('refusals end it', async (t) => {
    for (const [cause, error] of [
      ['permissionDenied', { code: 'permissionDenied' }],
      ['tooManyWatchers', { code: 'tooManyRequests' }],
      ['invalid', RangeError],
    ] as const) {
      const { client, stream } = open(t)
      const watch = client.watch('k')
      await watch.started
      const { watchId } = stream().created[0] as { watchId: number }

      stream().tell({ type: 'canceled', watchId, revision: 1, cause, compactRevision: 0 })

      await assert.rejects(take(watch, 1), error)
      assert.equal(stream().closed, true)
    }
  })

  test('a stream that cannot be mended ends all its watches; a token is renewed a few times', async (t) => {
    const { client, node } = open(t)
    node.refuseWatch = new AspenError('invalidAuthToken')
    const watches = [client.watch('a'), client.watch('b')]

    const ends = await Promise.allSettled(watches.map((watch) => take(watch, 1)))

    for (const end of ends) assert.equal(end.status === 'rejected' && end.reason.code, 'invalidAuthToken')
    await assert.rejects(watches[0]?.started ?? Promise.resolve(), { code: 'invalidAuthToken' })
    assert.equal(node.opened.length, 1 + tokenRenewalsMax)
  })

  test('ends quietly: by leaving the loop, by its signal, by `close`, with its client', async (t) => {
    const { client, put, stream } = open(t)
    const leaving = new AbortController()
    const watches = [
      client.watch('k'),
      client.watch('k', { signal: leaving.signal }),
      client.watch('k'),
      client.watch('k'),
    ]
    await Promise.all(watches.map(({ started }) => started))
    const ends = watches.map(async (watch, at) => {
      let told = 0
      for await (const _ of watch) {
        told += 1
        if (at === 0) break
      }
      return told
    })

    await put('k')
    await until(() => stream().canceled.length === 1, 'the first to leave')
    leaving.abort()
    watches[2]?.close()
    client.close()

    assert.deepEqual(await Promise.all(ends), [1, 1, 1, 1])
    assert.deepEqual(stream().canceled.sort(), [1, 2, 3, 4])
    assert.equal(stream().closed, true)
  })

  test('what an etcd would not understand is refused there', async (t) => {
    const { client, node } = open(t, false)

    await assert.rejects(take(client.watch('k', { keySuffix: 'x' }), 1), /an etcd cannot watch with keySuffix/)
    await assert.rejects(take(client.watch([prefix('a'), prefix('b')]), 1), /several ranges/)
    await assert.rejects(take(client.watch('k', { only: ['create'] }), 1), /creates without updates/)

    assert.equal(node.opened.length, 0)
    await client.watch('k', { only: ['delete'] }).started
  })
})

describe('a slow program', () => {
  test('P6: holds no more than its buffer, and gets everything all the same', async (t) => {
    const { client, put, stream } = open(t)
    const slow = client.watch('k', { bufferedEventsMax: 10 })
    const other = client.watch('k')
    await Promise.all([slow.started, other.started])

    for (let n = 0; n < 50; n += 1) await put('k')
    await until(() => stream().canceled.includes(1), 'the slow watch to leave its stream')
    const asked = stream().created.length
    const quick = await take(other, 50)
    const told = await take(slow, 50)

    assert.equal(quick.length, 50, 'the other watch of the stream is not held up')
    assert.equal(asked, 2, 'nothing more is asked for while the buffer is full')
    assert.deepEqual(
      told.map(({ revision }) => revision),
      Array.from({ length: 50 }, (_, at) => at + 2),
    )
    const starts = stream()
      .created.filter(({ watchId }) => watchId > 2)
      .map(({ spec }) => spec.startRevision)
    assert.ok(starts.length >= 1 && (starts[0] as number) >= 13, `it joined again at ${starts.join(', ')}`)
  })

  test('P6: bytes count too', async (t) => {
    const { client, put, stream } = open(t)
    const slow = client.watch('k', { bufferedBytesMax: 1_000 })
    await slow.started

    for (let n = 0; n < 6; n += 1) await put('k', 'x'.repeat(300))
    await until(() => stream().canceled.length === 1, 'the watch to leave its stream')

    assert.equal((await take(slow, 6)).length, 6)
  })
})
