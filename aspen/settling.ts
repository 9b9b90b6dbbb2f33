/**
 * The end of a loss. A store that was lost stays marked in the directory until every group on it holds again what it may
 * have promised (R25); only then may a start take its contents for all this member knows.
 *
 *   every `lookMs`, for each marked store: groups that live there, by the list of a quorum ─▶ each trusted? ─▶ mark removed
 *
 * The list is read from a quorum: this node's own copy may be the very thing that was lost, and a group that is missing in
 * it would start later from an empty store as if it had never promised anything.
 */
import type { Topology } from '../actors/placement/topology-messages.ts'
import { executorOf, metaGroup } from './plan.ts'
import type { Replicas } from './replicas.ts'

const lookMs = 500
const askMs = 2_000

export interface Settling {
  readonly node: number
  readonly executors: number
  /** Whose stores are marked. */
  readonly wiped: readonly number[]
  readonly replicas: Pick<Replicas, 'read' | 'progress'>
  /** Removes the mark: what the store of this executor holds is all that the member ever promised. */
  readonly settled: (executor: number) => void
}

/** Looks until nothing is marked any more. Returns how to stop it. */
export function settleStores(settling: Settling): () => void {
  const open = new Set(settling.wiped)
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const lookAgain = (): void => {
    if (stopped || open.size === 0) return
    timer = setTimeout(() => {
      // Nobody leads yet, or a group is still starting: the next look will tell.
      void settleTrusted(settling, open, () => stopped)
        .catch(() => undefined)
        .finally(lookAgain)
    }, lookMs).unref()
  }
  lookAgain()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

async function settleTrusted(settling: Settling, open: Set<number>, stopped: () => boolean): Promise<void> {
  const { executors, replicas, node } = settling
  const options = { deadlineMs: askMs }
  const { answer } = await replicas.read<Topology>(metaGroup, { type: 'topology' }, 'linearizable', options)
  if (answer.version === 0) return
  const groups = [metaGroup, ...answer.groups.map(({ name }) => name)]
  for (const executor of [...open]) {
    const here = groups.filter((group) => executorOf(group, executors) === executor)
    const told = await Promise.all(here.map((group) => replicas.progress(node, group, options)))
    if (stopped() || told.some(({ forgetful }) => forgetful)) continue
    open.delete(executor)
    settling.settled(executor)
  }
}
