/**
 * Three planted bugs of order, of known depth: how many messages must be handled in a certain order for the bug to show. Each
 * is a small graph of actors on one thread; `broken` says whether the last run showed it.
 */
import { type ActorContext, type ActorDefinition, type ActorRef, defineActor } from '../../../runtime/kernel/actor.ts'
import type { Decision } from '../../../sim/decisions.ts'
import { Decisions } from '../../../sim/decisions.ts'
import type { Choice } from '../../../sim/schedulers/systematic.ts'
import { Systematic } from '../../../sim/schedulers/systematic.ts'
import type { SchedulerPlan } from '../../../sim/schedulers/scheduler.ts'
import { edgeSpawn, edgeTell } from '../../../runtime/kernel/edge.ts'
import { SimWorld } from '../../../sim/world.ts'

/** What an order bug needs to be run. */
export interface OrderBug {
  readonly name: string
  readonly depth: number
  /** Actors that take part, and turns of a run: n and k of the bound of PCT. */
  readonly actors: number
  readonly turns: number
  /** Sets the graph going and returns how to see whether the bug showed; `fixed` leaves the bug out. */
  readonly start: (world: SimWorld, fixed: boolean) => () => boolean
}

export interface OrderRun {
  readonly broken: boolean
  readonly turns: number
  readonly choices: readonly Choice[]
}

export function runOrder(
  bug: OrderBug,
  { seed = 1, scheduler, decided, fixed = false }: {
    readonly seed?: number
    readonly scheduler: SchedulerPlan
    /** In place of the seed. */
    readonly decided?: readonly Decision[]
    readonly fixed?: boolean
  },
): OrderRun {
  const decisions = decided === undefined ? Decisions.drawn(seed) : Decisions.scripted(decided)
  const world = new SimWorld({ seed, definitions: [], scheduler, decisions })
  const node = world.addNode(1, 1, () => {})
  world.start(node.id)
  const broken = bug.start(world, fixed)
  world.run(100)
  const choices = world.scheduler instanceof Systematic ? world.scheduler.choices : []
  return { broken: broken(), turns: world.trace.deliveries, choices }
}

type Script = (state: Played, message: unknown, ctx: ActorContext) => void
interface Played {
  readonly peers: readonly ActorRef[]
  seen: number
}

/** An actor that is nothing but a function: plenty for a graph that only shows orders. */
function player(name: string, script: Script): ActorDefinition<readonly ActorRef[], Played, Script> {
  return defineActor(import.meta.url, {
    name,
    init: (_ctx, peers: readonly ActorRef[]): Played => ({ peers, seen: 0 }),
    receive: script,
  })
}

function spawn(world: SimWorld, name: string, peers: readonly ActorRef[], script: Script): ActorRef {
  return edgeSpawn(world.node(1).executor(0), player(name, script), peers, { name })
}

function tell(world: SimWorld, to: ActorRef, message: unknown): void {
  edgeTell(world.node(1).executor(0), to, message)
}

/** Counts down to `then` by messages to itself: somebody who is slow. */
function slowly(steps: number, then: Script): Script {
  return (state, message, ctx) => {
    state.seen += 1
    if (state.seen < steps) ctx.tell(ctx.self, message)
    else then(state, message, ctx)
  }
}

const bystanders = 4
const idleSteps = 6

/** Others who keep the thread busy and take part in nothing. */
function crowd(world: SimWorld): void {
  for (let at = 0; at < bystanders; at++) tell(world, spawn(world, `bystander/${at}`, [], slowly(idleSteps, () => {})), 'go')
}

/** Depth 1: the user goes before the one who makes it ready, who has ten steps to do while the user has thirty. */
const useBeforeReady: OrderBug = {
  name: 'use before it is ready',
  depth: 1,
  actors: 3 + bystanders,
  turns: 80,
  start: (world, fixed) => {
    let ready = false
    let broken = false
    const thing = spawn(world, 'thing', [], (_state, message, ctx) => {
      if (message === 'ready') ready = true
      else if (!ready && fixed) ctx.tell(ctx.self, message)
      else broken ||= !ready
    })
    const maker = spawn(world, 'maker', [thing], slowly(10, ({ peers }, _message, ctx) => ctx.tell(peers[0] as ActorRef, 'ready')))
    const user = spawn(world, 'user', [thing], slowly(30, ({ peers }, _message, ctx) => ctx.tell(peers[0] as ActorRef, 'use')))
    crowd(world)
    tell(world, maker, 'go')
    tell(world, user, 'go')
    return () => broken
  },
}

/** Depth 2: between the read and the write of one the whole read and write of another: an update is lost. */
const lostUpdate: OrderBug = {
  name: 'lost update',
  depth: 2,
  actors: 3 + bystanders,
  turns: 60,
  start: (world, fixed) => {
    let value = 0
    const register = spawn(world, 'register', [], (_state, message, ctx) => {
      const asked = message as { type: string; by: ActorRef; value: number }
      if (asked.type === 'read') ctx.tell(asked.by, { type: 'was', value })
      else if (asked.type === 'add') value += asked.value
      else value = asked.value
    })
    const adder = slowly(8, ({ peers, seen }, message, ctx) => {
      const [to] = peers as [ActorRef]
      const said = message as { type: string; value: number }
      if (fixed) ctx.tell(to, { type: 'add', value: 1 })
      else if (seen === 8) ctx.tell(to, { type: 'read', by: ctx.self })
      else if (said.type === 'was') ctx.tell(to, { type: 'write', value: said.value + 1 })
    })
    const adders = ['one', 'two'].map((name) => spawn(world, name, [register], adder))
    crowd(world)
    for (const each of adders) tell(world, each, { type: 'go' })
    return () => value !== 2
  },
}

/**
 * Depth 3: a cache is filled by a read that was done before a write, although the write has dropped what was cached in the
 * meantime, and then used: read before write, drop before fill, fill before use.
 */
const staleCache: OrderBug = {
  name: 'stale cache',
  depth: 3,
  actors: 6 + bystanders,
  turns: 80,
  start: (world, fixed) => {
    let stored = 'old'
    let cached: string | undefined
    let drops = 0
    let broken = false
    const cache = spawn(world, 'cache', [], (_state, message, ctx) => {
      const asked = message as { type: string; value: string; at: number; loader: ActorRef }
      if (asked.type === 'miss') ctx.tell(asked.loader, { type: 'load', at: drops })
      else if (asked.type === 'fill') cached = fixed && asked.at !== drops ? cached : asked.value
      else if (asked.type === 'drop') {
        cached = undefined
        drops += 1
      } else broken ||= drops > 0 && cached === 'old'
    })
    const store = spawn(world, 'store', [cache], ({ peers }, message, ctx) => {
      const asked = message as { type: string; by: ActorRef; at: number }
      if (asked.type === 'read') ctx.tell(asked.by, { type: 'loaded', value: stored, at: asked.at })
      else {
        stored = 'new'
        ctx.tell(peers[0] as ActorRef, { type: 'drop' })
      }
    })
    const loader = spawn(world, 'loader', [store, cache], ({ peers }, message, ctx) => {
      const said = message as { type: string; value: string; at: number }
      const [source, target] = peers as [ActorRef, ActorRef]
      if (said.type === 'load') ctx.tell(source, { type: 'read', by: ctx.self, at: said.at })
      else ctx.tell(target, { type: 'fill', value: said.value, at: said.at })
    })
    const says = (what: unknown): Script => ({ peers }, _message, ctx) => ctx.tell(peers[0] as ActorRef, what)
    const reader = spawn(world, 'reader', [cache], slowly(4, says({ type: 'miss', loader })))
    const writer = spawn(world, 'writer', [store], slowly(8, says({ type: 'write' })))
    const user = spawn(world, 'user', [cache], slowly(12, says({ type: 'use' })))
    crowd(world)
    for (const each of [reader, writer, user]) tell(world, each, 'go')
    return () => broken
  },
}

export const orderBugs: readonly OrderBug[] = [useBeforeReady, lostUpdate, staleCache]
