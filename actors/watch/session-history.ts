/**
 * Reading history for watchers that do not follow the hub: a page at a time, one under way, in turns, and only while there is
 * room for what it brings. And asking the auth store about watchers whose permission is in doubt.
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { Answer } from '../../runtime/kernel/actor.ts'
import { historyLost, pageEvents, pageScan } from './fault-sites.ts'
import { type FedRevision, tellingsOf } from './hub-messages.ts'
import type { WatchCancelCause } from './messages.ts'
import { historyCompacted, historyResumed } from './probes.ts'
import {
  cancel,
  mayQuery,
  type Purpose,
  type SessionOut,
  type SessionState,
  subscribe,
  type Watcher,
} from './session-state.ts'
import { suspect, take } from './session-tell.ts'
import { keyText } from './spans.ts'

const pageEventsMax = 1_000
const pageBytesMax = 524_288
const pageScanMax = 2_000

/** What a keyspace answers, as far as it is told apart here. */
export type ReadOutcome =
  | { readonly type: 'done'; readonly revision: number; readonly response: unknown }
  | { readonly type: 'refused'; readonly error: string }
  /** There was no answer. */
  | { readonly type: 'none' }

export function outcomeOf(answer: Answer): ReadOutcome {
  if (answer.type !== 'reply') return { type: 'none' }
  const reply = answer.value as { readonly type: string; readonly answer?: ReadOutcome }
  return reply.type === 'answer' && reply.answer !== undefined ? reply.answer : { type: 'none' }
}

/** Why a watcher that may not read is told so. */
export function deniedCause(error: string): WatchCancelCause {
  return error === 'authOldRevision' || error === 'invalidAuthToken' ? 'invalidAuthToken' : 'permissionDenied'
}

/** Reads on, where somebody waits for it and nothing keeps it from being useful. */
export function seekHistory(session: SessionState, out: SessionOut[]): void {
  if (session.resting) return
  if (!session.checking && session.suspects.size > 0) {
    session.checking = true
    const { doubts } = session
    out.push({ type: 'read', purpose: { type: 'authRevision', doubts }, query: { type: 'authStatus' } })
  }
  const [watcher] = session.readers
  if (watcher === undefined || session.reading !== undefined || !session.queue.hasRoom) return
  // To the end of the line: a long history of one does not keep the others waiting.
  session.readers.delete(watcher)
  session.readers.add(watcher)
  session.reading = watcher
  const { id: watchId, next: from, user, provedBy: authRevision } = watcher
  const query = historyQuery(watcher)
  const asked = user === undefined ? query : { type: 'as', principal: { user, authRevision }, query }
  out.push({ type: 'read', purpose: { type: 'history', watchId, from }, query: asked })
}

function historyQuery({ spec, next: from, filter }: Watcher): unknown {
  return {
    type: 'history',
    ranges: spec.ranges,
    from,
    eventsMax: limit(pageEvents, pageEventsMax, 1),
    bytesMax: pageBytesMax,
    scanMax: limit(pageScan, pageScanMax, 1),
    prevKv: filter.needsPrevious,
  }
}

export function onHistory(
  session: SessionState,
  { watchId, from }: Purpose & { readonly type: 'history' },
  outcome: ReadOutcome,
  nowMs: number,
  out: SessionOut[],
): void {
  const watcher = session.watchers.get(watchId)
  const asked = session.reading
  session.reading = undefined
  // Something else became of it meanwhile: what was read may not be for it any more.
  if (watcher === undefined || watcher !== asked || watcher.mode.type !== 'history' || watcher.next !== from) return
  if (outcome.type === 'none' || buggify(historyLost)) {
    onFailure(session, nowMs, out)
    return
  }
  session.failingSinceMs = undefined
  if (outcome.type === 'done') onPage(session, watcher, outcome, nowMs, out)
  else onRefused(session, watcher, outcome.error, out)
}

function onPage(
  session: SessionState,
  watcher: Watcher,
  { revision, response }: ReadOutcome & { readonly type: 'done' },
  nowMs: number,
  out: SessionOut[],
): void {
  const { items, upTo } = response as { readonly items: readonly FedRevision[]; readonly upTo: number }
  const before = watcher.next
  session.revision = Math.max(session.revision, revision)
  for (const item of items) if (!take(session, watcher, tellingsOf(item, keyText), out)) return
  watcher.next = Math.max(watcher.next, upTo + 1)
  // The replica has less than was told already: it began anew, and comes up again in its time.
  if (watcher.next === before) session.resting = true
  if (upTo < revision) return
  sometimes(historyResumed)
  subscribe(session, watcher, nowMs, out)
}

function onRefused(session: SessionState, watcher: Watcher, error: string, out: SessionOut[]): void {
  switch (error) {
    case 'compacted':
      out.push({ type: 'read', purpose: { type: 'compactedAt', watchId: watcher.id }, query: { type: 'status' } })
      session.reading = watcher
      break
    case 'authOldRevision':
    case 'permissionDenied':
    case 'userEmpty':
      suspect(session, watcher, out)
      break
    default:
      cancel(session, watcher, 'unavailable', out)
  }
}

export function onCompactedAt(
  session: SessionState,
  watchId: number,
  outcome: ReadOutcome,
  nowMs: number,
  out: SessionOut[],
): void {
  const watcher = session.watchers.get(watchId)
  session.reading = undefined
  if (watcher === undefined || watcher.mode.type !== 'history') return
  if (outcome.type !== 'done') {
    onFailure(session, nowMs, out)
    return
  }
  const { compactRevision } = outcome.response as { readonly compactRevision: number }
  if (watcher.next >= compactRevision) return
  sometimes(historyCompacted)
  cancel(session, watcher, 'compacted', out, { compactRevision })
}

/** No answer: tried again after a rest, and given up when there was none for long. */
function onFailure(session: SessionState, nowMs: number, out: SessionOut[]): void {
  session.resting = true
  session.failingSinceMs ??= nowMs
  if (nowMs - session.failingSinceMs < session.limits.goneMs) return
  session.failingSinceMs = undefined
  for (const watcher of [...session.readers, ...session.suspects]) cancel(session, watcher, 'unavailable', out)
}

/** The auth store stands at a revision: everybody in doubt is judged by it. */
export function onAuthRevision(
  session: SessionState,
  { doubts }: Purpose & { readonly type: 'authRevision' },
  outcome: ReadOutcome,
  nowMs: number,
  out: SessionOut[],
): void {
  const [watcher] = session.suspects
  session.checking = false
  if (watcher === undefined || doubts !== session.doubts) return
  if (outcome.type !== 'done') {
    onFailure(session, nowMs, out)
    return
  }
  session.failingSinceMs = undefined
  askMayStay(session, watcher, (outcome.response as { readonly authRevision: number }).authRevision, out)
}

function askMayStay(session: SessionState, watcher: Watcher, authRevision: number, out: SessionOut[]): void {
  session.checking = true
  const { id: watchId, spec, user = '' } = watcher
  const query = mayQuery(spec, { user, authRevision })
  out.push({ type: 'read', purpose: { type: 'mayStay', watchId, authRevision, doubts: session.doubts }, query })
}

export function onMayStay(
  session: SessionState,
  { watchId, authRevision, doubts }: Purpose & { readonly type: 'mayStay' },
  outcome: ReadOutcome,
  nowMs: number,
  out: SessionOut[],
): void {
  session.checking = false
  if (outcome.type === 'none') {
    onFailure(session, nowMs, out)
    return
  }
  // Permissions changed since, and what they were is nothing to go by.
  if (doubts !== session.doubts) return
  const watcher = session.watchers.get(watchId)
  if (watcher !== undefined && session.suspects.has(watcher)) {
    // The store went on meanwhile: the next look says where it is now.
    if (outcome.type === 'refused' && outcome.error === 'authOldRevision') return
    if (outcome.type === 'refused') cancel(session, watcher, 'permissionDenied', out, { drop: true })
    else {
      watcher.provedBy = authRevision
      subscribe(session, watcher, nowMs, out)
    }
  }
  const [next] = session.suspects
  if (next !== undefined) askMayStay(session, next, authRevision, out)
}
