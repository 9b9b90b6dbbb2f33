/**
 * A whole world on one thread: N nodes of W executors, one network and one queue of events. It moves only when it is told
 * to, and the same seed always moves the same way.
 */
import { decideFaultPoints } from '../base/fault-points.ts'
import type { Envelope } from '../mailbox/envelope.ts'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import type { Cell } from '../runtime/kernel/cell.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import { Checkers } from './checkers/checkers.ts'
import { check } from './checkers/violation.ts'
import { Decisions, decisionSite } from './decisions.ts'
import { EventQueue } from './event-queue.ts'
import { FaultFiring } from './fault-firing.ts'
import { calm, type FaultPlan } from './faults.ts'
import { SimNetwork } from './network.ts'
import { type NodeHost, SimNode } from './node.ts'
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
  /** Drawn from `seed` when absent. */
  readonly decisions?: Decisions
}

/** Events of the world's own (clients, faults): not a node's. */
const worldKey = 0

const orderSite = decisionSite('queue.order')
const driftSite = decisionSite('clock.drift')
const commitSite = decisionSite('disk.commit')

export class SimWorld implements NodeHost {
  readonly seed: number
  readonly decisions: Decisions
  /** Sites and probes in the product's code. */
  readonly points: FaultFiring
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

  constructor({ seed, definitions, faults = calm, decisions = Decisions.drawn(seed) }: WorldOptions) {
    this.seed = seed
    this.decisions = decisions
    this.points = new FaultFiring(decisions, faults.sites)
    this.plan = faults
    this.queue = new EventQueue(decisions.seed(orderSite, 0))
    this.network = new SimNetwork(this.queue, decisions)
    this.network.faults = { ...faults.network }
    this.checkers = new Checkers(this.trace, this.nodes, this.network)
    for (const definition of definitions)
      this.#definitions.set(`${definition.module}#${definition.exportName}`, definition)
  }

  get nowMs(): number {
    return this.queue.nowMs
  }

  addNode(id: number, executors: number, boot: (node: SimNode) => void): SimNode {
    const node = new SimNode(this, id, executors, boot)
    node.clock.drift(either(this.decisions.share(driftSite, id)) * this.plan.drift)
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

  crash(id: number): void {
    const node = this.node(id)
    if (!node.up) return
    this.trace.event(this.nowMs, `node ${id} crashes`)
    node.crash()
    this.checkers.down(node)
  }

  start(id: number): void {
    const node = this.node(id)
    if (node.up) return
    this.trace.event(this.nowMs, `node ${id} starts`)
    node.start()
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
      for (const disk of node.disks) disk.capacityBytes = Number.POSITIVE_INFINITY
    }
  }

  /** An act of whoever stands outside, after `delayMs`. */
  later(delayMs: number, run: () => void): void {
    this.queue.after(delayMs, worldKey, run)
  }

  /** Lets `ms` of virtual time pass. */
  run(ms: number): void {
    const endMs = this.nowMs + ms
    const before = decideFaultPoints(this.points)
    try {
      for (let next = this.queue.nextMs(); next !== undefined && next <= endMs; next = this.queue.nextMs())
        this.queue.step()
    } finally {
      decideFaultPoints(before)
    }
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
    this.trace.delivery(this.nowMs, node.id, executor.index, cell, envelope)
    this.checkers.before(node, executor, cell, envelope)
    this.points.at(cell, envelope)
  }

  afterTick(node: SimNode, executor: Executor): void {
    this.checkers.after(node, executor)
  }

  fatal(node: SimNode, reason: string): void {
    check(this.fatalExplained(node.id, reason), 'I0', () => `node ${node.id} gave up: ${reason}`)
    this.fatals.push(`node ${node.id}: ${reason}`)
    // Not within the tick that said so: the process ends after it.
    this.later(0, () => this.crash(node.id))
  }
}

const lookEveryMs = 5

/** -1 to 1, and 0 for the harmless 0. */
function either(share: number): number {
  return share < 0.5 ? 2 * share : 1 - 2 * share
}
