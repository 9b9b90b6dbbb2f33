import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createLmdbStore, openLmdbStore } from '../../../runtime/node/lmdb/store.ts'
import { closed, identity, tempDir } from './lab.ts'

test('each thread owns a store, drains it, closes it and ends; the next owner finds everything', async (t) => {
  const root = tempDir(t)
  const stores = [0, 1, 2].map((store) => ({
    dir: join(root, String(store)),
    identity: { ...identity, store, stores: 3 },
  }))
  for (const { dir, identity } of stores) await createLmdbStore(dir, identity)

  for (let life = 0; life < 2; life++) {
    const ends = stores.map((options) => {
      const worker = new Worker(new URL('./thread-writer.js', import.meta.url), {
        workerData: { options, commits: 40 },
      })
      const answer = new Promise((resolve) => worker.once('message', resolve))
      const exit = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
      return Promise.all([answer, exit])
    })
    assert.deepEqual(await Promise.all(ends), [
      [41, 0],
      [41, 0],
      [41, 0],
    ])
  }

  for (const options of stores) {
    const store = openLmdbStore(options)
    assert.equal([...store.range({ from: Buffer.from('k'), to: Buffer.from('m') })].length, 41)
    await closed(store)
  }
})
