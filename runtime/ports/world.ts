/** Everything an executor needs of the world. `runtime/node` builds it from Node.js, `sim` from memory. */
import type { Clock } from './clock.ts'
import type { PeerNetwork } from './network.ts'
import type { Store } from './store.ts'
import type { ThreadLinks } from './threads.ts'

/** How a `fatal` reason begins when a store holds what was never written: it is looked through at the next start. */
export const damagedStore = 'a store is damaged: '

export interface World {
  readonly clock: Clock
  /** Seeds the keyed draws of this executor. */
  readonly seed: number
  readonly store: Store
  readonly network: PeerNetwork
  readonly threads: ThreadLinks
  /**
   * Asks for one call of `run` soon: after I/O had its turn, at most `withinMs` from now (0: as soon as possible).
   * A second call before it ran replaces the first if it is sooner.
   */
  wake(withinMs: number): void
  /**
   * Loads what `module` exports under `exportName`; `done` may be called at once or later. Undefined when there is no such
   * export or it cannot be loaded; `reason` then says why.
   */
  load(module: string, exportName: string, done: (loaded: unknown, reason: string) => void): void
  /**
   * An actor of this node failed: for the log of whoever runs it, with what the actor received last, in words, where that
   * was kept. Called on the host's executor alone.
   */
  actorFailed?(name: string, error: string, recent: readonly string[]): void
  /** The process cannot go on (a broken store, an exhausted root supervisor). Never returns control to actors. */
  fatal(reason: string): void
}
