/**
 * Draws from the seed what a fault plan says will happen: each kind of trouble comes again and again, at moments and to
 * victims that are draws keyed by its kind and count. It ends when it is told to; `SimWorld.calm` then repairs what is left.
 */
import { hashText } from '../base/digest.ts'
import { draw } from '../base/draw.ts'
import type { Act, TimedAct } from './act.ts'
import { perform } from './acts.ts'
import { happenings } from './chaos-acts.ts'
import type { SimCluster } from './cluster.ts'
import type { Happening } from './faults.ts'
import type { Roll } from './partitions.ts'

export class Chaos {
  readonly #cluster: SimCluster
  readonly #seed: number
  #over = false
  /** While it is true, what would happen does not. */
  paused = false
  /** What was done, in order. */
  readonly acts: TimedAct[] = []

  constructor(cluster: SimCluster) {
    this.#cluster = cluster
    this.#seed = cluster.world.seed
  }

  start(): void {
    const { plan } = this.#cluster.world
    for (const { kind, when, make } of happenings) this.#again(kind, when(plan), make)
  }

  /** Nothing new happens any more. */
  stop(): void {
    this.#over = true
  }

  #again(
    kind: string,
    { everyMs, lastsMs }: Happening,
    make: (cluster: SimCluster, roll: Roll, forMs: number) => Act | undefined,
  ): void {
    if (everyMs <= 0) return
    const key = hashText(kind)
    const { world } = this.#cluster
    const next = (count: number): void => {
      const roll: Roll = (site) => draw(this.#seed, `chaos.${kind}.${site}`, count)
      world.queue.after(everyMs * 2 * roll('when'), key, () => {
        if (this.#over) return
        const act = this.paused ? undefined : make(this.#cluster, roll, lastsMs * 2 * roll('lasts'))
        if (act !== undefined) this.#do(act)
        next(count + 1)
      })
    }
    next(1)
  }

  #do(act: Act): void {
    // Noted first: whoever looks for the cause of a failure that an act sets off must find the act.
    this.acts.push({ atMs: this.#cluster.world.nowMs, act })
    if (!perform(this.#cluster, act)) this.acts.pop()
  }
}
