/**
 * What a hub knows, and what follows from each word it hears, without a world: who is told what is put into an outbox.
 *
 *   W2  the hub tells of revision r + 1 after r, and of nothing that it has not heard whole
 *   W3  a subscription from revision x is told every change of its ranges from x on, or is sent to history, or is left
 *   W13  what a session asks for takes no more than half of the words that may be on their way to it
 *
 * The replica's feed may skip (a full mailbox), start over at an older place (the replica restarted), or jump (a snapshot).
 * Notices say after which index they begin: what begins later than the last one ended has a hole before it, and then every
 * session is left, to go through history. What is told again is known by its revision.
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { ActorRef } from '../../runtime/kernel/actor.ts'
import { feedDropped, ringForget, sessionLeft, sessionWindow, subscribeBehind } from './fault-sites.ts'
import type { FedRevision, FromHub, SessionReport, Telling, ToHub, WatchStats } from './hub-messages.ts'
import { caughtFromRing, feedGap, feedRepeated, sentToHistory, sessionEvicted, subscribeParked } from './probes.ts'
import { Recent, type RecentRevision } from './recent.ts'
import { type Span, spanCovers } from './spans.ts'
import { type Indexed, WatchIndex } from './watch-index.ts'

/** Words on their way to a session; one that has not heard so many is left. */
const windowWords = 128
/** Subscriptions kept until the replica has said where it stands. */
const waitingMax = 65_536

export interface Subscription extends Indexed {
  readonly session: HubSession
  readonly sub: number
  readonly from: number
}

export interface HubSession {
  readonly ref: ActorRef
  readonly epoch: number
  readonly subs: Map<number, Subscription>
  /** Of the last word said, and of the last that is known to have arrived. */
  said: number
  heard: number
  /** By their numbers: they are answered when the session has heard more of what it was told. */
  readonly parked: Map<number, ToHub & { readonly type: 'subscribe' }>
  /** What the feed in hand has for it. */
  outSubs: number[]
  outTellings: Telling[]
  report: SessionReport
}

/** To be told on the control lane, in order. */
export type HubOut = { readonly to: ActorRef; readonly word: FromHub }[]

export interface HubState {
  readonly sessions: Map<string, HubSession>
  readonly index: WatchIndex<Subscription>
  /** Where the feed stands; undefined: unknown, and the replica is asked. */
  fed: number | undefined
  recent: Recent
  /** Subscriptions that came while it was unknown. */
  waiting: (ToHub & { readonly type: 'subscribe' })[]
  /** Of sessions that are gone. */
  eventsTotal: number
  readonly windowWords: number
}

export interface FeedOf {
  readonly after: number
  readonly upTo: number
  readonly items: readonly unknown[]
}

const noReport: SessionReport = { watchers: 0, slow: 0, eventsTotal: 0 }

export function createHub(): HubState {
  return {
    sessions: new Map(),
    index: new WatchIndex(),
    fed: undefined,
    recent: new Recent(0),
    waiting: [],
    eventsTotal: 0,
    windowWords: limit(sessionWindow, windowWords, 2),
  }
}

/** The replica said where it stands: from here on the feed is followed. */
export function onStanding(hub: HubState, index: number, revision: number, out: HubOut): void {
  if (hub.fed !== undefined) return
  hub.fed = index
  hub.recent = new Recent(revision)
  const waiting = hub.waiting
  hub.waiting = []
  for (const subscribe of waiting) onToHub(hub, subscribe, out)
}

/** Something is missing. Nobody is told anything until the replica has said where it stands. */
export function loseFeed(hub: HubState, out: HubOut): void {
  hub.fed = undefined
  hub.recent.forget()
  for (const session of [...hub.sessions.values()]) leave(hub, session, out)
}

export function onFeed(hub: HubState, { after, upTo, items }: FeedOf, out: HubOut): void {
  if (hub.fed === undefined || buggify(feedDropped, 0.3)) return
  if (after > hub.fed) {
    sometimes(feedGap)
    loseFeed(hub, out)
    return
  }
  sometimes(feedRepeated, after < hub.fed && upTo <= hub.fed && items.length > 0)
  hub.fed = Math.max(hub.fed, upTo)
  const touched = new Set<HubSession>()
  for (const item of items as readonly { readonly type: string }[]) {
    if (item.type === 'changes') {
      if (!onRevision(hub, item as FedRevision, touched)) {
        loseFeed(hub, out)
        return
      }
    } else if (item.type === 'authChanged') {
      tellAll(hub, touched, out)
      for (const session of [...hub.sessions.values()]) say(hub, session, { type: 'authChanged' }, out)
    }
  }
  tellAll(hub, touched, out)
  if (buggify(ringForget, 0.05)) hub.recent.forget()
}

/** False when a revision is missing before it. */
function onRevision(hub: HubState, fed: FedRevision, touched: Set<HubSession>): boolean {
  const { recent, index } = hub
  if (fed.revision <= recent.newest) return true
  if (fed.revision !== recent.newest + 1) return false
  const added = recent.push(fed)
  if (index.size === 0) return true
  for (const telling of added.tellings) {
    index.find(telling.key, ({ session, sub, from }) => {
      if (fed.revision < from) return
      session.outSubs.push(sub)
      session.outTellings.push(telling)
      touched.add(session)
    })
  }
  return true
}

function tellAll(hub: HubState, touched: Set<HubSession>, out: HubOut): void {
  const { newest: revision } = hub.recent
  for (const session of touched) {
    const { outSubs: subs, outTellings: tellings } = session
    session.outSubs = []
    session.outTellings = []
    say(hub, session, { type: 'told', revision, subs, tellings }, out)
  }
  touched.clear()
}

/** A word of the hub, before it has its number. */
type Word = FromHub extends infer W
  ? W extends { number: number }
    ? Omit<W, 'epoch' | 'number' | 'hear'>
    : never
  : never

function say(hub: HubState, session: HubSession, word: Word, out: HubOut): void {
  if (session.said - session.heard >= hub.windowWords || buggify(sessionLeft, 0.02)) {
    sometimes(sessionEvicted)
    leave(hub, session, out)
    return
  }
  session.said += 1
  const { epoch, said: number } = session
  out.push({ to: session.ref, word: { ...word, epoch, number, hear: number % hearEvery(hub) === 0 } })
}

/** Often enough that a session which listens never comes near the end of its window. */
function hearEvery({ windowWords }: HubState): number {
  return Math.max(1, windowWords >> 3)
}

/**
 * W13: a stream of more watchers than that would be left for
 * asking, would ask anew for all of them, and be left again, for ever.
 */
function isBusy({ windowWords }: HubState, { said, heard }: HubSession): boolean {
  return said - heard >= windowWords >> 1
}

function onHeard(hub: HubState, session: HubSession, heard: number, out: HubOut): void {
  session.heard = Math.max(session.heard, heard)
  for (const [sub, message] of session.parked) {
    if (isBusy(hub, session)) return
    session.parked.delete(sub)
    onSubscribe(hub, session, message, out)
  }
}

function leave(hub: HubState, session: HubSession, out: HubOut): void {
  forget(hub, session)
  out.push({ to: session.ref, word: { type: 'left', epoch: session.epoch } })
}

/** The session is gone, or over. */
export function forget(hub: HubState, session: HubSession): void {
  if (hub.sessions.get(sessionKey(session.ref)) !== session) return
  hub.sessions.delete(sessionKey(session.ref))
  for (const subscription of session.subs.values()) hub.index.remove(subscription)
  session.subs.clear()
  session.parked.clear()
}

export function sessionKey(ref: ActorRef): string {
  return ref.type === 'local' ? `${ref.executor} ${ref.id}` : ref.name
}

/** @returns Who joined, so that the end of it can be watched for. */
export function onToHub(hub: HubState, message: ToHub, out: HubOut): HubSession | undefined {
  const { session: ref, epoch } = message
  const known = hub.sessions.get(sessionKey(ref))
  if (message.type === 'join') return onJoin(hub, known, ref, epoch)
  if (known?.epoch !== epoch) {
    // Of an epoch that is over, or of before this hub began. What is older than the present one has been answered.
    if (known === undefined && message.type !== 'leave') out.push({ to: ref, word: { type: 'left', epoch } })
    return undefined
  }
  switch (message.type) {
    case 'subscribe':
      onSubscribe(hub, known, message, out)
      break
    case 'unsubscribe':
      unsubscribe(hub, known, message.sub)
      break
    case 'where':
      // Who is busy asks again, when he has heard more.
      if (!isBusy(hub, known)) say(hub, known, { type: 'still', revision: hub.recent.newest }, out)
      break
    case 'here':
      known.report = message.report
      onHeard(hub, known, message.heard, out)
      if (!isBusy(hub, known)) say(hub, known, { type: 'still', revision: hub.recent.newest }, out)
      break
    case 'heard':
      onHeard(hub, known, message.heard, out)
      break
    case 'leave':
      hub.eventsTotal += message.report.eventsTotal
      forget(hub, known)
      break
  }
  return undefined
}

function onJoin(hub: HubState, known: HubSession | undefined, ref: ActorRef, epoch: number): HubSession | undefined {
  if (known !== undefined) {
    if (known.epoch >= epoch) return undefined
    forget(hub, known)
  }
  const joined: HubSession = {
    ref,
    epoch,
    subs: new Map(),
    said: 0,
    heard: 0,
    parked: new Map(),
    outSubs: [],
    outTellings: [],
    report: known?.report ?? noReport,
  }
  hub.sessions.set(sessionKey(ref), joined)
  return joined
}

function onSubscribe(
  hub: HubState,
  session: HubSession,
  message: ToHub & { readonly type: 'subscribe' },
  out: HubOut,
): void {
  if (hub.fed === undefined) {
    // What finds no room here is said again.
    if (hub.waiting.length < waitingMax) hub.waiting.push(message)
    return
  }
  const { sub, spans, from } = message
  if (isBusy(hub, session)) {
    sometimes(subscribeParked)
    session.parked.set(sub, message)
    return
  }
  const { newest: revision, oldest } = hub.recent
  if (from < oldest || (from <= revision && buggify(subscribeBehind))) {
    sometimes(sentToHistory)
    say(hub, session, { type: 'behind', sub, revision }, out)
    return
  }
  sometimes(caughtFromRing, from <= revision)
  const tellings: Telling[] = []
  for (const { tellings: each } of hub.recent.since(from)) collect(each, spans, tellings)
  const subscription: Subscription = { session, sub, from, spans, seen: 0 }
  unsubscribe(hub, session, sub)
  session.subs.set(sub, subscription)
  hub.index.add(subscription)
  say(hub, session, { type: 'subscribed', sub, revision, tellings }, out)
}

function collect(from: RecentRevision['tellings'], spans: readonly Span[], into: Telling[]): void {
  for (const telling of from) if (spans.some((span) => spanCovers(span, telling.key))) into.push(telling)
}

function unsubscribe(hub: HubState, session: HubSession, sub: number): void {
  session.parked.delete(sub)
  const there = session.subs.get(sub)
  if (there === undefined) return
  session.subs.delete(sub)
  hub.index.remove(there)
}

export function statsOf(hub: HubState): WatchStats {
  let watchers = 0
  let slow = 0
  let eventsTotal = hub.eventsTotal
  for (const { report } of hub.sessions.values()) {
    watchers += report.watchers
    slow += report.slow
    eventsTotal += report.eventsTotal
  }
  return { watchers, slow, eventsTotal, streams: hub.sessions.size, recent: hub.recent.length }
}
