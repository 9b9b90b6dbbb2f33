/**
 * A whole world on one thread: N nodes of W executors, one network and one queue of events. It moves only when it is told
 * to, and the same seed always moves the same way.
 */
import { decideFaultPoints } from '../base/fault-points.ts'
import type { Envelope } from '../mailbox/envelope.ts'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import type { Cell } from '../runtime/kernel/cell.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import { StoreCorrupt } from '../runtime/ports/store.ts'
import { Checkers } from './checkers/checkers.ts'
import { check } from './checkers/violation.ts'
import { Decisions, decisionSite } from './decisions.ts'
import { EventQueue } from './event-queue.ts'
import { FaultFiring } from './fault-firing.ts'
import { calm, type FaultPlan } from './faults.ts'
import { SimNetwork } from './network.ts'
import { type NodeHost, SimNode } from './node.ts'
import type { Scheduler, SchedulerPlan } from './schedulers/scheduler.ts'
import { schedulerOf, uniform } from './schedulers/select.ts'
import { Trace } from './trace.ts'

/** What actors are made of, for spawns that cross executors: anything with a module address. */
export interface Exported {
  readonly module: string
  readonly exportName: string
}

export interface WorldOptions {
  readonly seed: number
  readonly definitions: readonly Exported[]
  readonly faults?: FaultPlan
  /** `uniform` when absent. */
  readonly scheduler?: SchedulerPlan
  /** Drawn from `seed` when absent. */
  readonly decisions?: Decisions
}

/** Events of the world's own (clients, faults): not a node's. */
const worldKey = 0

const orderSite = decisionSite('queue.order')
const driftSite = decisionSite('clock.drift')
const wallSite = decisionSite('clock.wall-offset')
const commitSite = decisionSite('disk.commit')

export class SimWorld implements NodeHost {
  readonly seed: number
  readonly decisions: Decisions
  /** Sites and probes in the product's code. */
  readonly points: FaultFiring
  readonly scheduler: Scheduler
  readonly queue: EventQueue
  readonly network: SimNetwork
  readonly nodes: Map<number, SimNode> = new Map<number, SimNode>()
  readonly trace: Trace = new Trace()
  readonly checkers: Checkers
  readonly #definitions = new Map<string, Exported>()
  readonly #slowDisks = new Map<number, number>()
  plan: FaultPlan
  /** Why processes gave up, where that was to be expected. */
  readonly fatals: string[] = []
  fatalExplained: (node: number, reason: string) => boolean = () => false
  /** Told of every executor as it starts, when somebody records the run. */
  onStarted: ((node: SimNode, executor: Executor) => void) | undefined = undefined
  /** Called after every delivery: before the next one of the same executor, or at the end of its tick. */
  onStep: (() => void) | undefined = undefined
  onActorFailed: ((node: number, name: string, error: string) => void) | undefined = undefined

  constructor(options: WorldOptions) {
    const { seed, definitions, faults = calm, decisions = Decisions.drawn(seed), scheduler = uniform } = options
    this.seed = seed
    this.decisions = decisions
    this.points = new FaultFiring(decisions, faults.sites)
    this.plan = faults
    this.scheduler = schedulerOf(scheduler, decisions)
    this.queue = new EventQueue(decisions.seed(orderSite, 0), this.scheduler.ties)
    this.network = new SimNetwork(this.queue, decisions)
    this.network.faults = { ...faults.network }
    // What a delivery sent is part of what it did.
    this.network.onSent = (contents) => this.trace.digest.add(contents)
    this.checkers = new Checkers(this.trace, this.nodes, this.network, () => this.queue.nowMs)
    for (const definition of definitions)
      this.#definitions.set(`${definition.module}#${definition.exportName}`, definition)
  }

  get nowMs(): number {
    return this.queue.nowMs
  }

  addNode(id: number, executors: number, boot: (node: SimNode) => void): SimNode {
    const node = new SimNode(this, id, executors, boot)
    node.clock.drift(either(this.decisions.share(driftSite, id)) * this.plan.drift)
    node.clock.stepWall(either(this.decisions.share(wallSite, id)) * this.plan.wallOffsetMs)
    this.nodes.set(id, node)
    return node
  }

  /** @throws {RangeError} There is no such node. */
  node(id: number): SimNode {
    const node = this.nodes.get(id)
    if (node === undefined)
      throw new RangeError(`world: wanted node ${id}, there are ${[...this.nodes.keys()].join(', ')}`)
    return node
  }

  /** @param cut - `power`: disks that lied about their flushes have lost what they did not flush. */
  crash(id: number, cut: 'power' | 'process' = 'process'): void {
    const node = this.node(id)
    if (!node.up) return
    this.trace.event(this.nowMs, `node ${id} crashes`)
    node.crash(cut)
    this.checkers.down(node)
  }

  start(id: number): void {
    const node = this.node(id)
    if (node.up) return
    this.trace.event(this.nowMs, `node ${id} starts`)
    this.#bent(() => node.start())
  }

  crashThread(id: number, executor: number, replaceAfterMs: number): void {
    this.trace.event(this.nowMs, `thread ${executor} of node ${id} dies`)
    this.node(id).crashThread(executor, replaceAfterMs)
    this.checkers.down(this.node(id))
  }

  pause(id: number, ms: number): void {
    this.trace.event(this.nowMs, `node ${id} stands still for ${ms} ms`)
    this.node(id).pause(ms)
  }

  suspend(id: number, ms: number): void {
    this.trace.event(this.nowMs, `node ${id} sleeps for ${ms} ms`)
    this.node(id).suspend(ms)
  }

  /** The disks of a node take up to `plan.diskSlowMs` a commit for so long. */
  slowDisks(id: number, forMs: number): void {
    this.trace.event(this.nowMs, `disks of node ${id} are slow`)
    this.#slowDisks.set(id, this.nowMs + forMs)
  }

  /** No trouble from now on but what already happened. */
  calm(): void {
    this.trace.event(this.nowMs, 'the world is calm')
    this.plan = calm
    this.network.faults = { ...calm.network }
    this.network.joinAll()
    this.#slowDisks.clear()
    this.points.enabled = false
    for (const node of this.nodes.values()) {
      node.resume()
      node.clock.drift(0)
      for (const disk of node.disks) disk.calm()
    }
  }

  /** An act of whoever stands outside, after `delayMs`. */
  later(delayMs: number, run: () => void): void {
    this.queue.after(delayMs, worldKey, run)
  }

  /** Lets `ms` of virtual time pass. */
  run(ms: number): void {
    const endMs = this.nowMs + ms
    this.#bent(() => {
      for (let next = this.queue.nextMs(); next !== undefined && next <= endMs; next = this.queue.nextMs())
        this.queue.step()
    })
    this.queue.skipTo(endMs)
  }

  /** Lets time pass until `predicate` holds, looking every few milliseconds; false when `withinMs` passed first. */
  runUntil(predicate: () => boolean, withinMs: number): boolean {
    const endMs = this.nowMs + withinMs
    while (!predicate()) {
      if (this.nowMs >= endMs) return false
      this.run(Math.min(lookEveryMs, endMs - this.nowMs))
    }
    return true
  }

  commitMs(node: number, executor: number, commit: number): number {
    const share = this.decisions.share(commitSite, node, executor, commit)
    const slow = (this.#slowDisks.get(node) ?? 0) > this.nowMs
    return slow ? this.plan.diskSlowMs * share : 0.05 + 2 * this.plan.diskMs * share
  }

  load(module: string, exportName: string): unknown {
    return this.#definitions.get(`${module}#${exportName}`)
  }

  beforeDelivery(node: SimNode, executor: Executor, cell: Cell, envelope: Envelope<ActorRef>): void {
    this.trace.delivery(this.queue.nowMs, node.id, executor.index, cell, envelope)
    try {
      this.checkers.before(node, executor, cell, envelope)
    } catch (error) {
      damageMet(node, error)
    }
    this.onStep?.()
    this.points.at(cell, envelope)
  }

  started(node: SimNode, executor: Executor): void {
    this.onStarted?.(node, executor)
  }

  afterTick(node: SimNode, executor: Executor): void {
    try {
      this.checkers.after(node, executor)
    } catch (error) {
      damageMet(node, error)
    }
    this.onStep?.()
  }

  actorFailed(node: SimNode, name: string, error: string): void {
    this.onActorFailed?.(node.id, name, error)
  }

  /** Does `act` with the fault sites of the product in this world's hands. */
  #bent(act: () => void): void {
    const before = decideFaultPoints(this.points)
    try {
      act()
    } finally {
      decideFaultPoints(before)
    }
  }

  fatal(node: SimNode, reason: string): void {
    check(this.fatalExplained(node.id, reason), 'I0', () => `node ${node.id} gave up: ${reason}`)
    this.fatals.push(`node ${node.id}: ${reason}`)
    // Not within the tick that said so: the process ends after it.
    this.later(0, () => this.crash(node.id))
  }
}

const lookEveryMs = 5

/** Checkers read the store of a node as its scrubber would: damage that they meet is found. */
function damageMet(node: SimNode, error: unknown): void {
  if (!(error instanceof StoreCorrupt)) throw error
  node.damageFound(error.message)
}

/** -1 to 1, and 0 for the harmless 0. */
function either(share: number): number {
  return share < 0.5 ? 2 * share : 1 - 2 * share
}
