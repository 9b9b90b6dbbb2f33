/**
 * After the faults: what is left must recover, and in a bounded time.
 *
 *   core   a quorum of members with sound stores, chosen by the seed, is healed; the rest stays as a fault left it: dead, or
 *          standing still, or cut off. Those few must find a leader in every group and commit a write
 *   all    everybody is healed, and must come to one leader, equal replicas and an answer for every client
 *
 * Time is counted in election timeouts. A run that does not recover has to prove that it could not: that for some group no
 * quorum of stores is left that hold what they promised. Otherwise it is a violation (I23).
 */
import { quorumOf } from './checkers/majority.ts'
import { check } from './checkers/violation.ts'
import type { SimCluster } from './cluster.ts'
import { groupsOfAll } from './cluster-view.ts'

export type Recovery =
  | { readonly type: 'all' }
  /** `choice` (0 to 1, excluded) says who. */
  | { readonly type: 'core'; readonly choice: number; readonly rest: 'dead' | 'paused' | 'cut' }

/** Elections that may take a quorum to find a leader and commit, from the moment it is healed. */
const coreElections = 20
/** Elections until everything is well again. */
export const recoveryElections = 40
/** Longer than any recovery: ended by hand. */
const pausedElections = 10_000

/** Ends the faults, for a core alone first where the plan says so, and then for everybody. */
export function endFaults(cluster: SimCluster, recovery: Recovery): void {
  const core = recovery.type === 'core' ? chooseCore(cluster, recovery.choice) : undefined
  cluster.world.calm()
  if (recovery.type === 'core' && core !== undefined) coreAlone(cluster, core, recovery.rest)
  for (const id of cluster.nodes) {
    if (cluster.removed.has(id)) continue
    // Damage that nobody came by is found now and not when the verdict is read from the disks.
    cluster.world.node(id).scrub()
    cluster.world.start(id)
  }
}

/** @throws {Violation} A group has no leader in time (I23). */
export function awaitLeaders(cluster: SimCluster): void {
  for (const group of groupsOfAll) cluster.awaitLeader({ withinMs: recoveryElections * cluster.electionMs, group })
}

/** Why the cluster cannot recover, whatever happens; undefined: it can, and so it must. */
export function whyHopeless({ atlas, members }: SimCluster): string | undefined {
  if (atlas.budget === 'recoverable') return undefined
  for (const group of groupsOfAll) {
    const reason = atlas.hopeless(group, [...members])
    if (reason !== undefined) return reason
  }
  return undefined
}

/** A quorum of the members, of those whose stores are sound; undefined where there is none, or the voters are in flux. */
function chooseCore(cluster: SimCluster, choice: number): readonly number[] | undefined {
  const { atlas, members } = cluster
  if (!atlas.steady) return undefined
  const struck = new Set(groupsOfAll.flatMap((group) => atlas.struckOf(group)))
  const sound = [...members].filter((id) => !struck.has(id))
  const size = quorumOf(members.size)
  if (sound.length < size) return undefined
  // Any of them may begin, and each `step` from the one before: every quorum can be drawn of three, and many of five.
  const from = Math.floor(choice * sound.length)
  const step = 1 + Math.floor(((choice * sound.length) % 1) * (sound.length - 1))
  const turned = [...sound.slice(from), ...sound.slice(0, from)]
  const [first = 0, ...others] = turned
  return [first, ...others.slice(step - 1), ...others.slice(0, step - 1)].slice(0, size)
}

function coreAlone(cluster: SimCluster, core: readonly number[], rest: 'dead' | 'paused' | 'cut'): void {
  const { world } = cluster
  const others = cluster.nodes.filter((id) => !core.includes(id))
  world.trace.event(world.nowMs, `the core ${core.join()} is healed, ${others.join()} ${rest}`)
  const holder = world.network.passages.holder()
  for (const other of others) {
    cluster.frozen.add(other)
    if (rest === 'dead') cluster.crash(other)
    else if (rest === 'paused') world.pause(other, pausedElections * cluster.electionMs)
    else {
      for (const id of core) {
        world.network.cut(id, other, holder)
        world.network.cut(other, id, holder)
      }
    }
  }
  for (const id of core) world.start(id)
  prove(cluster, core)
  cluster.frozen.clear()
  world.network.joinAll()
  for (const other of others) world.node(other).resume()
}

function prove(cluster: SimCluster, core: readonly number[]): void {
  const withinMs = coreElections * cluster.electionMs
  for (const group of groupsOfAll) cluster.awaitLeader({ withinMs, among: core, group })
  const client = cluster.client('core', { nodes: () => core, attemptMs: 2 * cluster.electionMs, patienceMs: withinMs })
  // Refused for want of room is committed as well: what was refused is an alarm in the log.
  const outcome = client.tryPut('core', client.session.unique('progress'), { withinMs })
  check(
    outcome !== 'unknown',
    'I23',
    () => `default: the core ${core.join()} committed no write within ${withinMs} ms\n${cluster.describe()}`,
  )
}
