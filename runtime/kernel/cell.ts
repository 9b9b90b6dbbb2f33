/**
 * What the kernel keeps of one actor: its definition, state and mailbox, and the little that supervision, watching and
 * durability need. Most fields are absent on an idle actor, so that a million of them fit.
 *
 *   loading ─▶ starting ─▶ running ⇄ parked          (parked: an asynchronous handler is under way)
 *                 │           │ throws
 *                 └──▶ failed ◀┘ ──restart──▶ starting
 *   any ──stop──▶ stopping ─▶ stopped
 */
import { Mailbox } from '../../mailbox/mailbox.ts'
import type { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef, AnyActor, DownReason, Placement, Receive } from './actor.ts'
import type { CellStore } from './cell-store.ts'
import type { Context } from './context.ts'
import { LocalRef } from './local-ref.ts'
import type { Turn } from './turn.ts'

export type CellStatus = 'loading' | 'starting' | 'running' | 'parked' | 'failed' | 'stopping' | 'stopped'

// biome-ignore lint/suspicious/noExplicitAny: a cell holds actors of every state and protocol; only their own code knows which.
export type AnyDefinition = AnyActor<any>

/** What a parent remembers of a child, enough to make it anew. */
export interface ChildRecord {
  readonly ref: ActorRef
  readonly definition: AnyDefinition
  readonly args: unknown
  readonly place: Placement | undefined
}

/** An effect of a turn that waits for the commit that makes its turn durable. */
export interface Held {
  readonly sequence: number
  readonly output: Output
}

/** What leaves a turn: messages mostly, else one of the kernel's own acts. */
export type Output = Envelope<ActorRef> | KernelAct

/** Acts that other actors can see, so they leave in order with the sends. */
export class KernelAct {
  readonly act: () => void
  constructor(act: () => void) {
    this.act = act
  }
}

export interface Watch {
  readonly ref: ActorRef
  readonly then: ((reason: DownReason) => unknown) | undefined
  /** The other end's failure is this one's. */
  readonly linked: boolean
}

export class Cell {
  readonly id: number
  readonly name: string
  /** True for actors with a name of their own: only those may keep state in the store. */
  readonly named: boolean
  readonly ref: LocalRef
  readonly parent: ActorRef | undefined
  readonly args: unknown
  readonly mailbox: Mailbox<ActorRef>
  readonly context: Context
  definition: AnyDefinition
  receive: Receive<unknown> | undefined
  status: CellStatus = 'loading'
  state: unknown = undefined
  scheduled = false
  /** It has lazy writes that no commit carries yet. */
  folding = false
  turn: Turn | undefined = undefined
  failure = ''
  restarts = 0
  messagesTotal = 0
  /** The newest commit that carries a write of this actor: its sends wait for it. */
  writtenSequence = 0
  held: Held[] | undefined = undefined
  store: CellStore | undefined = undefined
  stashed: Envelope<ActorRef>[] | undefined = undefined
  children: Map<number, ChildRecord> | undefined = undefined
  /** Whom this actor watches, by id (local) or name (another node). */
  watching: Map<string, Watch> | undefined = undefined
  watchers: Map<string, ActorRef> | undefined = undefined
  timers: Set<number> | undefined = undefined
  /** Topics that somebody subscribed to. */
  topics: Set<string> | undefined = undefined
  stopReason: DownReason | undefined = undefined

  constructor(
    executor: number,
    id: number,
    name: string,
    named: boolean,
    definition: AnyDefinition,
    args: unknown,
    parent: ActorRef | undefined,
    context: (cell: Cell) => Context,
  ) {
    this.id = id
    this.name = name
    this.named = named
    this.definition = definition
    this.args = args
    this.parent = parent
    this.mailbox = new Mailbox<ActorRef>(definition.mailbox.messagesMax, definition.mailbox.whenFull)
    this.ref = new LocalRef(executor, id, name, this)
    this.context = context(this)
  }
}

/** One text for a ref, to key maps with. */
export function refKey(ref: ActorRef): string {
  return ref.type === 'local' ? `#${ref.id}` : `${ref.node}/${ref.name}`
}
