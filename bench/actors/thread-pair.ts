/** Actors for the figures of two threads: a source that floods within a window, a sink, and asks from one to the other. */
import {
  type ActorContext,
  type ActorDefinition,
  type ActorRef,
  defineActor,
  type ReplyHandle,
} from '../../runtime/kernel/actor.ts'

/** Messages under way between source and sink: enough to keep both busy, far below what is refused. */
const windowMessages = 8_192
const noticeEvery = 1_024

type SourceMessage =
  | { readonly type: 'flood'; readonly to: ActorRef; readonly count: number }
  | { readonly type: 'taken'; readonly count: number }

interface Flood {
  readonly handle: ReplyHandle
  readonly to: ActorRef
  left: number
  out: number
}

export const source: ActorDefinition<undefined, { flood: Flood | undefined }, unknown> = defineActor(import.meta.url, {
  name: 'source',
  init: (): { flood: Flood | undefined } => ({ flood: undefined }),
  receive: (state: { flood: Flood | undefined }, message: SourceMessage, ctx: ActorContext): void => {
    if (message.type === 'flood') {
      state.flood = { handle: ctx.defer() as ReplyHandle, to: message.to, left: message.count, out: 0 }
    } else if (state.flood !== undefined) {
      state.flood.out -= message.count
    }
    const flood = state.flood
    if (flood === undefined) return
    const burst = Math.min(flood.left, windowMessages - flood.out)
    for (let i = 0; i < burst; i++) ctx.tell(flood.to, { type: 'item', at: i, from: ctx.self })
    flood.left -= burst
    flood.out += burst
    if (flood.left > 0 || flood.out > 0) return
    state.flood = undefined
    ctx.replyTo(flood.handle, 'done')
  },
})

interface Item {
  readonly type: 'item'
  readonly at: number
  readonly from: ActorRef
}

export const sink: ActorDefinition<undefined, { seen: number }, unknown> = defineActor(import.meta.url, {
  name: 'sink',
  mailbox: { messagesMax: 65_536, whenFull: 'reject' },
  init: (): { seen: number } => ({ seen: 0 }),
  receive: (state: { seen: number }, { from }: Item, ctx: ActorContext): void => {
    state.seen += 1
    if (state.seen % noticeEvery === 0) ctx.tell(from, { type: 'taken', count: noticeEvery })
  },
})

type AskingMessage =
  | { readonly type: 'start'; readonly to: ActorRef; readonly count: number; readonly inFlight: number }
  | { readonly type: 'answered'; readonly askedAt: number }

interface Asking {
  run:
    | { readonly handle: ReplyHandle; readonly to: ActorRef; left: number; open: number; readonly tookMs: number[] }
    | undefined
}

/** Keeps `inFlight` asks open until `count` were answered; answers with how long each took. */
export const asking: ActorDefinition<undefined, Asking, unknown> = defineActor(import.meta.url, {
  name: 'asking',
  init: (): Asking => ({ run: undefined }),
  receive: (state: Asking, message: AskingMessage, ctx: ActorContext): void => {
    if (message.type === 'start') {
      const { to, count, inFlight } = message
      state.run = { handle: ctx.defer() as ReplyHandle, to, left: count, open: 0, tookMs: [] }
      for (let i = 0; i < inFlight; i++) askOne(state, ctx)
      return
    }
    const run = state.run
    if (run === undefined) return
    run.open -= 1
    run.tookMs.push(ctx.now() - message.askedAt)
    if (run.left > 0) askOne(state, ctx)
    else if (run.open === 0) ctx.replyTo(run.handle, run.tookMs)
  },
})

function askOne(state: Asking, ctx: ActorContext): void {
  const run = state.run
  if (run === undefined || run.left === 0) return
  run.left -= 1
  run.open += 1
  const askedAt = ctx.now()
  ctx.ask(run.to, { type: 'echo', argument: askedAt }, { deadlineMs: 10_000 }, () => ({ type: 'answered', askedAt }))
}

export const echo: ActorDefinition<undefined, undefined, unknown> = defineActor(import.meta.url, {
  name: 'echo',
  init: (): undefined => undefined,
  receive: { echo: (_state: undefined, value: number): number => value },
})
