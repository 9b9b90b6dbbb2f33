/**
 * Watching, in three steps on the node that a client talks to, leader or not:
 *
 *   replica ──feed──▶ watch hub of the group ──events──▶ session, one per stream ──answers to pulls──▶ front door
 *      ▲                  `watches/<group>`                  │
 *      └───────── history, read page by page ────────────────┘
 *
 * Flow control is the pull: a session answers `next` with what it has, and keeps no more than a bounded buffer between two
 * pulls. A watcher whose client is slow leaves the hub, and comes back through history: memory never grows with slowness,
 * and nothing is lost or told twice (W1 to W9 in README.md).
 */

/** As in a range request: `rangeEnd` undefined one key, one zero byte every key from `key` on. */
export interface WatchRange {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
}

/** What happened to a key, from the watcher's point of view. */
export type ChangeKind = 'create' | 'update' | 'delete'

/** On the value of the new pair; a delete has none, and passes no value test. */
export type ValueTest =
  | { readonly type: 'equals' | 'notEquals' | 'contains' | 'startsWith'; readonly bytes: Uint8Array }
  /** By number, where the value is the text of one. */
  | { readonly type: 'atLeast' | 'atMost'; readonly number: number }
  /** Of a JSON value, a pointer as in RFC 6901, and the JSON text of what must be there. */
  | { readonly type: 'json'; readonly pointer: string; readonly equals: string }

/** What to tell, and of what. */
export interface WatchSpec {
  /** 1 to 64 of them; a key in two of them is told once. */
  readonly ranges: readonly WatchRange[]
  /** The first revision to tell; 0: from now on. One in the future is waited for. */
  readonly startRevision: number
  readonly prevKv: boolean
  /** A bookmark when there was nothing to tell for a while. */
  readonly progressNotify: boolean
  /** Kinds that are not told; all are when empty. */
  readonly without: readonly ChangeKind[]
  /** Keys must end so. */
  readonly keySuffix?: Uint8Array
  /** RE2 syntax, linear in time, on the key read as UTF-8; 1 to 1_024 characters. */
  readonly keyPattern?: string
  readonly value?: ValueTest
  /** Not told when the value is what it was. */
  readonly onlyIfChanged?: boolean
  /** Between two pulls, of each key the newest change alone. */
  readonly latestOnly?: boolean
  /** Of each key at most one change in so many milliseconds, the newest; 1 to 3_600_000. */
  readonly sampleMs?: number
}

export interface WatchEvent {
  readonly type: 'put' | 'delete'
  /** Of a delete: the key, and the revision of the delete as `modRevision`. */
  readonly kv: WatchKeyValue
  readonly prevKv?: WatchKeyValue
}

/** The same shape as a keyspace's pair; declared here because watching and keyspaces are strangers. */
export interface WatchKeyValue {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  readonly lease: string
}

/** Who watches, where it is somebody outside of the process: the same shape as an auth store's principal. */
export interface WatchPrincipal {
  readonly user: string
  readonly authRevision: number
}

/** Carried out in the order in which they come, and so answered. */
export type StreamCommand =
  /**
   * `watchId` undefined: the session chooses. What is refused is answered `canceled` with watch id -1 and no `created`. With
   * `principal`, the ranges must be his to read, now and whenever permissions change. `rejected`: the door could not make sure
   * who it is, which refuses it in its turn.
   */
  | {
      readonly type: 'create'
      readonly watchId: number | undefined
      readonly spec: WatchSpec
      readonly principal?: WatchPrincipal
      readonly rejected?: WatchCancelCause
    }
  | { readonly type: 'cancel'; readonly watchId: number }
  /** Asks for a bookmark of the whole stream, once all its watchers are up to date; of a stream without any, nothing. */
  | { readonly type: 'requestProgress' }

/** Told to a session: nothing is answered but what `next` brings. */
export type SessionCommand =
  | StreamCommand
  /** Asked: several at once, answered `true` when they are taken. */
  | { readonly type: 'commands'; readonly commands: readonly StreamCommand[] }
  /** Somebody is still there, though nothing is asked for: a session that hears of nobody ends. */
  | { readonly type: 'stay' }
  /** Asked: answered with `SessionBatch` when there is something, or empty when `waitMs` have passed. One at a time. */
  | { readonly type: 'next'; readonly waitMs: number; readonly bytesMax: number }
  /** The stream is over. */
  | { readonly type: 'end' }

export interface SessionBatch {
  readonly type: 'batch'
  /** Each once, however many watchers are told of it. */
  readonly events: readonly WatchEvent[]
  /** In the order in which they are to be told, with events named by their place (`unpackBatch` of batch.ts). */
  readonly responses: readonly PackedResponse[]
}

export type PackedResponse =
  | Exclude<WatchResponse, { readonly type: 'events' }>
  | (Omit<Extract<WatchResponse, { readonly type: 'events' }>, 'events'> & { readonly events: readonly number[] })

export type WatchResponse =
  /** Comes before any event of it. */
  | { readonly type: 'created'; readonly watchId: number; readonly revision: number }
  /** All events of one or more revisions, whole: none is split over two, unless `more`, which says that the rest follows. */
  | {
      readonly type: 'events'
      readonly watchId: number
      readonly revision: number
      readonly events: readonly WatchEvent[]
      readonly more: boolean
    }
  /** Everything up to `revision` was told: of one watcher, or with `watchId` -1 of all of the stream. */
  | { readonly type: 'progress'; readonly watchId: number; readonly revision: number }
  | {
      readonly type: 'canceled'
      /** -1: of a watcher that was never created. */
      readonly watchId: number
      readonly revision: number
      readonly cause: WatchCancelCause
      /** The oldest revision that can be watched from; 0 unless `compacted`. */
      readonly compactRevision: number
      /** What was wrong, where the cause does not say it: of `invalid`. */
      readonly reason?: string
    }

export type WatchCancelCause =
  /** The client asked. */
  | 'asked'
  | 'compacted'
  /** The id is taken in this stream. It was never created. */
  | 'duplicateId'
  /** A bound of `WatchSpec` is broken, or the pattern is no expression. It was never created. */
  | 'invalid'
  | 'permissionDenied'
  | 'invalidAuthToken'
  | 'tooManyWatchers'
  /** The group ended on this node, or its history cannot be read: watch again, from the next revision. */
  | 'unavailable'
