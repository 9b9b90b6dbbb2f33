/**
 * Ten thousand actors that crash at random, and the tree that keeps them: for the soak in a simulated minute and for the
 * long one on real threads.
 *
 *   crashRoot (executor 0) ─▶ wing per executor ─▶ nurseries ─▶ crashers
 */
import { type ActorContext, type ActorDefinition, defineActor } from '../../runtime/kernel/actor.ts'
import { type ChildSpec, child } from '../../supervisors/spec.ts'
import { defineSupervisor, type SupervisorDefinition } from '../../supervisors/supervisor.ts'
import { rootSpec } from '../../supervisors/thread-supervisor.ts'

export interface CrashPlan {
  readonly executors: readonly number[]
  readonly nurseriesPerWing: number
  readonly crashersPerNursery: number
  readonly beatMs: number
  /** Share of beats and of starts that end in a throw, until the storm ends. */
  readonly crashShare: number
  /** By the clock of `ctx.now()`. */
  readonly stormEndsMs: number
}

interface CrasherArgs {
  readonly plan: CrashPlan
  /** The other crashers of its nursery are `<nursery>/0` to `<nursery>/<crashersPerNursery - 1>`. */
  readonly nursery: string
  /** It counts in the store, and its sends wait for the disk. */
  readonly keeps: boolean
}

interface CrasherState extends CrasherArgs {
  beats: number
  stashed: number
}

type CrasherMessage =
  | { readonly type: 'beat' }
  | { readonly type: 'work' }
  | { readonly type: 'answered' }
  | { readonly type: 'ping' }

export class Crash extends Error {
  override readonly name = 'Crash'
}

export const crasher: ActorDefinition<CrasherArgs, CrasherState, unknown> = defineActor(import.meta.url, {
  name: 'crasher',
  mailbox: { messagesMax: 64, whenFull: 'reject' },
  init: (ctx: ActorContext, args: CrasherArgs): CrasherState => {
    crashMaybe(ctx, args.plan, args.plan.crashShare / 4)
    ctx.after(args.plan.beatMs * ctx.random('crasher.first-beat'), { type: 'beat' })
    const beats = args.keeps ? ((ctx.store.getValue('beats') as number | undefined) ?? 0) : 0
    return { ...args, beats, stashed: 0 }
  },
  receive: (state: CrasherState, message: CrasherMessage, ctx: ActorContext): void => {
    switch (message.type) {
      case 'beat':
        onBeat(state, ctx)
        break
      case 'work':
        onWork(state, ctx)
        break
      case 'answered':
        break
      case 'ping':
        ctx.reply(state.beats)
        break
    }
  },
})

/** Asks of its neighbours are under way, timers run and writes are pending whenever it crashes. */
function onBeat(state: CrasherState, ctx: ActorContext): void {
  const { plan, nursery } = state
  ctx.after(plan.beatMs * (0.5 + ctx.random('crasher.beat')), { type: 'beat' })
  state.beats += 1
  if (state.keeps) ctx.store.putValue('beats', state.beats)
  if (state.stashed > 0) ctx.unstash()
  state.stashed = 0
  const neighbour = `${nursery}/${Math.floor(ctx.random('crasher.neighbour') * plan.crashersPerNursery)}`
  const to = { type: 'named', node: ctx.node, name: neighbour } as const
  if (ctx.random('crasher.ask') < 0.5) ctx.tell(to, { type: 'work' })
  else ctx.ask(to, { type: 'work' }, { deadlineMs: 2_000 }, () => ({ type: 'answered' }))
  crashMaybe(ctx, plan, plan.crashShare)
}

function onWork(state: CrasherState, ctx: ActorContext): void {
  const choice = ctx.random('crasher.work')
  if (choice < 0.1) {
    ctx.stash()
    state.stashed += 1
  } else if (choice < 0.8) {
    ctx.reply('done')
  }
}

function crashMaybe(ctx: ActorContext, plan: CrashPlan, share: number): void {
  if (ctx.now() < plan.stormEndsMs && ctx.random('crasher.crash') < share) throw new Crash('crasher: as planned')
}

interface NurseryConfig {
  readonly name: string
  readonly plan: CrashPlan
}

export const nursery: SupervisorDefinition<NurseryConfig> = defineSupervisor(
  import.meta.url,
  'nursery',
  ({ name, plan }: NurseryConfig) => ({
    name,
    strategy: 'oneForOne',
    // Low enough that a nursery has too much of it now and then and passes the failure up.
    restartsMax: 32,
    restartsWindowMs: 5_000,
    backoff: { baseMs: 5, maxMs: 500 },
    children: Array.from(
      { length: plan.crashersPerNursery },
      (_, at): ChildSpec =>
        child(
          `${name}/${at}`,
          crasher,
          { plan, nursery: name, keeps: at % 10 === 0 },
          { restart: 'permanent', stopWithinMs: 5_000 },
        ),
    ),
  }),
)

interface WingConfig {
  readonly executor: number
  readonly plan: CrashPlan
}

export const wing: SupervisorDefinition<WingConfig> = defineSupervisor(
  import.meta.url,
  'wing',
  ({ executor, plan }: WingConfig) => ({
    name: `crash/${executor}`,
    strategy: 'oneForOne',
    restartsMax: 100_000,
    restartsWindowMs: 60_000,
    children: nurseriesOf(plan, executor).map((name) =>
      child(name, nursery, { name, plan }, { restart: 'permanent', stopWithinMs: 30_000 }),
    ),
  }),
)

export const crashRoot: SupervisorDefinition<CrashPlan> = defineSupervisor(
  import.meta.url,
  'crashRoot',
  (plan: CrashPlan) =>
    rootSpec({
      name: 'crash',
      executors: plan.executors,
      subtree: wing,
      configOf: (executor): WingConfig => ({ executor, plan }),
      restartsMax: 100_000,
      restartsWindowMs: 60_000,
      stopWithinMs: 60_000,
    }),
)

function nurseriesOf(plan: CrashPlan, executor: number): string[] {
  return Array.from({ length: plan.nurseriesPerWing }, (_, at) => `nursery/${executor}/${at}`)
}

/** Names of every supervisor and crasher of the tree. */
export function namesOf(plan: CrashPlan): {
  readonly supervisors: readonly string[]
  readonly crashers: readonly string[]
} {
  const nurseries = plan.executors.flatMap((executor) => nurseriesOf(plan, executor))
  return {
    supervisors: ['crash', ...plan.executors.map((executor) => `crash/${executor}`), ...nurseries],
    crashers: nurseries.flatMap((name) => Array.from({ length: plan.crashersPerNursery }, (_, at) => `${name}/${at}`)),
  }
}
