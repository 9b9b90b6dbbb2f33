/**
 * Makes happen what a fault plan says: each kind of trouble comes again and again, at moments and to victims that are
 * draws keyed by its kind and count. It ends when it is told to; `SimWorld.calm` then repairs what is left.
 */
import { hashText } from '../base/digest.ts'
import { draw } from '../base/draw.ts'
import type { SimCluster } from './cluster.ts'
import type { Happening } from './faults.ts'

export class Chaos {
  readonly #cluster: SimCluster
  readonly #seed: number
  #over = false
  /** How often what happened. */
  readonly happened: Map<string, number> = new Map<string, number>()

  constructor(cluster: SimCluster) {
    this.#cluster = cluster
    this.#seed = cluster.world.seed
  }

  start(): void {
    const { plan } = this.#cluster.world
    this.#again('crash', plan.crash, (roll, lastsMs) => this.#crash(roll, lastsMs))
    this.#again('thread', plan.threadCrash, (roll, lastsMs) => this.#crashThread(roll, lastsMs))
    this.#again('partition', plan.partition, (roll, lastsMs) => this.#partition(roll, lastsMs))
    this.#again('pause', plan.pause, (roll, lastsMs) => this.#cluster.world.pause(this.#victim(roll), lastsMs))
    this.#again('disk.slow', plan.diskSlow, (roll, lastsMs) =>
      this.#cluster.world.slowDisks(this.#victim(roll), lastsMs),
    )
    this.#again('disk.full', plan.diskFull, (roll, lastsMs) => this.#fillDisk(roll, lastsMs))
    this.#again('wall', plan.wallStep, (roll) =>
      this.#cluster.world.node(this.#victim(roll)).clock.stepWall((roll('by') - 0.5) * 20_000),
    )
    this.#again('transfer', plan.transfer, (roll) => this.#transfer(roll))
    this.#again('membership', plan.membership, (roll) => this.#changeMembers(roll))
  }

  /** Nothing happens any more. Who is down stays down. */
  stop(): void {
    this.#over = true
  }

  #again(kind: string, { everyMs, lastsMs }: Happening, happen: (roll: Roll, lastsMs: number) => void): void {
    if (everyMs <= 0) return
    const key = hashText(kind)
    const next = (count: number): void => {
      const roll: Roll = (site) => draw(this.#seed, `chaos.${kind}.${site}`, count)
      this.#cluster.world.queue.after(everyMs * 2 * roll('when'), key, () => {
        if (this.#over) return
        this.happened.set(kind, (this.happened.get(kind) ?? 0) + 1)
        happen(roll, lastsMs * 2 * roll('lasts'))
        next(count + 1)
      })
    }
    next(1)
  }

  #victim(roll: Roll): number {
    const nodes = this.#cluster.nodes
    return nodes[Math.floor(roll('victim') * nodes.length)] as number
  }

  #crash(roll: Roll, lastsMs: number): void {
    const { world } = this.#cluster
    const all = roll('all') < world.plan.crashAll
    for (const id of all ? this.#cluster.nodes : [this.#victim(roll)]) {
      this.#cluster.crash(id)
      world.later(lastsMs * (0.2 + draw(this.#seed, 'chaos.restart', id, Math.floor(world.nowMs))), () => {
        if (!this.#over && !this.#cluster.removed.has(id)) this.#cluster.restart(id)
      })
    }
  }

  #crashThread(roll: Roll, lastsMs: number): void {
    const node = this.#victim(roll)
    const { executors } = this.#cluster.world.node(node)
    if (executors < 2) return
    this.#cluster.world.crashThread(node, 1 + Math.floor(roll('thread') * (executors - 1)), lastsMs)
  }

  #partition(roll: Roll, lastsMs: number): void {
    const { world, nodes } = this.#cluster
    const left = nodes.filter((id) => roll(`side.${id}`) < 0.5)
    const right = nodes.filter((id) => !left.includes(id))
    const oneWay = roll('one-way') < world.plan.oneWay
    world.trace.event(world.nowMs, `partition ${left.join()} ${oneWay ? '→' : '|'} ${right.join()}`)
    const cuts = left.flatMap((a) =>
      right.flatMap((b): [number, number][] =>
        oneWay
          ? [[a, b]]
          : [
              [a, b],
              [b, a],
            ],
      ),
    )
    for (const [a, b] of cuts) world.network.cut(a, b)
    world.later(lastsMs, () => {
      for (const [a, b] of cuts) world.network.join(a, b)
    })
  }

  #fillDisk(roll: Roll, lastsMs: number): void {
    const { world } = this.#cluster
    const { disks } = world.node(this.#victim(roll))
    const disk = disks[Math.floor(roll('disk') * disks.length)]
    if (disk === undefined) return
    disk.capacityBytes = disk.usedBytes + Math.floor(roll('room') * 2_000)
    world.later(lastsMs, () => {
      disk.capacityBytes = Number.POSITIVE_INFINITY
    })
  }

  #transfer(roll: Roll): void {
    const leader = this.#cluster.leader()
    if (leader === undefined) return
    this.#cluster.client('operator').session.once(leader, { type: 'transferLeadership', to: this.#victim(roll) })
  }

  /** Learners come and go, and voters step back and forth; the keepers set right what the member list says. */
  #changeMembers(roll: Roll): void {
    const leader = this.#cluster.leader()
    const core = leader === undefined ? undefined : this.#cluster.core(leader)
    if (leader === undefined || core === undefined) return
    const { voters, learners } = core.membership.current
    const victim = this.#victim(roll)
    const demote = voters.includes(victim) && voters.length > 2
    const wanted = demote
      ? { voters: voters.filter((id) => id !== victim), learners: [...learners, victim] }
      : { voters: [...new Set([...voters, victim])], learners: learners.filter((id) => id !== victim) }
    this.#cluster.client('operator').session.once(leader, { type: 'changeConfiguration', wanted })
  }
}

type Roll = (site: string) => number
