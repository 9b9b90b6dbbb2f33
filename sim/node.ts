/**
 * One simulated node: W executors of the production kernel on simulated disks, clocks and links. Crashing drops the
 * executors; the disks stay.
 *
 *   start ─▶ running ──pause──▶ standing still ──▶ running        (nothing is lost, time passes)
 *               ├── crash ─▶ down ──start──▶ running              (memory gone, unflushed writes lost or kept)
 *               └── crashThread(i) ─▶ the others hear of it ──▶ replaced on the same store
 */
import { invariant } from '../base/assert.ts'
import type { Envelope } from '../mailbox/envelope.ts'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import type { Cell } from '../runtime/kernel/cell.ts'
import { Executor } from '../runtime/kernel/executor.ts'
import type { World } from '../runtime/ports/world.ts'
import { SimClock } from './clock.ts'
import { type Decisions, decisionSite } from './decisions.ts'
import { SimDisk } from './disk.ts'
import type { EventQueue } from './event-queue.ts'
import type { SimNetwork } from './network.ts'
import { SimThreads } from './threads.ts'

/** What a node needs of the world around it. */
export interface NodeHost {
  readonly decisions: Decisions
  readonly queue: EventQueue
  readonly network: SimNetwork
  /** How long the next commit of a disk takes. */
  commitMs(node: number, executor: number, commit: number): number
  /** Finds what a module exports, for actors that are spawned on another executor. */
  load(module: string, exportName: string): unknown
  beforeDelivery(node: SimNode, executor: Executor, cell: Cell, envelope: Envelope<ActorRef>): void
  afterTick(node: SimNode, executor: Executor): void
  /** The process of `node` says that it cannot go on. */
  fatal(node: SimNode, reason: string): void
}

interface Slot {
  executor: Executor | undefined
  incarnation: number
  /** When its next tick is due, and which request for it counts. */
  wakeAtMs: number
  wakeId: number
  picks: number
}

/** The least time between two ticks: a world in which nothing takes time never ends. */
const tickMs = 0.005
const offsetSite = decisionSite('clock.offset')
const seedSite = decisionSite('node.seed')
const keptSite = decisionSite('disk.in-flight-kept')
const pickSite = decisionSite('schedule.pick')
const seldom = Number.POSITIVE_INFINITY

export class SimNode {
  readonly id: number
  readonly clock: SimClock
  readonly disks: readonly SimDisk[]
  readonly #host: NodeHost
  readonly #boot: (node: SimNode) => void
  readonly #slots: Slot[]
  readonly #threads: SimThreads
  #incarnations = 0
  #resumeMs = 0
  up = false
  /** Its disks were lost at least once: it may not hold what it once promised. */
  wiped = false
  crashes = 0

  /** @param boot - Starts the actors, on executor 0; called at every start. */
  constructor(host: NodeHost, id: number, executors: number, boot: (node: SimNode) => void) {
    const { decisions, queue } = host
    this.#host = host
    this.id = id
    this.#boot = boot
    this.clock = new SimClock(queue, decisions.pick(offsetSite, 100_000, id))
    this.#threads = new SimThreads(queue, decisions, id, executors, () => this.#resumeMs)
    this.#slots = Array.from({ length: executors }, () => ({
      executor: undefined,
      incarnation: 0,
      wakeAtMs: seldom,
      wakeId: 0,
      picks: 0,
    }))
    this.disks = this.#slots.map((_, executor) => this.#newDisk(executor))
  }

  get executors(): number {
    return this.#slots.length
  }

  /** @throws {RangeError} The node is down, or the thread is. */
  executor(index: number): Executor {
    const executor = this.#slots[index]?.executor
    if (executor === undefined) throw new RangeError(`node ${this.id}: wanted executor ${index}, which does not run`)
    return executor
  }

  runs(index: number): boolean {
    return this.#slots[index]?.executor !== undefined
  }

  start(): void {
    invariant(!this.up, `node ${this.id} was started twice`)
    this.up = true
    for (let index = 0; index < this.executors; index++) this.#startExecutor(index)
    this.#boot(this)
  }

  /** The process dies at once. What each disk was writing is drawn: whole or not at all. */
  crash(): void {
    if (!this.up) return
    this.up = false
    this.crashes += 1
    this.#threads.detachAll()
    for (let index = 0; index < this.executors; index++) this.#dropExecutor(index)
  }

  /** The disks are replaced by empty ones. */
  wipe(): void {
    invariant(!this.up, `node ${this.id} was wiped while it runs`)
    this.wiped = true
    for (const disk of this.disks) disk.wipe()
  }

  /** One worker thread dies; its replacement starts on the same store after `replaceAfterMs`. */
  crashThread(index: number, replaceAfterMs: number): void {
    invariant(index > 0, 'thread 0 is the process: crash the node instead')
    if (!this.up || !this.runs(index)) return
    this.#dropExecutor(index)
    this.#threads.lose(index)
    const life = this.#incarnations
    this.#host.queue.after(replaceAfterMs, this.id, () => {
      // Meanwhile the whole process may have died, and started all its threads itself.
      if (!this.up || this.runs(index) || this.#incarnations < life) return
      this.#startExecutor(index)
      this.#threads.replaced(index, () => this.onReplaced(index))
    })
  }

  /** Told when a lost thread was replaced: the composition passes it to its supervisors. */
  onReplaced: (executor: number) => void = () => {}

  /** The process stands still for `ms`: it reads nothing, does nothing, and loses nothing. */
  pause(ms: number): void {
    this.#resumeMs = this.#host.queue.nowMs + ms
    this.#host.network.pausedUntilMs.set(this.id, this.#resumeMs)
  }

  resume(): void {
    this.pause(0)
  }

  #newDisk(executor: number): SimDisk {
    const { queue } = this.#host
    const key = this.id * 64 + executor
    let commit = 0
    return new SimDisk({
      schedule: (delayMs, run) => queue.after(Math.max(delayMs, this.#resumeMs - queue.nowMs), key, run),
      commitMs: () => {
        commit += 1
        return this.#host.commitMs(this.id, executor, commit)
      },
    })
  }

  #startExecutor(index: number): void {
    this.#incarnations += 1
    const slot = this.#slots[index] as Slot
    slot.incarnation = this.#incarnations
    slot.wakeAtMs = seldom
    const { id, clock } = this
    const { decisions, network } = this.#host
    const incarnation = slot.incarnation
    const world: World = {
      clock,
      // Differs from one start to the next, as a real process draws a new one.
      seed: decisions.seed(seedSite, id, index, incarnation),
      store: (this.disks[index] as SimDisk).open(),
      network: network.attach(id, index, incarnation),
      threads: this.#threads.attach(index, incarnation),
      wake: (withinMs) => this.#wake(slot, index, withinMs),
      load: (module, exportName, done) => {
        const loaded = this.#host.load(module, exportName)
        done(loaded, loaded === undefined ? `no export '${exportName}' of ${module} is known to this world` : '')
      },
      fatal: (reason) => this.#host.fatal(this, reason),
    }
    const executor: Executor = new Executor({
      node: id,
      index,
      incarnation,
      world,
      pick: (runnable) => this.#pick(slot, index, runnable),
      observe: (cell, envelope) => this.#host.beforeDelivery(this, executor, cell, envelope),
    })
    slot.executor = executor
  }

  #dropExecutor(index: number): void {
    const slot = this.#slots[index] as Slot
    if (slot.executor === undefined) return
    slot.executor = undefined
    slot.wakeAtMs = seldom
    this.#host.network.detach(this.id, index)
    const kept = this.#host.decisions.happens(keptSite, 0.5, this.id, index, slot.incarnation)
    this.disks[index]?.crash(kept ? 'kept' : 'lost')
  }

  #pick(slot: Slot, index: number, runnable: number): number {
    if (runnable <= 1) return 0
    slot.picks += 1
    return this.#host.decisions.pick(pickSite, runnable, this.id * 64 + index, slot.incarnation, slot.picks)
  }

  #wake(slot: Slot, index: number, withinMs: number): void {
    const { queue } = this.#host
    const atMs = queue.nowMs + Math.max(tickMs, this.clock.virtual(withinMs))
    // The request that is sooner counts; the other one finds that it was overtaken.
    if (slot.wakeAtMs <= atMs) return
    slot.wakeAtMs = atMs
    slot.wakeId += 1
    const { wakeId, incarnation } = slot
    queue.at(atMs, this.id * 64 + index, () => this.#tick(slot, index, wakeId, incarnation))
  }

  #tick(slot: Slot, index: number, wakeId: number, incarnation: number): void {
    const { executor } = slot
    if (executor === undefined || slot.wakeId !== wakeId || slot.incarnation !== incarnation) return
    const { queue } = this.#host
    if (this.#resumeMs > queue.nowMs) {
      queue.at(this.#resumeMs, this.id * 64 + index, () => this.#tick(slot, index, wakeId, incarnation))
      return
    }
    slot.wakeAtMs = seldom
    executor.tick()
    this.#host.afterTick(this, executor)
  }
}
