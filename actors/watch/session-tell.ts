/**
 * What the hub or history says, taken into the buffer: filtered, whole revisions, in order.
 *
 *   W6  a watcher takes each revision from its start on once, and either all of what it wants of it or nothing
 */
import { sometimes } from '../../base/fault-points.ts'
import type { FromHub, Telling } from './hub-messages.ts'
import { bufferFull, previousSought, wordMissed } from './probes.ts'
import { onStill } from './session-progress.ts'
import {
  detach,
  join,
  type SessionOut,
  type SessionState,
  subscribe,
  toHistory,
  type Watcher,
} from './session-state.ts'

export function onHubWord(session: SessionState, word: FromHub, nowMs: number, out: SessionOut[]): void {
  if (word.epoch !== session.epoch || !session.joined) return
  if (word.type === 'left') {
    rejoin(session, nowMs, out)
    return
  }
  if (word.number !== session.heard + 1) {
    sometimes(wordMissed)
    rejoin(session, nowMs, out)
    return
  }
  session.heard = word.number
  if (word.hear) out.push({ type: 'tellHub', message: { type: 'heard', heard: session.heard } })
  switch (word.type) {
    case 'subscribed':
      onSubscribed(session, word, out)
      break
    case 'behind': {
      const watcher = session.bySub.get(word.sub)
      if (watcher !== undefined) toHistory(session, watcher, watcher.next, out)
      break
    }
    case 'told':
      onTold(session, word, out)
      session.whereAsked = false
      toldUpTo(session, word.revision)
      break
    case 'still':
      session.whereAsked = false
      toldUpTo(session, word.revision)
      onStill(session, word.revision)
      break
    case 'authChanged':
      suspectAll(session, out)
      break
  }
}

function onSubscribed(
  session: SessionState,
  { sub, revision, tellings }: FromHub & { readonly type: 'subscribed' },
  out: SessionOut[],
): void {
  const watcher = session.bySub.get(sub)
  if (watcher === undefined) {
    // Of a subscription that was given up meanwhile.
    out.push({ type: 'tellHub', message: { type: 'unsubscribe', sub } })
    return
  }
  watcher.mode = { type: 'live', sub }
  toldUpTo(session, revision)
  for (let i = 0; i < tellings.length && watcher.mode.type === 'live'; ) {
    const end = endOfRevision(tellings, i)
    take(session, watcher, tellings.slice(i, end), out)
    i = end
  }
}

function onTold(
  session: SessionState,
  { subs, tellings }: FromHub & { readonly type: 'told' },
  out: SessionOut[],
): void {
  for (let i = 0; i < tellings.length; ) {
    const end = endOfRevision(tellings, i)
    if (end === i + 1) {
      const watcher = session.bySub.get(subs[i] as number)
      if (watcher?.mode.type === 'live') take(session, watcher, [tellings[i] as Telling], out)
    } else {
      for (const [watcher, own] of byWatcher(session, subs, tellings, i, end)) take(session, watcher, own, out)
    }
    i = end
  }
}

function toldUpTo(session: SessionState, revision: number): void {
  session.told = Math.max(session.told, revision)
  session.revision = Math.max(session.revision, revision)
}

function endOfRevision(tellings: readonly Telling[], from: number): number {
  const revision = tellings[from]?.revision
  let end = from + 1
  while (end < tellings.length && tellings[end]?.revision === revision) end += 1
  return end
}

function byWatcher(
  session: SessionState,
  subs: readonly number[],
  tellings: readonly Telling[],
  from: number,
  to: number,
): Map<Watcher, Telling[]> {
  const found = new Map<Watcher, Telling[]>()
  for (let i = from; i < to; i++) {
    const watcher = session.bySub.get(subs[i] as number)
    if (watcher?.mode.type !== 'live') continue
    const own = found.get(watcher)
    if (own === undefined) found.set(watcher, [tellings[i] as Telling])
    else own.push(tellings[i] as Telling)
  }
  return found
}

/**
 * Takes all changes of one revision in a watcher's ranges.
 *
 * @returns False when it did not: then the watcher reads history from that revision on.
 */
export function take(
  session: SessionState,
  watcher: Watcher,
  tellings: readonly Telling[],
  out: SessionOut[],
): boolean {
  const { revision } = tellings[0] as Telling
  // Known already: told again by a hub that began anew, or below where the watcher starts.
  if (revision < watcher.next) return true
  const { wants, isNews, needsPrevious } = watcher.filter
  const wanted = tellings.filter(wants)
  if (needsPrevious && watcher.mode.type === 'live' && wanted.some(({ previousUnread }) => previousUnread)) {
    sometimes(previousSought)
    toHistory(session, watcher, revision, out)
    return false
  }
  const news = wanted.filter(isNews)
  if (news.length > 0) {
    if (!session.queue.offer(watcher, revision, news)) {
      sometimes(bufferFull)
      toHistory(session, watcher, revision, out)
      return false
    }
    watcher.quiet = false
    if (watcher.newest !== undefined) session.gathering.add(watcher)
    session.eventsTotal += news.length
  }
  watcher.next = revision + 1
  return true
}

/** The hub is to be joined anew: every watcher goes on where it was, if the hub remembers, or through history. */
export function rejoin(session: SessionState, nowMs: number, out: SessionOut[]): void {
  const followers = [...session.bySub.values()]
  session.bySub.clear()
  session.joined = false
  for (const watcher of followers) {
    if (watcher.mode.type === 'live') watcher.next = Math.max(watcher.next, session.told + 1)
    watcher.mode = { type: 'history' }
  }
  join(session, out)
  session.doubts += 1
  // A change of permissions may have been among what was missed.
  for (const watcher of followers) {
    if (watcher.user === undefined) subscribe(session, watcher, nowMs, out)
    else suspect(session, watcher, out)
  }
  for (const watcher of [...session.readers]) if (watcher.user !== undefined) suspect(session, watcher, out)
}

function suspectAll(session: SessionState, out: SessionOut[]): void {
  session.doubts += 1
  for (const watcher of session.watchers.values()) {
    if (watcher.user === undefined) continue
    if (watcher.mode.type === 'live') watcher.next = Math.max(watcher.next, session.told + 1)
    suspect(session, watcher, out)
  }
}

/** W9: tells nothing more until the auth store, as it is now, has nothing against it. */
export function suspect(session: SessionState, watcher: Watcher, out: SessionOut[]): void {
  detach(session, watcher, out)
  watcher.mode = { type: 'checking' }
  session.suspects.add(watcher)
}
