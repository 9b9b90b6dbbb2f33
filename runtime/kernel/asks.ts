/**
 * Open asks of one executor. Each gets exactly one answer: from the other side, from the deadline, or from the death of the
 * thread it was sent to.
 *
 *   ctx.ask ─▶ Ask (an output of the turn) ──turn ends──▶ open: the deadline runs ──durable──▶ the request leaves
 *                                                          │ answer ─▶ a message, or a callback at the edge
 *
 * An ask is its own reply address. On its own thread the answer finds it by being it; it gets a number in a table only when
 * something leaves the thread that must find the way back, so most asks are never looked up.
 */
import { draw } from '../../base/draw.ts'
import { buggify, sometimes } from '../../base/fault-points.ts'
import { Envelope, type ReplyAddress } from '../../mailbox/envelope.ts'
import type { ActorRef, Answer } from './actor.ts'
import type { Cell } from './cell.ts'
import { Deadline, Deadlines } from './deadlines.ts'
import { askTimeout } from './fault-sites.ts'
import { answerLate, askAfterDeath, askTimedOut } from './probes.ts'
import { Late } from './system.ts'
import type { KernelAct } from './turn.ts'

/** What asks need of their executor. */
export interface AsksHost {
  readonly node: number
  readonly index: number
  deliver(envelope: Envelope<ActorRef>): void
  enqueue(cell: Cell, envelope: Envelope<ActorRef>): void
  /** Where `ref` lives on this node; undefined for other nodes and unknown names. */
  executorOf(ref: ActorRef): number | undefined
}

type Then = (answer: Answer) => unknown
type AskState = 'new' | 'open' | 'settled'

/** The answer on its way into the mailbox of whoever asked. */
class LateAnswer extends Late {
  readonly #then: Then
  readonly #answer: Answer

  constructor(then: Then, answer: Answer) {
    super()
    this.#then = then
    this.#answer = answer
  }

  make(): unknown {
    return this.#then(this.#answer)
  }
}

const noNumber = -1

export class Ask extends Deadline implements ReplyAddress, KernelAct {
  readonly asks: Asks
  readonly #untilMs: number
  readonly #then: Then
  /** Undefined at the edge and for `ctx.call`: there the answer is handed over at once. */
  readonly #cell: Cell | undefined
  readonly #restarts: number
  #request: Envelope<ActorRef> | undefined = undefined
  #state: AskState = 'new'
  #number = noNumber
  /** The executor that must answer; undefined when it is another node's. */
  answerer: number | undefined = undefined

  constructor(asks: Asks, untilMs: number, cell: Cell | undefined, then: Then) {
    super()
    this.asks = asks
    this.#untilMs = untilMs
    this.#cell = cell
    this.#restarts = cell === undefined ? 0 : cell.restarts
    this.#then = then
  }

  /** Whoever asked sits there; with `correlation` it is the address of the answer. */
  get node(): number {
    return this.asks.host.node
  }

  get executor(): number {
    return this.asks.host.index
  }

  get correlation(): number {
    if (this.#number === noNumber) this.#number = this.asks.number(this, this.#state !== 'settled')
    return this.#number
  }

  request(to: ActorRef, body: unknown, lane: 'control' | 'user', cause: number): this {
    this.#request = new Envelope(to, body, lane, this, this.asks.host.index, cause)
    return this
  }

  /** The deadline runs from now on, though the request may still wait for the disk. */
  open(): void {
    if (this.#state !== 'new') return
    this.#state = 'open'
    this.asks.deadlines.start(this, buggify(askTimeout, 0.05) ? 0 : this.#untilMs)
  }

  /** Sends the request, unless the deadline passed while it waited. */
  act(): void {
    this.open()
    const request = this.#request
    this.#request = undefined
    if (request === undefined || this.#state !== 'open') return
    this.answerer = this.asks.host.executorOf(request.to)
    this.asks.host.deliver(request)
  }

  /** The first answer counts; later ones (after a deadline, say) find nobody. */
  settle(answer: Answer): void {
    sometimes(answerLate, this.#state === 'settled')
    if (this.#state !== 'open') return
    this.#close()
    const cell = this.#cell
    if (cell === undefined) {
      this.#then(answer)
    } else if (cell.restarts === this.#restarts && cell.status !== 'stopped') {
      // An answer to a former incarnation is nothing that the present one asked for.
      const body = new LateAnswer(this.#then, answer)
      this.asks.host.enqueue(cell, new Envelope<ActorRef>(cell.ref, body, 'system', undefined, -1, 0))
    }
  }

  /** Gives up without an answer: the caller has lost interest. */
  forget(): void {
    if (this.#state === 'open') this.#close()
  }

  expire(): void {
    sometimes(askTimedOut)
    this.settle({ type: 'timeout' })
  }

  #close(): void {
    this.#state = 'settled'
    this.asks.deadlines.lift(this)
    if (this.#number !== noNumber) this.asks.release(this.#number)
  }
}

export class Asks {
  readonly host: AsksHost
  readonly deadlines: Deadlines = new Deadlines()
  readonly #byNumber = new Map<number, Ask>()
  #next: number

  /** @param firstNumber - See `firstAskNumber`. */
  constructor(host: AsksHost, firstNumber: number) {
    this.host = host
    this.#next = firstNumber
  }

  /** Answers the ask of that number, if it is still open. */
  settle(correlation: number, answer: Answer): void {
    this.#byNumber.get(correlation)?.settle(answer)
  }

  threadLost(executor: number): void {
    for (const deadline of [...this.deadlines.all()]) {
      if (!(deadline instanceof Ask) || deadline.answerer !== executor) continue
      sometimes(askAfterDeath)
      deadline.settle(threadDied)
    }
  }

  get size(): number {
    return this.deadlines.size
  }

  /** Gives out a number; `kept` asks are found by it until they are settled. */
  number(ask: Ask, kept: boolean): number {
    const number = this.#next
    this.#next += 1
    if (kept) this.#byNumber.set(number, ask)
    return number
  }

  release(number: number): void {
    this.#byNumber.delete(number)
  }
}

/**
 * Where the numbers of one life of an executor begin. An answer to the life before it may still be on its way from another
 * node; it must find nobody, so every life draws a beginning of its own out of 2^51, far below where numbers lose their units.
 */
export function firstAskNumber(seed: number, index: number, incarnation: number): number {
  return 1 + Math.floor(draw(seed, 'asks.first', index, incarnation) * 2 ** 51)
}

export const threadDied: Answer = { type: 'failed', reason: 'the thread of the actor died' }
