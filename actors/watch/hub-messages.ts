/**
 * Between the hub of a group and the sessions of its node.
 *
 *   session ──join, subscribe, unsubscribe, where, here──▶ hub
 *           ◀──subscribed, behind, told, still, authChanged, left──
 *
 * Everything the hub says to one session is numbered, from 1 in each `epoch` of theirs, so that whoever misses something
 * notices it at the next word. Sessions name their subscriptions, and never use a name twice.
 */
import type { ActorRef } from '../../runtime/kernel/actor.ts'
import type { ChangeKind, WatchEvent, WatchKeyValue } from './messages.ts'
import type { Span } from './spans.ts'

/** The same shape as a keyspace's change; declared here because watching and keyspaces are strangers. */
export interface FedChange {
  readonly kv: WatchKeyValue
  readonly deleted: boolean
  readonly previous: WatchKeyValue | undefined
  readonly previousUnread: boolean
}

/** Of a feed: all changes of one revision. */
export interface FedRevision {
  readonly type: 'changes'
  readonly revision: number
  readonly changes: readonly FedChange[]
}

/** A change as all its watchers share it. Never copied, never written. */
export interface Telling {
  readonly revision: number
  readonly key: string
  readonly kind: ChangeKind
  readonly plain: WatchEvent
  /** With what the key held one revision before. */
  readonly full: WatchEvent
  /** There was something before, and `full` does not have it. */
  readonly previousUnread: boolean
  readonly bytes: number
}

/** What a session says; `session` and `epoch` say who. */
export type ToHub =
  /** Begins an epoch; what there was of an older one is over. */
  | { readonly type: 'join'; readonly session: ActorRef; readonly epoch: number }
  | {
      readonly type: 'subscribe'
      readonly session: ActorRef
      readonly epoch: number
      readonly sub: number
      readonly spans: readonly Span[]
      /** The first revision wanted. */
      readonly from: number
    }
  | { readonly type: 'unsubscribe'; readonly session: ActorRef; readonly epoch: number; readonly sub: number }
  /** Answered `still`, after everything that was told before. */
  | { readonly type: 'where'; readonly session: ActorRef; readonly epoch: number }
  /** Now and then: what the session has heard, how it fares. Answered `still`. */
  | {
      readonly type: 'here'
      readonly session: ActorRef
      readonly epoch: number
      readonly heard: number
      readonly report: SessionReport
    }
  /** `heard` is the number of the newest word that arrived. */
  | { readonly type: 'heard'; readonly session: ActorRef; readonly epoch: number; readonly heard: number }
  | { readonly type: 'leave'; readonly session: ActorRef; readonly epoch: number; readonly report: SessionReport }

/** For metrics. */
export interface SessionReport {
  readonly watchers: number
  /** Of them, those that are reading history. */
  readonly slow: number
  readonly eventsTotal: number
}

/** What the hub says. `revision`: the newest that it has told of. */
/** Words with a number are counted: a session that is asked to, by `hear`, says at once which one it heard last. */
interface Numbered {
  readonly epoch: number
  readonly number: number
  readonly hear: boolean
}

export type FromHub =
  /** Everything of `sub` from its `from` up to `revision` is in `tellings`; what comes later is told. */
  | (Numbered & {
      readonly type: 'subscribed'
      readonly sub: number
      readonly revision: number
      readonly tellings: readonly Telling[]
    })
  /** The hub does not remember so far back: read history, and subscribe again. */
  | (Numbered & { readonly type: 'behind'; readonly sub: number; readonly revision: number })
  /** `tellings[i]` is for `subs[i]`, in the order of history. Everything up to `revision` is told. */
  | (Numbered & {
      readonly type: 'told'
      readonly revision: number
      readonly subs: readonly number[]
      readonly tellings: readonly Telling[]
    })
  | (Numbered & { readonly type: 'still'; readonly revision: number })
  | (Numbered & { readonly type: 'authChanged' })
  /** The epoch is over: the session listened too slowly, the hub missed something, or never heard of it. */
  | { readonly type: 'left'; readonly epoch: number }

/** Asked of a hub from outside. */
export interface WatchStats extends SessionReport {
  readonly streams: number
  /** Revisions that the hub remembers. */
  readonly recent: number
}

/**
 * What watchers are told of one revision. A key that changed twice in it shows what it held before the revision, both times.
 */
export function tellingsOf({ revision, changes }: FedRevision, keyText: (key: Uint8Array) => string): Telling[] {
  const before = new Map<string, FedChange>()
  return changes.map((change) => {
    const key = keyText(change.kv.key)
    const first = before.get(key)
    if (first === undefined) before.set(key, change)
    return tellingOf(revision, key, change, first ?? change)
  })
}

function tellingOf(revision: number, key: string, { kv, deleted }: FedChange, before: FedChange): Telling {
  const kind = deleted ? 'delete' : kv.createRevision === kv.modRevision ? 'create' : 'update'
  const plain: WatchEvent = { type: deleted ? 'delete' : 'put', kv }
  // W7: of what was just created, nothing came before.
  const previous = kind === 'create' ? undefined : before.previous
  const full = previous === undefined ? plain : { ...plain, prevKv: previous }
  const previousUnread = kind !== 'create' && before.previousUnread
  const bytes = eventOverheadBytes + bytesOf(kv) + (previous === undefined ? 0 : bytesOf(previous))
  return { revision, key, kind, plain, full, previousUnread, bytes }
}

/** What an event weighs beside its keys and values, in memory and on the wire. */
const eventOverheadBytes = 64

function bytesOf({ key, value }: WatchKeyValue): number {
  return key.length + value.length
}
