/**
 * What may go wrong in a run, and how often. A plan is drawn whole from its seed (swarm testing): which kinds of trouble
 * there are at all is a draw as well as how much of each, so some seeds are calm but for one thing and others are storms.
 */
import { draw } from '../base/draw.ts'
import type { NetworkFaults } from './network.ts'

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
  /** Commits take `diskMs` on average; while a disk is slow, up to `diskSlowMs`. */
  readonly diskMs: number
  readonly diskSlowMs: number
  readonly crash: Happening
  /** Share of the crashes that take every node down at once. */
  readonly crashAll: number
  readonly threadCrash: Happening
  readonly partition: Happening
  /** Share of the partitions that cut one direction alone. */
  readonly oneWay: number
  readonly pause: Happening
  readonly diskSlow: Happening
  readonly diskFull: Happening
  readonly wallStep: Happening
  readonly transfer: Happening
  readonly membership: Happening
}

const never: Happening = { everyMs: 0, lastsMs: 0 }

/** No trouble but what time and distance bring. */
export const calm: FaultPlan = {
  network: { loss: 0, duplicate: 0, reorder: 0, corrupt: 0, slow: 0, slowMs: 0, latencyMinMs: 0.2, latencyMeanMs: 0.3 },
  sites: false,
  drift: 0,
  diskMs: 0.3,
  diskSlowMs: 0,
  crash: never,
  crashAll: 0,
  threadCrash: never,
  partition: never,
  oneWay: 0,
  pause: never,
  diskSlow: never,
  diskFull: never,
  wallStep: never,
  transfer: never,
  membership: never,
}

export function drawFaults(seed: number): FaultPlan {
  const roll = (site: string): number => draw(seed, `faults.${site}`, 0)
  /** Present in `share` of the seeds, then anything up to `most`, mostly little. */
  const rate = (site: string, share: number, most: number): number =>
    roll(site) < share ? most * roll(`${site}.rate`) ** 2 : 0
  const happening = (site: string, share: number, everyMs: number, lastsMs: number): Happening =>
    roll(site) < share
      ? {
          everyMs: everyMs * (0.3 + 1.7 * roll(`${site}.every`)),
          lastsMs: lastsMs * (0.1 + 1.9 * roll(`${site}.lasts`)),
        }
      : never
  return {
    network: {
      loss: rate('loss', 0.5, 0.3),
      duplicate: rate('duplicate', 0.5, 0.3),
      reorder: rate('reorder', 0.5, 0.5),
      corrupt: rate('corrupt', 0.3, 0.02),
      slow: rate('slow', 0.4, 0.3),
      slowMs: 10 + 400 * roll('slow.ms') ** 2,
      latencyMinMs: 0.1 + 2 * roll('latency.min') ** 2,
      latencyMeanMs: 0.2 + 10 * roll('latency.mean') ** 3,
    },
    sites: roll('sites') < 0.8,
    drift: rate('drift', 0.5, 0.1),
    diskMs: 0.1 + 5 * roll('disk.ms') ** 3,
    diskSlowMs: 20 + 300 * roll('disk.slow.ms') ** 2,
    crash: happening('crash', 0.7, 1_500, 500),
    crashAll: roll('crash.all') < 0.3 ? 0.2 : 0,
    threadCrash: happening('thread', 0.4, 2_000, 100),
    partition: happening('partition', 0.7, 1_200, 600),
    oneWay: roll('partition.one-way'),
    pause: happening('pause', 0.4, 1_500, 600),
    diskSlow: happening('disk.slow', 0.4, 1_000, 500),
    diskFull: happening('disk.full', 0.3, 2_500, 800),
    wallStep: happening('wall', 0.3, 1_500, 0),
    transfer: happening('transfer', 0.4, 800, 0),
    membership: happening('membership', 0.4, 1_200, 0),
  }
}
