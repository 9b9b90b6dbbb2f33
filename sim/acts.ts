/**
 * What is done to a world from outside while it runs: the faults that have a moment, as data. A driver draws them from the
 * seed; a replay reads them from a file; both have them performed here. Durations are part of an act, so that one that is
 * left out takes its end with it.
 */
import { unreachable } from '../base/assert.ts'
import type { SimCluster } from './cluster.ts'

export type Act =
  /** The processes die at once and come back on their disks. */
  | { readonly type: 'crash'; readonly nodes: readonly number[]; readonly forMs: number }
  | { readonly type: 'crashThread'; readonly node: number; readonly thread: number; readonly forMs: number }
  /** Frames from `from` to `to` are lost, for each pair; one direction only. */
  | { readonly type: 'cut'; readonly pairs: readonly (readonly [from: number, to: number])[]; readonly forMs: number }
  /** The process stands still and loses nothing. */
  | { readonly type: 'pause'; readonly node: number; readonly forMs: number }
  | { readonly type: 'slowDisk'; readonly node: number; readonly forMs: number }
  /** One disk has `roomBytes` left. */
  | {
      readonly type: 'fillDisk'
      readonly node: number
      readonly disk: number
      readonly roomBytes: number
      readonly forMs: number
    }
  | { readonly type: 'stepWallClock'; readonly node: number; readonly byMs: number }
  /** Whoever leads is asked to hand over to `to`. */
  | { readonly type: 'transferLeadership'; readonly to: number }
  /** `node` becomes a voter, or, if it is one of more than two, a learner. */
  | { readonly type: 'swapRole'; readonly node: number }

/** An act and when it is done, in milliseconds since the world began. */
export interface TimedAct {
  readonly atMs: number
  readonly act: Act
}

/** Does `act` now. What it names and is not there is left alone: a replay may have fewer nodes than the run it is of. */
export function perform(cluster: SimCluster, act: Act): void {
  const { world } = cluster
  switch (act.type) {
    case 'crash':
      for (const id of act.nodes) if (world.nodes.has(id)) crash(cluster, id, act.forMs)
      break
    case 'crashThread': {
      const node = world.nodes.get(act.node)
      if (node !== undefined && act.thread > 0 && act.thread < node.executors)
        world.crashThread(act.node, act.thread, act.forMs)
      break
    }
    case 'cut':
      cut(cluster, act.pairs, act.forMs)
      break
    case 'pause':
      if (world.nodes.has(act.node)) world.pause(act.node, act.forMs)
      break
    case 'slowDisk':
      world.slowDisks(act.node, act.forMs)
      break
    case 'fillDisk':
      fillDisk(cluster, act)
      break
    case 'stepWallClock':
      world.nodes.get(act.node)?.clock.stepWall(act.byMs)
      break
    case 'transferLeadership':
      transfer(cluster, act.to)
      break
    case 'swapRole':
      swapRole(cluster, act.node)
      break
    default:
      unreachable(act)
  }
}

function crash(cluster: SimCluster, id: number, forMs: number): void {
  cluster.crash(id)
  cluster.world.later(forMs, () => {
    if (!cluster.removed.has(id)) cluster.restart(id)
  })
}

function cut({ world }: SimCluster, pairs: readonly (readonly [number, number])[], forMs: number): void {
  world.trace.event(world.nowMs, `cut ${pairs.map(([from, to]) => `${from}→${to}`).join(' ')}`)
  for (const [from, to] of pairs) world.network.cut(from, to)
  world.later(forMs, () => {
    for (const [from, to] of pairs) world.network.join(from, to)
  })
}

function fillDisk({ world }: SimCluster, { node, disk: at, roomBytes, forMs }: Act & { type: 'fillDisk' }): void {
  const disk = world.nodes.get(node)?.disks[at]
  if (disk === undefined) return
  disk.capacityBytes = disk.usedBytes + roomBytes
  world.later(forMs, () => {
    disk.capacityBytes = Number.POSITIVE_INFINITY
  })
}

function transfer(cluster: SimCluster, to: number): void {
  const leader = cluster.leader()
  if (leader === undefined) return
  cluster.client('operator').session.once(leader, { type: 'transferLeadership', to })
}

function swapRole(cluster: SimCluster, node: number): void {
  const leader = cluster.leader()
  const core = leader === undefined ? undefined : cluster.core(leader)
  if (leader === undefined || core === undefined) return
  const { voters, learners } = core.membership.current
  const demote = voters.includes(node) && voters.length > 2
  const wanted = demote
    ? { voters: voters.filter((id) => id !== node), learners: [...learners, node] }
    : { voters: [...new Set([...voters, node])], learners: learners.filter((id) => id !== node) }
  cluster.client('operator').session.once(leader, { type: 'changeConfiguration', wanted })
}
