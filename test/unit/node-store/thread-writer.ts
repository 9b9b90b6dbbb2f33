/** A worker thread that owns a store: commits, answers how many commits were durable, closes, ends. */
import { parentPort, workerData } from 'node:worker_threads'
import { type LmdbStoreOptions, openLmdbStore } from '../../../runtime/node/lmdb/store.ts'
import { closed, commit } from './lab.ts'

const { options, commits } = workerData as { options: LmdbStoreOptions; commits: number }
const store = openLmdbStore(options)
let durable = 0
for (let n = 0; n < commits; n++) {
  const outcome = await commit(store, [{ type: 'put', key: Buffer.from(`k${n}`), value: Buffer.from(String(n)) }])
  if (outcome.type === 'durable') durable += 1
}
// The last one is in flight when closing begins.
store.commit([{ type: 'put', key: Buffer.from('last'), value: Buffer.from('one') }], () => (durable += 1))
await closed(store)
parentPort?.postMessage(durable)
