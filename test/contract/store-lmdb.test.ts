import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoreIdentity } from '../../runtime/node/lmdb/identity.ts'
import { createLmdbStore, type LmdbStore, openLmdbStore } from '../../runtime/node/lmdb/store.ts'
import { storeContract } from './store.ts'

const identity: StoreIdentity = { clusterId: 7, memberId: 3, store: 0, stores: 1, incarnation: 1 }

storeContract('lmdb', async () => {
  const root = mkdtempSync(join(tmpdir(), 'aspen-store-'))
  let life = 0
  let store: LmdbStore | undefined
  const dir = (): string => join(root, `life-${life}`)
  const abandoned: LmdbStore[] = []
  await createLmdbStore(dir(), identity)
  return {
    open: async () => {
      store = openLmdbStore({ dir: dir(), identity })
      return store
    },
    crash: async () => {
      // What a killed process leaves is its file as it stands; the next life gets a copy of it, taken in page order.
      const from = dir()
      life += 1
      copyInOrder(from, dir())
      if (store !== undefined) abandoned.push(store)
      store = undefined
    },
    end: async () => {
      for (const old of [...abandoned, store]) await closed(old)
      rmSync(root, { recursive: true })
    },
  }
})

/** The meta pages first: one commit may still be running, and it writes its meta page last. */
function copyInOrder(from: string, to: string): void {
  mkdirSync(to)
  const source = openSync(join(from, 'data.mdb'), 'r')
  const target = openSync(join(to, 'data.mdb'), 'w')
  const chunk = Buffer.alloc(65_536)
  for (let bytes = readSync(source, chunk); bytes > 0; bytes = readSync(source, chunk))
    writeSync(target, chunk, 0, bytes)
  closeSync(source)
  closeSync(target)
}

function closed(store: LmdbStore | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (store === undefined) resolve()
    else {
      try {
        store.close(resolve)
      } catch {
        // The test has closed it itself.
        resolve()
      }
    }
  })
}
