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
import { damagedStore, type World } from '../runtime/ports/world.ts'
import { SimClock } from './clock.ts'
import { type Decisions, decisionSite } from './decisions.ts'
import { SimDisk } from './disk.ts'
import type { EventQueue } from './event-queue.ts'
import type { SimNetwork } from './network.ts'
import type { Scheduler } from './schedulers/scheduler.ts'
import { Standstill } from './standstill.ts'
import { SimThreads } from './threads.ts'

/** What a node needs of the world around it. */
export interface NodeHost {
  readonly decisions: Decisions
  readonly queue: EventQueue
  readonly network: SimNetwork
  /** Says which actor goes next. */
  readonly scheduler: Scheduler
  /** How long the next commit of a disk takes. */
  commitMs(node: number, executor: number, commit: number): number
  /** Finds what a module exports, for actors that are spawned on another executor. */
  load(module: string, exportName: string): unknown
  beforeDelivery(node: SimNode, executor: Executor, cell: Cell, envelope: Envelope<ActorRef>): void
  afterTick(node: SimNode, executor: Executor): void
  /** An executor of `node` is there, and has done nothing yet. */
  started(node: SimNode, executor: Executor): void
  /** An actor of `node` failed, whoever supervises it. */
  actorFailed(node: SimNode, name: string, error: string): void
  /** The process of `node` says that it cannot go on. */
  fatal(node: SimNode, reason: string): void
}

interface Slot {
  executor: Executor | undefined
  incarnation: number
  /** When its next tick is due, and which request for it counts. */
  wakeAtMs: number
  wakeId: number
  /** Ticks, if `wakeId` is still the one it was asked with: made once, as it is asked for at every tick. */
  readonly wake: (wakeId: number) => void
}

/** The least time between two ticks: a world in which nothing takes time never ends. */
const tickMs = 0.005
const offsetSite = decisionSite('clock.offset')
const seedSite = decisionSite('node.seed')
const keptSite = decisionSite('disk.in-flight-kept')
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
  readonly #standstill: Standstill
  up = false
  /** Disks that were lost at least once: they may not hold what was once promised. */
  readonly lost: Set<number> = new Set<number>()
  /** Damage was met: the next start looks at everything and replaces what is not sound. */
  #suspect = false
  crashes = 0

  /** @param boot - Starts the actors, on executor 0; called at every start. */
  constructor(host: NodeHost, id: number, executors: number, boot: (node: SimNode) => void) {
    const { decisions, queue } = host
    this.#host = host
    this.id = id
    this.#boot = boot
    this.clock = new SimClock(queue, decisions.pick(offsetSite, 100_000, id))
    this.#standstill = new Standstill(queue, id)
    host.network.standstills.set(id, this.#standstill)
    this.#threads = new SimThreads(queue, decisions, id, executors, (key, run) => this.#whenAwake(key, run))
    this.#slots = Array.from({ length: executors }, (_, index) => ({
      executor: undefined,
      incarnation: 0,
      wakeAtMs: seldom,
      wakeId: 0,
      wake: (wakeId: number) => this.#tick(index, wakeId),
    }))
    this.disks = this.#slots.map((_, executor) => this.#newDisk(executor))
  }

  /** It may not hold all that it once promised. */
  get wiped(): boolean {
    return this.lost.size > 0 || this.disks.some(({ forgotten }) => forgotten > 0)
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
    this.#replaceDamaged()
    for (let index = 0; index < this.executors; index++) this.#startExecutor(index)
    this.#boot(this)
  }

  /** The process dies at once. What each disk was writing is drawn: whole or not at all. */
  crash(cut: 'power' | 'process' = 'process'): void {
    if (!this.up) return
    this.up = false
    this.crashes += 1
    // Who comes back is another process, and does not stand still.
    this.resume()
    this.#threads.detachAll()
    for (let index = 0; index < this.executors; index++) this.#dropExecutor(index, cut)
  }

  /** These disks, or all of them, are replaced by empty ones. */
  wipe(disks: readonly number[] = this.disks.map((_, at) => at)): void {
    invariant(!this.up, `node ${this.id} was wiped while it runs`)
    for (const at of disks) {
      this.lost.add(at)
      this.disks[at]?.wipe()
    }
  }

  /** Somebody read what is not what was written. */
  damageFound(reason: string): void {
    this.#fatal(`${damagedStore}${reason}`)
  }

  /** Looks at all that lies on its disks, as a node does when it has time. */
  scrub(): void {
    const at = this.disks.findIndex(({ damaged }) => damaged)
    if (at < 0) return
    if (this.up) this.damageFound(`disk ${at} holds what was never written`)
    else this.#suspect = true
  }

  #fatal(reason: string): void {
    if (reason.startsWith(damagedStore)) this.#suspect = true
    this.#host.fatal(this, reason)
  }

  /** As a real node does when it starts after it met damage: a store that is not sound is moved aside. */
  #replaceDamaged(): void {
    if (!this.#suspect) return
    this.#suspect = false
    for (const [at, disk] of this.disks.entries()) {
      if (!disk.damaged) continue
      this.lost.add(at)
      disk.wipe()
    }
  }

  /** One worker thread dies; its replacement starts on the same store after `replaceAfterMs`. */
  crashThread(index: number, replaceAfterMs: number): void {
    invariant(index > 0, 'thread 0 is the process: crash the node instead')
    if (!this.up || !this.runs(index)) return
    this.#dropExecutor(index, 'process')
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
    this.#standstill.begin(ms)
  }

  /** The machine sleeps for `ms`: its processes stand still, and so does its monotonic clock. */
  suspend(ms: number): void {
    this.#standstill.begin(ms)
    this.clock.suspend(ms)
  }

  resume(): void {
    this.clock.resume()
    this.#standstill.end()
  }

  #newDisk(executor: number): SimDisk {
    const { queue } = this.#host
    const key = this.id * 64 + executor
    let commit = 0
    return new SimDisk({
      schedule: (delayMs, run) => queue.after(delayMs, key, () => this.#whenAwake(key, run)),
      commitMs: () => {
        commit += 1
        return this.#host.commitMs(this.id, executor, commit)
      },
    })
  }

  #whenAwake(key: number, run: () => void): void {
    if (this.#standstill.now) this.#standstill.park(key, run)
    else run()
  }

  #startExecutor(index: number): void {
    this.#incarnations += 1
    const slot = this.#slots[index] as Slot
    slot.incarnation = this.#incarnations
    slot.wakeAtMs = seldom
    // What the life before asked for finds that it was overtaken.
    slot.wakeId += 1
    const { id, clock } = this
    const { decisions, network, scheduler } = this.#host
    const incarnation = slot.incarnation
    const lane = { key: id * 64 + index, incarnation, choices: 0 }
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
      actorFailed: (name, error) => this.#host.actorFailed(this, name, error),
      fatal: (reason) => this.#fatal(reason),
    }
    const executor: Executor = new Executor({
      node: id,
      index,
      incarnation,
      world,
      pick: (runnable) => scheduler.pick(lane, runnable),
      messagesInRow: scheduler.messagesInRow,
      observe: (cell, envelope) => this.#host.beforeDelivery(this, executor, cell, envelope),
    })
    slot.executor = executor
    this.#host.started(this, executor)
  }

  #dropExecutor(index: number, cut: 'power' | 'process'): void {
    const slot = this.#slots[index] as Slot
    if (slot.executor === undefined) return
    slot.executor = undefined
    slot.wakeAtMs = seldom
    this.#host.network.detach(this.id, index)
    const kept = this.#host.decisions.happens(keptSite, 0.5, this.id, index, slot.incarnation)
    this.disks[index]?.crash(kept ? 'kept' : 'lost', cut)
  }

  #wake(slot: Slot, index: number, withinMs: number): void {
    const { queue } = this.#host
    const atMs = queue.nowMs + Math.max(tickMs, this.clock.virtual(withinMs))
    // The request that is sooner counts; the other one finds that it was overtaken.
    if (slot.wakeAtMs <= atMs) return
    slot.wakeAtMs = atMs
    slot.wakeId += 1
    queue.at(atMs, this.id * 64 + index, slot.wake, slot.wakeId)
  }

  #tick(index: number, wakeId: number): void {
    const slot = this.#slots[index] as Slot
    const { executor } = slot
    if (executor === undefined || slot.wakeId !== wakeId) return
    if (this.#standstill.now) {
      this.#standstill.park(this.id * 64 + index, () => this.#tick(index, wakeId))
      return
    }
    slot.wakeAtMs = seldom
    executor.tick()
    this.#host.afterTick(this, executor)
  }
}
