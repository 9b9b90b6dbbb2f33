/**
 * Three planted bugs of order, of known depth: how many pairs of messages must be handled in a certain order for the bug to
 * show. Each is a graph of actors on one thread, long or short: the shorter, the fewer schedules it has.
 */
import { type ActorContext, type ActorDefinition, type ActorRef, defineActor } from '../../../runtime/kernel/actor.ts'
import { edgeSpawn, edgeTell } from '../../../runtime/kernel/edge.ts'
import { type Decision, Decisions } from '../../../sim/decisions.ts'
import type { SchedulerPlan } from '../../../sim/schedulers/scheduler.ts'
import { type Choice, Systematic } from '../../../sim/schedulers/systematic.ts'
import { SimWorld } from '../../../sim/world.ts'

/** What an order bug needs to be run. */
export interface OrderBug {
  readonly name: string
  readonly depth: number
  /** Actors of the long graph, and turns it has at most: n and k of the bound of PCT. */
  readonly actors: number
  readonly turns: number
  /** Sets the graph going and returns how to see whether the bug showed. */
  readonly start: (world: SimWorld, shape: OrderShape) => () => boolean
}

export interface OrderShape {
  /** Leaves the bug out. */
  readonly fixed: boolean
  /** Few steps and no bystanders. */
  readonly short: boolean
}

export interface OrderRun {
  readonly broken: boolean
  readonly turns: number
  readonly choices: readonly Choice[]
}

export interface OrderHow extends Partial<OrderShape> {
  readonly seed?: number
  /** In place of the seed. */
  readonly decided?: readonly Decision[]
  readonly scheduler: SchedulerPlan
}

export function runOrder(
  bug: OrderBug,
  { seed = 1, scheduler, decided, fixed = false, short = false }: OrderHow,
): OrderRun {
  const decisions = decided === undefined ? Decisions.drawn(seed) : Decisions.scripted(decided)
  const world = new SimWorld({ seed, definitions: [], scheduler, decisions })
  const node = world.addNode(1, 1, () => {})
  world.start(node.id)
  const broken = bug.start(world, { fixed, short })
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
  for (let at = 0; at < bystanders; at++)
    tell(
      world,
      spawn(
        world,
        `bystander/${at}`,
        [],
        slowly(idleSteps, () => {}),
      ),
      'go',
    )
}

/** Depth 1: use before ready, although the user has thirty steps to do and the maker ten. */
const useBeforeReady: OrderBug = {
  name: 'use before it is ready',
  depth: 1,
  actors: 3 + bystanders,
  turns: 80,
  start: (world, { fixed, short }) => {
    let ready = false
    let broken = false
    const use = (): void => {
      broken ||= !ready
    }
    let early = 0
    const thing = spawn(world, 'thing', [], (_state, message) => {
      if (message === 'ready') {
        ready = true
        for (; early > 0; early--) use()
      } else if (fixed && !ready) early += 1
      else use()
    })
    const maker = spawn(
      world,
      'maker',
      [thing],
      slowly(short ? 2 : 10, ({ peers }, _message, ctx) => ctx.tell(peers[0] as ActorRef, 'ready')),
    )
    const user = spawn(
      world,
      'user',
      [thing],
      slowly(short ? 3 : 30, ({ peers }, _message, ctx) => ctx.tell(peers[0] as ActorRef, 'use')),
    )
    if (!short) crowd(world)
    tell(world, maker, 'go')
    tell(world, user, 'go')
    return () => broken
  },
}

/** Depth 2: each of two reads before the other writes, and an update is lost. */
const lostUpdate: OrderBug = {
  name: 'lost update',
  depth: 2,
  actors: 3 + bystanders,
  turns: 60,
  start: (world, { fixed, short }) => {
    let value = 0
    const register = spawn(world, 'register', [], (_state, message, ctx) => {
      const asked = message as { type: string; by: ActorRef; value: number }
      if (asked.type === 'read') ctx.tell(asked.by, { type: 'was', value })
      else if (asked.type === 'add') value += asked.value
      else value = asked.value
    })
    const adder = (steps: number): Script =>
      slowly(steps, ({ peers, seen }, message, ctx) => {
        const [to] = peers as [ActorRef]
        const said = message as { type: string; value: number }
        if (fixed) ctx.tell(to, { type: 'add', value: 1 })
        else if (seen === steps) ctx.tell(to, { type: 'read', by: ctx.self })
        else if (said.type === 'was') ctx.tell(to, { type: 'write', value: said.value + 1 })
      })
    const adders = (short ? [1, 3] : [6, 9]).map((steps) => spawn(world, `adder/${steps}`, [register], adder(steps)))
    if (!short) crowd(world)
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
  start: (world, { fixed, short }) => {
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
    const says =
      (what: unknown): Script =>
      ({ peers }, _message, ctx) =>
        ctx.tell(peers[0] as ActorRef, what)
    const reader = spawn(world, 'reader', [cache], slowly(short ? 1 : 4, says({ type: 'miss', loader })))
    const writer = spawn(world, 'writer', [store], slowly(short ? 1 : 8, says({ type: 'write' })))
    const user = spawn(world, 'user', [cache], slowly(short ? 1 : 12, says({ type: 'use' })))
    if (!short) crowd(world)
    for (const each of [reader, writer, user]) tell(world, each, 'go')
    return () => broken
  },
}

export const orderBugs: readonly OrderBug[] = [useBeforeReady, lostUpdate, staleCache]
