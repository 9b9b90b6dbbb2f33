import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openDataDir } from '../../../runtime/node/data-dir.ts'
import { type LmdbStore, openLmdbStore } from '../../../runtime/node/lmdb/store.ts'
import { closed, commit } from './lab.ts'

/** A disk of its own, small enough to fill; undefined where this user may not mount one. */
function smallDisk(t: TestContext, megabytes: number): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'aspen-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'aspen-test', dir], { stdio: 'pipe' })
  } catch (error) {
    rmSync(dir, { recursive: true })
    t.skip(`no disk to fill: ${String(error).split('\n')[0]}`)
    return undefined
  }
  t.after(() => {
    // Lazily: after a failure the store still has its file open.
    execFileSync('umount', ['-l', dir])
    rmSync(dir, { recursive: true })
  })
  return dir
}

const keyOf = (n: number): Uint8Array => Buffer.from(`row-${String(n).padStart(5, '0')}`)

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

test('disk full: writes are refused, reads served, the reserve frees room for the same batch, and nothing acknowledged is lost', async (t) => {
  const disk = smallDisk(t, 24)
  if (disk === undefined) return
  const dir = await openDataDir({
    dir: disk,
    clusterId: 1,
    memberId: 1,
    name: 'n',
    stores: 1,
    reserveBytes: 4 * 1024 * 1024,
  })
  const slot = dir.stores[0]
  assert.ok(slot)
  const store = openLmdbStore({ ...slot, onFull: () => void dir.reserve.release() })

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

  const again = await openDataDir({ dir: disk, clusterId: 1, memberId: 1, name: 'n', stores: 1, reserveBytes: 0 })
  const reopened = openLmdbStore(slot)
  for (let n = 0; n < more; n++) assert.ok(reopened.get(keyOf(n)), `S1: row ${n} of ${more}`)
  await closed(reopened)
  again.close()
})

test('disk full: deletes commit within the reserve, and then writes fit into what they freed', async (t) => {
  const disk = smallDisk(t, 24)
  if (disk === undefined) return
  const dir = await openDataDir({
    dir: disk,
    clusterId: 1,
    memberId: 1,
    name: 'n',
    stores: 1,
    reserveBytes: 4 * 1024 * 1024,
  })
  const slot = dir.stores[0]
  assert.ok(slot)
  const store = openLmdbStore({ ...slot, onFull: () => void dir.reserve.release() })
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
