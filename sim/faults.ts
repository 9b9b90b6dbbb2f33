/**
 * What may go wrong in a run, and how often. A plan is drawn whole from its seed (swarm testing): which kinds of trouble
 * there are at all is a draw as well as how much of each, so some seeds are calm but for one thing and others are storms.
 */
import { cubed, draw, squared } from '../base/draw.ts'
import { calmNetwork, type NetworkFaults } from './network-faults.ts'
import { type PartitionShape, partitionShapes } from './partitions.ts'

/** Something that happens again and again: on average once in `everyMs`, 0 for never. */
export interface Happening {
  readonly everyMs: number
  readonly lastsMs: number
}

export interface FaultPlan {
  readonly network: NetworkFaults
  /** Whether fault sites in the product's code fire. */
  readonly sites: boolean
  /** Clocks run up to this much fast or slow. */
  readonly drift: number
  /** Wall clocks are off by up to so many milliseconds from the start. */
  readonly wallOffsetMs: number
  /** Commits take `diskMs` on average; while a disk is slow, up to `diskSlowMs`. */
  readonly diskMs: number
  readonly diskSlowMs: number
  readonly crash: Happening
  /** Share of the crashes that take every node down at once. */
  readonly crashAll: number
  /** Share of the crashes that cut the power as well. */
  readonly power: number
  readonly rollingRestart: Happening
  readonly threadCrash: Happening
  readonly actorCrash: Happening
  readonly partition: Happening
  /** The shapes that partitions take. */
  readonly shapes: readonly PartitionShape[]
  /** Share of the partitions that cut one direction alone. */
  readonly oneWay: number
  readonly clog: Happening
  readonly swizzle: Happening
  readonly pause: Happening
  readonly suspend: Happening
  readonly wallStep: Happening
  readonly diskSlow: Happening
  readonly diskFull: Happening
  readonly flushFailure: Happening
  readonly rot: Happening
  readonly misdirectedWrite: Happening
  /** Share of the misdirected writes, where the budget has them, that nobody notices. */
  readonly silent: number
  readonly lie: Happening
  readonly staleReads: Happening
  readonly diskLoss: Happening
  readonly restore: Happening
  readonly transfer: Happening
  /** Voters become learners and the other way round. */
  readonly membership: Happening
  /** Members join and leave. */
  readonly joining: Happening
}

const never: Happening = { everyMs: 0, lastsMs: 0 }

/** No trouble but what time and distance bring. */
export const calm: FaultPlan = {
  network: calmNetwork,
  sites: false,
  drift: 0,
  wallOffsetMs: 0,
  diskMs: 0.3,
  diskSlowMs: 0,
  crash: never,
  crashAll: 0,
  power: 0,
  rollingRestart: never,
  threadCrash: never,
  actorCrash: never,
  partition: never,
  shapes: partitionShapes,
  oneWay: 0,
  clog: never,
  swizzle: never,
  pause: never,
  suspend: never,
  wallStep: never,
  diskSlow: never,
  diskFull: never,
  flushFailure: never,
  rot: never,
  misdirectedWrite: never,
  silent: 0,
  lie: never,
  staleReads: never,
  diskLoss: never,
  restore: never,
  transfer: never,
  membership: never,
  joining: never,
}

/**
 * @param tempo - How slow the world is: everything that lasts takes so much longer than with ticks of 20 ms, and is so much
 *   rarer.
 */
export function drawFaults(seed: number, tempo: number = 1): FaultPlan {
  const roll = (site: string): number => draw(seed, `faults.${site}`, 0)
  /** Present in `share` of the seeds, then anything up to `most`, mostly little. */
  const rate = (site: string, share: number, most: number): number =>
    roll(site) < share ? most * squared(roll(`${site}.rate`)) : 0
  const happening = (site: string, share: number, everyMs: number, lastsMs: number): Happening =>
    roll(site) < share
      ? {
          everyMs: tempo * everyMs * (0.3 + 1.7 * roll(`${site}.every`)),
          lastsMs: tempo * lastsMs * (0.1 + 1.9 * roll(`${site}.lasts`)),
        }
      : never
  const shapes = partitionShapes.filter((shape) => roll(`partition.shape.${shape}`) < 0.5)
  return {
    network: drawNetwork(roll, rate, tempo),
    sites: roll('sites') < 0.8,
    drift: rate('drift', 0.5, 0.1),
    wallOffsetMs: rate('wall.offset', 0.4, 60_000),
    diskMs: 0.1 + 5 * cubed(roll('disk.ms')),
    diskSlowMs: 20 + 300 * tempo * squared(roll('disk.slow.ms')),
    crash: happening('crash', 0.7, 1_500, 500),
    crashAll: roll('crash.all') < 0.3 ? 0.2 : 0,
    power: roll('crash.power'),
    rollingRestart: happening('rolling', 0.15, 2_500, 250),
    threadCrash: happening('thread', 0.4, 2_000, 100),
    actorCrash: happening('actor', 0.35, 1_500, 0),
    partition: happening('partition', 0.7, 1_200, 600),
    shapes: shapes.length === 0 ? partitionShapes : shapes,
    oneWay: roll('partition.one-way'),
    clog: happening('clog', 0.3, 1_200, 400),
    swizzle: happening('swizzle', 0.2, 2_500, 800),
    pause: happening('pause', 0.4, 1_500, 600),
    suspend: happening('suspend', 0.2, 2_000, 800),
    wallStep: happening('wall', 0.3, 1_500, 0),
    diskSlow: happening('disk.slow', 0.4, 1_000, 500),
    diskFull: happening('disk.full', 0.2, 2_500, 800),
    flushFailure: happening('disk.flush', 0.2, 2_500, 0),
    rot: happening('disk.rot', 0.2, 1_500, 0),
    misdirectedWrite: happening('disk.misdirect', 0.15, 2_000, 0),
    silent: roll('disk.misdirect.silent') < 0.3 ? 1 : 0,
    lie: happening('disk.lie', 0.2, 1_000, 1_000),
    staleReads: happening('disk.stale', 0.1, 1_500, 600),
    diskLoss: happening('disk.loss', 0.3, 1_500, 300),
    restore: happening('disk.restore', 0.1, 2_000, 500),
    transfer: happening('transfer', 0.4, 800, 0),
    membership: happening('membership', 0.3, 1_200, 0),
    joining: happening('joining', 0.2, 1_200, 0),
  }
}

type Roll = (site: string) => number

function drawNetwork(
  roll: Roll,
  rate: (site: string, share: number, most: number) => number,
  tempo: number,
): NetworkFaults {
  return {
    loss: rate('loss', 0.5, 0.3),
    duplicate: rate('duplicate', 0.5, 0.3),
    reorder: rate('reorder', 0.5, 0.5),
    corrupt: rate('corrupt', 0.3, 0.02),
    misdirect: rate('misdirect', 0.2, 0.02),
    replay: rate('replay', 0.3, 0.1),
    replayMs: tempo * (200 + 4_000 * squared(roll('replay.ms'))),
    slow: rate('slow', 0.4, 0.3),
    slowMs: tempo * (10 + 400 * squared(roll('slow.ms'))),
    latencyMinMs: 0.1 + 2 * squared(roll('latency.min')),
    latencyMeanMs: 0.2 + 10 * cubed(roll('latency.mean')),
    framesPerMs: roll('capacity') < 0.2 ? 0.1 + 2 * squared(roll('capacity.rate')) : 0,
    queueFrames: 2 + Math.floor(40 * roll('capacity.queue')),
  }
}
