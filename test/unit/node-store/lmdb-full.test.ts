import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type DataDir, openDataDir } from '../../../runtime/node/data-dir.ts'
import { type LmdbStore, openLmdbStore } from '../../../runtime/node/lmdb/store.ts'
import { noSmallDisk, smallDisk } from '../../small-disk.ts'
import { closed, commit } from './lab.ts'

const keyOf = (n: number): Uint8Array => Buffer.from(`row-${String(n).padStart(5, '0')}`)

const identity = { clusterId: 1, memberId: 1, name: 'n', stores: 1 }

async function openOnSmallDisk(t: TestContext): Promise<{
  readonly dir: DataDir
  readonly slot: DataDir['stores'][number]
  readonly store: LmdbStore
  readonly disk: string
}> {
  const disk = smallDisk(24)
  t.after(() => disk.unmount())
  const dir = await openDataDir({ dir: disk.path, ...identity, reserveBytes: 4 * 1024 * 1024 })
  const slot = dir.stores[0]
  assert.ok(slot)
  return { dir, slot, store: openLmdbStore({ ...slot, onFull: () => void dir.reserve.release() }), disk: disk.path }
}

/** Commits until there is no room; the number of rows that were acknowledged. */
async function fill(store: LmdbStore, from: number): Promise<number> {
  for (let n = from; n < 10_000; n++) {
    const outcome = await commit(store, [
      { type: 'put', key: keyOf(n), value: new Uint8Array(20_000).fill(n) },
      { type: 'logAppend', log: 'raft', entries: [{ index: n + 1, term: 1, type: 'normal', data: keyOf(n) }] },
    ])
    if (outcome.type === 'full') {
      assert.deepEqual([store.log('raft').lastIndex, store.log('raft').entries(n, n + 1, 1_000).length], [n, 1], 'S2')
      return n
    }
    assert.equal(outcome.type, 'durable')
  }
  return assert.fail('the disk never became full')
}

test('disk full: writes are refused, reads served, the reserve frees room for the same batch, and nothing acknowledged is lost', {
  skip: noSmallDisk,
}, async (t) => {
  const { dir, store, slot, disk } = await openOnSmallDisk(t)

  const rows = await fill(store, 0)
  assert.ok(rows > 100)
  assert.equal(dir.reserve.held, false)
  for (let n = 0; n < rows; n++) assert.equal(store.get(keyOf(n))?.[0], n & 0xff)
  assert.equal(store.get(keyOf(rows)), undefined)

  // The same batch again: now there is the reserve's room.
  const more = await fill(store, rows)
  assert.ok(more > rows)
  assert.equal(dir.reserve.restore(), false)
  await closed(store)
  dir.close()

  const again = await openDataDir({ dir: disk, ...identity, reserveBytes: 0 })
  const reopened = openLmdbStore(slot)
  for (let n = 0; n < more; n++) assert.ok(reopened.get(keyOf(n)), `S1: row ${n} of ${more}`)
  await closed(reopened)
  again.close()
})

test('disk full: deletes commit within the reserve, and then writes fit into what they freed', {
  skip: noSmallDisk,
}, async (t) => {
  const { dir, store } = await openOnSmallDisk(t)
  const rows = await fill(store, 0)
  const full = store.stats()

  const outcome = await commit(store, [{ type: 'deleteRange', from: keyOf(0), to: keyOf(rows - 20) }])

  assert.equal(outcome.type, 'durable')
  assert.ok(store.stats().liveBytes < full.liveBytes / 2)
  for (let n = 0; n < 100; n++) {
    const again = await commit(store, [{ type: 'put', key: keyOf(n), value: new Uint8Array(20_000) }])
    assert.equal(again.type, 'durable', `row ${n}`)
  }
  assert.equal(store.get(keyOf(rows - 1))?.[0], (rows - 1) & 0xff)
  await closed(store)
  dir.close()
})
