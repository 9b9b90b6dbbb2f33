/** Actors for tests on real threads: every thread loads them by the address of this module. */
import {
  type ActorContext,
  type ActorDefinition,
  type ActorRef,
  type Answer,
  type ChildEvent,
  type DownReason,
  defineActor,
  type ReplyHandle,
} from '../../runtime/kernel/actor.ts'

interface Tally {
  total: number
}

/** Counts in its store; with `slow` writes it keeps the disk busy. */
export const tally: ActorDefinition<undefined, Tally, unknown> = defineActor(import.meta.url, {
  name: 'tally',
  mailbox: { messagesMax: 100_000, whenFull: 'reject' },
  init: (ctx: ActorContext): Tally => ({ total: (ctx.store.getValue('total') as number | undefined) ?? 0 }),
  receive: {
    add: (state: Tally, by: number, ctx: ActorContext): number => {
      state.total += by
      ctx.store.putValue('total', state.total)
      return state.total
    },
    read: (state: Tally): number => state.total,
    fail: (): never => {
      throw new Error('told to fail')
    },
    never: (_state: Tally, _: undefined, ctx: ActorContext): void => void ctx.defer(),
    /** Writes in every turn, and tells itself to go on: a commit is always under way. */
    churn: (_state: Tally, round: number, ctx: ActorContext): void => {
      ctx.store.put(`churn/${round % 64}`, new Uint8Array(16_384).fill(round))
      ctx.tell(ctx.self, { type: 'churn', argument: round + 1 }, { release: 'now' })
    },
  },
})

interface Log {
  readonly heard: unknown[]
}

/** Notes down what it is told and passes it on, in order. */
export const relay: ActorDefinition<
  { readonly to: ActorRef | undefined },
  Log & { readonly to: ActorRef | undefined },
  unknown
> = defineActor(import.meta.url, {
  name: 'relay',
  mailbox: { messagesMax: 1_048_576, whenFull: 'reject' },
  init: (_ctx: ActorContext, args: { readonly to: ActorRef | undefined }) => ({ heard: [] as unknown[], to: args.to }),
  receive: {
    note: (state: Log & { readonly to: ActorRef | undefined }, what: unknown, ctx: ActorContext): void => {
      state.heard.push(what)
      if (state.to !== undefined) ctx.tell(state.to, { type: 'note', argument: what })
    },
    /** Sends a run of numbers to somebody. */
    send: (_state: Log, { to, count }: { readonly to: ActorRef; readonly count: number }, ctx: ActorContext): void => {
      for (let i = 0; i < count; i++) ctx.tell(to, { type: 'note', argument: i })
    },
    heard: (state: Log): readonly unknown[] => state.heard,
  },
})

interface KeeperState {
  readonly events: string[]
  child: ActorRef
  readonly place: number
}

type KeeperMessage = ChildEvent | { readonly type: 'events' | 'child' | 'bear' }

/** Keeps one `tally` alive on another thread: restarts it when it fails, spawns it anew when its thread is lost. */
export const keeper: ActorDefinition<{ readonly place: number }, KeeperState, unknown> = defineActor(import.meta.url, {
  name: 'keeper',
  supervises: true,
  init: (ctx: ActorContext, { place }: { readonly place: number }): KeeperState => ({
    events: [],
    place,
    child: bear(ctx, place),
  }),
  receive: (state: KeeperState, message: KeeperMessage, ctx: ActorContext): void => {
    switch (message.type) {
      case 'childFailed':
        state.events.push('failed')
        ctx.restart(message.child)
        break
      case 'childStopped':
        state.events.push(`stopped ${message.reason.type}`)
        // The thread may still be down: then this child is lost at once, like the one before it.
        ctx.after(100, { type: 'bear' })
        break
      case 'bear':
        state.child = bear(ctx, state.place)
        break
      case 'events':
        ctx.reply(state.events)
        break
      case 'child':
        ctx.reply(state.child)
        break
    }
  },
})

function bear(ctx: ActorContext, place: number): ActorRef {
  return ctx.spawn(tally, undefined, { name: 'kept', place: { type: 'executor', executor: place } })
}

interface AskerState {
  readonly open: Map<number, ReplyHandle>
  asked: number
}

type AskerMessage =
  | { readonly type: 'askMany'; readonly to: ActorRef; readonly count: number }
  | {
      readonly type: 'answered'
      readonly asked: number
      readonly left: number
      readonly answer: Answer
      readonly to: ActorRef
    }
  | { readonly type: 'watch'; readonly ref: ActorRef }
  | { readonly type: 'down'; readonly asked: number; readonly reason: DownReason }

/** Asks another actor one question after another from within, and watches for others. */
export const asker: ActorDefinition<undefined, AskerState, unknown> = defineActor(import.meta.url, {
  name: 'asker',
  init: (): AskerState => ({ open: new Map(), asked: 0 }),
  receive: (state: AskerState, message: AskerMessage, ctx: ActorContext): void => {
    if (message.type === 'askMany' || message.type === 'watch') {
      const asked = ++state.asked
      state.open.set(asked, ctx.defer() as ReplyHandle)
      if (message.type === 'askMany') askNext(ctx, asked, message.count, message.to)
      else ctx.watch(message.ref, (reason) => ({ type: 'down', asked, reason }))
      return
    }
    const handle = state.open.get(message.asked) as ReplyHandle
    if (message.type === 'answered' && message.left > 0 && message.answer.type === 'reply') {
      askNext(ctx, message.asked, message.left, message.to)
      return
    }
    state.open.delete(message.asked)
    ctx.replyTo(handle, message.type === 'down' ? message.reason : message.answer)
  },
})

function askNext(ctx: ActorContext, asked: number, left: number, to: ActorRef): void {
  ctx.ask(to, { type: 'add', argument: 1 }, { deadlineMs: 10_000 }, (answer) => ({
    type: 'answered',
    asked,
    left: left - 1,
    answer,
    to,
  }))
}
