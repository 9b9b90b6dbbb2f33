/** Actors that use all that a context has, to be recorded and played back; and the world they are recorded in. */
import { type ActorContext, type ActorDefinition, type ActorRef, defineActor } from '../../../runtime/kernel/actor.ts'
import { edgeSpawn } from '../../../runtime/kernel/edge.ts'
import { FlightRecorder } from '../../../runtime/kernel/flight-recorder.ts'
import { child } from '../../../supervisors/spec.ts'
import { defineSupervisor, type SupervisorDefinition } from '../../../supervisors/supervisor.ts'
import { type SmallWorld, smallWorld } from '../kernel/small-world.ts'

const here = import.meta.url

export interface GamblerState {
  readonly seen: Map<string, number>
  won: number
  ticks: number
  child: ActorRef | undefined
}

/** A map of handlers: chance, clocks, timers, asks, a store, a child, a topic. */
export const gambler: ActorDefinition<{ readonly stake: number }, GamblerState, unknown> = defineActor(here, {
  name: 'gambler',
  init: (ctx, args: { readonly stake: number }): GamblerState => {
    ctx.every(100, { type: 'tick' })
    const bytes = ctx.store.get('won')
    return { seen: new Map(), won: (bytes?.[0] ?? 0) + args.stake, ticks: 0, child: undefined }
  },
  receive: {
    play: (state: GamblerState, name: string, ctx: ActorContext): number => {
      const luck = ctx.random('gambler.luck')
      state.seen.set(name, Math.floor(ctx.now()) + Math.floor(ctx.wallNow() % 7) + luck)
      if (luck > 0.5) state.won += 1
      ctx.store.put('won', Uint8Array.of(state.won))
      ctx.store.putValue('last', { name, luck })
      ctx.publish('plays', name)
      return state.won
    },
    tick: (state: GamblerState): void => {
      state.ticks += 1
    },
    consult: (state: GamblerState, oracle: ActorRef, ctx: ActorContext): void => {
      const before = state.won
      ctx.ask(oracle, { type: 'ask', before }, { deadlineMs: 500 }, (answer) => ({
        type: 'told',
        argument: { before, answer },
      }))
    },
    told: (state: GamblerState, { before, answer }: { before: number; answer: { type: string } }): void => {
      state.won = before + (answer.type === 'reply' ? 10 : 1)
    },
    raise: (state: GamblerState, _argument: unknown, ctx: ActorContext): void => {
      state.child = ctx.spawn(oracle, { wisdom: 1 }, { name: 'raised' })
      ctx.watch(state.child, (reason) => ({ type: 'lost', argument: reason.type }))
      ctx.stop(state.child)
    },
    lost: (state: GamblerState, reason: string): void => {
      state.seen.set(reason, -1)
    },
    later: (_state: GamblerState, _argument: unknown, ctx: ActorContext) => {
      const handle = ctx.defer()
      if (handle !== undefined) ctx.replyTo(handle, ctx.store.range(new Uint8Array(0), undefined).length)
    },
    fail: (): void => {
      throw new RangeError('the gambler fell off the chair')
    },
    slow: (_state: GamblerState, _argument: unknown, ctx: ActorContext) => ctx.sleep(5),
    whisper: (_state: GamblerState, _secret: unknown): void => {},
  },
})

export interface OracleState {
  asked: number
}

type OracleMessage =
  | { readonly type: 'ask'; readonly before: number }
  | { readonly type: 'silence' }
  | { readonly type: 'bag'; readonly items: ReadonlyMap<string, Uint8Array>; readonly ids: ReadonlySet<bigint> }

/** One function over a union, with a digest of its own. */
export const oracle: ActorDefinition<{ readonly wisdom: number }, OracleState, unknown> = defineActor(here, {
  name: 'oracle',
  init: (): OracleState => ({ asked: 0 }),
  digest: (state) => state.asked,
  receive: (state: OracleState, message: OracleMessage, ctx: ActorContext): void => {
    switch (message.type) {
      case 'ask':
        state.asked += 1
        ctx.reply(message.before + state.asked)
        break
      case 'bag':
        for (const [key, bytes] of message.items) ctx.store.put(key, bytes)
        state.asked += [...message.ids].length + [...message.items.values()].filter(({ length }) => length > 0).length
        break
      default:
        ctx.become((silent: OracleState) => {
          silent.asked += 100
        })
    }
  },
})

export const table: SupervisorDefinition<{ readonly stake: number }> = defineSupervisor(here, 'table', ({ stake }) => ({
  name: 'table',
  strategy: 'oneForOne',
  restartsMax: 100,
  restartsWindowMs: 1_000,
  backoff: { baseMs: 0, maxMs: 0 },
  children: [
    child('gambler', gambler, { stake }, { restart: 'permanent', stopWithinMs: 1_000 }),
    child('oracle', oracle, { wisdom: 7 }, { restart: 'permanent', stopWithinMs: 1_000 }),
  ],
}))

export interface RecordingWorld {
  readonly world: SmallWorld
  readonly recorder: FlightRecorder
  readonly gambler: ActorRef
  readonly oracle: ActorRef
}

/** Both actors under their supervisor, on one executor. */
export function recordingWorld(): RecordingWorld {
  const world = smallWorld()
  const [executor] = world.executors
  if (executor === undefined) throw new Error('a world of one executor has none')
  edgeSpawn(executor, table, { stake: 2 }, { name: 'table' })
  world.settle()
  const named = (name: string): ActorRef => ({ type: 'named', node: 1, name })
  const recorder = new FlightRecorder(executor, { product: '1.2.3', boot: undefined })
  return { world, recorder, gambler: named('gambler'), oracle: named('oracle') }
}
