/**
 * The scheduler of one thread: takes actors that have messages, one turn at a time, and lets what they asked for out when
 * it is durable.
 *
 *   tick:  timers ─▶ turns (at most `turnsPerTick`) ─▶ commit ─▶ flush outbound ─▶ wake me again?
 *
 * The executor never blocks and never waits: the world calls `tick` when it asked for it, when a batch or a frame came
 * in, or when a commit is done. In a simulation the same `tick` is called by the simulator.
 */
import { Ring } from '../../base/ring.ts'
import { DeadLetters } from '../../mailbox/dead-letters.ts'
import { Envelope } from '../../mailbox/envelope.ts'
import type { World } from '../ports/world.ts'
import { Asks } from './asks.ts'
import { type Cell, type Held, KernelAct, type Output } from './cell.ts'
import { CellStore } from './cell-store.ts'
import { CommitLoop } from './commit-loop.ts'
import { Lifecycle } from './lifecycle.ts'
import { Registry } from './registry.ts'
import { Router } from './router.ts'
import { Subscriptions } from './subscriptions.ts'
import { Late } from './system.ts'
import { Timers } from './timers.ts'
import { Turn } from './turn.ts'
import type { ActorRef, Handlers, Receive } from './actor.ts'

export interface ExecutorOptions {
  readonly node: number
  /** Its number on the node; 0 is the host's. */
  readonly index: number
  /** Grows with every restart of the thread, so that ids of dead actors are never given out again. */
  readonly incarnation: number
  readonly world: World
  /** Sees every delivery: the flight recorder, the simulator's checks. */
  /** Chooses the next actor among those that can run, by position; without it the one that waits longest. */
  readonly pick?: ((runnable: number) => number) | undefined
  readonly observe?: ((cell: Cell, envelope: Envelope<ActorRef>) => void) | undefined
}

/** Messages of one actor in a row before the next actor has its turn. */
const messagesPerActor = 32
/** Turns before the world's I/O is let in. */
const turnsPerTick = 1_024
/** A lazy write that is not folded yet. */
const unfolded = Number.MAX_SAFE_INTEGER

export class Executor {
  readonly node: number
  readonly index: number
  readonly world: World
  readonly cells: Map<number, Cell> = new Map<number, Cell>()
  readonly registry: Registry = new Registry()
  readonly timers: Timers = new Timers()
  readonly deadLetters: DeadLetters = new DeadLetters()
  readonly asks: Asks
  readonly commits: CommitLoop
  readonly router: Router
  readonly lifecycle: Lifecycle
  readonly subscriptions: Subscriptions
  readonly #observe: ((cell: Cell, envelope: Envelope<ActorRef>) => void) | undefined
  readonly #pick: ((runnable: number) => number) | undefined
  readonly #runnable: Ring<Cell> = new Ring<Cell>(64)
  readonly #folding = new Set<Cell>()
  readonly #idBase: number
  /** Turns end before the next begins, save that an effect may start a new actor: hence a stack, mostly of one. */
  readonly #freeTurns: Turn[] = []
  #nextId = 1
  #ticking = false
  #nowMs = 0
  /** Number of the present delivery: the cause of what it sends. */
  delivery = 0
  turnsTotal = 0

  constructor(options: ExecutorOptions) {
    this.node = options.node
    this.index = options.index
    this.world = options.world
    this.#observe = options.observe
    this.#pick = options.pick
    // 2^52 leaves room for 64 executors of 16,384 incarnations of 4 billion actors each.
    this.#idBase = options.index * 2 ** 46 + (options.incarnation % 16_384) * 2 ** 32
    this.asks = new Asks(this.timers)
    this.commits = new CommitLoop(options.world.store, {
      release: (cell, durableSequence) => this.#release(cell, durableSequence),
      retryIn: (delayMs, retry) => {
        this.timers.start(this.timers.reserve(), this.world.clock.nowMs() + delayMs, 0, retry)
        this.#wakeForTimers()
      },
      broken: (reason) => this.world.fatal(`store: ${reason}`),
    })
    this.router = new Router(this)
    this.lifecycle = new Lifecycle(this)
    this.subscriptions = new Subscriptions(this)
    this.world.threads.onBatch((executor, batch) => this.#arrived(() => this.router.onBatch(executor, batch)))
    this.world.threads.onThread((executor, up) => this.#arrived(() => this.lifecycle.onThread(executor, up)))
    this.world.network.onFrame((node, executor, frame) =>
      this.#arrived(() => this.router.onFrame(node, executor, frame)),
    )
  }

  newId(): number {
    const id = this.#idBase + this.#nextId
    this.#nextId += 1
    return id
  }

  /** Something outside of a turn gave this executor work: run soon. */
  poke(): void {
    if (!this.#ticking) this.world.wake(0)
  }

  enqueue(cell: Cell, envelope: Envelope<ActorRef>): void {
    const refused = cell.mailbox.push(envelope, envelope.lane)
    if (refused !== undefined) this.router.refused(cell, refused)
    this.schedule(cell)
  }

  schedule(cell: Cell): void {
    if (cell.scheduled || !cell.mailbox.hasWork(cell.status !== 'running')) return
    cell.scheduled = true
    this.#runnable.push(cell)
  }

  /** One pass. Called by the world, never by an actor. */
  tick(): void {
    this.#ticking = true
    this.#nowMs = this.world.clock.nowMs()
    this.timers.fire(this.#nowMs)
    for (let turns = 0; turns < turnsPerTick; ) {
      const cell = this.#pick === undefined ? this.#runnable.shift() : this.#runnable.takeAt(this.#pick(this.#runnable.length))
      if (cell === undefined) break
      turns += this.#runCell(cell)
    }
    this.commits.kick()
    const idle = this.#runnable.length === 0
    if (idle || this.router.outbound.busy) this.router.outbound.flush(idle)
    this.#ticking = false
    if (idle) this.#wakeForTimers()
    else this.world.wake(0)
  }

  get idle(): boolean {
    return this.#runnable.length === 0
  }

  /** Runs one turn of `body` on a cell that is able to: the only place where actors' code is called. */
  runTurn(cell: Cell, envelope: Envelope<ActorRef> | undefined, run?: () => unknown): void {
    const turn = this.#freeTurns.pop() ?? new Turn()
    turn.begin(envelope)
    const outer = cell.turn
    cell.turn = turn
    this.delivery += 1
    this.turnsTotal += 1
    let result: unknown
    try {
      result = run === undefined ? dispatch(cell, envelope?.body) : run()
    } catch (error) {
      cell.turn = outer
      this.failTurn(cell, turn, error)
      return
    }
    if (isThenable(result)) {
      // The turn stays open with its actor, which gives it back when it ends.
      this.lifecycle.park(cell, turn, result)
      return
    }
    if (result !== undefined) cell.context.answerWith(result)
    else if (envelope?.replyTo !== undefined && !turn.replied && typeof cell.definition.receive !== 'function') {
      cell.context.answerWith(undefined)
    }
    cell.turn = outer
    this.finishTurn(cell, turn)
  }

  /** A turn came to its end: its writes join the next commit, its outputs leave as soon as they may. */
  finishTurn(cell: Cell, turn: Turn): void {
    for (const act of turn.inner) act()
    if (turn.writes.length > 0) this.commits.add(cell, turn.writes)
    const outputs = turn.outputs
    for (let i = 0; i < turn.count; i++) this.#emit(cell, outputs[i] as Output, turn.early[i] as boolean)
    turn.clear()
    this.#freeTurns.push(turn)
  }

  /** A turn threw: nothing of it happened; whoever asked is told, the supervisor decides. */
  failTurn(cell: Cell, turn: Turn, error: unknown): void {
    for (let i = turn.undo.length - 1; i >= 0; i--) turn.undo[i]?.()
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const replyTo = turn.replied ? undefined : turn.envelope?.replyTo
    turn.clear()
    this.#freeTurns.push(turn)
    if (replyTo !== undefined) this.router.answer(replyTo, { type: 'failed', reason: firstLine(reason) })
    this.lifecycle.failed(cell, reason)
  }

  /** Performs `output` now or holds it until the actor's writes are durable. */
  #emit(cell: Cell, output: Output, early: boolean): void {
    const sequence = cell.folding ? unfolded : cell.writtenSequence
    if (early || sequence <= this.commits.durableSequence) this.#perform(output)
    else if (cell.held === undefined) cell.held = [{ sequence, output }]
    else cell.held.push({ sequence, output })
  }

  /** Runs `act` when everything that `cell` wrote is durable. */
  whenDurable(cell: Cell, act: () => void): void {
    this.#emit(cell, new KernelAct(act), false)
  }

  storeOf(cell: Cell): CellStore {
    if (cell.store !== undefined) return cell.store
    cell.store = new CellStore(this.world.store, cell.name, {
      turn: () => cell.context.turn(),
      sequence: () => this.commits.sequence,
      lazy: cell.definition.outputs === 'now',
      dirty: () => this.#foldLater(cell),
    })
    return cell.store
  }

  /** Writes out lazy writes of `cell` now, if there are any. */
  fold(cell: Cell): void {
    if (!this.#folding.delete(cell)) return
    cell.folding = false
    const sequence = this.commits.sequence
    this.commits.add(cell, cell.store?.fold(sequence) ?? [])
    const held = cell.held
    if (held === undefined) return
    for (let i = 0; i < held.length; i++) {
      const { sequence: waitsFor, output } = held[i] as Held
      if (waitsFor === unfolded) held[i] = { sequence, output }
    }
  }

  /** Calls `done` when everything written so far, lazy writes included, is durable. */
  drainWrites(done: () => void): void {
    for (const cell of [...this.#folding]) this.fold(cell)
    this.commits.whenIdle(done)
    this.commits.kick()
    this.poke()
  }

  #foldLater(cell: Cell): void {
    this.#folding.add(cell)
    cell.folding = true
    this.timers.start(this.timers.reserve(), this.world.clock.nowMs() + cell.definition.foldWithinMs, 0, () =>
      this.fold(cell),
    )
  }

  #runCell(cell: Cell): number {
    cell.scheduled = false
    let turns = 0
    while (turns < messagesPerActor) {
      const envelope = cell.mailbox.take(cell.status !== 'running')
      if (envelope === undefined) return turns + 1
      turns += 1
      if (envelope.origin >= 0 && envelope.origin !== this.index) this.router.outbound.taken(envelope.origin)
      cell.messagesTotal += 1
      this.#observe?.(cell, envelope)
      if (envelope.lane === 'system') this.lifecycle.onSystem(cell, envelope)
      else this.runTurn(cell, envelope)
    }
    this.schedule(cell)
    return turns
  }

  #perform(output: Output): void {
    if (output instanceof Envelope) this.router.deliver(output)
    else output.act()
  }

  #release(cell: Cell, durableSequence: number): void {
    const held = cell.held
    if (held === undefined) return
    let count = 0
    while (count < held.length && (held[count] as Held).sequence <= durableSequence) count += 1
    cell.held = count === held.length ? undefined : held.slice(count)
    for (let i = 0; i < count; i++) this.#perform((held[i] as Held).output)
    this.poke()
  }

  #arrived(handle: () => void): void {
    handle()
    this.poke()
  }

  #wakeForTimers(): void {
    const due = this.timers.nextDueMs()
    if (due !== undefined) this.world.wake(Math.max(0, due - this.world.clock.nowMs()))
  }
}

function dispatch(cell: Cell, body: unknown): unknown {
  const message = body instanceof Late ? body.make() : body
  const receive = cell.receive ?? cell.definition.receive
  if (typeof receive !== 'function') return callHandler(receive, cell, message)
  // A function over a union may be asynchronous too; what else it returns is nobody's business: it replies by `ctx.reply`.
  const result = (receive as Receive<unknown>)(cell.state, message as never, cell.context)
  return isThenable(result) ? result : undefined
}

function callHandler(handlers: Handlers<unknown>, cell: Cell, body: unknown): unknown {
  const { type, argument } = body as { type: string; argument: unknown }
  const handler = Object.hasOwn(handlers, type) ? handlers[type] : undefined
  if (handler === undefined) throw new TypeError(`actor '${cell.name}': no handler for message '${String(type)}'`)
  return handler(cell.state, argument as never, cell.context)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function firstLine(text: string): string {
  const end = text.indexOf('\n')
  return end < 0 ? text : text.slice(0, end)
}
