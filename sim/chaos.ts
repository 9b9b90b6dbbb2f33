/**
 * Draws from the seed what a fault plan says will happen: each kind of trouble comes again and again, at moments and to
 * victims that are draws keyed by its kind and count. It ends when it is told to; `SimWorld.calm` then repairs what is left.
 */
import { hashText } from '../base/digest.ts'
import { draw } from '../base/draw.ts'
import { type Act, perform, type TimedAct } from './acts.ts'
import type { SimCluster } from './cluster.ts'
import type { Happening } from './faults.ts'

export class Chaos {
  readonly #cluster: SimCluster
  readonly #seed: number
  #over = false
  /** What was done, in order. */
  readonly acts: TimedAct[] = []

  constructor(cluster: SimCluster) {
    this.#cluster = cluster
    this.#seed = cluster.world.seed
  }

  start(): void {
    const { plan } = this.#cluster.world
    this.#again('crash', plan.crash, (roll, forMs) => this.#crash(roll, forMs))
    this.#again('thread', plan.threadCrash, (roll, forMs) => this.#crashThread(roll, forMs))
    this.#again('partition', plan.partition, (roll, forMs) => this.#partition(roll, forMs))
    this.#again('pause', plan.pause, (roll, forMs) => ({ type: 'pause', node: this.#victim(roll), forMs }))
    this.#again('disk.slow', plan.diskSlow, (roll, forMs) => ({ type: 'slowDisk', node: this.#victim(roll), forMs }))
    this.#again('disk.full', plan.diskFull, (roll, forMs) => this.#fillDisk(roll, forMs))
    this.#again('wall', plan.wallStep, (roll) => ({
      type: 'stepWallClock',
      node: this.#victim(roll),
      byMs: (roll('by') - 0.5) * 20_000,
    }))
    this.#again('transfer', plan.transfer, (roll) => ({ type: 'transferLeadership', to: this.#victim(roll) }))
    this.#again('membership', plan.membership, (roll) => ({ type: 'swapRole', node: this.#victim(roll) }))
  }

  /** Nothing new happens any more. */
  stop(): void {
    this.#over = true
  }

  #again(kind: string, { everyMs, lastsMs }: Happening, make: (roll: Roll, forMs: number) => Act | undefined): void {
    if (everyMs <= 0) return
    const key = hashText(kind)
    const { world } = this.#cluster
    const next = (count: number): void => {
      const roll: Roll = (site) => draw(this.#seed, `chaos.${kind}.${site}`, count)
      world.queue.after(everyMs * 2 * roll('when'), key, () => {
        if (this.#over) return
        const act = make(roll, lastsMs * 2 * roll('lasts'))
        if (act !== undefined) {
          this.acts.push({ atMs: world.nowMs, act })
          perform(this.#cluster, act)
        }
        next(count + 1)
      })
    }
    next(1)
  }

  #victim(roll: Roll): number {
    const nodes = this.#cluster.nodes
    return nodes[Math.floor(roll('victim') * nodes.length)] as number
  }

  #crash(roll: Roll, lastsMs: number): Act {
    const all = roll('all') < this.#cluster.world.plan.crashAll
    const nodes = all ? this.#cluster.nodes : [this.#victim(roll)]
    return { type: 'crash', nodes, forMs: lastsMs * (0.2 + roll('restart')) }
  }

  #crashThread(roll: Roll, forMs: number): Act | undefined {
    const node = this.#victim(roll)
    const { executors } = this.#cluster.world.node(node)
    if (executors < 2) return undefined
    return { type: 'crashThread', node, thread: 1 + Math.floor(roll('thread') * (executors - 1)), forMs }
  }

  #partition(roll: Roll, forMs: number): Act {
    const { world, nodes } = this.#cluster
    const left = nodes.filter((id) => roll(`side.${id}`) < 0.5)
    const right = nodes.filter((id) => !left.includes(id))
    const there = left.flatMap((a) => right.map((b): [number, number] => [a, b]))
    const back = there.map(([a, b]): [number, number] => [b, a])
    return { type: 'cut', pairs: roll('one-way') < world.plan.oneWay ? there : [...there, ...back], forMs }
  }

  #fillDisk(roll: Roll, forMs: number): Act {
    const node = this.#victim(roll)
    const disk = Math.floor(roll('disk') * this.#cluster.world.node(node).executors)
    return { type: 'fillDisk', node, disk, roomBytes: Math.floor(roll('room') * 2_000), forMs }
  }
}

type Roll = (site: string) => number
