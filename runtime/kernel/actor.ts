/**
 * What an actor is, and the conversation between it and the kernel.
 *
 *      definition                               kernel
 *   init(ctx, args) ───────── state ─────────▶  keeps it, alone
 *   receive(state, message, ctx) ◀── one message at a time, in mailbox order
 *        │  ctx.tell / reply / after / store.put / spawn …   (collected, nothing happens yet)
 *        └── returns ─▶ the turn's writes join the next commit; its sends leave when that commit is durable
 *        └── throws ──▶ everything collected is dropped; the supervisor hears of it
 *
 * So a turn is atomic, and nobody observes a state that a crash can erase. Two explicit exceptions: `release: 'now'` on
 * one send, `outputs: 'now'` on a definition whose state derives from elsewhere.
 */
import type { LogEntry, LogView } from '../ports/store.ts'

declare global {
  /** Of every module; declared here, because definitions live in rooms that see no types of Node.js. */
  interface ImportMeta {
    url: string
  }
}

/**
 * Names an actor. Plain data: refs travel in messages, over threads and nodes.
 * `local` is one incarnation of one actor of this node; `named` is whoever holds the name on `node`, now or later.
 */
export type ActorRef =
  | { readonly type: 'local'; readonly executor: number; readonly id: number; readonly name: string }
  | { readonly type: 'named'; readonly node: number; readonly name: string }

/** What comes back for an ask. Never silence: the kernel answers where the actor cannot. */
export type Answer =
  | { readonly type: 'reply'; readonly value: unknown }
  | { readonly type: 'timeout' }
  | { readonly type: 'stopped' }
  | { readonly type: 'overloaded' }
  | { readonly type: 'failed'; readonly reason: string }

export interface SendOptions {
  readonly lane?: 'control' | 'user'
  /** `now` leaves before this actor's writes are durable; `durable` waits even where the definition says `outputs: 'now'`. */
  readonly release?: 'now' | 'durable'
}

export interface MailboxLimits {
  /** 1 to 1_048_576 messages on the user and control lanes each. */
  readonly messagesMax: number
  readonly whenFull: 'reject' | 'dropOldest' | 'dropNewest' | 'signal'
}

/** Why a watched actor is gone. */
export type DownReason =
  | { readonly type: 'normal' }
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'threadLost' }
  | { readonly type: 'unknown' }

/** Answers one ask later, from another turn. Plain data within the actor. */
export interface ReplyHandle {
  readonly type: 'replyHandle'
  readonly node: number
  readonly executor: number
  readonly correlation: number
}

export type TimerId = number

/** The actor's own part of the store of its thread. Keys are relative to the actor; reads see its own pending writes. */
export interface ActorStore {
  get(key: Uint8Array | string): Uint8Array | undefined
  /** Pairs in byte order, `to` excluded (undefined: to the end). The keys come back relative. */
  range(
    from: Uint8Array,
    to: Uint8Array | undefined,
    options?: { readonly reverse?: boolean; readonly limit?: number },
  ): [key: Uint8Array, value: Uint8Array][]
  put(key: Uint8Array | string, value: Uint8Array): void
  delete(key: Uint8Array | string): void
  deleteRange(from: Uint8Array, to: Uint8Array | undefined): void
  /** Structured values (msgpack), for actors that do not choose their bytes. */
  getValue(key: string): unknown
  putValue(key: string, value: unknown): void
}

/** A Raft log of this actor, named after it. Views show durable entries only: the core keeps what is pending. */
export interface ActorLog {
  view(): LogView
  append(entries: readonly LogEntry[]): void
  compact(index: number, term: number): void
  reset(index: number, term: number): void
  drop(): void
}

export interface SpawnOptions {
  /** Unique on the node; needed for actors that keep state in the store. */
  readonly name?: string
  /** By default the executor of the spawner. */
  readonly place?: Placement
}

export type Placement =
  | { readonly type: 'executor'; readonly executor: number }
  | { readonly type: 'near'; readonly ref: ActorRef }
  /** Spreads over the worker executors by a hash of `key`. */
  | { readonly type: 'hash'; readonly key: string }

/** The whole world of a running actor. Every method that acts only notes down; the kernel performs after the turn. */
export interface ActorContext {
  readonly self: ActorRef
  readonly name: string
  /** The id of this node, and of the executor of this actor. */
  readonly node: number
  readonly executor: number
  /** Monotonic milliseconds, the same during one turn. */
  now(): number
  wallNow(): number
  /** A keyed draw of 0 to 1 (excluded); the site names the choice. */
  random(site: string): number
  tell(to: ActorRef, message: unknown, options?: SendOptions): void
  /**
   * Asks; the answer arrives as the message that `then` makes of it. Always one answer, at the latest after `deadlineMs`.
   * `then` runs as a turn's prologue: it must only build the message.
   */
  ask(
    to: ActorRef,
    message: unknown,
    options: SendOptions & { readonly deadlineMs: number },
    then: (answer: Answer) => unknown,
  ): void
  /** Answers the ask that this turn handles. Without an ask in hand it does nothing. */
  reply(value: unknown, options?: SendOptions): void
  /** Keeps the ask of this turn open; answer it with `replyTo`. Undefined when the message was told, not asked. */
  defer(): ReplyHandle | undefined
  replyTo(handle: ReplyHandle, value: unknown, options?: SendOptions): void
  /** Answers `failed` with a reason. */
  failTo(handle: ReplyHandle, reason: string): void
  /** Tells oneself later. Survives no restart. */
  after(delayMs: number, message: unknown): TimerId
  every(periodMs: number, message: unknown): TimerId
  cancelTimer(timer: TimerId): void
  readonly store: ActorStore
  readonly log: ActorLog
  spawn<Args>(definition: AnyActor<Args>, args: Args, options?: SpawnOptions): ActorRef
  /** Ends an actor: oneself, or a child. Its mailbox is answered `stopped`. */
  stop(ref?: ActorRef): void
  /** Restarts a child that failed: the same definition, arguments, name and mailbox, a new state from `init`. */
  restart(child: ActorRef): void
  /** When `ref` is gone, `then` makes the message that says so. */
  watch(ref: ActorRef, then: (reason: DownReason) => unknown): void
  unwatch(ref: ActorRef): void
  /** When either end fails, so does the other. */
  link(ref: ActorRef): void
  /** Who holds a name on this node; undefined when nobody does. */
  lookup(name: string): ActorRef | undefined
  /** Puts the present message aside; `unstash` brings all of them back, in order, before what waits. */
  stash(): void
  unstash(): void
  /** Replaces how messages are received from the next turn on. */
  become(receive: Receive<never>): void
  /** Publishes an item to everybody who subscribed to `topic` of this actor. Waits for durability like a send. */
  publish(topic: string, item: unknown): void
  /** True while the disk of this executor has no room: what is written waits, and so does what depends on it. */
  storeFull(): boolean
  /** Tells the network of this executor where a node is; an empty list forgets it. */
  setPeer(node: number, urls: readonly string[]): void
  /** Asks the host of this node to end it; it hears the reason. */
  endNode(reason: string): void
  /**
   * For handlers that are asynchronous: asks and waits. The request leaves at once, not at the end of the turn, because
   * the turn waits for it.
   */
  call(to: ActorRef, message: unknown, options: { readonly deadlineMs: number }): PromiseLike<Answer>
  /** For handlers that are asynchronous: waits. */
  sleep(delayMs: number): PromiseLike<void>
  /** True where a fault is to be injected here: only ever in a simulation. `site` names the place. */
  buggify(site: string, probability?: number): boolean
}

/** Told to a parent, on the system lane, as a message of its own. */
export type ChildEvent =
  | { readonly type: 'childFailed'; readonly child: ActorRef; readonly error: string }
  | { readonly type: 'childStopped'; readonly child: ActorRef; readonly reason: DownReason }

export type Receive<State> = (state: State, message: never, ctx: ActorContext) => unknown
/** One function a message kind; the reply is what it returns. Callers use `ref.ask.kind(argument)`. */
export type Handlers<State> = { readonly [kind: string]: (state: State, argument: never, ctx: ActorContext) => unknown }

export interface ActorDefinition<Args, State, Protocol> {
  readonly name: string
  /** `import.meta.url` of the module that exports the definition, and the name under which it does. */
  readonly module: string
  readonly exportName: string
  readonly mailbox: MailboxLimits
  /** `now`: sends never wait for this actor's own writes, which may be committed lazily, in batches. */
  readonly outputs: 'durable' | 'now'
  /** Lazy writes (`outputs: 'now'` only) join a commit after at most this long. */
  readonly foldWithinMs: number
  /** Receives `ChildEvent`s as messages and decides. Without it, a failed child is stopped; who watches or is linked hears of it. */
  readonly supervises: boolean
  /** Other nodes may address it by name; its `receive` must expect anything. Nobody else hears of other nodes. */
  readonly openToPeers: boolean
  readonly init: (ctx: ActorContext, args: Args) => State
  readonly receive: Receive<State> | Handlers<State>
  /** Called in a last turn when the actor is stopped in order (not when it failed). */
  readonly stopping?: ((state: State, ctx: ActorContext) => void) | undefined
  /** A number that changes whenever the state does, for divergence checks. */
  readonly digest?: ((state: State) => number) | undefined
  /** Type only: what callers may send. */
  readonly protocol?: Protocol
}

// biome-ignore lint/suspicious/noExplicitAny: who spawns or keeps an actor knows its arguments, not its state or protocol.
export type AnyActor<Args> = ActorDefinition<Args, any, any>

const defaultMailbox: MailboxLimits = { messagesMax: 1_024, whenFull: 'reject' }

/** What both forms of a definition have in common. */
interface SpecBase<Args, State> {
  readonly name: string
  /** The name of the export that holds the definition, when it differs from `name`. */
  readonly exportName?: string
  readonly mailbox?: MailboxLimits
  readonly outputs?: 'durable' | 'now'
  readonly foldWithinMs?: number
  readonly supervises?: boolean
  readonly openToPeers?: boolean
  readonly init: (ctx: ActorContext, args: Args) => State
  readonly stopping?: (state: State, ctx: ActorContext) => void
  readonly digest?: (state: State) => number
}

/** One function a message kind. `R` keeps each handler's own types for the callers. */
export type HandlersSpec<Args, State, R> = SpecBase<Args, State> & {
  // biome-ignore lint/suspicious/noExplicitAny: handler arguments are contravariant; only `any` lets each keep its own.
  readonly receive: R & { readonly [kind: string]: (state: State, argument: any, ctx: ActorContext) => unknown }
}

/** One function over a closed union of messages. */
export type ReceiveSpec<Args, State, Message> = SpecBase<Args, State> & {
  readonly receive: (state: State, message: Message, ctx: ActorContext) => unknown
}

/**
 * Makes an actor definition.
 *
 * @param module - `import.meta.url` of the module that exports the definition, so that any thread can load it.
 * @param spec - Name (the exported constant's, unless `exportName` says otherwise), limits and handlers.
 * @throws {RangeError} `mailbox.messagesMax` is not a whole number of 1 to 1_048_576.
 */
export function defineActor<Args, State, Message>(
  module: string,
  spec: ReceiveSpec<Args, State, Message>,
): ActorDefinition<Args, State, (state: State, message: Message, ctx: ActorContext) => unknown>
export function defineActor<Args, State, R>(
  module: string,
  spec: HandlersSpec<Args, State, R>,
): ActorDefinition<Args, State, R>
export function defineActor<Args, State, R>(
  module: string,
  spec: SpecBase<Args, State> & { readonly receive: unknown },
): ActorDefinition<Args, State, R> {
  const mailbox = spec.mailbox ?? defaultMailbox
  if (!Number.isInteger(mailbox.messagesMax) || mailbox.messagesMax < 1 || mailbox.messagesMax > 1_048_576) {
    throw new RangeError(
      `actor '${spec.name}': mailbox.messagesMax must be a whole number of 1 to 1048576, not ${mailbox.messagesMax}`,
    )
  }
  return {
    name: spec.name,
    module,
    exportName: spec.exportName ?? spec.name,
    mailbox,
    outputs: spec.outputs ?? 'durable',
    foldWithinMs: spec.foldWithinMs ?? 100,
    supervises: spec.supervises ?? false,
    openToPeers: spec.openToPeers ?? false,
    init: spec.init,
    receive: spec.receive as Receive<State> | Handlers<State>,
    stopping: spec.stopping,
    digest: spec.digest,
  }
}
