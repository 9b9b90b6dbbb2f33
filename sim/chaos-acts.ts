/**
 * Each kind of trouble that a fault plan knows: how often the plan wants it, and how one act of it is drawn.
 */
import type { Act, NodeClog } from './act.ts'
import type { SimCluster } from './cluster.ts'
import type { FaultPlan, Happening } from './faults.ts'
import { lostWays, type Roll } from './partitions.ts'
import type { Way } from './passages.ts'

export interface Trouble {
  /** Names the draws. */
  readonly kind: string
  readonly when: (plan: FaultPlan) => Happening
  /** @param forMs - How long it lasts, as drawn. Undefined: there is nobody to do it to. */
  readonly make: (cluster: SimCluster, roll: Roll, forMs: number) => Act | undefined
}

export const happenings: readonly Trouble[] = [
  { kind: 'crash', when: ({ crash }) => crash, make: drawCrash },
  { kind: 'rolling', when: ({ rollingRestart }) => rollingRestart, make: drawRollingRestart },
  { kind: 'thread', when: ({ threadCrash }) => threadCrash, make: drawThreadCrash },
  { kind: 'actor', when: ({ actorCrash }) => actorCrash, make: drawActorCrash },
  { kind: 'partition', when: ({ partition }) => partition, make: drawPartition },
  { kind: 'clog', when: ({ clog }) => clog, make: drawClog },
  { kind: 'swizzle', when: ({ swizzle }) => swizzle, make: drawSwizzle },
  {
    kind: 'pause',
    when: ({ pause }) => pause,
    make: (cluster, roll, forMs) => ({ type: 'pause', node: victim(cluster, roll), forMs }),
  },
  {
    kind: 'suspend',
    when: ({ suspend }) => suspend,
    make: (cluster, roll, forMs) => ({ type: 'suspend', node: victim(cluster, roll), forMs }),
  },
  {
    kind: 'wall',
    when: ({ wallStep }) => wallStep,
    make: (cluster, roll) => ({
      type: 'stepWallClock',
      node: victim(cluster, roll),
      byMs: (roll('by') - 0.5) * 20_000,
    }),
  },
  {
    kind: 'disk.slow',
    when: ({ diskSlow }) => diskSlow,
    make: (cluster, roll, forMs) => ({ type: 'slowDisk', node: victim(cluster, roll), forMs }),
  },
  {
    kind: 'disk.full',
    when: ({ diskFull }) => diskFull,
    make: (cluster, roll, forMs) => ({
      type: 'fillDisk',
      ...victimDisk(cluster, roll),
      roomBytes: Math.floor(roll('room') * 2_000),
      forMs,
    }),
  },
  {
    kind: 'disk.flush',
    when: ({ flushFailure }) => flushFailure,
    make: (cluster, roll) => ({ type: 'failFlush', ...victimDisk(cluster, roll) }),
  },
  {
    kind: 'disk.rot',
    when: ({ rot }) => rot,
    make: (cluster, roll) => ({ type: 'rot', ...victimDisk(cluster, roll), choice: roll('where') }),
  },
  {
    kind: 'disk.misdirect',
    when: ({ misdirectedWrite }) => misdirectedWrite,
    make: (cluster, roll) => ({
      type: 'misdirectWrite',
      ...victimDisk(cluster, roll),
      choice: roll('where'),
      silent: cluster.atlas.admitsUnfaithful && roll('silent') < cluster.world.plan.silent,
    }),
  },
  {
    kind: 'disk.lie',
    when: ({ lie }) => lie,
    make: (cluster, roll, forMs) => ({ type: 'lieAboutFlushes', ...victimDisk(cluster, roll), forMs }),
  },
  {
    kind: 'disk.stale',
    when: ({ staleReads }) => staleReads,
    make: (cluster, roll, forMs) => ({ type: 'staleReads', ...victimDisk(cluster, roll), forMs }),
  },
  { kind: 'disk.loss', when: ({ diskLoss }) => diskLoss, make: drawDiskLoss },
  {
    kind: 'disk.restore',
    when: ({ restore }) => restore,
    make: (cluster, roll, forMs) => ({
      type: 'restoreOldCopy',
      node: victim(cluster, roll),
      afterMs: forMs,
      forMs: forMs * 0.5 * roll('down'),
    }),
  },
  {
    kind: 'transfer',
    when: ({ transfer }) => transfer,
    make: (cluster, roll) => ({ type: 'transferLeadership', to: victim(cluster, roll) }),
  },
  {
    kind: 'membership',
    when: ({ membership }) => membership,
    make: (cluster, roll) => ({ type: 'swapRole', node: victim(cluster, roll) }),
  },
  { kind: 'joining', when: ({ joining }) => joining, make: drawJoining },
]

/** More members than this would only make a run slow. */
const membersMax = 6

const victims: readonly string[] = [
  'raft/default',
  'replica/default',
  'lessor/default',
  'raft/meta',
  'replica/meta',
  'keeper',
  'heartbeats/0',
  'peers/0',
  'disk-watch/0',
]

function one<T>(from: readonly T[], share: number): T | undefined {
  return from[Math.floor(share * from.length)]
}

/** Nodes that are not gone for good. */
function present(cluster: SimCluster): number[] {
  return cluster.nodes.filter((id) => !cluster.removed.has(id))
}

function victim(cluster: SimCluster, roll: Roll): number {
  return one(present(cluster), roll('victim')) ?? 0
}

function victimDisk(cluster: SimCluster, roll: Roll): { readonly node: number; readonly disk: number } {
  return { node: victim(cluster, roll), disk: aDisk(cluster, roll) }
}

/** Mostly one with groups on it: the first has none where there are others. */
function aDisk({ executors }: SimCluster, roll: Roll): number {
  if (executors === 1 || roll('disk') < 0.15) return 0
  return 1 + Math.floor(roll('disk.other') * (executors - 1))
}

function drawCrash(cluster: SimCluster, roll: Roll, lastsMs: number): Act {
  const { crashAll, power } = cluster.world.plan
  const nodes = roll('all') < crashAll ? present(cluster) : [victim(cluster, roll)]
  const forMs = lastsMs * (0.2 + roll('restart'))
  return roll('power') < power ? { type: 'crash', nodes, forMs, power: true } : { type: 'crash', nodes, forMs }
}

function drawRollingRestart(cluster: SimCluster, roll: Roll, forMs: number): Act {
  return { type: 'rollingRestart', nodes: present(cluster), everyMs: forMs * (0.5 + 2 * roll('every')), forMs }
}

function drawThreadCrash(cluster: SimCluster, roll: Roll, forMs: number): Act | undefined {
  const node = victim(cluster, roll)
  if (cluster.executors < 2) return undefined
  return { type: 'crashThread', node, thread: 1 + Math.floor(roll('thread') * (cluster.executors - 1)), forMs }
}

function drawActorCrash(cluster: SimCluster, roll: Roll): Act | undefined {
  const actor = one(victims, roll('actor'))
  return actor === undefined ? undefined : { type: 'crashActor', node: victim(cluster, roll), actor }
}

function drawPartition(cluster: SimCluster, roll: Roll, forMs: number): Act | undefined {
  const { shapes, oneWay } = cluster.world.plan
  const shape = one(shapes, roll('shape'))
  if (shape === undefined) return undefined
  const pairs = lostWays(shape, present(cluster), roll('one-way') < oneWay, roll)
  return pairs.length === 0 ? undefined : { type: 'cut', shape, pairs, forMs }
}

/** One way, both ways between two, or all that goes to and from a node. */
function drawClog(cluster: SimCluster, roll: Roll, forMs: number): Act | undefined {
  const from = victim(cluster, roll)
  const others = present(cluster).filter((id) => id !== from)
  const to = one(others, roll('to'))
  if (to === undefined) return undefined
  const extent = roll('extent')
  const there: Way[] = extent < 0.7 ? [[from, to]] : others.map((other): Way => [from, other])
  const back = extent < 0.35 ? [] : there.map(([a, b]): Way => [b, a])
  return { type: 'clog', pairs: [...there, ...back], forMs }
}

/** Each of some nodes clogs in the first half of the time, and clears up in the second. */
function drawSwizzle(cluster: SimCluster, roll: Roll, forMs: number): Act | undefined {
  const clogs: NodeClog[] = []
  for (const node of present(cluster)) {
    if (roll(`clogs.${node}`) >= 0.5) continue
    const afterMs = (forMs / 2) * roll(`from.${node}`)
    const clearMs = (forMs / 2) * (1 + roll(`to.${node}`))
    clogs.push({ node, afterMs, forMs: clearMs - afterMs })
  }
  return clogs.length === 0 ? undefined : { type: 'swizzle', clogs }
}

function drawDiskLoss(cluster: SimCluster, roll: Roll, forMs: number): Act {
  const all = Array.from({ length: cluster.executors }, (_, at) => at)
  const disks = roll('all') < 0.6 ? all : [aDisk(cluster, roll)]
  return { type: 'loseDisks', node: victim(cluster, roll), disks, forMs }
}

function drawJoining(cluster: SimCluster, roll: Roll): Act | undefined {
  const { members, nodes } = cluster
  const grow = members.size < membersMax && roll('grow') < 0.6
  if (grow) return { type: 'addMember', node: Math.max(...nodes) + 1 }
  const node = one([...members], roll('leaver'))
  return node === undefined ? undefined : { type: 'removeMember', node }
}
