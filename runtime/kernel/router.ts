/**
 * Brings envelopes to where they belong: a cell of this thread, another executor of the node, another node; and answers to
 * whoever asked. Whatever cannot be delivered is answered or becomes a dead letter (B3).
 */
import { unpack, unpackUntrusted } from '../../mailbox/codec.ts'
import type { DeadReason } from '../../mailbox/dead-letters.ts'
import { Envelope, type ReplyAddress } from '../../mailbox/envelope.ts'
import type { ActorRef, Answer } from './actor.ts'
import type { Cell } from './cell.ts'
import type { Executor } from './executor.ts'
import { LocalRef } from './local-ref.ts'
import { Outbound } from './outbound.ts'
import type { ExecutorMessage } from './system.ts'
import { fromPeer, fromThread, type PeerTuple, type Tuple, toTuple } from './wire.ts'

export class Router {
  readonly #executor: Executor
  readonly outbound: Outbound

  constructor(executor: Executor) {
    this.#executor = executor
    this.outbound = new Outbound(executor.world.threads, executor.world.network)
  }

  deliver(envelope: Envelope<ActorRef>): void {
    const to = envelope.to
    if (to.type === 'named') {
      this.#deliverNamed(envelope, to.node, to.name)
      return
    }
    const cell = LocalRef.cellOf(to) ?? (to.executor === this.#executor.index ? this.#executor.cells.get(to.id) : undefined)
    if (cell !== undefined) this.#executor.enqueue(cell, envelope)
    else if (to.executor === this.#executor.index) this.dead(envelope, 'stopped')
    else this.#toThread(to.executor, to.id, envelope)
  }

  /** Sends the kernel's own message to a cell, wherever on this node it is. */
  system(to: ActorRef, body: unknown): void {
    this.deliver(new Envelope(to, body, 'system', undefined, -1, this.#executor.delivery))
  }

  /** Where `ref` lives on this node; undefined for other nodes and unknown names. */
  executorOf(ref: ActorRef): number | undefined {
    if (ref.type === 'local') return ref.executor
    return ref.node === this.#executor.node ? this.#executor.registry.holder(ref.name)?.executor : undefined
  }

  /** Sends to an executor as such. */
  toExecutor(executor: number, message: ExecutorMessage): void {
    if (executor === this.#executor.index) this.#onExecutorMessage(message)
    else this.outbound.toThread(executor, [0, 0, message], true)
  }

  toOthers(message: ExecutorMessage): void {
    for (let i = 0; i < this.#executor.world.threads.executors; i++) {
      if (i !== this.#executor.index) this.toExecutor(i, message)
    }
  }

  answer(to: ReplyAddress, answer: Answer): void {
    if (to.node !== this.#executor.node) this.outbound.toPeer(to.node, to.executor, [0, to.correlation, answer])
    else if (to.executor === this.#executor.index) this.#executor.asks.settle(to.correlation, answer)
    else this.toExecutor(to.executor, { type: 'answer', correlation: to.correlation, answer })
  }

  /** `cell`'s mailbox was full: `envelope` is what had no room. */
  refused(cell: Cell, envelope: Envelope<ActorRef>): void {
    this.#giveBack(envelope)
    if (envelope.replyTo !== undefined) this.answer(envelope.replyTo, { type: 'overloaded' })
    this.#executor.deadLetters.add(cell.name, 'overflow', envelope.body)
    if (cell.definition.mailbox.whenFull === 'signal') this.#executor.lifecycle.signalOverflow(cell)
  }

  dead(envelope: Envelope<ActorRef>, reason: DeadReason): void {
    this.#giveBack(envelope)
    if (envelope.replyTo !== undefined) this.answer(envelope.replyTo, { type: 'stopped' })
    if (envelope.lane === 'system') this.#executor.lifecycle.onUndelivered(envelope)
    else this.#executor.deadLetters.add(envelope.to.name, reason, envelope.body)
  }

  /** A batch from another thread of this node. */
  onBatch(from: number, batch: Uint8Array): void {
    const [credit, ...tuples] = unpack(batch) as [number, ...Tuple[]]
    if (credit >= 0) this.outbound.creditReturned(from, credit)
    for (const tuple of tuples) {
      const target = tuple[0]
      if (target === 0) this.#onExecutorMessage(tuple[2] as ExecutorMessage)
      else this.#toCell(tuple, target as number, from)
    }
  }

  /** A frame from another node. Nothing in it is trusted. */
  onFrame(node: number, executor: number, frame: Uint8Array): void {
    let tuples: unknown
    try {
      tuples = unpackUntrusted(frame)
    } catch {
      this.#executor.deadLetters.add(`node ${node}`, 'undecodable', frame.length)
      return
    }
    if (!Array.isArray(tuples)) return
    for (const tuple of tuples) {
      const checked = fromPeer(tuple, node, executor)
      if (checked === undefined) this.#executor.deadLetters.add(`node ${node}`, 'undecodable', tuple)
      else this.#onPeer(checked)
    }
  }

  /** The other thread died: what waited for it is answered. */
  threadLost(executor: number): void {
    for (const tuple of this.outbound.drop(executor)) {
      const name = `executor ${executor}`
      this.dead(fromThread({ type: 'named', node: this.#executor.node, name }, tuple, -1), 'threadLost')
    }
  }

  #onPeer(tuple: PeerTuple): void {
    if (tuple.type === 'answer') {
      this.#executor.asks.settle(tuple.correlation, tuple.answer)
      return
    }
    const to: ActorRef = { type: 'named', node: this.#executor.node, name: tuple.name }
    this.deliver(new Envelope(to, tuple.body, tuple.lane, tuple.reply, -1, 0))
  }

  #deliverNamed(envelope: Envelope<ActorRef>, node: number, name: string): void {
    if (node !== this.#executor.node) {
      // The same name lives on the same executor of every node, unless it moved: then the other side passes it on.
      this.outbound.toPeer(node, this.#executor.index, toTuple(name, envelope))
      return
    }
    const holder = this.#executor.registry.holder(name)
    if (holder === undefined) this.dead(envelope, 'unknown')
    else if (holder.executor === this.#executor.index) {
      const cell = this.#executor.cells.get(holder.id)
      if (cell === undefined) this.dead(envelope, 'stopped')
      else this.#executor.enqueue(cell, envelope)
    } else this.#toThread(holder.executor, holder.id, envelope)
  }

  #toThread(executor: number, id: number, envelope: Envelope<ActorRef>): void {
    if (this.outbound.toThread(executor, toTuple(id, envelope), envelope.lane === 'system')) return
    this.#giveBack(envelope)
    if (envelope.replyTo !== undefined) this.answer(envelope.replyTo, { type: 'overloaded' })
    this.#executor.deadLetters.add(envelope.to.name, 'overflow', envelope.body)
  }

  #toCell(tuple: Tuple, id: number, from: number): void {
    const cell = this.#executor.cells.get(id)
    if (cell !== undefined) this.#executor.enqueue(cell, fromThread(cell.ref, tuple, from))
    else this.dead(fromThread({ type: 'local', executor: this.#executor.index, id, name: `#${id}` }, tuple, from), 'stopped')
  }

  #onExecutorMessage(message: ExecutorMessage): void {
    switch (message.type) {
      case 'spawn':
        this.#executor.lifecycle.onSpawn(message)
        break
      case 'answer':
        this.#executor.asks.settle(message.correlation, message.answer)
        break
      case 'named':
        this.#executor.registry.take(message.ref)
        break
      case 'unnamed':
        this.#executor.registry.free(message.ref)
        break
      case 'item':
        this.#executor.subscriptions.onItem(message.subscription, message.item)
        break
      case 'subscriptionEnded':
        this.#executor.subscriptions.onEnded(message.subscription, message.reason)
        break
    }
  }

  #giveBack(envelope: Envelope<ActorRef>): void {
    if (envelope.origin >= 0 && envelope.origin !== this.#executor.index) this.outbound.taken(envelope.origin)
  }
}
