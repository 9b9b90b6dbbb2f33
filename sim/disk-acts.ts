/**
 * What is done to the disks of a world from outside. Faults that cost data pass the fault atlas first: in the recoverable
 * budget it keeps a quorum of every datum intact, and lets no store forget in silence.
 */
import { unreachable } from '../base/assert.ts'
import type { DiskAct } from './act.ts'
import type { ClusterBody } from './cluster-body.ts'
import type { SimDisk } from './disk.ts'
import { replaceDisks, restartAfter } from './outages.ts'

const kinds: { readonly [kind in DiskAct['type']]: true } = {
  slowDisk: true,
  fillDisk: true,
  failFlush: true,
  rot: true,
  misdirectWrite: true,
  lieAboutFlushes: true,
  staleReads: true,
  loseDisks: true,
  restoreOldCopy: true,
}

export function isDiskAct(act: { readonly type: string }): act is DiskAct {
  return Object.hasOwn(kinds, act.type)
}

/** @returns False when nothing was done: there is no such disk, or the budget of the run does not allow it. */
export function performOnDisk(cluster: ClusterBody, act: DiskAct): boolean {
  const { world, atlas } = cluster
  const node = world.nodes.get(act.node)
  if (node === undefined) return false
  if (act.type === 'slowDisk') {
    world.slowDisks(act.node, act.forMs)
    return true
  }
  if (act.type === 'loseDisks') return loseDisks(cluster, act)
  if (act.type === 'restoreOldCopy') return restoreOldCopy(cluster, act)
  const disk = node.disks[act.disk]
  if (disk === undefined) return false
  switch (act.type) {
    case 'fillDisk':
      fillDisk(cluster, disk, act)
      return true
    case 'failFlush':
      atlas.noteBlow(act.node, 'flush')
      world.trace.event(world.nowMs, `a flush of disk ${act.disk} of node ${act.node} will fail`)
      disk.fail('simulated: input/output error')
      return true
    case 'rot':
      return strike(cluster, act, () => disk.rot(act.choice))
    case 'misdirectWrite':
      if (act.silent && !atlas.admitsUnfaithful) return false
      return strike(cluster, act, () => {
        disk.misdirect(act.choice, act.silent ? 'never' : 'onRead')
        return true
      })
    case 'lieAboutFlushes':
      switchFor(cluster, act, (on) => {
        disk.lying = on
      })
      return true
    case 'staleReads':
      if (!atlas.admitsUnfaithful) return false
      switchFor(cluster, act, (on) => {
        disk.stale = on
      })
      return true
    default:
      unreachable(act)
  }
}

/** Damage that whoever reads it finds: the process ends, and its next start replaces the store. */
function strike(
  { world, atlas }: ClusterBody,
  { type, node, disk }: DiskAct & { readonly disk: number },
  damage: () => boolean,
): boolean {
  if (!atlas.admitsLoss(node, [disk]) || !damage()) return false
  world.trace.event(world.nowMs, `${type} on disk ${disk} of node ${node}`)
  atlas.noteLoss(node, [disk])
  atlas.noteBlow(node, 'rot')
  return true
}

function switchFor(
  { world }: ClusterBody,
  { type, node, disk, forMs }: DiskAct & { readonly disk: number; readonly forMs: number },
  set: (on: boolean) => void,
): void {
  world.trace.event(world.nowMs, `${type} of disk ${disk} of node ${node}`)
  set(true)
  world.later(forMs, () => set(false))
}

type Filling = DiskAct & { type: 'fillDisk' }

function fillDisk({ world, atlas }: ClusterBody, disk: SimDisk, { node, roomBytes, forMs }: Filling): void {
  atlas.noteBlow(node, 'full')
  disk.capacityBytes = disk.usedBytes + roomBytes
  world.later(forMs, () => {
    disk.capacityBytes = Number.POSITIVE_INFINITY
  })
}

function loseDisks(cluster: ClusterBody, { node, disks, forMs }: DiskAct & { type: 'loseDisks' }): boolean {
  const there = disks.filter((disk) => disk < cluster.executors)
  if (there.length === 0 || !cluster.atlas.admitsLoss(node, there)) return false
  replaceDisks(cluster, node, there)
  restartAfter(cluster, node, forMs)
  return true
}

function restoreOldCopy(
  cluster: ClusterBody,
  { node: id, afterMs, forMs }: DiskAct & { type: 'restoreOldCopy' },
): boolean {
  const { world, atlas } = cluster
  if (!atlas.admitsUnfaithful) return false
  const { disks } = world.node(id)
  const copies = disks.map((disk) => disk.copy())
  world.later(afterMs, () => {
    if (cluster.removed.has(id) || cluster.frozen.has(id)) return
    cluster.crash(id)
    world.trace.event(world.nowMs, `the disks of node ${id} are as they were ${afterMs} ms ago`)
    for (const [at, disk] of disks.entries()) disk.restore(copies[at] as (typeof copies)[number])
    restartAfter(cluster, id, forMs)
  })
  return true
}
