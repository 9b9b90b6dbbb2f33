/**
 * Brings envelopes to where they belong: a cell of this thread, another executor of the node, another node; and answers to
 * whoever asked. Whatever cannot be delivered is answered or becomes a dead letter (B3).
 */
import { sometimes } from '../../base/fault-points.ts'
import { unpack, unpackUntrusted } from '../../mailbox/codec.ts'
import type { DeadLetters, DeadReason } from '../../mailbox/dead-letters.ts'
import { Envelope, type ReplyAddress } from '../../mailbox/envelope.ts'
import type { World } from '../ports/world.ts'
import type { ActorRef, Answer } from './actor.ts'
import { Ask, type Asks, threadDied } from './asks.ts'
import { type Cell, LocalRef } from './cell.ts'
import type { CellTable } from './cell-table.ts'
import { Outbound } from './outbound.ts'
import { letterOfThread, mailboxFull, messageDead } from './probes.ts'
import type { Registry } from './registry.ts'
import type { ExecutorMessage } from './system.ts'
import type { KernelAct } from './turn.ts'
import { executorTuple, fromPeer, fromThread, type PeerTuple, replyTuple, type Tuple, toTuple } from './wire.ts'

/** What routing needs of its executor. */
export interface RouterHost {
  readonly node: number
  readonly index: number
  readonly world: World
  readonly cells: CellTable
  readonly registry: Registry
  readonly asks: Asks
  readonly deadLetters: DeadLetters
  readonly delivery: number
  enqueue(cell: Cell, envelope: Envelope<ActorRef>): void
  /** Another executor of the node, or this one, says something to this executor as such. */
  onMessage(message: ExecutorMessage): void
  /** A message for `cell` had no room, and its definition wants to be told. */
  overflowed(cell: Cell): void
  /** The actor `id` is not here yet; true when it is on its way and `envelope` is kept for it. */
  keep(id: number, envelope: Envelope<ActorRef>): boolean
  /** A message of the kernel found nobody. */
  undelivered(envelope: Envelope<ActorRef>): void
}

/** An answer as an output: it leaves in order with the messages of its turn. */
class Answering implements KernelAct {
  readonly #router: Router
  readonly #to: ReplyAddress
  readonly #answer: Answer

  constructor(router: Router, to: ReplyAddress, answer: Answer) {
    this.#router = router
    this.#to = to
    this.#answer = answer
  }

  act(): void {
    this.#router.answer(this.#to, this.#answer)
  }
}

export class Router {
  readonly #host: RouterHost
  readonly #index: number
  readonly outbound: Outbound

  constructor(host: RouterHost) {
    this.#host = host
    this.#index = host.index
    this.outbound = new Outbound(host.world.threads, host.world.network)
  }

  deliver(envelope: Envelope<ActorRef>): void {
    const to = envelope.to
    const near = LocalRef.cellOf(to)
    // In a simulation all executors share one real thread, so a ref may be another's in spite of its shortcut.
    if (near !== undefined && near.ref.executor === this.#index) {
      this.#host.enqueue(near, envelope)
    } else if (to.type === 'named') {
      this.#deliverNamed(envelope, to.node, to.name)
    } else if (to.executor === this.#index) {
      this.#toCell(to.id, envelope)
    } else {
      this.#toThread(to.executor, to.id, envelope)
    }
  }

  /** Sends the kernel's own message to a cell, wherever on this node it is. */
  system(to: ActorRef, body: unknown): void {
    this.deliver(new Envelope(to, body, 'system', undefined, -1, this.#host.delivery))
  }

  /** Where `ref` lives on this node; undefined for other nodes and unknown names. */
  executorOf(ref: ActorRef): number | undefined {
    if (ref.type === 'local') return ref.executor
    return ref.node === this.#host.node ? this.#host.registry.holder(ref.name)?.executor : undefined
  }

  /** Sends to an executor as such. False when its thread is down. */
  toExecutor(executor: number, message: ExecutorMessage): boolean {
    if (executor !== this.#index) return this.outbound.toThread(executor, executorTuple(message), true) === 'queued'
    this.#host.onMessage(message)
    return true
  }

  toOthers(message: ExecutorMessage): void {
    for (let i = 0; i < this.#host.world.threads.executors; i++) {
      if (i !== this.#index) this.toExecutor(i, message)
    }
  }

  answer(to: ReplyAddress, answer: Answer): void {
    if (to instanceof Ask && to.asks === this.#host.asks) to.settle(answer)
    else if (to.node !== this.#host.node) this.outbound.toPeer(to.node, to.executor, [0, to.correlation, answer])
    else if (to.executor === this.#index) this.#host.asks.settle(to.correlation, answer)
    else if (answer.type === 'reply')
      this.outbound.toThread(to.executor, replyTuple(to.correlation, answer.value), true)
    else this.toExecutor(to.executor, { type: 'answer', correlation: to.correlation, answer })
  }

  answering(to: ReplyAddress, answer: Answer): KernelAct {
    return new Answering(this, to, answer)
  }

  /** `cell`'s mailbox was full: `envelope` is what had no room. */
  refused(cell: Cell, envelope: Envelope<ActorRef>): void {
    sometimes(mailboxFull)
    this.#giveBack(envelope)
    if (envelope.replyTo !== undefined) this.answer(envelope.replyTo, { type: 'overloaded' })
    this.#host.deadLetters.add(cell.name, 'overflow', envelope.body)
    if (cell.definition.mailbox.whenFull === 'signal') this.#host.overflowed(cell)
  }

  dead(envelope: Envelope<ActorRef>, reason: DeadReason): void {
    sometimes(reason === 'threadLost' ? letterOfThread : messageDead)
    this.#giveBack(envelope)
    if (envelope.replyTo !== undefined) {
      this.answer(envelope.replyTo, reason === 'threadLost' ? threadDied : { type: 'stopped' })
    }
    if (envelope.lane === 'system') this.#host.undelivered(envelope)
    else this.#host.deadLetters.add(envelope.to.name, reason, envelope.body)
  }

  /** A batch from another thread of this node. */
  onBatch(from: number, batch: Uint8Array): void {
    const fields = unpack(batch) as readonly unknown[]
    const credit = fields[0] as number
    if (credit >= 0) this.outbound.creditReturned(from, credit)
    for (let i = 1; i < fields.length; i++) {
      const tuple = fields[i] as Tuple
      const target = tuple[0]
      if (target === 0) this.#toExecutor(tuple)
      else this.#fromThread(tuple, target as number, from)
    }
  }

  /** A frame from another node. Nothing in it is trusted. */
  onFrame(node: number, executor: number, frame: Uint8Array): void {
    let tuples: unknown
    try {
      tuples = unpackUntrusted(frame)
    } catch {
      this.#host.deadLetters.add(`node ${node}`, 'undecodable', frame.length)
      return
    }
    if (!Array.isArray(tuples)) {
      this.#host.deadLetters.add(`node ${node}`, 'undecodable', tuples)
      return
    }
    for (const tuple of tuples) {
      const checked = fromPeer(tuple, node, executor)
      if (checked === undefined) this.#host.deadLetters.add(`node ${node}`, 'undecodable', tuple)
      else this.#onPeer(checked)
    }
  }

  /** The other thread died: what waited for it is answered. */
  threadLost(executor: number): void {
    const to: ActorRef = { type: 'named', node: this.#host.node, name: `executor ${executor}` }
    for (const tuple of this.outbound.down(executor)) this.dead(fromThread(to, tuple, -1), 'threadLost')
  }

  #onPeer(tuple: PeerTuple): void {
    if (tuple.type === 'answer') {
      this.#host.asks.settle(tuple.correlation, tuple.answer)
      return
    }
    const to: ActorRef = { type: 'named', node: this.#host.node, name: tuple.name }
    const envelope = new Envelope(to, tuple.body, tuple.lane, tuple.reply, -1, 0)
    // Whoever reaches the peer port must not be able to shut down a supervisor: only who expects strangers hears them.
    if (this.#host.registry.isOpen(tuple.name)) this.deliver(envelope)
    else this.dead(envelope, 'unknown')
  }

  #deliverNamed(envelope: Envelope<ActorRef>, node: number, name: string): void {
    if (node !== this.#host.node) {
      // The same name lives on the same executor of every node, unless it moved: then the other side passes it on.
      this.outbound.toPeer(node, this.#index, toTuple(name, envelope))
      return
    }
    const holder = this.#host.registry.holder(name)
    if (holder === undefined) this.dead(envelope, 'unknown')
    else if (holder.executor === this.#index) this.#toCell(holder.id, envelope)
    else this.#toThread(holder.executor, holder.id, envelope)
  }

  #toThread(executor: number, id: number, envelope: Envelope<ActorRef>): void {
    const queued = this.outbound.toThread(executor, toTuple(id, envelope), envelope.lane === 'system')
    if (queued === 'queued') return
    if (queued === 'down') {
      this.dead(envelope, 'threadLost')
      return
    }
    this.#giveBack(envelope)
    if (envelope.replyTo !== undefined) this.answer(envelope.replyTo, { type: 'overloaded' })
    this.#host.deadLetters.add(envelope.to.name, 'overflow', envelope.body)
  }

  #toExecutor(tuple: Tuple): void {
    const [, correlation, body] = tuple
    if (correlation === 0) this.#host.onMessage(body as ExecutorMessage)
    else this.#host.asks.settle(correlation as number, { type: 'reply', value: body })
  }

  #fromThread(tuple: Tuple, id: number, from: number): void {
    const cell = this.#host.cells.get(id)
    if (cell !== undefined) this.#host.enqueue(cell, fromThread(cell.ref, tuple, from))
    else this.#toCell(id, fromThread({ type: 'local', executor: this.#index, id, name: `#${id}` }, tuple, from))
  }

  #toCell(id: number, envelope: Envelope<ActorRef>): void {
    const cell = this.#host.cells.get(id)
    if (cell !== undefined) this.#host.enqueue(cell, envelope)
    else if (!this.#host.keep(id, envelope)) this.dead(envelope, 'stopped')
  }

  #giveBack(envelope: Envelope<ActorRef>): void {
    if (envelope.origin >= 0 && envelope.origin !== this.#index) this.outbound.taken(envelope.origin)
  }
}
