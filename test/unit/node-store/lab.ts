/** Temporary stores on the real disk, for the tests of this folder. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { StoreIdentity } from '../../../runtime/node/lmdb/identity.ts'
import {
  createLmdbStore,
  type LmdbStore,
  type LmdbStoreOptions,
  openLmdbStore,
} from '../../../runtime/node/lmdb/store.ts'
import type { CommitOutcome, Write } from '../../../runtime/ports/store.ts'

export const identity: StoreIdentity = { clusterId: 7, memberId: 3, store: 0, stores: 1, incarnation: 1 }

/** A directory that goes when the test does. */
export function tempDir(t: TestContext, within: string = tmpdir()): string {
  const dir = mkdtempSync(join(within, 'aspen-node-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export async function newStore(dir: string, options: Partial<LmdbStoreOptions> = {}): Promise<LmdbStore> {
  await createLmdbStore(dir, options.identity ?? identity)
  return openLmdbStore({ dir, identity, ...options })
}

export function commit(store: LmdbStore, writes: readonly Write[]): Promise<CommitOutcome> {
  return new Promise((resolve) => store.commit(writes, resolve))
}

export function closed(store: LmdbStore): Promise<void> {
  return new Promise((resolve) => store.close(resolve))
}

/** A store with some thousand pairs and a log, closed: something to damage. */
export async function filledStore(dir: string): Promise<void> {
  const store = await newStore(dir)
  const value = new Uint8Array(300).fill(5)
  for (let batch = 0; batch < 8; batch++) {
    const writes: Write[] = Array.from({ length: 250 }, (_, i) => ({
      type: 'put',
      key: Buffer.from(`key-${String(i * 8 + batch).padStart(5, '0')}`),
      value,
    }))
    writes.push({
      type: 'logAppend',
      log: 'raft',
      entries: [{ index: batch + 1, term: 1, type: 'normal', data: value }],
    })
    await commit(store, writes)
  }
  await closed(store)
}
