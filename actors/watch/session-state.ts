/**
 * What a session knows of its stream, its watchers, and the two it draws from: the hub, and history.
 *
 *              create
 *                │ may he?  where is the keyspace?
 *                ▼
 *   ┌─────▶ subscribing ──subscribed──▶ live ──buffer full, hub gone, value before not at hand──┐
 *   │            │ behind                 │ permissions changed                                  │
 *   │            ▼                        ▼                                                      │
 *   └──── reading history ◀──────────── checking                                                 │
 *                ▲───────────────────────────────────────────────────────────────────────────────┘
 *
 * Every watcher has `next`, the first revision that it has not taken, and is told each revision from it on exactly once:
 * what is below is known, what is above comes in order or not at all.
 */
import { limit } from '../../base/fault-points.ts'
import { Ring } from '../../base/ring.ts'
import type { ReplyHandle } from '../../runtime/kernel/actor.ts'
import { bufferBytes, bufferEvents } from './fault-sites.ts'
import type { Filter } from './filters.ts'
import type { SessionReport, ToHub } from './hub-messages.ts'
import type { SessionBatch, StreamCommand, WatchCancelCause, WatchPrincipal, WatchSpec } from './messages.ts'
import { type Outlet, OutQueue } from './out-queue.ts'
import type { Span } from './spans.ts'

export interface SessionLimits {
  readonly watchersMax: number
  /** Of what waits for the client. */
  readonly bufferBytesMax: number
  readonly bufferEventsMax: number
  /** Between bookmarks of a watcher that has nothing else to tell; a tenth is added at random. */
  readonly progressMs: number
  /** A session that nobody asks for so long ends. */
  readonly silenceMs: number
  /** A hub or a replica that does not answer for so long is taken for gone. */
  readonly goneMs: number
  /** A create that finds no replica waits for one so long: a node that has just started has them in a moment. */
  readonly createMs: number
  /** How often a session looks whether something was lost. */
  readonly sweepMs: number
}

export const sessionLimits: SessionLimits = {
  watchersMax: 65_536,
  bufferBytesMax: 2_097_152,
  bufferEventsMax: 32_768,
  progressMs: 600_000,
  silenceMs: 60_000,
  goneMs: 10_000,
  createMs: 5_000,
  sweepMs: 2_000,
}

export type WatcherMode =
  | { readonly type: 'live'; readonly sub: number }
  | { readonly type: 'subscribing'; readonly sub: number; readonly sinceMs: number }
  | { readonly type: 'history' }
  /** Tells nothing until it is known that he still may. */
  | { readonly type: 'checking' }
  | { readonly type: 'gone' }

export interface Watcher extends Outlet {
  readonly spec: WatchSpec
  readonly spans: readonly Span[]
  readonly filter: Filter
  readonly start: number
  next: number
  mode: WatcherMode
  readonly user: string | undefined
  /** The revision of the auth store by which he was last allowed. */
  provedBy: number
  /** Nothing was told since the last bookmarks were due. */
  quiet: boolean
}

export interface Creation {
  readonly command: StreamCommand & { readonly type: 'create' }
  readonly spec: WatchSpec
  /** W9: `doubts` of the session when it was asked whether he may. */
  doubts: number
  /** The hub has not answered yet; who may is asked only when it would tell that permissions changed. */
  waits: boolean
  /** The replica did not answer, and is asked again at the next sweep. */
  unanswered: boolean
  readonly sinceMs: number
}

/** What was asked of the replica. */
export type Purpose =
  | { readonly type: 'mayCreate' }
  | { readonly type: 'standing' }
  | { readonly type: 'history'; readonly watchId: number; readonly from: number }
  | { readonly type: 'compactedAt'; readonly watchId: number }
  | { readonly type: 'authRevision'; readonly doubts: number }
  | { readonly type: 'mayStay'; readonly watchId: number; readonly authRevision: number; readonly doubts: number }

type Unsigned<M> = M extends unknown ? Omit<M, 'session' | 'epoch'> : never

export type SessionOut =
  | { readonly type: 'tellHub'; readonly message: Unsigned<ToHub> }
  | { readonly type: 'read'; readonly purpose: Purpose; readonly query: unknown }
  | { readonly type: 'answer'; readonly handle: ReplyHandle; readonly batch: SessionBatch }
  /** Look again then. */
  | { readonly type: 'wake'; readonly delayMs: number }
  | { readonly type: 'end' }

export interface SessionState {
  readonly limits: SessionLimits
  readonly queue: OutQueue
  readonly watchers: Map<number, Watcher>
  readonly bySub: Map<number, Watcher>
  nextId: number
  nextSub: number

  readonly commands: Ring<StreamCommand>
  creating: Creation | undefined

  /** Of the words of the hub: the epoch they belong to, and the last one heard. */
  epoch: number
  joined: boolean
  heard: number
  /** Every live watcher has taken everything up to this revision. Of the present epoch: a hub that began anew may know less. */
  told: number
  /** The newest that this session ever heard of. */
  revision: number
  hubMissingSinceMs: number | undefined

  readonly readers: Set<Watcher>
  reading: Watcher | undefined
  readonly suspects: Set<Watcher>
  /** They keep the newest of each key, and have some that has no place in the queue yet. */
  readonly gathering: Set<Watcher>
  checking: boolean
  /** Counts the times that permissions may have changed: what was asked before is worth nothing. */
  doubts: number
  /** History or permissions could not be read: not before the next sweep. */
  resting: boolean
  failingSinceMs: number | undefined

  progressWanted: boolean
  /** Bookmarks of watchers are due as soon as the hub says where it is. */
  progressDue: boolean
  progressAtMs: number
  whereAsked: boolean

  pull: { readonly handle: ReplyHandle; readonly bytesMax: number; readonly untilMs: number } | undefined
  heardOfMs: number
  wakeAtMs: number
  eventsTotal: number
  ended: boolean
}

export function createSession(limits: SessionLimits, nowMs: number, progressAtMs: number): SessionState {
  return {
    limits,
    queue: new OutQueue(limit(bufferBytes, limits.bufferBytesMax, 1), limit(bufferEvents, limits.bufferEventsMax, 1)),
    watchers: new Map(),
    bySub: new Map(),
    nextId: 0,
    nextSub: 1,
    commands: new Ring(),
    creating: undefined,
    epoch: 0,
    joined: false,
    heard: 0,
    told: 0,
    revision: 0,
    hubMissingSinceMs: undefined,
    readers: new Set(),
    reading: undefined,
    suspects: new Set(),
    gathering: new Set(),
    checking: false,
    doubts: 0,
    resting: false,
    failingSinceMs: undefined,
    progressWanted: false,
    progressDue: false,
    progressAtMs,
    whereAsked: false,
    pull: undefined,
    heardOfMs: nowMs,
    wakeAtMs: Number.POSITIVE_INFINITY,
    eventsTotal: 0,
    ended: false,
  }
}

export function reportOf(session: SessionState): SessionReport {
  const { watchers, readers, eventsTotal } = session
  return { watchers: watchers.size, slow: readers.size, eventsTotal }
}

/** What the auth store is asked of a watcher: W1, in the very form in which it is matched. */
export function mayQuery(spec: WatchSpec, { user, authRevision }: WatchPrincipal): unknown {
  return { type: 'may', user, revision: authRevision, wants: spec.ranges.map((range) => ({ type: 'read', ...range })) }
}

/** Begins to follow the hub from `next` on. */
export function subscribe(session: SessionState, watcher: Watcher, nowMs: number, out: SessionOut[]): void {
  detach(session, watcher, out)
  join(session, out)
  const sub = session.nextSub
  session.nextSub += 1
  watcher.mode = { type: 'subscribing', sub, sinceMs: nowMs }
  session.bySub.set(sub, watcher)
  const { spans, next: from } = watcher
  out.push({ type: 'tellHub', message: { type: 'subscribe', sub, spans, from } })
}

/** Begins an epoch with the hub, unless there is one. */
export function join(session: SessionState, out: SessionOut[]): void {
  if (session.joined) return
  session.joined = true
  session.epoch += 1
  session.heard = 0
  session.told = 0
  session.whereAsked = false
  out.push({ type: 'tellHub', message: { type: 'join' } })
}

/** Leaves whatever a watcher is at; what is still on its way to it counts for nothing. */
export function detach(session: SessionState, watcher: Watcher, out: SessionOut[]): void {
  const { mode } = watcher
  if (mode.type === 'live' || mode.type === 'subscribing') {
    session.bySub.delete(mode.sub)
    out.push({ type: 'tellHub', message: { type: 'unsubscribe', sub: mode.sub } })
  }
  session.readers.delete(watcher)
  session.suspects.delete(watcher)
}

/** Goes on from `next` through history. */
export function toHistory(session: SessionState, watcher: Watcher, next: number, out: SessionOut[]): void {
  watcher.next = next
  if (watcher.mode.type === 'history') return
  detach(session, watcher, out)
  watcher.mode = { type: 'history' }
  session.readers.add(watcher)
}

/** Ends a watcher. @param drop - What it still has to tell is not told. */
export function cancel(
  session: SessionState,
  watcher: Watcher,
  cause: WatchCancelCause,
  out: SessionOut[],
  { drop = false, compactRevision = 0 }: { readonly drop?: boolean; readonly compactRevision?: number } = {},
): void {
  detach(session, watcher, out)
  watcher.mode = { type: 'gone' }
  watcher.dropped = drop
  // A bookmark that stands behind what is dropped would not be true.
  if (drop && session.queue.retractBookmarks()) session.progressWanted = true
  session.queue.place(watcher)
  session.gathering.delete(watcher)
  session.watchers.delete(watcher.id)
  session.queue.respond({ type: 'canceled', watchId: watcher.id, revision: session.revision, cause, compactRevision })
}
