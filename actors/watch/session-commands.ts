/**
 * What a client says, in the order in which it says it: a create is over, created or refused, before the next command
 * begins, because clients tell the answers to their creates apart by nothing but their order.
 *
 *   create ─▶ sound? ─▶ may he? ─▶ where is the keyspace? ─▶ created ─▶ from the past? compacted : followed
 *
 *   W12  `created` comes before everything else of a watcher, and whatever is refused was never created
 */
import { unreachable } from '../../base/assert.ts'
import { compileFilter } from './filters.ts'
import type { Telling } from './hub-messages.ts'
import type { StreamCommand, WatchCancelCause } from './messages.ts'
import { deniedCause, type ReadOutcome } from './session-history.ts'
import {
  type Creation,
  cancel,
  join,
  mayQuery,
  type SessionOut,
  type SessionState,
  subscribe,
  type Watcher,
} from './session-state.ts'
import { suspect } from './session-tell.ts'
import { spanOf } from './spans.ts'
import { normalSpec, specProblem } from './spec.ts'

/** Of a watcher that never was. */
const noWatchId = -1

export function onCommand(session: SessionState, command: StreamCommand, nowMs: number, out: SessionOut[]): void {
  session.commands.push(command)
  carryOn(session, nowMs, out)
}

/** Carries out commands until one has to wait for an answer. */
export function carryOn(session: SessionState, nowMs: number, out: SessionOut[]): void {
  while (session.creating === undefined) {
    const command = session.commands.shift()
    if (command === undefined) return
    switch (command.type) {
      case 'create':
        onCreate(session, command, nowMs, out)
        break
      case 'cancel': {
        const watcher = session.watchers.get(command.watchId)
        if (watcher !== undefined) cancel(session, watcher, 'asked', out)
        break
      }
      case 'requestProgress':
        if (session.watchers.size > 0) session.progressWanted = true
        break
      default:
        unreachable(command)
    }
  }
}

function onCreate(
  session: SessionState,
  command: StreamCommand & { readonly type: 'create' },
  nowMs: number,
  out: SessionOut[],
): void {
  const { watchId, principal, rejected } = command
  const spec = normalSpec(command.spec)
  const problem = specProblem(spec) ?? idProblem(watchId)
  if (problem !== undefined) refuse(session, 'invalid', problem)
  else if (rejected !== undefined) refuse(session, rejected)
  else if (watchId !== undefined && session.watchers.has(watchId)) refuse(session, 'duplicateId')
  else if (session.watchers.size >= session.limits.watchersMax) refuse(session, 'tooManyWatchers')
  else if (spec.startRevision < 0) refuse(session, 'compacted')
  else {
    session.creating = {
      command,
      spec,
      doubts: session.doubts,
      waits: principal !== undefined,
      unanswered: false,
      sinceMs: nowMs,
    }
    if (principal === undefined) askStanding(out)
    else seekPermission(session, out)
  }
}

/**
 * W9: asks whether he may, once the hub is known to say when that changes: what changes before the question is in the answer,
 * what changes after it is told.
 */
export function seekPermission(session: SessionState, out: SessionOut[]): void {
  const { creating } = session
  if (creating?.waits !== true || creating.command.principal === undefined) return
  join(session, out)
  if (session.heard === 0) {
    if (!session.whereAsked) out.push({ type: 'tellHub', message: { type: 'where' } })
    session.whereAsked = true
    return
  }
  creating.waits = false
  creating.doubts = session.doubts
  const query = mayQuery(creating.spec, creating.command.principal)
  out.push({ type: 'read', purpose: { type: 'mayCreate' }, query })
}

/** The hub is gone: nobody can be let in. */
export function refuseWaiting(session: SessionState, nowMs: number, out: SessionOut[]): void {
  if (session.creating?.waits !== true) return
  session.creating = undefined
  refuse(session, 'unavailable')
  carryOn(session, nowMs, out)
}

function idProblem(watchId: number | undefined): string | undefined {
  if (watchId === undefined || (Number.isSafeInteger(watchId) && watchId >= 0)) return undefined
  return `watch: watchId must be a whole number of 0 to 2^53-1, not ${watchId}`
}

function refuse(session: SessionState, cause: WatchCancelCause, reason?: string): void {
  const { revision } = session
  const refusal = { type: 'canceled', watchId: noWatchId, revision, cause, compactRevision: 0 } as const
  session.queue.respond(reason === undefined ? refusal : { ...refusal, reason })
}

function askStanding(out: SessionOut[]): void {
  out.push({ type: 'read', purpose: { type: 'standing' }, query: { type: 'status' } })
}

export function onMayCreate(session: SessionState, outcome: ReadOutcome, nowMs: number, out: SessionOut[]): void {
  if (outcome.type === 'done') askStanding(out)
  else if (outcome.type === 'none') onNoAnswer(session, nowMs, out)
  else {
    session.creating = undefined
    refuse(session, deniedCause(outcome.error), outcome.error)
    carryOn(session, nowMs, out)
  }
}

function onNoAnswer(session: SessionState, nowMs: number, out: SessionOut[]): void {
  const { creating } = session
  if (creating === undefined) return
  creating.unanswered = true
  if (nowMs - creating.sinceMs < session.limits.createMs) return
  session.creating = undefined
  refuse(session, 'unavailable')
  carryOn(session, nowMs, out)
}

/** Asks again for a create that was not answered. */
export function createAgain(session: SessionState, out: SessionOut[]): void {
  const { creating } = session
  if (creating?.unanswered !== true) return
  creating.unanswered = false
  creating.waits = creating.command.principal !== undefined
  if (creating.waits) seekPermission(session, out)
  else askStanding(out)
}

export function onStanding(session: SessionState, outcome: ReadOutcome, nowMs: number, out: SessionOut[]): void {
  const { creating } = session
  if (outcome.type === 'none') {
    onNoAnswer(session, nowMs, out)
    return
  }
  session.creating = undefined
  if (creating !== undefined) {
    if (outcome.type === 'done') create(session, creating, outcome, nowMs, out)
    else refuse(session, 'unavailable')
  }
  carryOn(session, nowMs, out)
}

function create(
  session: SessionState,
  { command, spec, doubts }: Creation,
  { revision, response }: ReadOutcome & { readonly type: 'done' },
  nowMs: number,
  out: SessionOut[],
): void {
  const { compactRevision } = response as { readonly compactRevision: number }
  const start = spec.startRevision === 0 ? revision + 1 : spec.startRevision
  const id = command.watchId ?? freeId(session)
  const gathers = spec.latestOnly === true || spec.sampleMs !== undefined
  const watcher: Watcher = {
    id,
    prevKv: spec.prevKv,
    dropped: false,
    newest: gathers ? new Map<string, Telling>() : undefined,
    placed: false,
    drainedMs: Number.NEGATIVE_INFINITY,
    spec,
    spans: spec.ranges.map(spanOf),
    filter: compileFilter(spec),
    start,
    next: start,
    mode: { type: 'history' },
    user: command.principal?.user,
    provedBy: command.principal?.authRevision ?? 0,
    quiet: true,
  }
  session.revision = Math.max(session.revision, revision)
  session.watchers.set(id, watcher)
  session.queue.respond({ type: 'created', watchId: id, revision })
  if (start < compactRevision) cancel(session, watcher, 'compacted', out, { compactRevision })
  // Permissions changed while the keyspace was asked.
  else if (watcher.user !== undefined && doubts !== session.doubts) suspect(session, watcher, out)
  else subscribe(session, watcher, nowMs, out)
}

function freeId(session: SessionState): number {
  while (session.watchers.has(session.nextId)) session.nextId += 1
  session.nextId += 1
  return session.nextId - 1
}
