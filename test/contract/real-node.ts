/** A node of real threads and real stores in a directory of its own: the host's executor and a pool of workers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ActorRef, Answer } from '../../runtime/kernel/actor.ts'
import { edgeAsk } from '../../runtime/kernel/edge.ts'
import type { Executor } from '../../runtime/kernel/executor.ts'
import type { StoreIdentity } from '../../runtime/node/lmdb/identity.ts'
import { createLmdbStore, type LmdbStoreOptions } from '../../runtime/node/lmdb/store.ts'
import { silentNetwork, startExecutorThread } from '../../runtime/node/thread/executor-thread.ts'
import { PortLinks } from '../../runtime/node/thread/links.ts'
import { ThreadPool } from '../../runtime/node/thread/pool.ts'

export interface RealNode {
  readonly host: Executor
  readonly pool: ThreadPool
  /** What the pool reported, in order: `up 1`, `death 1: …`, `fatal: …`. */
  readonly notices: string[]
  ask(ref: ActorRef, message: unknown, deadlineMs?: number): Promise<Answer>
  /** Resolves when the pool has reported `count` notices that begin with `text`. */
  noticed(text: string, count: number): Promise<void>
  close(): Promise<void>
}

export async function openRealNode(workers: number): Promise<RealNode> {
  const dir = mkdtempSync(join(tmpdir(), 'aspen-threads-'))
  const stores = Array.from({ length: workers + 1 }, (_, store) => storeOptions(dir, store, workers + 1))
  for (const { dir: storeDir, identity } of stores) await createLmdbStore(storeDir, identity)
  const notices: string[] = []
  const waiting = new Set<() => void>()
  const notice = (text: string): void => {
    notices.push(text)
    for (const look of waiting) look()
  }
  const links = new PortLinks(workers + 1)
  const thread = startExecutorThread({
    node: 1,
    index: 0,
    incarnation: 1,
    seed: 1,
    store: stores[0] as LmdbStoreOptions,
    links,
    network: silentNetwork,
    fatal: (reason) => notice(`fatal: ${reason}`),
    failed: (error) => notice(`failed: ${String(error)}`),
  })
  const pool = await ThreadPool.open({
    node: 1,
    workers,
    seed: 1,
    store: (executor) => stores[executor] as LmdbStoreOptions,
    dataDir: dir,
    peer: undefined,
    boot: undefined,
    links,
    onDeath: (executor, reason) => notice(`death ${executor}: ${reason}`),
    onUp: (executor) => notice(`up ${executor}`),
    onFatal: (reason) => notice(`fatal: ${reason}`),
  })
  return {
    host: thread.executor,
    pool,
    notices,
    ask: (ref, message, deadlineMs = 10_000) =>
      new Promise((resolve) => void edgeAsk(thread.executor, ref, message, { deadlineMs }, resolve)),
    noticed: (text, count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (notices.filter((one) => one.startsWith(text)).length < count) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    close: async () => {
      await pool.close()
      await thread.close()
      links.close()
      rmSync(dir, { recursive: true })
    },
  }
}

function storeOptions(dir: string, store: number, stores: number): LmdbStoreOptions {
  const identity: StoreIdentity = { clusterId: 1, memberId: 1, store, stores, incarnation: 1 }
  return { dir: join(dir, `executor-${store}`), identity }
}
