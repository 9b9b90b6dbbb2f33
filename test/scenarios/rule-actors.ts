/** Actors for the scenarios of the kernel's rules: each shows one thing that the kernel promises, by what it counts. */

import { fromUtf8, utf8 } from '../../base/bytes.ts'
import type {
  ActorContext,
  ActorDefinition,
  ActorRef,
  Answer,
  DownReason,
  ReplyHandle,
} from '../../runtime/kernel/actor.ts'
import { defineActor } from '../../runtime/kernel/actor.ts'
import { child } from '../../supervisors/spec.ts'
import { defineSupervisor, type SupervisorDefinition } from '../../supervisors/supervisor.ts'

export type Step =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string }
  | { readonly type: 'deleteRange'; readonly from: string; readonly to: string }

export interface Burst {
  readonly steps: readonly Step[]
  /** After the last step. */
  readonly fails: boolean
}

/** Everything an actor keeps, as text. */
export type Contents = readonly (readonly [key: string, value: string])[]

function take({ store }: ActorContext, { steps, fails }: Burst): Contents {
  for (const step of steps) {
    if (step.type === 'put') store.put(step.key, utf8(step.value))
    else if (step.type === 'delete') store.delete(step.key)
    else store.deleteRange(utf8(step.from), utf8(step.to))
  }
  if (fails) throw new RangeError('as asked')
  return contents({ store } as ActorContext)
}

function contents({ store }: ActorContext): Contents {
  return store.range(new Uint8Array(0), undefined).map(([key, value]) => [fromUtf8(key), fromUtf8(value)])
}

const ledgerHandlers = {
  burst: (_state: null, burst: Burst, ctx: ActorContext): Contents => take(ctx, burst),
  all: (_state: null, _argument: undefined, ctx: ActorContext): Contents => contents(ctx),
  /** Each key by itself: another way to the same answer. */
  each: (_state: null, keys: readonly string[], ctx: ActorContext): Contents =>
    keys.flatMap((key) => {
      const value = ctx.store.get(key)
      return value === undefined ? [] : [[key, fromUtf8(value)] as const]
    }),
}

export const ledger: ActorDefinition<null, null, typeof ledgerHandlers> = defineActor(import.meta.url, {
  name: 'rule-ledger',
  exportName: 'ledger',
  init: (): null => null,
  receive: ledgerHandlers,
})

/** The same, but its writes are folded now and then. */
export const lazyLedger: ActorDefinition<null, null, typeof ledgerHandlers> = defineActor(import.meta.url, {
  name: 'rule-lazy-ledger',
  exportName: 'lazyLedger',
  outputs: 'now',
  foldWithinMs: 20,
  init: (): null => null,
  receive: ledgerHandlers,
})

interface Ears {
  readonly downs: string[]
  readonly answers: string[]
}

const listenerHandlers = {
  watch: (_state: Ears, { ref, name }: { readonly ref: ActorRef; readonly name: string }, ctx: ActorContext): void => {
    ctx.watch(ref, (reason: DownReason) => ({ type: 'down', argument: `${name} ${reason.type}` }))
  },
  down: (state: Ears, what: string): void => {
    state.downs.push(what)
  },
  ask: (
    _state: Ears,
    {
      ref,
      message,
      deadlineMs,
      name,
    }: { readonly ref: ActorRef; readonly message: unknown; readonly deadlineMs: number; readonly name: string },
    ctx: ActorContext,
  ): void => {
    ctx.ask(ref, message, { deadlineMs }, (answer: Answer) => ({ type: 'answer', argument: `${name} ${answer.type}` }))
  },
  answer: (state: Ears, what: string): void => {
    state.answers.push(what)
  },
  heard: (state: Ears): Ears => ({ downs: [...state.downs], answers: [...state.answers] }),
}

/** Hears what happens to others, and counts it. */
export const listener: ActorDefinition<null, Ears, typeof listenerHandlers> = defineActor(import.meta.url, {
  name: 'rule-listener',
  exportName: 'listener',
  init: (): Ears => ({ downs: [], answers: [] }),
  receive: listenerHandlers,
})

interface Held {
  handle: ReplyHandle | undefined
}

const answererHandlers = {
  /** Answers when its write is on disk. */
  write: (_state: Held, value: string, ctx: ActorContext): string => {
    ctx.store.put('w', utf8(value))
    return value
  },
  /** Answers when somebody says so, or never. */
  hold: (state: Held, _argument: undefined, ctx: ActorContext): void => {
    state.handle = ctx.defer()
  },
  letGo: (state: Held, _argument: undefined, ctx: ActorContext): void => {
    if (state.handle !== undefined) ctx.replyTo(state.handle, 'late')
  },
}

export const answerer: ActorDefinition<null, Held, typeof answererHandlers> = defineActor(import.meta.url, {
  name: 'rule-answerer',
  exportName: 'answerer',
  mailbox: { messagesMax: 4, whenFull: 'reject' },
  init: (): Held => ({ handle: undefined }),
  receive: answererHandlers,
})

interface Order {
  readonly seen: number[]
  open: boolean
}

const queueHandlers = {
  item: (state: Order, number: number, ctx: ActorContext): void => {
    if (state.open) state.seen.push(number)
    else ctx.stash()
  },
  open: (state: Order, _argument: undefined, ctx: ActorContext): void => {
    state.open = true
    ctx.unstash()
  },
  seen: (state: Order): readonly number[] => [...state.seen],
}

/** Puts aside what comes until it is opened. */
export const queue: ActorDefinition<{ readonly open: boolean }, Order, typeof queueHandlers> = defineActor(
  import.meta.url,
  {
    name: 'rule-queue',
    exportName: 'queue',
    init: (_ctx: ActorContext, { open }: { readonly open: boolean }): Order => ({ seen: [], open }),
    receive: queueHandlers,
  },
)

interface Pulse {
  beats: number
}

const pulseHandlers = {
  beat: (state: Pulse): void => {
    state.beats += 1
  },
  fail: (): void => {
    throw new RangeError('as asked')
  },
  quit: (_state: Pulse, _argument: undefined, ctx: ActorContext): void => ctx.stop(),
  beats: (state: Pulse): number => state.beats,
  starts: (_state: Pulse, _argument: undefined, ctx: ActorContext): unknown => ctx.store.getValue('starts'),
}

/** Beats every 100 ms, and notes how often it started. */
export const pulse: ActorDefinition<null, Pulse, typeof pulseHandlers> = defineActor(import.meta.url, {
  name: 'rule-pulse',
  exportName: 'pulse',
  init: (ctx: ActorContext): Pulse => {
    ctx.every(100, { type: 'beat' })
    ctx.store.putValue('starts', ((ctx.store.getValue('starts') as number | undefined) ?? 0) + 1)
    return { beats: 0 }
  },
  receive: pulseHandlers,
})

const failing: ActorDefinition<null, null, { fail: () => void }> = defineActor(import.meta.url, {
  name: 'rule-failing',
  exportName: 'failing',
  init: (ctx: ActorContext): null => {
    ctx.after(5, { type: 'fail' })
    return null
  },
  receive: {
    fail: (): void => {
      throw new RangeError('as always')
    },
  },
})

const kept = { restart: 'permanent', stopWithinMs: 1_000 } as const

/** Its only child fails again and again. */
export const hopeless: SupervisorDefinition<null> = defineSupervisor(import.meta.url, 'hopeless', () => ({
  name: 'hopeless',
  strategy: 'oneForOne',
  restartsMax: 3,
  restartsWindowMs: 10_000,
  children: [child('hopeless/child', failing, null, kept)],
}))

/** Three that stand on each other, and one that ends when it is done. */
export const tower: SupervisorDefinition<null> = defineSupervisor(import.meta.url, 'tower', () => ({
  name: 'tower',
  strategy: 'restForOne',
  restartsMax: 100,
  restartsWindowMs: 10_000,
  children: [
    child('tower/quitter', pulse, null, { ...kept, restart: 'transient' }),
    child('tower/base', pulse, null, kept),
    child('tower/middle', pulse, null, kept),
    child('tower/top', pulse, null, kept),
  ],
}))
