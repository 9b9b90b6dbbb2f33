/**
 * Runs turns: the only place where actors' code is called. What a turn asked for is let out here, at once or when the writes
 * it depends on are durable.
 *
 *   run ─▶ handler returned ─▶ finish: writes join the commit, outputs leave or are held     (K1, K2: see commit-loop.ts)
 *       ─▶ it threw         ─▶ fail: everything is taken back, whoever asked is answered
 *       ─▶ it is a promise  ─▶ the turn stays open with its actor, which is parked
 */
import { sometimes } from '../../base/fault-points.ts'
import { Envelope } from '../../mailbox/envelope.ts'
import { StoreCorrupt } from '../ports/store.ts'
import type { ActorRef, Answer, Handlers, Receive } from './actor.ts'
import { Ask } from './asks.ts'
import type { Cell } from './cell.ts'
import type { CommitLoop } from './commit-loop.ts'
import { askWaitsForDisk, outputHeld } from './probes.ts'
import type { Router } from './router.ts'
import { Late } from './system.ts'
import { type Held, type KernelAct, type Output, Turn } from './turn.ts'

/** What turns need of their executor. */
export interface TurnsHost {
  readonly commits: CommitLoop
  readonly router: Router
  /** Number of the present delivery: the cause of what it sends. */
  delivery: number
  /** A turn of `cell` threw; its effects are undone already. */
  failed(cell: Cell, error: string): void
  /** What was read from the store is not what was written. */
  corrupt(reason: string): void
  /** A handler of `cell` is asynchronous: it goes on when `result` settles. */
  park(cell: Cell, turn: Turn, result: PromiseLike<unknown>): void
}

/** A lazy write that is in no commit yet. */
export const unfolded: number = Number.MAX_SAFE_INTEGER

/** Deliveries are numbered for traces only, so they may wrap: a number beyond 31 bits would be an object per envelope. */
const deliveryMask = 0x3fff_ffff

export class Turns {
  readonly #host: TurnsHost
  /** Turns end before the next begins, save that an effect may start a new actor: one is kept, more are made at need. */
  #spare: Turn | undefined = undefined
  total = 0

  constructor(host: TurnsHost) {
    this.#host = host
  }

  /** A turn that receives `message`, which came in `envelope`; a late one is made within the turn, as part of it. */
  receive(cell: Cell, envelope: Envelope<ActorRef>, message: unknown): void {
    const turn = this.#begin(envelope)
    cell.turn = turn
    let result: unknown
    try {
      // Only the kernel's lane carries late messages: the others are spared the look.
      result = dispatch(cell, envelope.lane === 'system' && message instanceof Late ? message.make() : message)
    } catch (error) {
      cell.turn = undefined
      this.fail(cell, turn, error)
      return
    }
    if (result !== undefined && isThenable(result)) {
      // The turn stays open with its actor, which gives it back when it ends.
      this.#host.park(cell, turn, result)
      return
    }
    if (envelope.replyTo !== undefined && !turn.replied && typeof cell.definition.receive !== 'function') {
      this.answerWith(cell, turn, result)
    }
    cell.turn = undefined
    this.finish(cell, turn)
  }

  /** A turn in which the actor starts or stops instead of receiving. */
  run(cell: Cell, body: (cell: Cell) => void): void {
    const turn = this.#begin(undefined)
    cell.turn = turn
    try {
      body(cell)
    } catch (error) {
      cell.turn = undefined
      this.fail(cell, turn, error)
      return
    }
    cell.turn = undefined
    this.finish(cell, turn)
  }

  /** Replies with what a handler returned, unless it replied or deferred itself. */
  answerWith(cell: Cell, turn: Turn, value: unknown): void {
    const replyTo = turn.envelope?.replyTo
    if (replyTo === undefined || turn.replied) return
    turn.replied = true
    const answer: Answer = { type: 'reply', value }
    turn.add(this.#host.router.answering(replyTo, answer), cell.definition.outputs === 'now')
  }

  /** A turn came to its end: its writes join the next commit, its outputs leave as soon as they may. */
  finish(cell: Cell, turn: Turn): void {
    if (turn.inner.length > 0) for (const act of turn.inner) act()
    if (turn.writes.length > 0) this.#host.commits.add(cell, turn.writes)
    const { outputs, early, count } = turn
    // Most actors have nothing on its way to the disk: asked once for the turn, not once an output.
    if (cell.held === undefined && this.#writtenBy(cell) <= this.#host.commits.durableSequence) {
      for (let i = 0; i < count; i++) this.#perform(outputs[i] as Output)
    } else {
      for (let i = 0; i < count; i++) this.#emit(cell, outputs[i] as Output, early[i] as boolean)
    }
    this.#end(turn)
  }

  /** A turn threw: nothing of it happened; whoever asked is told, the supervisor decides. */
  fail(cell: Cell, turn: Turn, error: unknown): void {
    for (let i = turn.undo.length - 1; i >= 0; i--) turn.undo[i]?.()
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.abandon(turn, { type: 'failed', reason: firstLine(reason) })
    // A restart would read the same rot again: the node ends, and its next start deals with the store.
    if (error instanceof StoreCorrupt) this.#host.corrupt(error.message)
    else this.#host.failed(cell, reason)
  }

  /** Ends a turn without its effects; whoever asked gets `answer`, since a reply of the turn's own is lost with the rest. */
  abandon(turn: Turn, answer: Answer): void {
    const replyTo = turn.envelope?.replyTo
    this.#end(turn)
    if (replyTo !== undefined) this.#host.router.answer(replyTo, answer)
  }

  /** Performs `act` when everything that `cell` wrote is durable. */
  whenDurable(cell: Cell, act: KernelAct): void {
    this.#emit(cell, act, false)
  }

  /** Everything up to `durableSequence` is durable: what was held for it leaves. */
  release(cell: Cell, durableSequence: number): void {
    const held = cell.held
    if (held === undefined) return
    let count = 0
    while (count < held.length && (held[count] as Held).sequence <= durableSequence) count += 1
    cell.held = count === held.length ? undefined : held.slice(count)
    for (let i = 0; i < count; i++) this.#perform((held[i] as Held).output)
  }

  #begin(envelope: Envelope<ActorRef> | undefined): Turn {
    const turn = this.#spare ?? new Turn()
    this.#spare = undefined
    turn.begin(envelope)
    this.#host.delivery = (this.#host.delivery + 1) & deliveryMask
    this.total += 1
    return turn
  }

  #end(turn: Turn): void {
    turn.clear()
    this.#spare = turn
  }

  /** Performs `output` now or holds it until the actor's writes are durable. */
  #emit(cell: Cell, output: Output, early: boolean): void {
    const sequence = this.#writtenBy(cell)
    if (early || sequence <= this.#host.commits.durableSequence) {
      this.#perform(output)
      return
    }
    // An ask has its answer by its deadline even while the disk keeps the request waiting.
    sometimes(outputHeld)
    sometimes(askWaitsForDisk, output instanceof Ask)
    if (output instanceof Ask) output.open()
    if (cell.held === undefined) cell.held = [{ sequence, output }]
    else cell.held.push({ sequence, output })
  }

  /** The commit that carries the newest write of `cell`. */
  #writtenBy(cell: Cell): number {
    return cell.folding ? unfolded : cell.writtenSequence
  }

  #perform(output: Output): void {
    if (output instanceof Envelope) this.#host.router.deliver(output)
    else output.act()
  }
}

function dispatch(cell: Cell, message: unknown): unknown {
  const receive = cell.receive ?? cell.definition.receive
  if (typeof receive !== 'function') return callHandler(receive, cell, message)
  return (receive as Receive<unknown>)(cell.state, message as never, cell.context)
}

function callHandler(handlers: Handlers<unknown>, cell: Cell, body: unknown): unknown {
  const { type, argument } = (body ?? {}) as { type?: unknown; argument?: unknown }
  const handler = typeof type === 'string' && Object.hasOwn(handlers, type) ? handlers[type] : undefined
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
