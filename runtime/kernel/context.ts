/**
 * The one object through which an actor reaches the world. Each method notes something down in the present turn; outside of
 * a turn (a callback that outlived its handler) every one of them throws, because nobody could take it back.
 */
import { invariant } from '../../base/assert.ts'
import { hashText } from '../../base/digest.ts'
import { draw } from '../../base/draw.ts'
import { Envelope, type ReplyAddress } from '../../mailbox/envelope.ts'
import type { LogEntry, LogView, Write } from '../ports/store.ts'
import type {
  ActorContext,
  ActorLog,
  ActorRef,
  ActorStore,
  Answer,
  AnyActor,
  DownReason,
  Receive,
  ReplyHandle,
  SendOptions,
  SpawnOptions,
  TimerId,
} from './actor.ts'
import { type Cell, KernelAct, type Output } from './cell.ts'
import type { Executor } from './executor.ts'
import { Late } from './system.ts'
import { Pending } from './pending.ts'
import type { Turn } from './turn.ts'

export class Context implements ActorContext, ActorLog {
  readonly #executor: Executor
  readonly #cell: Cell
  #draws = 0

  constructor(executor: Executor, cell: Cell) {
    this.#executor = executor
    this.#cell = cell
  }

  get self(): ActorRef {
    return this.#cell.ref
  }

  get name(): string {
    return this.#cell.name
  }

  get node(): number {
    return this.#executor.node
  }

  get executor(): number {
    return this.#executor.index
  }

  get store(): ActorStore {
    invariant(this.#cell.named, () => `actor '${this.#cell.name}' has no name of its own, so it can keep nothing in the store`)
    return this.#executor.storeOf(this.#cell)
  }

  get log(): ActorLog {
    invariant(this.#cell.named, () => `actor '${this.#cell.name}' has no name of its own, so it can keep no log`)
    return this
  }

  turn(): Turn {
    const turn = this.#cell.turn
    if (turn === undefined) throw new TypeError(`actor '${this.#cell.name}': its context was used outside of a turn`)
    return turn
  }

  now(): number {
    const turn = this.turn()
    if (turn.nowMs < 0) turn.nowMs = this.#executor.world.clock.nowMs()
    return turn.nowMs
  }

  wallNow(): number {
    return this.#executor.world.clock.wallMs()
  }

  random(site: string): number {
    this.#draws += 1
    return draw(this.#executor.world.seed, site, hashText(this.#cell.name), this.#draws)
  }

  tell(to: ActorRef, message: unknown, options?: SendOptions): void {
    this.#send(to, message, undefined, options)
  }

  ask(
    to: ActorRef,
    message: unknown,
    options: SendOptions & { readonly deadlineMs: number },
    then: (answer: Answer) => unknown,
  ): void {
    const cell = this.#cell
    const restarts = cell.restarts
    const untilMs = this.now() + options.deadlineMs
    this.#act(options, () => {
      const correlation = this.#executor.asks.open(this.#executor.router.executorOf(to), untilMs, (answer) => {
        // An answer to a former incarnation is nothing that the present one asked for.
        if (cell.restarts !== restarts) return
        this.#executor.enqueue(cell, new Envelope(cell.ref as ActorRef, new Late(() => then(answer)), 'system', undefined, -1, 0))
      })
      const replyTo = { node: this.#executor.node, executor: this.#executor.index, correlation }
      this.#executor.router.deliver(this.#envelope(to, message, replyTo, options))
    })
  }

  reply(value: unknown, options?: SendOptions): void {
    const turn = this.turn()
    const replyTo = turn.envelope?.replyTo
    if (replyTo === undefined) return
    turn.replied = true
    this.#answer(replyTo, { type: 'reply', value }, options)
  }

  /** Replies with what a handler returned, unless it replied or deferred itself. */
  answerWith(value: unknown): void {
    const turn = this.turn()
    if (!turn.replied) this.reply(value)
  }

  defer(): ReplyHandle | undefined {
    const turn = this.turn()
    const replyTo = turn.envelope?.replyTo
    if (replyTo === undefined) return undefined
    turn.replied = true
    return { type: 'replyHandle', ...replyTo }
  }

  replyTo(handle: ReplyHandle, value: unknown, options?: SendOptions): void {
    this.#answer(handle, { type: 'reply', value }, options)
  }

  failTo(handle: ReplyHandle, reason: string): void {
    this.#answer(handle, { type: 'failed', reason }, undefined)
  }

  after(delayMs: number, message: unknown): TimerId {
    return this.#timer(delayMs, 0, message)
  }

  every(periodMs: number, message: unknown): TimerId {
    if (!(periodMs > 0)) throw new RangeError(`every: periodMs must be above 0, not ${periodMs}`)
    return this.#timer(periodMs, periodMs, message)
  }

  cancelTimer(timer: TimerId): void {
    this.turn().inner.push(() => {
      this.#executor.timers.cancel(timer)
      this.#cell.timers?.delete(timer)
    })
  }

  spawn<Args>(definition: AnyActor<Args>, args: Args, options: SpawnOptions = {}): ActorRef {
    const { ref, begin } = this.#executor.lifecycle.prepare(definition, args, options, this.#cell)
    this.#act(undefined, begin)
    return ref
  }

  stop(ref?: ActorRef): void {
    const target = ref ?? (this.#cell.ref as ActorRef)
    this.#act(undefined, () => this.#executor.router.system(target, { type: 'stop', reason: { type: 'normal' } }))
  }

  restart(child: ActorRef): void {
    this.#act(undefined, () => this.#executor.router.system(child, { type: 'restart' }))
  }

  watch(ref: ActorRef, then: (reason: DownReason) => unknown): void {
    this.#act(undefined, () => this.#executor.lifecycle.watch(this.#cell, ref, then, false))
  }

  unwatch(ref: ActorRef): void {
    this.#act(undefined, () => this.#executor.lifecycle.unwatch(this.#cell, ref))
  }

  link(ref: ActorRef): void {
    this.#act(undefined, () => {
      this.#executor.lifecycle.watch(this.#cell, ref, undefined, true)
      this.#executor.router.system(ref, { type: 'link', other: this.#cell.ref })
    })
  }

  lookup(name: string): ActorRef | undefined {
    return this.#executor.registry.holder(name)
  }

  stash(): void {
    const cell = this.#cell
    const turn = this.turn()
    const envelope = turn.envelope
    if (envelope === undefined) return
    const stashed = cell.stashed?.length ?? 0
    if (stashed >= cell.definition.mailbox.messagesMax) {
      throw new RangeError(`stash: actor '${cell.name}' holds ${stashed} messages already, its mailbox limit`)
    }
    turn.replied = true
    turn.inner.push(() => {
      if (cell.stashed === undefined) cell.stashed = []
      cell.stashed.push(envelope)
    })
  }

  unstash(): void {
    const cell = this.#cell
    this.turn().inner.push(() => {
      cell.mailbox.pushFront(cell.stashed ?? [])
      cell.stashed = undefined
    })
  }

  become(receive: Receive<never>): void {
    this.turn().inner.push(() => {
      this.#cell.receive = receive as Receive<unknown>
    })
  }

  publish(topic: string, item: unknown): void {
    this.#act(undefined, () => this.#executor.subscriptions.publish(this.#cell, topic, item))
  }

  storeFull(): boolean {
    return this.#executor.commits.full
  }

  setPeer(node: number, urls: readonly string[]): void {
    this.#act(undefined, () => this.#executor.world.network.setPeer(node, urls))
  }

  endNode(reason: string): void {
    this.#act(undefined, () => this.#executor.world.fatal(reason))
  }

  call(to: ActorRef, message: unknown, options: { readonly deadlineMs: number }): PromiseLike<Answer> {
    const pending = new Pending<Answer>()
    const untilMs = this.#executor.world.clock.nowMs() + options.deadlineMs
    const correlation = this.#executor.asks.open(this.#executor.router.executorOf(to), untilMs, (answer) => pending.settle(answer))
    const replyTo = { node: this.#executor.node, executor: this.#executor.index, correlation }
    this.#executor.router.deliver(this.#envelope(to, message, replyTo, undefined))
    this.#executor.poke()
    return pending
  }

  sleep(delayMs: number): PromiseLike<void> {
    const pending = new Pending<void>()
    const due = this.#executor.world.clock.nowMs() + delayMs
    this.#executor.timers.start(this.#executor.timers.reserve(), due, 0, () => pending.settle(undefined))
    this.#executor.poke()
    return pending
  }

  buggify(site: string, probability: number = 0.25): boolean {
    const faults = this.#executor.world.faults
    if (faults === undefined) return false
    this.#draws += 1
    return faults.fires(site, probability, this.#cell.name, this.#draws)
  }

  view(): LogView {
    return this.#executor.world.store.log(this.#cell.name)
  }

  append(entries: readonly LogEntry[]): void {
    this.#write({ type: 'logAppend', log: this.#cell.name, entries })
  }

  compact(index: number, term: number): void {
    this.#write({ type: 'logCompact', log: this.#cell.name, index, term })
  }

  reset(index: number, term: number): void {
    this.#write({ type: 'logReset', log: this.#cell.name, index, term })
  }

  drop(): void {
    this.#write({ type: 'logDrop', log: this.#cell.name })
  }

  #write(write: Write): void {
    invariant(this.#cell.definition.outputs === 'durable', 'an actor whose outputs do not wait for its writes keeps no log')
    this.turn().writes.push(write)
  }

  #envelope(to: ActorRef, message: unknown, replyTo: ReplyAddress | undefined, options: SendOptions | undefined): Envelope<ActorRef> {
    return new Envelope(to, message, options?.lane ?? 'user', replyTo, this.#executor.index, this.#executor.delivery)
  }

  #send(to: ActorRef, message: unknown, replyTo: ReplyAddress | undefined, options: SendOptions | undefined): void {
    this.#output(this.#envelope(to, message, replyTo, options), options)
  }

  #answer(replyTo: ReplyAddress, answer: Answer, options: SendOptions | undefined): void {
    this.#act(options, () => this.#executor.router.answer(replyTo, answer))
  }

  #act(options: SendOptions | undefined, act: () => void): void {
    this.#output(new KernelAct(act), options)
  }

  #output(output: Output, options: SendOptions | undefined): void {
    const turn = this.turn()
    turn.add(output, (options?.release ?? this.#cell.definition.outputs) === 'now')
  }

  #timer(delayMs: number, periodMs: number, message: unknown): TimerId {
    const cell = this.#cell
    const id = this.#executor.timers.reserve()
    const due = this.now() + delayMs
    let waiting = false
    this.turn().inner.push(() => {
      if (cell.timers === undefined) cell.timers = new Set()
      cell.timers.add(id)
      this.#executor.timers.start(id, due, periodMs, () => {
        if (periodMs === 0) cell.timers?.delete(id)
        // A beat that the actor has not come round to yet is not followed by another.
        if (waiting) return
        waiting = true
        const body = new Late(() => {
          waiting = false
          return message
        })
        this.#executor.enqueue(cell, new Envelope(cell.ref as ActorRef, body, 'system', undefined, -1, 0))
      })
    })
    return id
  }
}
