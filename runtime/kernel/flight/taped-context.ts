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
import { Taped } from './taped.ts'
import { TapedLog, TapedStore } from './taped-store.ts'

/** Who the actor is; the same in both worlds. */
export interface Identity {
  readonly self: ActorRef
  readonly name: string
  readonly node: number
  readonly executor: number
}

export class TapedContext implements ActorContext {
  readonly #taped: Taped
  readonly #identity: Identity
  readonly store: ActorStore
  readonly log: ActorLog
  #nowTurn = -1
  #nowMs = 0

  constructor(tape: Tape, world: ActorContext | undefined, identity: Identity) {
    this.#taped = new Taped(tape, world)
    this.#identity = identity
    this.store = new TapedStore(this.#taped)
    this.log = new TapedLog(this.#taped)
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
    const { tape } = this.#taped
    // The same during one turn, so one note of it is enough.
    if (tape.running && this.#nowTurn === tape.turn) return this.#nowMs
    this.#nowMs = this.#taped.read('now', [], (world) => world.now())
    this.#nowTurn = tape.turn
    return this.#nowMs
  }

  wallNow(): number {
    return this.#taped.read('wallNow', [], (world) => world.wallNow())
  }

  random(site: string): number {
    return this.#taped.read('random', [site], (world) => world.random(site))
  }

  tell(to: ActorRef, message: unknown, options?: SendOptions): void {
    this.#taped.act('tell', [to, message, options], (world) => world.tell(to, message, options))
  }

  ask(
    to: ActorRef,
    message: unknown,
    options: SendOptions & { readonly deadlineMs: number },
    then: (answer: Answer) => unknown,
  ): void {
    const back = this.#taped.tape.callback(then)
    this.#taped.act('ask', [to, message, options], (world) => world.ask(to, message, options, back))
  }

  reply(value: unknown, options?: SendOptions): void {
    this.#taped.act('reply', [value, options], (world) => world.reply(value, options))
  }

  defer(): ReplyHandle | undefined {
    return this.#taped.read('defer', [], (world) => world.defer())
  }

  replyTo(handle: ReplyHandle, value: unknown, options?: SendOptions): void {
    this.#taped.act('replyTo', [handle, value, options], (world) => world.replyTo(handle, value, options))
  }

  failTo(handle: ReplyHandle, reason: string): void {
    this.#taped.act('failTo', [handle, reason], (world) => world.failTo(handle, reason))
  }

  after(delayMs: number, message: unknown): TimerId {
    return this.#taped.read('after', [delayMs, message], (world) => world.after(delayMs, message))
  }

  every(periodMs: number, message: unknown): TimerId {
    return this.#taped.read('every', [periodMs, message], (world) => world.every(periodMs, message))
  }

  cancelTimer(timer: TimerId): void {
    this.#taped.act('cancelTimer', [timer], (world) => world.cancelTimer(timer))
  }

  spawn<Args>(definition: AnyActor<Args>, args: Args, options?: SpawnOptions): ActorRef {
    const { exportName } = definition
    return this.#taped.read('spawn', [exportName, args, options], (world) => world.spawn(definition, args, options))
  }

  stop(ref?: ActorRef): void {
    this.#taped.act('stop', [ref], (world) => world.stop(ref))
  }

  restart(child: ActorRef): void {
    this.#taped.act('restart', [child], (world) => world.restart(child))
  }

  watch(ref: ActorRef, then: (reason: DownReason) => unknown): void {
    const back = this.#taped.tape.callback(then)
    this.#taped.act('watch', [ref], (world) => world.watch(ref, back))
  }

  unwatch(ref: ActorRef): void {
    this.#taped.act('unwatch', [ref], (world) => world.unwatch(ref))
  }

  link(ref: ActorRef): void {
    this.#taped.act('link', [ref], (world) => world.link(ref))
  }

  lookup(name: string): ActorRef | undefined {
    return this.#taped.read('lookup', [name], (world) => world.lookup(name))
  }

  stash(): void {
    this.#taped.read('stash', [], (world) => world.stash())
  }

  unstash(): void {
    this.#taped.act('unstash', [], (world) => world.unstash())
  }

  become(receive: Receive<never>): void {
    const next = this.#taped.tape.becoming(receive)
    this.#taped.act('become', [], (world) => world.become(next))
  }

  publish(topic: string, item: unknown): void {
    this.#taped.act('publish', [topic, item], (world) => world.publish(topic, item))
  }

  storeFull(): boolean {
    return this.#taped.read('storeFull', [], (world) => world.storeFull())
  }

  setPeer(node: number, urls: readonly string[]): void {
    this.#taped.act('setPeer', [node, urls], (world) => world.setPeer(node, urls))
  }

  endNode(reason: string): void {
    this.#taped.act('endNode', [reason], (world) => world.endNode(reason))
  }

  call(to: ActorRef, message: unknown, options: { readonly deadlineMs: number }): PromiseLike<Answer> {
    return this.#taped.wait('call', (world) => world.call(to, message, options))
  }

  sleep(delayMs: number): PromiseLike<void> {
    return this.#taped.wait('sleep', (world) => world.sleep(delayMs))
  }

  /** Faults are a simulation's, and a recording is none. */
  buggify(site: string, probability?: number): boolean {
    return this.#taped.world?.buggify(site, probability) ?? false
  }
}
