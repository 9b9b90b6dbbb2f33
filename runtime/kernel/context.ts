/**
 * The one object through which an actor reaches the world. Each method notes something down in the present turn; outside of
 * a turn (a callback that outlived its handler) every one of them throws, because nobody could take it back.
 */
import { invariant } from '../../base/assert.ts'
import { hashText } from '../../base/digest.ts'
import { draw } from '../../base/draw.ts'
import { buggifyNamed } from '../../base/fault-points.ts'
import { Envelope } from '../../mailbox/envelope.ts'
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
import { ActorTimer } from './actor-timer.ts'
import { Ask } from './asks.ts'
import { type Cell, extrasOf, mailboxOf, turnOf } from './cell.ts'
import { CellLog } from './cell-log.ts'
import { DeferredAsks } from './deferred.ts'
import type { Kernel } from './kernel.ts'
import { Pending } from './pending.ts'
import type { KernelAct, Output } from './turn.ts'

/** An act that is asked for too seldom to have a class of its own. */
class Act implements KernelAct {
  readonly act: () => void

  constructor(act: () => void) {
    this.act = act
  }
}

// No private methods here: each would cost every actor a field, and every call a check.
export class Context implements ActorContext {
  readonly #kernel: Kernel
  readonly #cell: Cell
  #draws = 0

  constructor(kernel: Kernel, cell: Cell) {
    this.#kernel = kernel
    this.#cell = cell
  }

  get self(): ActorRef {
    return this.#cell.ref
  }

  get name(): string {
    return this.#cell.name
  }

  get node(): number {
    return this.#kernel.node
  }

  get executor(): number {
    return this.#kernel.index
  }

  get store(): ActorStore {
    invariant(
      this.#cell.named,
      () => `actor '${this.#cell.name}' has no name of its own, so it can keep nothing in the store`,
    )
    return this.#kernel.lazyWrites.storeOf(this.#cell)
  }

  get log(): ActorLog {
    invariant(this.#cell.named, () => `actor '${this.#cell.name}' has no name of its own, so it can keep no log`)
    const extras = extrasOf(this.#cell)
    if (extras.log === undefined) extras.log = new CellLog(this.#kernel.world.store, this.#cell)
    return extras.log
  }

  now(): number {
    const turn = turnOf(this.#cell)
    if (turn.nowMs < 0) turn.nowMs = this.#kernel.world.clock.nowMs()
    return turn.nowMs
  }

  wallNow(): number {
    return this.#kernel.world.clock.wallMs()
  }

  random(site: string): number {
    this.#draws += 1
    return draw(this.#kernel.world.seed, site, hashText(this.#cell.name), this.#draws)
  }

  tell(to: ActorRef, message: unknown, options?: SendOptions): void {
    const kernel = this.#kernel
    const envelope = new Envelope(to, message, options?.lane ?? 'user', undefined, kernel.index, kernel.delivery)
    output(this.#cell, envelope, options)
  }

  ask(
    to: ActorRef,
    message: unknown,
    options: SendOptions & { readonly deadlineMs: number },
    then: (answer: Answer) => unknown,
  ): void {
    const kernel = this.#kernel
    const ask = new Ask(kernel.asks, kernel.recentMs + options.deadlineMs, this.#cell, then)
    output(this.#cell, ask.request(to, message, options.lane ?? 'user', kernel.delivery), options)
  }

  reply(value: unknown, options?: SendOptions): void {
    const turn = turnOf(this.#cell)
    const replyTo = turn.envelope?.replyTo
    if (replyTo === undefined) return
    turn.replied = true
    output(this.#cell, this.#kernel.router.answering(replyTo, { type: 'reply', value }), options)
  }

  defer(): ReplyHandle | undefined {
    const turn = turnOf(this.#cell)
    const replyTo = turn.envelope?.replyTo
    if (replyTo === undefined) return undefined
    turn.replied = true
    const { node, executor, correlation } = replyTo
    const handle: ReplyHandle = { type: 'replyHandle', node, executor, correlation }
    const cell = this.#cell
    turn.inner.push(() => {
      const extras = extrasOf(cell)
      if (extras.deferred === undefined) extras.deferred = new DeferredAsks()
      extras.deferred.add(handle)
    })
    return handle
  }

  replyTo(handle: ReplyHandle, value: unknown, options?: SendOptions): void {
    this.#settles(handle)
    output(this.#cell, this.#kernel.router.answering(handle, { type: 'reply', value }), options)
  }

  failTo(handle: ReplyHandle, reason: string): void {
    this.#settles(handle)
    output(this.#cell, this.#kernel.router.answering(handle, { type: 'failed', reason }), undefined)
  }

  #settles(handle: ReplyHandle): void {
    const cell = this.#cell
    turnOf(cell).inner.push(() => cell.extras?.deferred?.delete(handle))
  }

  after(delayMs: number, message: unknown): TimerId {
    return startTimer(this.#kernel, this.#cell, this.now() + delayMs, 0, message)
  }

  every(periodMs: number, message: unknown): TimerId {
    if (!(periodMs > 0)) throw new RangeError(`every: periodMs must be above 0, not ${periodMs}`)
    return startTimer(this.#kernel, this.#cell, this.now() + periodMs, periodMs, message)
  }

  cancelTimer(timer: TimerId): void {
    turnOf(this.#cell).inner.push(() => {
      this.#kernel.timers.cancel(timer)
      this.#cell.extras?.timers?.delete(timer)
    })
  }

  spawn<Args>(definition: AnyActor<Args>, args: Args, options: SpawnOptions = {}): ActorRef {
    const birth = this.#kernel.prepare(definition, args, options, this.#cell)
    output(this.#cell, birth, undefined)
    return birth.ref
  }

  stop(ref?: ActorRef): void {
    const target = ref ?? (this.#cell.ref as ActorRef)
    later(this.#cell, () => this.#kernel.router.system(target, { type: 'stop', reason: { type: 'normal' } }))
  }

  restart(child: ActorRef): void {
    later(this.#cell, () => this.#kernel.router.system(child, { type: 'restart' }))
  }

  watch(ref: ActorRef, then: (reason: DownReason) => unknown): void {
    later(this.#cell, () => this.#kernel.watch(this.#cell, ref, then))
  }

  unwatch(ref: ActorRef): void {
    later(this.#cell, () => this.#kernel.unwatch(this.#cell, ref))
  }

  link(ref: ActorRef): void {
    later(this.#cell, () => this.#kernel.link(this.#cell, ref))
  }

  lookup(name: string): ActorRef | undefined {
    return this.#kernel.registry.holder(name)
  }

  stash(): void {
    const cell = this.#cell
    const turn = turnOf(cell)
    const envelope = turn.envelope
    if (envelope === undefined) return
    const stashed = cell.extras?.stashed?.length ?? 0
    if (stashed >= cell.definition.mailbox.messagesMax) {
      throw new RangeError(`stash: actor '${cell.name}' holds ${stashed} messages already, its mailbox limit`)
    }
    turn.replied = true
    turn.inner.push(() => {
      const extras = extrasOf(cell)
      if (extras.stashed === undefined) extras.stashed = []
      // It owes no credit any more: that went back when it was taken, and it will be taken again.
      extras.stashed.push(new Envelope(envelope.to, envelope.body, envelope.lane, envelope.replyTo, -1, envelope.cause))
    })
  }

  unstash(): void {
    const cell = this.#cell
    turnOf(cell).inner.push(() => {
      const stashed = cell.extras?.stashed
      if (stashed === undefined || cell.extras === undefined) return
      cell.extras.stashed = undefined
      mailboxOf(cell).putBack(stashed, 'user')
      this.#kernel.schedule(cell)
    })
  }

  become(receive: Receive<never>): void {
    turnOf(this.#cell).inner.push(() => {
      this.#cell.receive = receive as Receive<unknown>
    })
  }

  publish(topic: string, item: unknown): void {
    later(this.#cell, () => this.#kernel.subscriptions.publish(this.#cell, topic, item))
  }

  storeFull(): boolean {
    return this.#kernel.commits.full
  }

  setPeer(node: number, urls: readonly string[]): void {
    later(this.#cell, () => this.#kernel.world.network.setPeer(node, urls))
  }

  endNode(reason: string): void {
    later(this.#cell, () => this.#kernel.world.fatal(reason))
  }

  call(to: ActorRef, message: unknown, options: { readonly deadlineMs: number }): PromiseLike<Answer> {
    const kernel = this.#kernel
    const pending = new Pending<Answer>()
    const untilMs = kernel.world.clock.nowMs() + options.deadlineMs
    const ask = new Ask(kernel.asks, untilMs, undefined, (answer) => pending.settle(answer))
    ask.request(to, message, 'user', kernel.delivery).act()
    kernel.poke()
    return pending
  }

  sleep(delayMs: number): PromiseLike<void> {
    const pending = new Pending<void>()
    const due = this.#kernel.world.clock.nowMs() + delayMs
    this.#kernel.timers.start(this.#kernel.timers.reserve(), due, 0, () => pending.settle(undefined))
    this.#kernel.poke()
    return pending
  }

  buggify(site: string, probability: number = 0.25): boolean {
    return buggifyNamed(site, probability)
  }
}

function output(cell: Cell, what: Output, options: SendOptions | undefined): void {
  turnOf(cell).add(what, (options?.release ?? cell.definition.outputs) === 'now')
}

function later(cell: Cell, act: () => void): void {
  output(cell, new Act(act), undefined)
}

function startTimer(kernel: Kernel, cell: Cell, dueMs: number, periodMs: number, message: unknown): TimerId {
  const id = kernel.timers.reserve()
  const timer = new ActorTimer(kernel, cell, id, periodMs, message)
  turnOf(cell).inner.push(() => timer.start(dueMs))
  return id
}
