/**
 * One supervisor as a pure state machine: what happened goes in, what the kernel must do comes out, in order.
 *
 *              start                 failed and still there
 *     gone ───────────────▶ running ─────────────────────────▶ failed
 *      ▲                    │  ▲                                 │ │
 *      │       thread lost  │  └────── restart, same ref ────────┘ │
 *      ├────────────────────┤                                      │
 *      └────── stopping ◀───┴──────────────────────────────────────┘
 *
 * Every message marks what is wanted of each child (its goal) and then `settle` moves as many children as the rules
 * allow (U3 to U10 in `restart.ts`). Nothing else moves a child, so an interrupted restart needs no case of its own:
 * the next message finds the same goals and goes on.
 */
import { invariant, unreachable } from '../base/assert.ts'
import { buggify, sometimes } from '../base/fault-points.ts'
import type { ActorRef, DownReason, ReplyHandle } from '../runtime/kernel/actor.ts'
import {
  lossCounted,
  lossKnown,
  readyTwice,
  refuseStart,
  restartAfterLoss,
  silentList,
  startedBefore,
} from './fault-sites.ts'
import type {
  ChildStatus,
  Phase,
  StartChildReply,
  SupervisionEffect,
  SupervisionEvent,
  SupervisorReply,
  ThreadReady,
} from './messages.ts'
import {
  createRestartWindow,
  failuresInARow,
  noteFailure,
  type RestartWindow,
  restartDelayMs,
  restartsWith,
  wantsRestart,
} from './restart.ts'
import { backoffOf, type ChildSpec, faultOfChild, isSubtree, type SupervisorSpec } from './spec.ts'
import { noteThreadLoss, type ThreadLosses } from './thread-supervisor.ts'

/** What a step knows besides the state. */
export interface Moment {
  readonly nowMs: number
  /** 0 (included) to 1 (excluded), keyed by the kernel. */
  readonly draw: number
  /** The open ask, where the message was asked. */
  readonly asker: ReplyHandle | undefined
}

interface Child {
  readonly spec: ChildSpec
  /** Of the spec, so its place in the order counts. */
  readonly fixed: boolean
  phase: Phase
  /** `bounce`: to be stopped and started again with its group. `remove`: to be stopped for good. */
  goal: 'run' | 'bounce' | 'remove'
  failures: number
  lastFailedMs: number
  /** Not started before this time. */
  dueMs: number
  awaits: number | undefined
  /** While stopping: when patience ends, and whether a subtree has already been stopped without its consent. */
  deadlineMs: number
  forced: boolean
  readonly stopAskers: ReplyHandle[]
}

export interface Supervision {
  readonly spec: SupervisorSpec
  readonly node: number
  /** In start order: those of the spec first. */
  readonly children: Map<string, Child>
  /** Children neither running undisturbed nor finished: all that time or a lost thread can concern. */
  readonly unsettled: Set<Child>
  readonly window: RestartWindow
  readonly losses: ThreadLosses
  stopping: number
  /** When the wake that counts is due; every other wake is out of date. */
  armedMs: number | undefined
  shuttingDown: boolean
  readonly shutDownAskers: ReplyHandle[]
}

/** The state before anything was started. `spec` is valid. The first `begin` starts the children. */
export function createSupervision(spec: SupervisorSpec, node: number): Supervision {
  const state: Supervision = {
    spec,
    node,
    children: new Map(),
    unsettled: new Set(),
    window: createRestartWindow(),
    losses: new Set(),
    stopping: 0,
    armedMs: undefined,
    shuttingDown: false,
    shutDownAskers: [],
  }
  for (const each of spec.children) addChild(state, each, true)
  return state
}

/** Starts the children of the spec, in order. */
export function begin(state: Supervision, nowMs: number): readonly SupervisionEffect[] {
  const effects: SupervisionEffect[] = []
  settle(state, state.children.values(), nowMs, effects)
  return effects
}

/** Takes one event, changes `state`, and returns what the kernel must do, in order. */
export function step(state: Supervision, event: SupervisionEvent, moment: Moment): readonly SupervisionEffect[] {
  const effects: SupervisionEffect[] = []
  switch (event.type) {
    case 'childFailed':
      onChildFailed(state, event, moment, effects)
      break
    case 'childStopped':
      onChildStopped(state, event, moment, effects)
      break
    case 'wake':
      onWake(state, event.atMs, moment, effects)
      break
    case 'threadReady':
      onThreadReady(state, event, moment, effects)
      break
    case 'startChild':
      answer(moment, onStartChild(state, event, moment, effects), effects)
      break
    case 'stopChild':
      onStopChild(state, event.name, moment, effects)
      break
    case 'listChildren':
      if (buggify(silentList)) break
      answer(
        moment,
        { type: 'children', children: [...state.children.values()].map((each) => status(state, each)) },
        effects,
      )
      break
    case 'shutDown':
      onShutDown(state, moment, effects)
      break
    default:
      unreachable(event)
  }
  return effects
}

type Effects = SupervisionEffect[]

function onChildFailed(
  state: Supervision,
  { name, error }: { readonly name: string | undefined; readonly error: string },
  moment: Moment,
  effects: Effects,
): void {
  const child = childNamed(state, name)
  // An event of an incarnation that is already replaced or let go of changes nothing.
  if (child === undefined || child.phase === 'gone' || child.phase === 'finished') return
  if (child.phase === 'stopping') {
    // It failed on its last turn: only an order to stop ends an actor that failed.
    effects.push({ type: 'stop', name: child.spec.name })
    return
  }
  moveTo(state, child, 'failed')
  if (child.goal === 'run') onFailure(state, child, { type: 'failed', error }, true, moment, effects)
  settleAround(state, child, moment, effects)
}

function onChildStopped(
  state: Supervision,
  event: { readonly name: string | undefined; readonly reason: DownReason; readonly executor: number | undefined },
  moment: Moment,
  effects: Effects,
): void {
  const child = childNamed(state, event.name)
  if (child === undefined || child.phase === 'gone' || child.phase === 'finished') return
  const before = child.phase
  moveTo(state, child, 'gone')
  const lost = event.reason.type === 'threadLost' ? event.executor : undefined
  child.awaits = lost
  // A child we stopped ourselves, or one that already waits for its restart, has not failed again by being gone.
  const counted = before === 'running' && child.goal === 'run'
  if (lost !== undefined && before !== 'stopping' && child.goal === 'run') {
    const counts = noteThreadLoss(state.losses, lost) === 'counts'
    sometimes(counts ? lossCounted : lossKnown)
    onFailure(state, child, event.reason, counts, moment, effects)
  } else if (counted) {
    onFailure(state, child, event.reason, true, moment, effects)
  }
  settleAround(state, child, moment, effects)
}

/** Decides what the end of a child means: nothing more, a restart of it and of its group, or the end of our patience. */
function onFailure(
  state: Supervision,
  child: Child,
  reason: DownReason,
  counts: boolean,
  { nowMs, draw }: Moment,
  effects: Effects,
): void {
  const { spec } = state
  if (!wantsRestart(child.spec.restart, reason)) {
    // A temporary child is forgotten; so is a dynamic one that is done, or finished jobs would pile up.
    if (child.spec.restart === 'transient' && child.fixed) moveTo(state, child, 'finished')
    else child.goal = 'remove'
    return
  }
  if (counts && noteFailure(state.window, nowMs, spec.restartsMax, spec.restartsWindowMs) === 'escalate') {
    effects.push({ type: 'escalate', reason: escalation(spec, child, reason) })
    return
  }
  child.failures = failuresInARow(child.failures, child.lastFailedMs, nowMs, spec.restartsWindowMs)
  child.lastFailedMs = nowMs
  // The replacement of a thread takes its own time; a delay on top would only prolong the outage.
  child.dueMs = child.awaits === undefined ? nowMs + restartDelayMs(backoffOf(spec), child.failures, draw) : nowMs
  if (spec.strategy !== 'oneForOne') bounceGroup(state, child)
}

function bounceGroup(state: Supervision, failed: Child): void {
  const order = [...state.children.values()]
  const at = order.indexOf(failed)
  for (const [place, sibling] of order.entries()) {
    if (sibling === failed || !restartsWith(state.spec.strategy, at, place)) continue
    // Those that are done for good start over with their group: what they did may rest on what is lost.
    if (sibling.phase === 'finished') moveTo(state, sibling, 'gone')
    if (sibling.phase !== 'running') continue
    sibling.goal = sibling.spec.restart === 'temporary' ? 'remove' : 'bounce'
    state.unsettled.add(sibling)
  }
}

function onWake(state: Supervision, atMs: number, moment: Moment, effects: Effects): void {
  if (atMs !== state.armedMs) return
  state.armedMs = undefined
  for (const child of [...state.unsettled]) {
    if (child.phase === 'stopping' && moment.nowMs >= child.deadlineMs) onOverdue(state, child, moment.nowMs, effects)
  }
  settle(state, ordered(state) ? state.children.values() : state.unsettled, moment.nowMs, effects)
}

/** A child did not stop in time (U9). */
function onOverdue(state: Supervision, child: Child, nowMs: number, effects: Effects): void {
  const { name, stopWithinMs } = child.spec
  if (isSubtree(child.spec.definition) && !child.forced) {
    child.forced = true
    child.deadlineMs = nowMs + stopWithinMs
    effects.push({ type: 'stop', name })
  } else if (child.goal === 'remove') {
    remove(state, child, 'overdue', effects)
  } else {
    effects.push({
      type: 'escalate',
      reason: `U9: supervisor '${state.spec.name}': child '${name}' must stop within ${stopWithinMs} ms to be restarted, and did not`,
    })
  }
}

function onThreadReady(state: Supervision, notice: ThreadReady, { nowMs }: Moment, effects: Effects): void {
  state.losses.delete(notice.executor)
  for (const child of state.unsettled) if (child.awaits === notice.executor) child.awaits = undefined
  for (const child of state.children.values()) {
    if (child.phase !== 'running' || !isSubtree(child.spec.definition)) continue
    effects.push({ type: 'passDown', name: child.spec.name, notice })
    if (buggify(readyTwice, 0.8)) effects.push({ type: 'passDown', name: child.spec.name, notice })
  }
  settle(state, ordered(state) ? state.children.values() : state.unsettled, nowMs, effects)
}

function onStartChild(
  state: Supervision,
  event: Extract<SupervisionEvent, { readonly type: 'startChild' }>,
  { nowMs }: Moment,
  effects: Effects,
): StartChildReply {
  const { spec } = state
  const where = `supervisor '${spec.name}': cannot start a child`
  if (spec.dynamic === undefined) return { type: 'refused', reason: `${where}: its spec has no dynamic children` }
  if (state.shuttingDown) return { type: 'refused', reason: `${where}: it is shutting down` }
  const { name, definition: address } = event.child
  const present = childNamed(state, name)
  sometimes(startedBefore, present !== undefined)
  if (present !== undefined) return { type: 'alreadyStarted', ref: refOf(state, present) }
  if (event.definition === undefined) {
    return {
      type: 'refused',
      reason: `${where} '${name}': no definition '${address.exportName}' from ${address.module} is loaded here`,
    }
  }
  const added: ChildSpec = { ...event.child, definition: event.definition }
  const fault = faultOfChild(where, added)
  if (fault !== undefined) return { type: 'refused', reason: fault.message }
  if (event.nameTaken)
    return { type: 'refused', reason: `${where} '${name}': another actor of this node has that name` }
  const { childrenMax } = spec.dynamic
  if (state.children.size >= childrenMax || buggify(refuseStart)) return { type: 'full', childrenMax }
  const child = addChild(state, added, false)
  invariant(
    state.children.size <= childrenMax,
    () => `U11: at most ${childrenMax} children, not ${state.children.size}`,
  )
  settle(state, [child], nowMs, effects)
  return { type: 'started', ref: refOf(state, child) }
}

function onStopChild(state: Supervision, name: string, moment: Moment, effects: Effects): void {
  if (state.spec.dynamic === undefined) {
    const reason = `supervisor '${state.spec.name}': cannot stop child '${name}': its spec has no dynamic children`
    answer(moment, { type: 'refused', reason }, effects)
    return
  }
  const child = childNamed(state, name)
  if (child === undefined) {
    answer(moment, { type: 'unknownChild' }, effects)
    return
  }
  if (moment.asker !== undefined) child.stopAskers.push(moment.asker)
  child.goal = 'remove'
  state.unsettled.add(child)
  settle(state, [child], moment.nowMs, effects)
}

function onShutDown(state: Supervision, { nowMs, asker }: Moment, effects: Effects): void {
  if (asker !== undefined) state.shutDownAskers.push(asker)
  state.shuttingDown = true
  for (const child of state.children.values()) {
    child.goal = 'remove'
    state.unsettled.add(child)
  }
  settle(state, state.children.values(), nowMs, effects)
}

/** Moves what the rules allow: with an order to keep that concerns all children, otherwise this one alone. */
function settleAround(state: Supervision, child: Child, { nowMs }: Moment, effects: Effects): void {
  // While a stop is awaited in order, none but this child can move: ten thousand stopping must not each look at all.
  settle(state, ordered(state) && state.stopping === 0 ? state.children.values() : [child], nowMs, effects)
}

function settle(state: Supervision, candidates: Iterable<Child>, nowMs: number, effects: Effects): void {
  if (effects.some((effect) => effect.type === 'escalate')) return
  const children = [...candidates]
  for (const child of children) {
    if (child.goal === 'remove' && (child.phase === 'gone' || child.phase === 'finished'))
      remove(state, child, 'stopped', effects)
  }
  const down = takeDown(state, children, nowMs, effects)
  if (down || !ordered(state)) bringUp(state, children, nowMs, effects)
  arm(state, children, nowMs, effects)
  if (!state.shuttingDown || state.children.size > 0) return
  for (const to of state.shutDownAskers.splice(0)) effects.push({ type: 'reply', to, reply: { type: 'stopped' } })
  effects.push({ type: 'end' })
}

/** Stops what has to stop (U4). True when nothing is left to be stopped. */
function takeDown(state: Supervision, children: readonly Child[], nowMs: number, effects: Effects): boolean {
  const inOrder = ordered(state)
  for (const child of children.toReversed()) {
    const present = child.phase === 'running' || (child.phase === 'failed' && child.goal === 'remove')
    if (!present || child.goal === 'run') continue
    // Dynamic children have no order among themselves: ten thousand of them stop in one go, before those of the spec.
    if (inOrder && child.fixed && state.stopping > 0) return false
    // A subtree that failed cannot obey: it is stopped from outside.
    child.forced = child.phase === 'failed' || !isSubtree(child.spec.definition)
    effects.push({ type: child.forced ? 'stop' : 'shutDownSubtree', name: child.spec.name })
    child.deadlineMs = nowMs + child.spec.stopWithinMs
    moveTo(state, child, 'stopping')
  }
  return state.stopping === 0
}

/** Starts what may start (U5). */
function bringUp(state: Supervision, children: readonly Child[], nowMs: number, effects: Effects): void {
  const waits = (child: Child): boolean => child.awaits !== undefined || child.dueMs > nowMs
  const absent = children.filter(
    (child) => (child.phase === 'gone' || child.phase === 'failed') && child.goal !== 'remove',
  )
  // Siblings that share everything would only fail on the one that is not there yet.
  if (state.spec.strategy === 'oneForAll' && absent.some(waits)) return
  for (const child of absent) {
    if (waits(child)) {
      if (ordered(state)) return
      continue
    }
    // U8: what is still there keeps its ref and what waits in its mailbox.
    if (child.phase === 'failed') effects.push({ type: 'restart', name: child.spec.name })
    else effects.push({ type: 'spawn', child: child.spec })
    sometimes(restartAfterLoss, child.phase === 'gone' && child.failures > 0)
    child.goal = 'run'
    moveTo(state, child, 'running')
  }
}

/** Asks to be woken when the first of `children` has waited long enough. */
function arm(state: Supervision, children: readonly Child[], nowMs: number, effects: Effects): void {
  let atMs = Number.POSITIVE_INFINITY
  for (const child of children) {
    if (!state.unsettled.has(child)) continue
    if (child.phase === 'stopping') atMs = Math.min(atMs, child.deadlineMs)
    else if (child.awaits === undefined && child.dueMs > nowMs) atMs = Math.min(atMs, child.dueMs)
  }
  if (atMs === Number.POSITIVE_INFINITY || (state.armedMs !== undefined && state.armedMs <= atMs)) return
  state.armedMs = atMs
  effects.push({ type: 'wake', afterMs: atMs - nowMs, atMs })
}

/** Whether the order of the children binds: always but for oneForOne in normal work. */
function ordered(state: Supervision): boolean {
  return state.spec.strategy !== 'oneForOne' || state.shuttingDown
}

function moveTo(state: Supervision, child: Child, phase: Phase): void {
  if (child.phase === 'stopping') state.stopping -= 1
  if (phase === 'stopping') state.stopping += 1
  child.phase = phase
  const settled = (phase === 'running' && child.goal === 'run') || phase === 'finished'
  if (settled) state.unsettled.delete(child)
  else state.unsettled.add(child)
}

function addChild(state: Supervision, spec: ChildSpec, fixed: boolean): Child {
  const child: Child = {
    spec,
    fixed,
    phase: 'gone',
    goal: 'run',
    failures: 0,
    lastFailedMs: Number.NEGATIVE_INFINITY,
    dueMs: Number.NEGATIVE_INFINITY,
    awaits: undefined,
    deadlineMs: 0,
    forced: false,
    stopAskers: [],
  }
  state.children.set(spec.name, child)
  state.unsettled.add(child)
  return child
}

function remove(state: Supervision, child: Child, outcome: 'stopped' | 'overdue', effects: Effects): void {
  if (child.phase === 'stopping') state.stopping -= 1
  state.children.delete(child.spec.name)
  state.unsettled.delete(child)
  for (const to of child.stopAskers) effects.push({ type: 'reply', to, reply: { type: outcome } })
  effects.push({ type: 'forget', name: child.spec.name })
  child.phase = 'finished'
}

function answer({ asker }: Moment, reply: SupervisorReply, effects: Effects): void {
  if (asker !== undefined) effects.push({ type: 'reply', to: asker, reply })
}

function childNamed(state: Supervision, name: string | undefined): Child | undefined {
  return name === undefined ? undefined : state.children.get(name)
}

function refOf(state: Supervision, child: Child): ActorRef {
  return { type: 'named', node: state.node, name: child.spec.name }
}

function status(state: Supervision, child: Child): ChildStatus {
  const { phase, failures, awaits, spec } = child
  return { name: spec.name, ref: refOf(state, child), phase, restart: spec.restart, failures, awaits }
}

function escalation(spec: SupervisorSpec, child: Child, reason: DownReason): string {
  const last = reason.type === 'failed' ? `failed: ${reason.error}` : reason.type
  return (
    `U1: supervisor '${spec.name}' allows ${spec.restartsMax} restarts in ${spec.restartsWindowMs} ms; ` +
    `child '${child.spec.name}' would need one more (${last})`
  )
}
