/** One executor on this thread with nothing around it: a clock, a store that nobody writes to, no other threads, no peers. */
import { Executor, type ExecutorOptions } from '../../runtime/kernel/executor.ts'
import type { Store } from '../../runtime/ports/store.ts'

const emptyStore: Store = {
  get: () => undefined,
  range: () => [],
  logNames: () => [],
  log: () => ({ firstIndex: 1, lastIndex: 0, term: () => undefined, entries: () => [] }),
  commit: (_writes, done) => void setImmediate(done, { type: 'durable' }),
  stats: () => ({ fileBytes: 0, liveBytes: 0 }),
  close: (done) => done(),
}

export function loneExecutor(observe?: ExecutorOptions['observe']): Executor {
  return new Executor({
    observe,
    node: 1,
    index: 0,
    incarnation: 1,
    world: {
      clock: { nowMs: () => performance.now(), wallMs: () => Date.now() },
      seed: 1,
      store: emptyStore,
      network: { send: () => false, setPeer: () => {}, onFrame: () => {}, onLink: () => {} },
      threads: { executors: 1, send: () => {}, onBatch: () => {}, onThread: () => {} },
      wake: () => {},
      load: (_module, _exportName, done) => done(undefined, 'nothing to load here'),
      fatal: (reason) => {
        throw new Error(reason)
      },
    },
  })
}

/** Ticks until nothing is left to do. */
export function settle(executor: Executor): void {
  do executor.tick()
  while (!executor.idle)
}
