/**
 * How nodes of a simulated cluster go down and come back: by an act, or because a fault of their own ended them. Whatever
 * went down is started again, unless it was removed or is kept down (`frozen`).
 */
import { damagedStore } from '../runtime/ports/world.ts'
import type { ClusterBody } from './cluster-body.ts'

/** What an actor says that was made to fail. */
export const killedMark = 'killed by an act of the simulation'

/** Starts `id` after `forMs`, if it is down then. */
export function restartAfter(cluster: ClusterBody, id: number, forMs: number): void {
  cluster.world.later(forMs, () => {
    if (!cluster.removed.has(id) && !cluster.frozen.has(id)) cluster.restart(id)
  })
}

/**
 * The machine of `id` loses its power: what its disks acknowledged and did not flush is gone. In the recoverable budget no
 * store forgets in silence: such a disk is known to be lost and replaced, or, where that is one too many, had flushed.
 */
export function cutPower(cluster: ClusterBody, id: number): void {
  const { world, atlas } = cluster
  const node = world.node(id)
  const lying = node.disks.flatMap((disk, at) => (disk.lying ? [at] : []))
  if (lying.length === 0 || atlas.admitsUnfaithful) {
    world.crash(id, 'power')
    return
  }
  if (atlas.admitsLoss(id, lying)) replaceDisks(cluster, id, lying)
  else cluster.crash(id)
}

/** The node goes down, and these of its disks are replaced by empty ones. */
export function replaceDisks(cluster: ClusterBody, id: number, disks: readonly number[]): void {
  const { world, atlas } = cluster
  cluster.crash(id)
  world.trace.event(world.nowMs, `node ${id} loses its disk ${disks.join()}`)
  world.node(id).wipe(disks)
  atlas.noteLoss(id, disks)
}

/** Elections between the end of a process that failed and its next start by whoever runs it. */
const restartElections = 0.5

/** Whether something that was done to the run explains that an actor of node `id` failed. */
export function explainFailure({ atlas }: ClusterBody, id: number, error: string): boolean {
  if (error.includes(killedMark)) return atlas.suffered(id, 'kill')
  // Whose writes find no room cannot stop in time, and its supervisor gives up.
  return error.includes('U9: ') && atlas.suffered(id, 'full')
}

/** Whether something that was done to the run explains that the process of `id` gave up. Such a node is started again. */
export function explainFatal(cluster: ClusterBody, id: number, reason: string): boolean {
  if (cluster.removed.has(id) && reason.includes('removed')) return true
  const { atlas, world } = cluster
  const explained =
    (reason.startsWith(damagedStore) && atlas.suffered(id, 'rot')) ||
    (reason.startsWith('store: ') && atlas.suffered(id, 'flush')) ||
    (reason.includes(killedMark) && atlas.suffered(id, 'kill'))
  // After the crash that follows.
  if (explained) world.later(1, () => restartAfter(cluster, id, restartElections * cluster.electionMs))
  return explained
}
