import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { WatchResponse, WatchSpec } from '../../../actors/watch/messages.ts'
import { Aspen } from '../../../aspen/index.ts'
import type { AspenNode } from '../../../aspen/node.ts'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import type { WatchStream } from '../../../client/interface.ts'
import { prefix, spec } from './parts.ts'

async function opened(t: TestContext, workers: number = 0): Promise<AspenNode> {
  const dir = mkdtempSync(join(tmpdir(), 'aspen-watch-'))
  const node = await Aspen.open({ dir, workers })
  t.after(async () => {
    await node.close()
    rmSync(dir, { recursive: true, force: true })
  })
  return node
}

/** Reads one stream, response by response. */
class Reader {
  readonly stream: WatchStream
  readonly #iterator: AsyncIterator<WatchResponse>

  constructor(node: AspenNode) {
    this.stream = node.client.openWatch()
    this.#iterator = this.stream.responses[Symbol.asyncIterator]()
  }

  async next(): Promise<WatchResponse | undefined> {
    const step = await this.#iterator.next()
    return step.done === true ? undefined : step.value
  }

  async created(fields: Partial<WatchSpec> = {}): Promise<number> {
    this.stream.create(spec(fields))
    const response = await this.next()
    assert.equal(response?.type, 'created')
    return response?.revision ?? 0
  }

  /** Revisions told, in order, until the last of them is `upTo`. */
  async revisions(upTo: number): Promise<number[]> {
    const told: number[] = []
    while ((told.at(-1) ?? 0) < upTo) {
      const response = await this.next()
      assert.equal(response?.type, 'events', JSON.stringify(response))
      if (response?.type === 'events') told.push(...response.events.map(({ kv }) => kv.modRevision))
    }
    return told
  }
}

async function write(node: AspenNode, count: number, key: string = 'k'): Promise<number> {
  const written = Array.from({ length: count }, (_, i) => node.client.put({ key: utf8(key), value: utf8(`v${i}`) }))
  const headers = await Promise.all(written)
  return Math.max(...headers.map(({ header }) => header.revision))
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

for (const workers of [0, 1]) {
  test(`W6: a watcher of a node with ${workers} workers is told what was written, once, in order`, async (t) => {
    const node = await opened(t, workers)
    const reader = new Reader(node)
    const revision = await reader.created({ prevKv: true })

    const last = await write(node, 200)
    const told = await reader.revisions(last)

    assert.deepEqual(told, numbers(revision + 1, last))
  })
}

test('W6: who reads nothing while hundreds of big revisions pass, a compaction among them, is told all that is left, in order', async (t) => {
  const node = await opened(t)
  const reader = new Reader(node)
  await reader.created()
  const value = new Uint8Array(10_000)

  // Several times what a session and its reader keep.
  for (let round = 0; round < 8; round++) {
    await Promise.all(Array.from({ length: 100 }, () => node.client.put({ key: utf8('k'), value })))
  }
  const { header } = await node.client.put({ key: utf8('k'), value })
  const told = await reader.revisions(header.revision)

  assert.deepEqual(told, numbers(2, header.revision))
})

test('a slow watcher whose history is compacted away is canceled, with where to begin', async (t) => {
  const node = await opened(t)
  const reader = new Reader(node)
  await reader.created()
  const value = new Uint8Array(10_000)
  for (let round = 0; round < 8; round++) {
    await Promise.all(Array.from({ length: 100 }, () => node.client.put({ key: utf8('k'), value })))
  }
  await node.client.compact({ revision: 790 })

  const told: number[] = []
  let last: WatchResponse | undefined
  for (last = await reader.next(); last?.type === 'events'; last = await reader.next())
    told.push(...last.events.map(({ kv }) => kv.modRevision))

  assert.ok(last?.type === 'canceled' && last.cause === 'compacted' && last.compactRevision === 790)
  assert.deepEqual(told, numbers(2, told.length + 1), 'what it was told before has no gap')
})

test('W4: a transaction is told in one response, and a delete with what was deleted', async (t) => {
  const node = await opened(t)
  await node.client.put({ key: utf8('k/1'), value: utf8('one') })
  const reader = new Reader(node)
  await reader.created({ ranges: [prefix('k/')], prevKv: true })

  await node.client.txn({
    compare: [],
    success: [
      { type: 'deleteRange', key: utf8('k/1') },
      { type: 'put', key: utf8('k/2'), value: utf8('two') },
    ],
    failure: [],
  })
  const response = await reader.next()

  assert.ok(response?.type === 'events' && response.events.length === 2)
  const [gone, added] = response.events
  assert.equal(fromUtf8(gone?.prevKv?.value ?? utf8('')), 'one')
  assert.deepEqual([gone?.type, added?.type, added?.prevKv], ['delete', 'put', undefined])
})

test('W11: a bookmark of the stream comes after all that was written before it was asked for', async (t) => {
  const node = await opened(t)
  const reader = new Reader(node)
  await reader.created()
  const last = await write(node, 20)

  reader.stream.requestProgress()
  await reader.revisions(last)

  assert.deepEqual(await reader.next(), { type: 'progress', watchId: -1, revision: last })
})

test('of each key at most one change in so many milliseconds, and the newest in the end', async (t) => {
  const node = await opened(t)
  const reader = new Reader(node)
  await reader.created({ sampleMs: 200 })

  const last = await write(node, 200)
  const told = await reader.revisions(last)

  assert.ok(told.length < 10, `${told.length} of 200 were told`)
  assert.equal(told.at(-1), last)
})

test('a stream that is closed ends, and leaves no actor behind', async (t) => {
  const node = await opened(t)
  const reader = new Reader(node)
  await reader.created()

  reader.stream.close()
  const end = await reader.next()

  assert.equal(end, undefined)
  // The session ends in its own time.
  for (let tries = 0; tries < 100 && (await sessions(node)) > 0; tries++)
    await new Promise((done) => setTimeout(done, 10))
  assert.equal(await sessions(node), 0)
})

async function sessions(node: AspenNode): Promise<number> {
  return (await node.actors()).filter(({ definition }) => definition === 'watchSession').length
}

test('metrics tell of streams and watchers', async (t) => {
  const node = await opened(t)
  const reader = new Reader(node)
  await reader.created()

  let text = ''
  for (let tries = 0; tries < 100 && !text.includes('etcd_debugging_mvcc_watcher_total 1'); tries++) {
    text = await node.client.metricsText()
    await new Promise((done) => setTimeout(done, 50))
  }

  assert.match(text, /^etcd_debugging_mvcc_watch_stream_total 1$/m)
  assert.match(text, /^etcd_debugging_mvcc_watcher_total 1$/m)
})
