/**
 * The context of an actor whose conversation with the world goes over a tape. The same class serves both sides: with a real
 * context behind it everything is passed on, without one the tape alone answers; so the two cannot differ in what they note.
 */
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
} from '../actor.ts'
import type { Tape } from './tape.ts'
import { TapedLog, TapedStore } from './taped-store.ts'
import { digestOf } from './value-digest.ts'

/** Who the actor is; the same in both worlds. */
export interface Identity {
  readonly self: ActorRef
  readonly name: string
  readonly node: number
  readonly executor: number
}

export class TapedContext implements ActorContext {
  readonly #tape: Tape
  readonly #world: ActorContext | undefined
  readonly #identity: Identity
  readonly store: ActorStore
  readonly log: ActorLog
  #nowTurn = -1
  #nowMs = 0

  constructor(tape: Tape, world: ActorContext | undefined, identity: Identity) {
    this.#tape = tape
    this.#world = world
    this.#identity = identity
    this.store = new TapedStore(tape, world)
    this.log = new TapedLog(tape, world)
  }

  get self(): ActorRef {
    return this.#identity.self
  }

  get name(): string {
    return this.#identity.name
  }

  get node(): number {
    return this.#identity.node
  }

  get executor(): number {
    return this.#identity.executor
  }

  now(): number {
    const tape = this.#tape
    // The same during one turn, so one note of it is enough.
    if (tape.running && this.#nowTurn === tape.turn) return this.#nowMs
    this.#nowMs = this.#read('now', 0, (world) => world.now())
    this.#nowTurn = tape.turn
    return this.#nowMs
  }

  wallNow(): number {
    return this.#read('wallNow', 0, (world) => world.wallNow())
  }

  random(site: string): number {
    return this.#read('random', this.#digest(site), (world) => world.random(site))
  }

  tell(to: ActorRef, message: unknown, options?: SendOptions): void {
    if (this.#tape.running) this.#tape.act('tell', digestOf(to, message, options))
    this.#world?.tell(to, message, options)
  }

  ask(
    to: ActorRef,
    message: unknown,
    options: SendOptions & { readonly deadlineMs: number },
    then: (answer: Answer) => unknown,
  ): void {
    if (this.#tape.running) this.#tape.act('ask', digestOf(to, message, options))
    const back = this.#tape.callback(then)
    this.#world?.ask(to, message, options, back)
  }

  reply(value: unknown, options?: SendOptions): void {
    if (this.#tape.running) this.#tape.act('reply', digestOf(value, options))
    this.#world?.reply(value, options)
  }

  defer(): ReplyHandle | undefined {
    return this.#read('defer', 0, (world) => world.defer())
  }

  replyTo(handle: ReplyHandle, value: unknown, options?: SendOptions): void {
    if (this.#tape.running) this.#tape.act('replyTo', digestOf(handle, value, options))
    this.#world?.replyTo(handle, value, options)
  }

  failTo(handle: ReplyHandle, reason: string): void {
    if (this.#tape.running) this.#tape.act('failTo', digestOf(handle, reason))
    this.#world?.failTo(handle, reason)
  }

  after(delayMs: number, message: unknown): TimerId {
    return this.#read('after', this.#digest(delayMs, message), (world) => world.after(delayMs, message))
  }

  every(periodMs: number, message: unknown): TimerId {
    return this.#read('every', this.#digest(periodMs, message), (world) => world.every(periodMs, message))
  }

  cancelTimer(timer: TimerId): void {
    if (this.#tape.running) this.#tape.act('cancelTimer', digestOf(timer))
    this.#world?.cancelTimer(timer)
  }

  spawn<Args>(definition: AnyActor<Args>, args: Args, options?: SpawnOptions): ActorRef {
    const { exportName } = definition
    const digest = this.#digest(exportName, args, options)
    return this.#read('spawn', digest, (world) => world.spawn(definition, args, options))
  }

  stop(ref?: ActorRef): void {
    if (this.#tape.running) this.#tape.act('stop', digestOf(ref))
    this.#world?.stop(ref)
  }

  restart(child: ActorRef): void {
    if (this.#tape.running) this.#tape.act('restart', digestOf(child))
    this.#world?.restart(child)
  }

  watch(ref: ActorRef, then: (reason: DownReason) => unknown): void {
    if (this.#tape.running) this.#tape.act('watch', digestOf(ref))
    const back = this.#tape.callback(then)
    this.#world?.watch(ref, back)
  }

  unwatch(ref: ActorRef): void {
    if (this.#tape.running) this.#tape.act('unwatch', digestOf(ref))
    this.#world?.unwatch(ref)
  }

  link(ref: ActorRef): void {
    if (this.#tape.running) this.#tape.act('link', digestOf(ref))
    this.#world?.link(ref)
  }

  lookup(name: string): ActorRef | undefined {
    return this.#read('lookup', this.#digest(name), (world) => world.lookup(name))
  }

  stash(): void {
    this.#read('stash', 0, (world) => world.stash())
  }

  unstash(): void {
    if (this.#tape.running) this.#tape.act('unstash', 0)
    this.#world?.unstash()
  }

  become(receive: Receive<never>): void {
    if (this.#tape.running) this.#tape.act('become', 0)
    const next = this.#tape.becoming(receive)
    this.#world?.become(next)
  }

  publish(topic: string, item: unknown): void {
    if (this.#tape.running) this.#tape.act('publish', digestOf(topic, item))
    this.#world?.publish(topic, item)
  }

  storeFull(): boolean {
    return this.#read('storeFull', 0, (world) => world.storeFull())
  }

  setPeer(node: number, urls: readonly string[]): void {
    if (this.#tape.running) this.#tape.act('setPeer', digestOf(node, urls))
    this.#world?.setPeer(node, urls)
  }

  endNode(reason: string): void {
    if (this.#tape.running) this.#tape.act('endNode', digestOf(reason))
    this.#world?.endNode(reason)
  }

  call(to: ActorRef, message: unknown, options: { readonly deadlineMs: number }): PromiseLike<Answer> {
    this.#tape.refuse('it waits in a handler (ctx.call)')
    return this.#present('call').call(to, message, options)
  }

  sleep(delayMs: number): PromiseLike<void> {
    this.#tape.refuse('it waits in a handler (ctx.sleep)')
    return this.#present('sleep').sleep(delayMs)
  }

  /** Faults are a simulation's, and a recording is none. */
  buggify(site: string, probability?: number): boolean {
    return this.#world?.buggify(site, probability) ?? false
  }

  #read<T>(call: Parameters<Tape['read']>[0], digest: number, ask: (world: ActorContext) => T): T {
    const world = this.#world
    if (!this.#tape.running && world !== undefined) return ask(world)
    return this.#tape.read(call, digest, () => ask(this.#present(call)))
  }

  /** Nobody reads what a tape that stands still would have noted. */
  #digest(...values: readonly unknown[]): number {
    return this.#tape.running ? digestOf(...values) : 0
  }

  #present(call: string): ActorContext {
    if (this.#world === undefined) throw new TypeError(`ctx.${call}: there is no world behind a recording`)
    return this.#world
  }
}
