/**
 * What the kernel keeps of one actor: its definition, state and mailbox, and the little that supervision, watching and
 * durability need. What an idle actor does not need is absent until it does (`CellExtras`), so that a million of them fit.
 *
 *   loading ─▶ starting ─▶ running ⇄ parked          (parked: an asynchronous handler is under way)
 *                 │           │ throws
 *                 └──▶ failed ◀┘ ──restart──▶ starting
 *   any ──stop──▶ stopping ─▶ stopped
 *
 * Of an unnamed actor a cell with its ref, context and table entry takes some 430 bytes; one field more is 8.
 */
import { limit } from '../../base/fault-points.ts'
import type { Envelope } from '../../mailbox/envelope.ts'
import { Mailbox } from '../../mailbox/mailbox.ts'
import type { ActorContext, ActorLog, ActorRef, AnyActor, DownReason, Receive } from './actor.ts'
import type { CellStore } from './cell-store.ts'
import type { DeferredAsks } from './deferred.ts'
import { mailboxMessages } from './fault-sites.ts'
import type { Held, Turn } from './turn.ts'

export type CellStatus = 'loading' | 'starting' | 'running' | 'parked' | 'failed' | 'stopping' | 'stopped'

// biome-ignore lint/suspicious/noExplicitAny: a cell holds actors of every state and protocol; only their own code knows which.
export type AnyDefinition = AnyActor<any>

export interface Watch {
  readonly ref: ActorRef
  /** Makes the message that tells of the end. Undefined for a link: the other end's failure is this one's. */
  readonly make: ((reason: DownReason) => unknown) | undefined
}

export interface Watcher {
  readonly watcher: ActorRef
  /** How the watcher calls this watch; it goes back with `down`. */
  readonly key: string
}

/** What most actors never need. */
export class CellExtras {
  stashed: Envelope<ActorRef>[] | undefined = undefined
  /** Messages of the system lane that came while an asynchronous handler ran: an actor has one turn at a time. */
  postponed: Envelope<ActorRef>[] | undefined = undefined
  children: Map<number, ActorRef> | undefined = undefined
  /** Whom this actor watches or is linked with, by the key of the watch. */
  watching: Map<string, Watch> | undefined = undefined
  watchers: Map<string, Watcher> | undefined = undefined
  timers: Set<number> | undefined = undefined
  /** Asks to be answered later. */
  deferred: DeferredAsks | undefined = undefined
  /** Topics that somebody subscribed to. */
  topics: Set<string> | undefined = undefined
  stopReason: DownReason | undefined = undefined
  failure = ''
  log: ActorLog | undefined = undefined
  /** What waits for the last child to be gone. */
  whenChildless: (() => void) | undefined = undefined
}

export class Cell {
  readonly ref: LocalRef
  /** True for actors with a name of their own: only those may keep state in the store. */
  readonly named: boolean
  readonly parent: ActorRef | undefined
  readonly args: unknown
  readonly context: ActorContext
  readonly definition: AnyDefinition
  /** Made with the first message. */
  mailbox: Mailbox<ActorRef> | undefined = undefined
  receive: Receive<unknown> | undefined = undefined
  status: CellStatus = 'loading'
  state: unknown = undefined
  scheduled = false
  /** It has lazy writes that no commit carries yet. */
  folding = false
  turn: Turn | undefined = undefined
  restarts = 0
  messagesTotal = 0
  /** The newest commit that carries a write of this actor: its sends wait for it. */
  writtenSequence = 0
  held: Held[] | undefined = undefined
  store: CellStore | undefined = undefined
  extras: CellExtras | undefined = undefined

  constructor(
    executor: number,
    id: number,
    name: string,
    named: boolean,
    definition: AnyDefinition,
    args: unknown,
    parent: ActorRef | undefined,
    context: (cell: Cell) => ActorContext,
  ) {
    this.ref = new LocalRef(executor, id, name, this)
    this.named = named
    this.parent = parent
    this.args = args
    this.definition = definition
    this.context = context(this)
  }

  get id(): number {
    return this.ref.id
  }

  get name(): string {
    return this.ref.name
  }

  /** Why the actor failed last; empty when it never did. */
  get failure(): string {
    return this.extras?.failure ?? ''
  }

  get mailboxDepth(): number {
    return this.mailbox?.depth ?? 0
  }

  get mailboxDropped(): number {
    return this.mailbox?.dropped ?? 0
  }
}

/**
 * The ref of an actor of this thread. To everybody it is the plain data of `ActorRef`; to the kernel it also leads straight
 * to the cell, so that a tell on one thread looks nothing up. The shortcut is private, so it never crosses a thread.
 */
export class LocalRef {
  readonly type = 'local'
  readonly executor: number
  readonly id: number
  readonly name: string
  #cell: Cell | undefined

  constructor(executor: number, id: number, name: string, cell: Cell | undefined) {
    this.executor = executor
    this.id = id
    this.name = name
    this.#cell = cell
  }

  /** The cell behind `ref`, where `ref` was made on this thread and the actor still lives. */
  static cellOf(ref: object): Cell | undefined {
    return #cell in ref ? ref.#cell : undefined
  }

  /** Called when the actor is gone, so that old refs do not keep its state alive. */
  detach(): void {
    this.#cell = undefined
  }
}

export function extrasOf(cell: Cell): CellExtras {
  if (cell.extras === undefined) cell.extras = new CellExtras()
  return cell.extras
}

export function mailboxOf(cell: Cell): Mailbox<ActorRef> {
  if (cell.mailbox === undefined) {
    const { messagesMax, whenFull } = cell.definition.mailbox
    cell.mailbox = new Mailbox<ActorRef>(limit(mailboxMessages, messagesMax, 4), whenFull)
  }
  return cell.mailbox
}

/**
 * The present turn of `cell`.
 *
 * @throws {TypeError} There is none: a context was used by a callback that outlived its handler.
 */
export function turnOf(cell: Cell): Turn {
  const turn = cell.turn
  if (turn === undefined) throw new TypeError(`actor '${cell.name}': its context was used outside of a turn`)
  return turn
}

/** One text for a ref, to key maps with. */
export function refKey(ref: ActorRef): string {
  return ref.type === 'local' ? `#${ref.id}` : `${ref.node}/${ref.name}`
}
