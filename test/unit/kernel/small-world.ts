/**
 * The smallest world an executor can live in: a clock that is moved by hand, a store whose commits become durable when told
 * to, and any number of executors on one thread.
 */
import { compareBytes } from '../../../base/bytes.ts'
import { Executor } from '../../../runtime/kernel/executor.ts'
import type { CommitOutcome, LogView, RangeOptions, Store, StoreStats, Write } from '../../../runtime/ports/store.ts'

const emptyLog: LogView = { firstIndex: 1, lastIndex: 0, term: () => undefined, entries: () => [] }

/** Ordered and in memory. `flush()` makes the commit in flight durable. */
export class HandStore implements Store {
  readonly data: Map<string, [Uint8Array, Uint8Array]> = new Map<string, [Uint8Array, Uint8Array]>()
  automatic = true
  outcome: CommitOutcome = { type: 'durable' }
  #inFlight: { writes: readonly Write[]; done: (outcome: CommitOutcome) => void } | undefined
  readonly #later: (() => void)[]
  commits = 0

  constructor(later: (() => void)[]) {
    this.#later = later
  }
  get(key: Uint8Array): Uint8Array | undefined {
    return this.data.get(key.join())?.[1]
  }
  *range({ from, to, reverse, limit }: RangeOptions): Iterable<readonly [Uint8Array, Uint8Array]> {
    const rows = [...this.data.values()].filter(([key]) => compareBytes(key, from) >= 0 && compareBytes(key, to) < 0)
    rows.sort((a, b) => compareBytes(a[0], b[0]) * (reverse === true ? -1 : 1))
    yield* rows.slice(0, limit ?? rows.length)
  }
  logNames(): string[] {
    return []
  }
  log(): LogView {
    return emptyLog
  }
  commit(writes: readonly Write[], done: (outcome: CommitOutcome) => void): void {
    if (this.#inFlight !== undefined) throw new Error('two commits in flight')
    this.#inFlight = { writes, done }
    if (this.automatic) this.#later.push(() => this.flush())
  }
  get pending(): boolean {
    return this.#inFlight !== undefined
  }
  flush(): void {
    const batch = this.#inFlight
    if (batch === undefined) return
    this.#inFlight = undefined
    if (this.outcome.type === 'durable') {
      this.commits += 1
      for (const write of batch.writes) this.#apply(write)
    }
    batch.done(this.outcome)
  }
  stats(): StoreStats {
    return { fileBytes: 0, liveBytes: 0 }
  }
  close(done: () => void): void {
    done()
  }
  #apply(write: Write): void {
    if (write.type === 'put') this.data.set(write.key.join(), [write.key, write.value])
    else if (write.type === 'delete') this.data.delete(write.key.join())
    else if (write.type === 'deleteRange') {
      for (const [name, [key]] of this.data) {
        if (compareBytes(key, write.from) >= 0 && compareBytes(key, write.to) < 0) this.data.delete(name)
      }
    }
  }
}

export interface SmallWorld {
  readonly executors: Executor[]
  readonly stores: HandStore[]
  nowMs: number
  readonly fatals: string[]
  /** Lets everything happen that can without time passing. */
  settle(): void
  /** Carries what is under way (batches, commits) to where it goes; no executor ticks. */
  carry(): void
  /** Moves the clock in small steps and settles after each. */
  run(ms: number): void
  /** Kills the thread of an executor; nothing takes its place yet. */
  lose(index: number): void
  /** Kills the thread of an executor, unless it is lost already, and puts a new one in its place, on the same store. */
  replace(index: number): Executor
}

type SendFrame = (node: number, executor: number, frame: Uint8Array) => void

export function smallWorld(
  count: number = 1,
  definitions: Record<string, unknown> = {},
  sendFrame: SendFrame = () => {},
): SmallWorld {
  const later: (() => void)[] = []
  const batches: ((executor: number, batch: Uint8Array) => void)[] = []
  const threads: ((executor: number, up: boolean, incarnation: number) => void)[] = []
  const world: SmallWorld = { executors: [], stores: [], nowMs: 0, fatals: [], settle, carry, run, lose, replace }
  const lost = new Set<number>()
  let incarnation = 0
  for (let i = 0; i < count; i++) {
    world.stores.push(new HandStore(later))
    world.executors.push(make(i))
  }
  return world

  function make(index: number): Executor {
    incarnation += 1
    return new Executor({
      node: 1,
      index,
      incarnation,
      world: {
        clock: { nowMs: () => world.nowMs, wallMs: () => 1_700_000_000_000 + world.nowMs },
        seed: 42,
        store: world.stores[index] as HandStore,
        network: {
          send: (...frame) => {
            sendFrame(...frame)
            return true
          },
          setPeer: () => {},
          onFrame: () => {},
          onLink: () => {},
        },
        threads: {
          executors: count,
          send: (to, batch) => void later.push(() => lost.has(to) || lost.has(index) || batches[to]?.(index, batch)),
          onBatch: (deliver) => {
            batches[index] = deliver
          },
          onThread: (notice) => {
            threads[index] = notice
          },
        },
        load: (_module, exportName, done) => done(definitions[exportName], `no export '${exportName}'`),
        wake: () => {},
        fatal: (reason) => void world.fatals.push(reason),
      },
    })
  }

  function settle(): void {
    for (let rounds = 0; rounds < 10_000; rounds++) {
      const alive = world.executors.filter((_, index) => !lost.has(index))
      for (const executor of alive) executor.tick()
      const work = later.splice(0)
      for (const one of work) one()
      if (work.length === 0 && alive.every((executor) => executor.idle && !executor.router.outbound.busy)) return
    }
    throw new Error('the world does not come to rest')
  }

  function carry(): void {
    for (const one of later.splice(0)) one()
  }

  function run(ms: number): void {
    for (const end = world.nowMs + ms; world.nowMs < end; ) {
      world.nowMs = Math.min(end, world.nowMs + 5)
      settle()
    }
  }

  function lose(index: number): void {
    lost.add(index)
    for (let i = 0; i < count; i++) if (i !== index) threads[i]?.(index, false, incarnation)
    settle()
  }

  function replace(index: number): Executor {
    if (!lost.has(index)) lose(index)
    lost.delete(index)
    const executor = make(index)
    world.executors[index] = executor
    for (let i = 0; i < count; i++) if (i !== index) threads[i]?.(index, true, incarnation)
    return executor
  }
}
