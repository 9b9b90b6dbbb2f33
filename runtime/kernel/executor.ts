/**
 * The scheduler of one thread: takes actors that have messages, one turn at a time, and lets what they asked for out when
 * it is durable.
 *
 *   tick:  timers ─▶ turns (at most `turnsPerTick`) ─▶ commit ─▶ flush outbound ─▶ wake me again?
 *
 * The executor never blocks and never waits: the world calls `tick` when it asked for it, when a batch or a frame came
 * in, or when a commit is done. In a simulation the same `tick` is called by the simulator.
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import { Ring } from '../../base/ring.ts'
import { DeadLetters } from '../../mailbox/dead-letters.ts'
import type { Envelope } from '../../mailbox/envelope.ts'
import { damagedStore, type World } from '../ports/world.ts'
import type { ActorRef, DownReason, SpawnOptions } from './actor.ts'
import { Asks, type AsksHost, firstAskNumber } from './asks.ts'
import { type AnyDefinition, type Cell, mailboxOf } from './cell.ts'
import { CellTable } from './cell-table.ts'
import { CommitLoop } from './commit-loop.ts'
import {
  commitSoon,
  turnsPerActor as fewPerActor,
  turnsPerClock as fewPerClock,
  turnsPerTick as fewPerTick,
  holdFlush,
  yieldTurn,
} from './fault-sites.ts'
import type { Birth, Kernel } from './kernel.ts'
import { LazyWrites } from './lazy-writes.ts'
import { Lifecycle } from './lifecycle.ts'
import { threadBack, threadLost } from './probes.ts'
import { Registry } from './registry.ts'
import { Router, type RouterHost } from './router.ts'
import { Spawner } from './spawner.ts'
import { Subscriptions } from './subscriptions.ts'
import type { ExecutorMessage } from './system.ts'
import { Timers } from './timers.ts'
import type { Turn } from './turn.ts'
import { Turns, type TurnsHost } from './turns.ts'
import { Watches } from './watches.ts'

export interface ExecutorOptions {
  readonly node: number
  /** Its number on the node; 0 is the host's. */
  readonly index: number
  /** Grows with every restart of the thread, so that ids of dead actors are never given out again. */
  readonly incarnation: number
  readonly world: World
  /** Chooses the next actor among those that can run, by position; without it the one that waits longest. */
  readonly pick?: ((runnable: Runnable) => number) | undefined
  /** Messages of one actor in a row before the next actor has its turn; 32 when absent. */
  readonly messagesInRow?: number | undefined
  /** Sees every delivery: the flight recorder, the simulator's checks. */
  readonly observe?: ((cell: Cell, envelope: Envelope<ActorRef>) => void) | undefined
  /** What an actor received last, in words: told with its failure. */
  readonly recent?: ((cell: Cell) => readonly string[]) | undefined
}

/** The actors that can run, the one that waits longest first. */
export interface Runnable {
  readonly length: number
  at(position: number): Cell | undefined
}

/** Amortises the change of actors, and keeps one with a full mailbox from holding up the rest. */
const messagesInRow = 32
/** Turns before the world's I/O is let in. */
const turnsPerTick = 1_024
/** Turns before the clock is read again: some microseconds of work. */
const turnsPerClock = 64

export class Executor implements Kernel, AsksHost, RouterHost, TurnsHost {
  readonly node: number
  readonly index: number
  readonly world: World
  readonly cells: CellTable
  readonly registry: Registry = new Registry()
  readonly timers: Timers = new Timers()
  readonly deadLetters: DeadLetters = new DeadLetters()
  readonly asks: Asks
  readonly commits: CommitLoop
  readonly router: Router
  readonly turns: Turns
  readonly lazyWrites: LazyWrites
  readonly subscriptions: Subscriptions
  readonly watches: Watches
  readonly lifecycle: Lifecycle
  readonly spawner: Spawner
  readonly #recent: ((cell: Cell) => readonly string[]) | undefined
  readonly #observe: ((cell: Cell, envelope: Envelope<ActorRef>) => void) | undefined
  readonly #pick: ((runnable: Runnable) => number) | undefined
  readonly #messagesInRow: number
  readonly #runnable: Ring<Cell> = new Ring<Cell>(64)
  readonly #idBase: number
  #nextSerial = 1
  #ticking = false
  #closing = false
  #tickMs = 0
  delivery = 0

  constructor(options: ExecutorOptions) {
    const { world } = options
    this.node = options.node
    this.index = options.index
    this.world = world
    this.#observe = options.observe
    this.#recent = options.recent
    this.#pick = options.pick
    this.#messagesInRow = options.messagesInRow ?? messagesInRow
    // 2^52 leaves room for 64 executors of 16,384 incarnations of 4 billion actors each.
    this.#idBase = options.index * 2 ** 46 + (options.incarnation % 16_384) * 2 ** 32
    this.cells = new CellTable(this.#idBase)
    this.asks = new Asks(this, firstAskNumber(world.seed, options.index, options.incarnation))
    this.commits = new CommitLoop(world.store, {
      release: (cell, durableSequence) => {
        this.turns.release(cell, durableSequence)
        this.poke()
      },
      retryIn: (delayMs, retry) => {
        this.timers.start(this.timers.reserve(), world.clock.nowMs() + delayMs, 0, retry)
        this.#wakeForTimers()
      },
      broken: (reason) => world.fatal(`store: ${reason}`),
    })
    this.router = new Router(this)
    this.turns = new Turns(this)
    this.lazyWrites = new LazyWrites(world.store, world.clock, this.commits, this.timers)
    this.subscriptions = new Subscriptions(this)
    this.watches = new Watches(this)
    this.lifecycle = new Lifecycle(this, this.watches)
    this.spawner = new Spawner(this)
    // Each with its poke behind it: work that came from outside is looked at, however it came.
    world.threads.onBatch((executor, batch) => {
      this.router.onBatch(executor, batch)
      this.poke()
    })
    world.threads.onThread((executor, up) => {
      this.#onThread(executor, up)
      this.poke()
    })
    world.network.onFrame((node, executor, frame) => {
      this.router.onFrame(node, executor, frame)
      this.poke()
    })
  }

  /** One pass. Called by the world, never by an actor. */
  tick(): void {
    this.#ticking = true
    this.#tickMs = this.world.clock.nowMs()
    this.timers.fire(this.#tickMs)
    this.asks.deadlines.fire(this.#tickMs)
    const turnsMax = limit(fewPerTick, turnsPerTick, 1)
    const clockEvery = limit(fewPerClock, turnsPerClock, 1)
    for (let turns = 0, clockAt = clockEvery; turns < turnsMax; ) {
      const cell = this.#next()
      if (cell === undefined) break
      turns += this.#runCell(cell)
      if (turns < clockAt) continue
      clockAt = turns + clockEvery
      this.#tickMs = this.world.clock.nowMs()
    }
    this.commits.kick()
    const idle = this.idle
    const { busy } = this.router.outbound
    const held = busy && buggify(holdFlush, 0.1)
    if (!held && (idle || busy)) this.router.outbound.flush(idle)
    this.#ticking = false
    if (idle && !held) this.#wakeForTimers()
    else this.world.wake(0)
  }

  get idle(): boolean {
    return this.#closing || this.#runnable.length === 0
  }

  get recentMs(): number {
    // Turns outside of a tick (an edge's spawn, an asynchronous handler that goes on) come after a pause of any length.
    return this.#ticking ? this.#tickMs : this.world.clock.nowMs()
  }

  get turnsTotal(): number {
    return this.turns.total
  }

  newSerial(): number {
    const serial = this.#nextSerial
    this.#nextSerial += 1
    return serial
  }

  idOf(serial: number): number {
    return this.#idBase + serial
  }

  poke(): void {
    if (!this.#ticking) this.world.wake(0)
  }

  enqueue(cell: Cell, envelope: Envelope<ActorRef>): void {
    const mailbox = cell.mailbox ?? mailboxOf(cell)
    const refused = mailbox.push(envelope)
    if (refused !== undefined) this.router.refused(cell, refused)
    if (cell.scheduled) return
    if (cell.status === 'running') {
      cell.scheduled = true
      this.#runnable.push(cell)
    } else {
      this.schedule(cell)
    }
  }

  schedule(cell: Cell): void {
    if (cell.scheduled || cell.mailbox?.hasWork(cell.status !== 'running') !== true) return
    cell.scheduled = true
    this.#runnable.push(cell)
  }

  /**
   * Ends the executor: no further turn begins. Calls `done` when everything written so far, lazy writes included, is
   * durable; an actor that never stops writing must not keep that from coming.
   */
  drainWrites(done: () => void): void {
    this.#closing = true
    this.lazyWrites.foldAll()
    this.commits.whenIdle(done)
    this.commits.kick()
    this.poke()
  }

  // What the parts of the kernel ask of each other passes through here, so that none of them knows the others.

  prepare(definition: AnyDefinition, args: unknown, options: SpawnOptions, parent: Cell | undefined): Birth {
    return this.spawner.prepare(definition, args, options, parent)
  }

  start(cell: Cell): void {
    this.lifecycle.start(cell)
  }

  stop(cell: Cell, reason: DownReason): void {
    this.lifecycle.stop(cell, reason)
  }

  corrupt(reason: string): void {
    this.world.fatal(`${damagedStore}${reason}`)
  }

  failed(cell: Cell, error: string): void {
    this.lifecycle.failed(cell, error)
  }

  recentOf(cell: Cell): readonly string[] | undefined {
    return this.#recent?.(cell)
  }

  park(cell: Cell, turn: Turn, result: PromiseLike<unknown>): void {
    this.lifecycle.park(cell, turn, result)
  }

  watch(cell: Cell, ref: ActorRef, then: (reason: DownReason) => unknown): void {
    this.watches.watch(cell, ref, then)
  }

  unwatch(cell: Cell, ref: ActorRef): void {
    this.watches.unwatch(cell, ref)
  }

  link(cell: Cell, ref: ActorRef): void {
    this.watches.link(cell, ref)
  }

  deliver(envelope: Envelope<ActorRef>): void {
    this.router.deliver(envelope)
  }

  executorOf(ref: ActorRef): number | undefined {
    return this.router.executorOf(ref)
  }

  keep(id: number, envelope: Envelope<ActorRef>): boolean {
    return this.spawner.keep(id, envelope)
  }

  overflowed(cell: Cell): void {
    this.lifecycle.signalOverflow(cell)
  }

  undelivered(envelope: Envelope<ActorRef>): void {
    this.lifecycle.onUndelivered(envelope)
  }

  onMessage(message: ExecutorMessage): void {
    switch (message.type) {
      case 'spawn':
        this.spawner.onSpawn(message)
        break
      case 'actorFailed':
        this.world.actorFailed?.(message.name, message.error, message.recent ?? [])
        break
      case 'answer':
        this.asks.settle(message.correlation, message.answer)
        break
      case 'named':
        this.registry.take(message.ref, message.open)
        break
      case 'unnamed':
        this.registry.free(message.ref)
        break
      case 'item':
        this.subscriptions.onItem(message.subscription, message.item)
        break
      case 'subscriptionEnded':
        this.subscriptions.onEnded(message.subscription, message.reason)
        break
    }
  }

  #next(): Cell | undefined {
    if (this.#closing) return undefined
    if (this.#pick === undefined) return this.#runnable.shift()
    return this.#runnable.length === 0 ? undefined : this.#runnable.takeAt(this.#pick(this.#runnable))
  }

  #runCell(cell: Cell): number {
    cell.scheduled = false
    const mailbox = mailboxOf(cell)
    const turnsMax = limit(fewPerActor, this.#messagesInRow, 1)
    let turns = 0
    while (turns < turnsMax) {
      const envelope = mailbox.take(cell.status !== 'running')
      if (envelope === undefined) return turns + 1
      turns += 1
      if (envelope.origin >= 0 && envelope.origin !== this.index) this.router.outbound.taken(envelope.origin)
      cell.messagesTotal += 1
      if (this.#observe !== undefined) this.#observe(cell, envelope)
      if (envelope.lane === 'system') this.lifecycle.onSystem(cell, envelope)
      else this.turns.receive(cell, envelope, envelope.body)
      if (buggify(commitSoon, 0.05)) this.commits.kick()
      if (buggify(yieldTurn, 0.1)) break
    }
    this.schedule(cell)
    return turns
  }

  /** A thread of this node died, or its replacement is ready. */
  #onThread(executor: number, up: boolean): void {
    sometimes(up ? threadBack : threadLost)
    if (up) {
      this.router.outbound.up(executor)
      for (const ref of this.registry.on(this.index)) {
        this.router.toExecutor(executor, { type: 'named', ref, open: this.registry.isOpen(ref.name) })
      }
      return
    }
    this.registry.dropExecutor(executor)
    this.router.threadLost(executor)
    this.asks.threadLost(executor)
    this.subscriptions.threadLost(executor)
    for (const cell of [...this.cells.values()]) this.lifecycle.threadLost(cell, executor)
  }

  #wakeForTimers(): void {
    const timer = this.timers.nextDueMs() ?? Number.POSITIVE_INFINITY
    const due = Math.min(timer, this.asks.deadlines.nextDueMs() ?? Number.POSITIVE_INFINITY)
    if (due !== Number.POSITIVE_INFINITY) this.world.wake(Math.max(0, due - this.world.clock.nowMs()))
  }
}
