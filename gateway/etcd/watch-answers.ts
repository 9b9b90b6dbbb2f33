/**
 * From what a session tells to etcd's answers, in etcd's order. A stream of answers has a state of its own:
 *
 *   created    one for each request, in the order of the requests: clients match them by that order alone
 *   fragments  pieces of one revision: passed on to who asked for fragments, put together for everybody else
 *   refusals   said as "created and cancelled" with the id -1, for there never was a watcher
 */
import type { WatchCancelCause, WatchEvent, WatchKeyValue, WatchResponse } from '../../actors/watch/messages.ts'
import { unreachable } from '../../base/assert.ts'
import { type EtcdStatus, etcdStatuses } from '../../client/etcd-errors.ts'
import type { Int64, WireKeyValue } from '../../client/etcd-wire.ts'
import type { WireEvent, WireWatchResponse } from '../../client/etcd-wire-watch.ts'
import { AspenError } from '../../client/interface.ts'
import { codeName } from '../metrics.ts'
import type { Headers } from './header-source.ts'

/** The id of answers that are about no watcher, or about all. */
export const noWatchId = -1

/** Refusals that the gateway gives by itself; the others come from the session. */
export const refusalReasons: Readonly<Record<'negativeRevision' | 'emptyRange' | 'badWatchId', string>> = {
  negativeRevision: etcdStatuses.compacted.details,
  emptyRange: 'mvcc: watcher range is empty',
  badWatchId: 'aspen: a watch id is 0, for one that the server chooses, or more',
}

/** As etcd writes them where a status becomes a sentence. */
const cancelReasons: Readonly<Record<Exclude<WatchCancelCause, 'unavailable'>, string>> = {
  asked: '',
  // The revision that can be watched from says it.
  compacted: '',
  duplicateId: 'mvcc: duplicate watch ID provided on the WatchStream',
  invalid: 'aspen: a filter of the watch is out of bounds, or its pattern is no regular expression',
  permissionDenied: sentenceOf(etcdStatuses.permissionDenied),
  invalidAuthToken: sentenceOf(etcdStatuses.invalidAuthToken),
  tooManyWatchers: sentenceOf(etcdStatuses.tooManyRequests),
}

/** Requests of one stream that may wait for their answer; the client's window is the bound for those behind them. */
const awaitedMax = 1_024

interface Watcher {
  readonly fragment: boolean
  /** Pieces that wait for the last one of their revision. */
  held: WireEvent[]
}

type Awaited =
  | { readonly type: 'asked'; readonly fragment: boolean }
  | { readonly type: 'refused'; readonly reason: string }

export class WatchAnswers {
  readonly #headers: Headers
  readonly #fragmentBytesMax: number
  readonly #watchers = new Map<number, Watcher>()
  /** Requests that were not answered yet, oldest first. */
  readonly #awaited: Awaited[] = []
  #revision: number
  #onSettled: () => void = () => undefined

  /** @param fragmentBytesMax - Whoever asked for fragments gets none above this, roughly. */
  constructor(headers: Headers, fragmentBytesMax: number) {
    this.#headers = headers
    this.#fragmentBytesMax = fragmentBytesMax
    this.#revision = headers.revision
  }

  /** The session was asked for a watcher. */
  asked(fragment: boolean): void {
    this.#awaited.push({ type: 'asked', fragment })
  }

  /** Resolves when not too many requests wait for their answer. */
  async room(): Promise<void> {
    while (this.#awaited.length >= awaitedMax) {
      await new Promise<void>((resolve) => {
        this.#onSettled = resolve
      })
    }
  }

  /** A request that the session never sees. @returns What can be told now. */
  refused(reason: string): readonly WireWatchResponse[] {
    this.#awaited.push({ type: 'refused', reason })
    return this.#refusals()
  }

  /** @throws {AspenError} `unavailable` ends the whole stream: clients then open it anew, elsewhere, and lose nothing. */
  of(response: WatchResponse): readonly WireWatchResponse[] {
    this.#revision = Math.max(this.#revision, response.revision)
    switch (response.type) {
      case 'created':
        this.#watchers.set(response.watchId, { fragment: this.#settle(), held: [] })
        return [this.#answer(response.watchId, response.revision, { created: true }), ...this.#refusals()]
      case 'events':
        return this.#events(response.watchId, response.revision, response.events.map(encodeEvent), response.more)
      case 'progress':
        return [this.#answer(response.watchId, response.revision)]
      case 'canceled':
        return this.#canceled(response)
      default:
        return unreachable(response)
    }
  }

  #canceled({
    watchId,
    revision,
    cause,
    compactRevision,
    reason: details,
  }: Extract<WatchResponse, { type: 'canceled' }>): WireWatchResponse[] {
    if (cause === 'unavailable') throw new AspenError('stopped')
    const reason = reasonOf(cause, details)
    const facts = { canceled: true, cancel_reason: reason, compact_revision: compactRevision }
    if (cause !== 'duplicateId' && this.#watchers.delete(watchId)) return [this.#answer(watchId, revision, facts)]
    // A start that is compacted is told in two steps, as etcd does, so that a client has a watcher to cancel.
    if (cause === 'compacted') {
      this.#settle()
      const created = this.#answer(watchId, revision, { created: true })
      return [created, this.#answer(watchId, revision, facts), ...this.#refusals()]
    }
    if (cause === 'asked') return []
    this.#settle()
    return [this.#answer(noWatchId, revision, { ...facts, created: true }), ...this.#refusals()]
  }

  #events(watchId: number, revision: number, events: readonly WireEvent[], more: boolean): WireWatchResponse[] {
    const watcher = this.#watchers.get(watchId)
    if (watcher === undefined) return []
    if (watcher.fragment) {
      const pieces = piecesOf(events, this.#fragmentBytesMax)
      return pieces.map((piece, at) =>
        this.#answer(watchId, revision, { events: piece, fragment: more || at < pieces.length - 1 }),
      )
    }
    const all = watcher.held.length === 0 ? events : [...watcher.held, ...events]
    watcher.held = more ? [...all] : []
    return more ? [] : [this.#answer(watchId, revision, { events: all })]
  }

  /** The oldest request is answered; what it asked for. */
  #settle(): boolean {
    const first = this.#awaited.shift()
    this.#onSettled()
    return first?.type === 'asked' && first.fragment
  }

  /** Refusals whose turn has come. */
  #refusals(): WireWatchResponse[] {
    const told: WireWatchResponse[] = []
    for (let first = this.#awaited[0]; first?.type === 'refused'; first = this.#awaited[0]) {
      this.#awaited.shift()
      const facts = { created: true, canceled: true, cancel_reason: first.reason }
      told.push(this.#answer(noWatchId, this.#revision, facts))
    }
    return told
  }

  #answer(watchId: Int64, revision: number, facts: Partial<WireWatchResponse> = {}): WireWatchResponse {
    return {
      header: this.#headers.at(revision),
      watch_id: watchId,
      created: false,
      canceled: false,
      compact_revision: 0,
      cancel_reason: '',
      fragment: false,
      events: [],
      ...facts,
    }
  }
}

/** Cuts before the event that would make a piece too large; an event that is too large alone is a piece. */
function piecesOf(events: readonly WireEvent[], bytesMax: number): readonly (readonly WireEvent[])[] {
  const pieces: WireEvent[][] = []
  let piece: WireEvent[] = []
  let bytes = 0
  for (const event of events) {
    const size = sizeOf(event.kv) + sizeOf(event.prev_kv)
    if (piece.length > 0 && bytes + size > bytesMax) {
      pieces.push(piece)
      piece = []
      bytes = 0
    }
    piece.push(event)
    bytes += size
  }
  pieces.push(piece)
  return pieces
}

/** Above what the numbers of a pair can take when encoded. */
const pairBytesMax = 64

function sizeOf(kv: WireKeyValue | null): number {
  return kv === null ? 0 : kv.key.length + kv.value.length + pairBytesMax
}

function encodeEvent({ type, kv, prevKv }: WatchEvent): WireEvent {
  return {
    type: type === 'put' ? 'PUT' : 'DELETE',
    kv: encodePair(kv),
    prev_kv: prevKv === undefined ? null : encodePair(prevKv),
  }
}

function encodePair(kv: WatchKeyValue): WireKeyValue {
  return {
    key: kv.key,
    create_revision: kv.createRevision,
    mod_revision: kv.modRevision,
    version: kv.version,
    value: kv.value,
    lease: kv.lease,
  }
}

/** @param details - Why more exactly: a refusal of the store by its name, or a sentence. */
function reasonOf(cause: Exclude<WatchCancelCause, 'unavailable'>, details: string | undefined): string {
  if (details === undefined) return cancelReasons[cause]
  const refusal = Object.hasOwn(etcdStatuses, details) ? etcdStatuses[details as keyof typeof etcdStatuses] : undefined
  return refusal === undefined ? `aspen: ${details}` : sentenceOf(refusal)
}

function sentenceOf({ code, details }: EtcdStatus): string {
  return `rpc error: code = ${codeName(code)} desc = ${details}`
}
