/**
 * The loss of a thread as a failure like any other.
 *
 *   thread 2 dies ─▶ kernel: childStopped{threadLost} for each child on it ─▶ one failure (U2), children wait
 *   its replacement opens the same store ─▶ composition: threadReady{2} ─▶ children start there again (U10)
 *
 * A lost child is not restarted elsewhere meanwhile: its state lies in the store of that executor, and only the
 * replacement opens it. So the wait has no deadline of its own; the pool that replaces threads decides when to give up.
 *
 * The root of a node has one subtree per executor, placed on it. Losing a thread is then one event for the root,
 * and the failures of an actor stay on its own thread until that subtree has had enough of them.
 */
import type { AnyDefinition, ChildSpec, SupervisorSpec } from './spec.ts'

/** Executors that were lost and whose replacement is not ready yet. */
export type ThreadLosses = Set<number>

/** Notes that a child went down with `executor`: the first child of a loss counts, the others are the same loss (U2). */
export function noteThreadLoss(losses: ThreadLosses, executor: number): 'counts' | 'known' {
  if (losses.has(executor)) return 'known'
  losses.add(executor)
  return 'counts'
}

export interface RootOptions {
  readonly name: string
  /** Executors that get a subtree, in start order. */
  readonly executors: readonly number[]
  /** The supervisor that runs on each of them. */
  readonly subtree: AnyDefinition
  /** Its configuration: plain data. */
  readonly configOf: (executor: number) => unknown
  readonly restartsMax: number
  readonly restartsWindowMs: number
  readonly stopWithinMs: number
}

/** The spec of the root of a node. Its subtrees are named `<name>/<executor>`. */
export function rootSpec(options: RootOptions): SupervisorSpec {
  const { name, executors, subtree, configOf, restartsMax, restartsWindowMs, stopWithinMs } = options
  const children = executors.map(
    (executor): ChildSpec => ({
      name: `${name}/${executor}`,
      definition: subtree,
      args: configOf(executor),
      restart: 'permanent',
      stopWithinMs,
      place: { type: 'executor', executor },
    }),
  )
  // Executors share nothing but the machine: the end of one must not touch the others.
  return { name, strategy: 'oneForOne', restartsMax, restartsWindowMs, children }
}
