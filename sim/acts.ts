/**
 * What is done to a world from outside while it runs: the faults that have a moment, as data. A driver draws them from the
 * seed; a replay reads them from a file; both have them performed here. Durations are part of an act, so that one that is
 * left out takes its end with it.
 *
 * The fault atlas is asked here and not only where acts are drawn: a replay that leaves some of them out keeps its budget.
 */
import { unreachable } from '../base/assert.ts'
import type { Act } from './act.ts'
import type { SimCluster } from './cluster.ts'
import { isDiskAct, performOnDisk } from './disk-acts.ts'
import { cutPower, killedMark, restartAfter } from './outages.ts'
import type { Way } from './passages.ts'

/**
 * Does `act` now. What it names and is not there is left alone: a replay may have fewer nodes than the run it is of.
 *
 * @returns False when nothing was done: there was nobody to do it to, or the budget of the run does not allow it.
 */
export function perform(cluster: SimCluster, act: Act): boolean {
  if (isDiskAct(act)) return performOnDisk(cluster, act)
  const { world } = cluster
  switch (act.type) {
    case 'crash':
      for (const id of act.nodes) if (world.nodes.has(id)) crash(cluster, id, act.forMs, act.power === true)
      return true
    case 'crashThread':
      return crashThread(cluster, act)
    case 'crashActor':
      return crashActor(cluster, act.node, act.actor)
    case 'rollingRestart':
      for (const [at, id] of act.nodes.entries())
        world.later(at * act.everyMs, () => {
          if (world.nodes.get(id)?.up === true) crash(cluster, id, act.forMs, false)
        })
      return true
    case 'cut':
      cut(cluster, act.pairs, act.forMs)
      return true
    case 'clog':
      clog(cluster, act.pairs, act.forMs)
      return true
    case 'swizzle':
      for (const { node, afterMs, forMs } of act.clogs)
        world.later(afterMs, () => clog(cluster, waysOf(cluster, node), forMs))
      return true
    case 'pause':
      if (world.nodes.has(act.node)) world.pause(act.node, act.forMs)
      return world.nodes.has(act.node)
    case 'suspend':
      if (world.nodes.has(act.node)) world.suspend(act.node, act.forMs)
      return world.nodes.has(act.node)
    case 'stepWallClock':
      world.nodes.get(act.node)?.clock.stepWall(act.byMs)
      return true
    case 'transferLeadership':
      return transfer(cluster, act.to)
    case 'swapRole':
      return swapRole(cluster, act.node)
    case 'addMember':
      return cluster.atlas.admitsChange() && cluster.changes.add(act.node)
    case 'removeMember':
      return cluster.members.size > leastMembers && cluster.atlas.admitsChange() && cluster.changes.remove(act.node)
    default:
      unreachable(act)
  }
}

/** Fewer cannot lose one. */
export const leastMembers = 3

function crash(cluster: SimCluster, id: number, forMs: number, power: boolean): void {
  if (power) cutPower(cluster, id)
  else cluster.crash(id)
  restartAfter(cluster, id, forMs)
}

function crashThread({ world }: SimCluster, { node: id, thread, forMs }: Act & { type: 'crashThread' }): boolean {
  const node = world.nodes.get(id)
  if (node === undefined || thread <= 0 || thread >= node.executors) return false
  world.crashThread(id, thread, forMs)
  return true
}

function crashActor(cluster: SimCluster, node: number, actor: string): boolean {
  const found = cluster.running(node, actor)
  if (found === undefined) return false
  cluster.atlas.noteBlow(node, 'kill')
  cluster.world.trace.event(cluster.world.nowMs, `actor '${actor}' of node ${node} is made to fail`)
  found.executor.failed(found.cell, killedMark)
  found.executor.poke()
  return true
}

function cut({ world }: SimCluster, pairs: readonly Way[], forMs: number): void {
  world.trace.event(world.nowMs, `cut ${pairs.map(([from, to]) => `${from}→${to}`).join(' ')}`)
  const holder = world.network.passages.holder()
  for (const [from, to] of pairs) world.network.cut(from, to, holder)
  world.later(forMs, () => {
    for (const [from, to] of pairs) world.network.join(from, to, holder)
  })
}

function clog({ world }: SimCluster, pairs: readonly Way[], forMs: number): void {
  world.trace.event(world.nowMs, `clog ${pairs.map(([from, to]) => `${from}→${to}`).join(' ')}`)
  for (const [from, to] of pairs) world.network.clog(from, to, forMs)
}

/** To a node and from it. */
function waysOf(cluster: SimCluster, node: number): Way[] {
  return cluster.others(node).flatMap((other): Way[] => [
    [node, other],
    [other, node],
  ])
}

function transfer(cluster: SimCluster, to: number): boolean {
  const leader = cluster.leader()
  if (leader === undefined) return false
  cluster.client('operator').session.once(leader, { type: 'transferLeadership', to })
  return true
}

function swapRole(cluster: SimCluster, node: number): boolean {
  const leader = cluster.leader()
  const core = leader === undefined ? undefined : cluster.core(leader)
  if (leader === undefined || core === undefined || !cluster.atlas.admitsChange()) return false
  const { voters, learners } = core.membership.current
  const demote = voters.includes(node) && voters.length > 2
  const wanted = demote
    ? { voters: voters.filter((id) => id !== node), learners: [...learners, node] }
    : { voters: [...new Set([...voters, node])], learners: learners.filter((id) => id !== node) }
  cluster.changes.swap(leader, wanted)
  return true
}
