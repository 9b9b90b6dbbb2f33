/**
 * One watch stream: an actor on the executor of the group's replica, that lives as long as somebody pulls from it. What it
 * decides is in `session-*.ts`; here is what it touches.
 *
 *   front door ──commands, next──▶ session ──subscribe──▶ hub
 *                                     └─────history, may──▶ replica
 *
 * It ends with `end`, when nobody has asked for long, or when the group has left this node.
 */
import type { ActorContext, ActorDefinition, ActorRef, Answer } from '../../runtime/kernel/actor.ts'
import { defineActor } from '../../runtime/kernel/actor.ts'
import type { ReplicaRequest } from '../raft/replica-messages.ts'
import { packBatch } from './batch.ts'
import { watchHubName } from './hub.ts'
import type { FromHub } from './hub-messages.ts'
import { sessionKey } from './hub-state.ts'
import type { SessionCommand } from './messages.ts'
import {
  carryOn,
  createAgain,
  onCommand,
  onMayCreate,
  onStanding,
  refuseWaiting,
  seekPermission,
} from './session-commands.ts'
import { onAuthRevision, onCompactedAt, onHistory, onMayStay, outcomeOf, seekHistory } from './session-history.ts'
import { seekProgress } from './session-progress.ts'
import {
  cancel,
  createSession,
  type Purpose,
  reportOf,
  type SessionLimits,
  type SessionOut,
  type SessionState,
  sessionLimits,
  subscribe,
} from './session-state.ts'
import { onHubWord } from './session-tell.ts'

export interface WatchSessionArgs {
  readonly group: string
  readonly limits?: Partial<SessionLimits>
}

type SessionMessage =
  | SessionCommand
  | FromHub
  | { readonly type: 'answered'; readonly purpose: Purpose; readonly answer: Answer }
  | { readonly type: 'sweep' }
  | { readonly type: 'wake' }

interface Session {
  readonly group: string
  readonly core: SessionState
  /** The hub that it speaks to; another of the same name is of another group. */
  hub: string | undefined
}

const readMs = 5_000
const waitMaxMs = 60_000

export const watchSession: ActorDefinition<
  WatchSessionArgs,
  Session,
  (state: Session, message: SessionMessage, ctx: ActorContext) => void
> = defineActor(import.meta.url, {
  name: 'watchSession',
  // Above the words that a hub sends without hearing, so that none of them is refused.
  mailbox: { messagesMax: 512, whenFull: 'reject' },
  init: (ctx, { group, limits }: WatchSessionArgs): Session => {
    const all = { ...sessionLimits, ...limits }
    ctx.every(all.sweepMs, { type: 'sweep' })
    return { group, core: createSession(all, ctx.now(), nextProgress(all, ctx)), hub: undefined }
  },
  receive: onMessage,
  stopping: (state, ctx) => {
    if (state.core.joined) tellHub(state, { type: 'leave', report: reportOf(state.core) }, ctx)
  },
  digest: ({ core }: Session): number => (core.revision * 31 + core.nextSub * 7 + core.queue.bytes) >>> 0,
})

function onMessage(state: Session, message: SessionMessage, ctx: ActorContext): void {
  const { core } = state
  const out: SessionOut[] = []
  const nowMs = ctx.now()
  switch (message.type) {
    case 'create':
    case 'cancel':
    case 'requestProgress':
      core.heardOfMs = nowMs
      onCommand(core, message, nowMs, out)
      break
    case 'commands':
      core.heardOfMs = nowMs
      for (const command of message.commands) core.commands.push(command)
      carryOn(core, nowMs, out)
      ctx.reply(true)
      break
    case 'stay':
      core.heardOfMs = nowMs
      break
    case 'next':
      onNext(core, message, nowMs, out, ctx)
      break
    case 'end':
      end(core, out)
      break
    case 'answered':
      onAnswered(core, message.purpose, message.answer, nowMs, out)
      break
    case 'sweep':
      sweep(state, nowMs, out, ctx)
      break
    case 'wake':
      core.wakeAtMs = Number.POSITIVE_INFINITY
      break
    default:
      onHubWord(core, message, nowMs, out)
  }
  settle(core, nowMs, out)
  for (const each of out) perform(state, each, ctx)
}

function onNext(
  core: SessionState,
  { waitMs, bytesMax }: SessionCommand & { readonly type: 'next' },
  nowMs: number,
  out: SessionOut[],
  ctx: ActorContext,
): void {
  core.heardOfMs = nowMs
  const handle = ctx.defer()
  if (handle === undefined) return
  // One at a time: whoever asked before is answered with nothing.
  if (core.pull !== undefined) out.push(emptyBatch(core.pull.handle))
  const untilMs = nowMs + Math.min(Math.max(0, waitMs), waitMaxMs)
  core.pull = { handle, bytesMax: Math.max(1, bytesMax), untilMs }
}

function emptyBatch(handle: NonNullable<SessionState['pull']>['handle']): SessionOut {
  return { type: 'answer', handle, batch: packBatch([]) }
}

function end(core: SessionState, out: SessionOut[]): void {
  core.ended = true
  if (core.pull !== undefined) out.push(emptyBatch(core.pull.handle))
  core.pull = undefined
  out.push({ type: 'end' })
}

function onAnswered(core: SessionState, purpose: Purpose, answer: Answer, nowMs: number, out: SessionOut[]): void {
  const outcome = outcomeOf(answer)
  switch (purpose.type) {
    case 'mayCreate':
      onMayCreate(core, outcome, nowMs, out)
      break
    case 'standing':
      onStanding(core, outcome, nowMs, out)
      break
    case 'history':
      onHistory(core, purpose, outcome, nowMs, out)
      break
    case 'compactedAt':
      onCompactedAt(core, purpose.watchId, outcome, nowMs, out)
      break
    case 'authRevision':
      onAuthRevision(core, purpose, outcome, nowMs, out)
      break
    case 'mayStay':
      onMayStay(core, purpose, outcome, nowMs, out)
      break
  }
}

/** After every message: what waits is moved on as far as it goes, and the client is given what there is. */
function settle(core: SessionState, nowMs: number, out: SessionOut[]): void {
  if (core.ended) return
  placeGathered(core, nowMs, out)
  answerPull(core, nowMs, out)
  // After the answer: what left the queue made room.
  seekHistory(core, out)
  seekPermission(core, out)
  seekProgress(core, out)
}

/** Watchers of the newest of each key tell it as often as they were asked to. */
function placeGathered(core: SessionState, nowMs: number, out: SessionOut[]): void {
  for (const watcher of core.gathering) {
    const dueMs = watcher.drainedMs + (watcher.spec.sampleMs ?? 0)
    if (nowMs >= dueMs) {
      core.gathering.delete(watcher)
      core.queue.place(watcher)
    } else if (dueMs < core.wakeAtMs) {
      core.wakeAtMs = dueMs
      out.push({ type: 'wake', delayMs: dueMs - nowMs })
    }
  }
}

function answerPull(core: SessionState, nowMs: number, out: SessionOut[]): void {
  const { pull } = core
  if (pull === undefined) return
  const responses = core.queue.isEmpty ? [] : core.queue.pull(pull.bytesMax, nowMs)
  if (responses.length === 0 && nowMs < pull.untilMs) return
  core.pull = undefined
  core.heardOfMs = nowMs
  out.push({ type: 'answer', handle: pull.handle, batch: packBatch(responses) })
}

function sweep(state: Session, nowMs: number, out: SessionOut[], ctx: ActorContext): void {
  const { core } = state
  if (core.pull === undefined && nowMs - core.heardOfMs >= core.limits.silenceMs) {
    end(core, out)
    return
  }
  core.resting = false
  core.whereAsked = false
  createAgain(core, out)
  lookForHub(state, nowMs, out, ctx)
  for (const watcher of core.bySub.values()) {
    // The hub, or the word to it, was lost.
    if (watcher.mode.type === 'subscribing' && nowMs - watcher.mode.sinceMs >= core.limits.sweepMs) {
      subscribe(core, watcher, nowMs, out)
    }
  }
  if (core.joined) {
    out.push({ type: 'tellHub', message: { type: 'here', heard: core.heard, report: reportOf(core) } })
  }
  if (nowMs >= core.progressAtMs) {
    core.progressDue = true
    core.progressAtMs = nextProgress(core.limits, ctx)
  }
}

/** A hub that is not there for long, or is another one, belongs to a group that this node runs no more. */
function lookForHub(state: Session, nowMs: number, out: SessionOut[], ctx: ActorContext): void {
  const { core } = state
  const holder = ctx.lookup(watchHubName(state.group))
  const hub = holder && sessionKey(holder)
  const another = hub !== undefined && state.hub !== undefined && hub !== state.hub
  if (hub !== undefined) {
    state.hub = hub
    core.hubMissingSinceMs = undefined
  } else core.hubMissingSinceMs ??= nowMs
  const missing = core.hubMissingSinceMs !== undefined && nowMs - core.hubMissingSinceMs >= core.limits.goneMs
  if (!another && !missing) return
  for (const watcher of [...core.watchers.values()]) cancel(core, watcher, 'unavailable', out)
  core.joined = false
  refuseWaiting(core, nowMs, out)
}

function nextProgress({ progressMs }: SessionLimits, ctx: ActorContext): number {
  return ctx.now() + progressMs * (1 + ctx.random('watch.progress') / 10)
}

function perform(state: Session, out: SessionOut, ctx: ActorContext): void {
  switch (out.type) {
    case 'tellHub':
      tellHub(state, out.message, ctx)
      break
    case 'read': {
      const { purpose, query } = out
      const request: ReplicaRequest = { type: 'read', query, consistency: 'serializable' }
      const replica: ActorRef = { type: 'named', node: ctx.node, name: `replica/${state.group}` }
      ctx.ask(replica, request, { deadlineMs: readMs }, (answer) => ({ type: 'answered', purpose, answer }))
      break
    }
    case 'answer':
      ctx.replyTo(out.handle, out.batch)
      break
    case 'wake':
      ctx.after(out.delayMs, { type: 'wake' })
      break
    case 'end':
      ctx.stop()
      break
  }
}

function tellHub(
  state: Session,
  message: (SessionOut & { readonly type: 'tellHub' })['message'],
  ctx: ActorContext,
): void {
  const hub: ActorRef = { type: 'named', node: ctx.node, name: watchHubName(state.group) }
  ctx.tell(hub, { ...message, session: ctx.self, epoch: state.core.epoch })
}
