/**
 * An executor with the real world around it, on whatever thread calls this: the host's own (0) or a worker's.
 *
 *   store (LMDB) ─┐
 *   clock, wake ──┼─▶ Executor ◀──▶ links to the other threads, network to the other nodes
 *   loader ───────┘
 */

import type { Envelope } from '../../../mailbox/envelope.ts'
import type { ActorRef } from '../../kernel/actor.ts'
import type { Cell } from '../../kernel/cell.ts'
import { Executor } from '../../kernel/executor.ts'
import type { RecordingOrigin } from '../../kernel/flight-recorder.ts'
import { RecentDeliveries } from '../../kernel/recent-deliveries.ts'
import type { PeerNetwork } from '../../ports/network.ts'
import { damagedStore } from '../../ports/world.ts'
import { createClock } from '../clock.ts'
import { type LmdbStore, type LmdbStoreOptions, openLmdbStore } from '../lmdb/store.ts'
import type { ExecutorStats } from './control.ts'
import { FlightDeck } from './flight.ts'
import type { PortLinks } from './links.ts'
import { loadExport } from './loader.ts'
import { Ticker } from './ticker.ts'

const scrubEveryMs = 500
const scrubRows = 256
/** Deliveries told with the failure of an actor. */
const recentOfFailed = 16

export interface ExecutorThreadOptions {
  readonly node: number
  readonly index: number
  readonly incarnation: number
  readonly seed: number
  readonly store: LmdbStoreOptions
  readonly links: PortLinks
  readonly network: PeerNetwork
  /** The process must end: a promise to the disk cannot be kept. */
  readonly fatal: (reason: string) => void
  /** An actor of the node failed. Called on the host's thread. */
  readonly actorFailed?: (name: string, error: string, recent: readonly string[]) => void
  /** The kernel itself failed on this thread. */
  readonly failed: (error: unknown) => void
  /** What a recording says of the process it was made in. */
  readonly origin?: RecordingOrigin
}

export interface ExecutorThread {
  readonly executor: Executor
  readonly store: LmdbStore
  readonly flight: FlightDeck
  /** Commits what is pending, closes the store and stops ticking. */
  close(): Promise<void>
}

export function startExecutorThread(options: ExecutorThreadOptions): ExecutorThread {
  const store = openLmdbStore(options.store)
  const ticker = new Ticker(() => executor.tick(), options.failed)
  const recent: RecentDeliveries = new RecentDeliveries(() => executor.recentMs)
  const executor: Executor = new Executor({
    node: options.node,
    index: options.index,
    incarnation: options.incarnation,
    observe: (cell: Cell, envelope: Envelope<ActorRef>) => recent.note(cell, envelope),
    recent: (cell: Cell) => recent.lines(cell.name, recentOfFailed),
    world: {
      clock: createClock(),
      seed: options.seed,
      store,
      network: options.network,
      threads: options.links,
      wake: (withinMs) => ticker.wake(withinMs),
      load: loadExport,
      fatal: options.fatal,
      ...(options.actorFailed === undefined ? {} : { actorFailed: options.actorFailed }),
    },
  })
  ticker.wake(0)
  const scrubber = scrub(executor, store, options.fatal)
  return {
    executor,
    store,
    flight: new FlightDeck(executor, recent, options.origin ?? { product: '', boot: undefined }),
    close: () => {
      clearInterval(scrubber)
      return close(executor, store, ticker)
    },
  }
}

/** Looks for rot a little at a time while nothing else is to be done, so that it is found before somebody needs the value. */
function scrub(executor: Executor, store: LmdbStore, fatal: (reason: string) => void): NodeJS.Timeout {
  return setInterval(() => {
    if (!executor.idle) return
    try {
      store.scrub(scrubRows)
    } catch (error) {
      fatal(`${damagedStore}${error instanceof Error ? error.message : String(error)}`)
    }
  }, scrubEveryMs).unref()
}

async function close(executor: Executor, store: LmdbStore, ticker: Ticker): Promise<void> {
  // A thread that ends with LMDB writes pending hangs: drain, then stop, then close, in this order.
  if (!executor.commits.full) await new Promise<void>((resolve) => executor.drainWrites(resolve))
  ticker.stop()
  await new Promise<void>((resolve) => store.close(resolve))
}

/** A runtime without peers. */
export const silentNetwork: PeerNetwork = {
  send: () => false,
  setPeer: () => {},
  onFrame: () => {},
  onLink: () => {},
}

export function statsOf(thread: ExecutorThread | undefined): ExecutorStats {
  const executor = thread?.executor
  const { fileBytes, liveBytes } = thread?.store.stats() ?? { fileBytes: 0, liveBytes: 0 }
  return {
    actors: executor?.cells.size ?? 0,
    turns: executor?.turnsTotal ?? 0,
    commits: executor?.commits.commitsTotal ?? 0,
    deadLetters: executor?.deadLetters.total ?? 0,
    storeFull: executor?.commits.full ?? false,
    fileBytes,
    liveBytes,
  }
}
