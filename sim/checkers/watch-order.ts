/**
 * I18: what a watcher was told is what was committed.
 *
 *   whole     every change of its ranges that its filter lets through, from its start on, in order, none twice, none missing,
 *             up to wherever it was told; each revision whole in one response, or in parts that say so
 *   before    what a key held one revision earlier, unless compaction may have taken it
 *   bookmark  says that everything up to a revision was told: nothing at or below it is missing then, or comes later
 *   gone      history is said to be compacted where it was, and nowhere else
 */
import type { SeenEvent, WatcherWish, WatchOperation, WatchWord } from '../operation.ts'
import { check } from './violation.ts'
import type { CommittedHistory } from './watch-history.ts'

interface Wanted {
  readonly event: SeenEvent
  /** Whether `previous` is known for sure. */
  readonly sure: boolean
}

/** Of one watcher: how far it was told. */
interface Following {
  readonly watchId: number
  readonly wish: WatcherWish
  readonly start: number
  /** By revision: what it is to be told. */
  readonly wanted: ReadonlyMap<number, readonly Wanted[]>
  /** Every revision up to this one was told whole. */
  upTo: number
  /** Told so far of the revision after that, in parts. */
  parts: SeenEvent[]
  /** Of one that wants the newest only: what it holds. */
  readonly held: Map<string, SeenEvent>
  bookmark: number
  over: boolean
}

const everyWatcher = -1

export function checkWatch(
  who: string,
  { watchers }: WatchOperation,
  words: readonly WatchWord[],
  committed: CommittedHistory,
): void {
  const following = new Map<number, Following>()
  let created = 0
  for (const word of words) {
    const fail = (claim: boolean, text: () => string): void => check(claim, 'I18', () => `${who}: ${text()}`)
    switch (word.type) {
      case 'created': {
        const wish = watchers[created] as WatcherWish
        created += 1
        fail(!following.has(word.watchId), () => `watcher ${word.watchId} was created twice`)
        const start = wish.from === 0 ? word.revision + 1 : wish.from
        const wanted = wantedOf(wish, start, committed)
        const { watchId } = word
        following.set(watchId, {
          watchId,
          wish,
          start,
          wanted,
          upTo: start - 1,
          parts: [],
          held: new Map(),
          bookmark: 0,
          over: false,
        })
        break
      }
      case 'events': {
        const watcher = following.get(word.watchId)
        fail(watcher !== undefined && !watcher.over, () => `events of watcher ${word.watchId}, which there is not`)
        if (watcher !== undefined) onEvents(watcher, word, committed, fail)
        break
      }
      case 'progress':
        for (const watcher of following.values()) {
          if (watcher.over || (word.watchId !== everyWatcher && word.watchId !== watcher.watchId)) continue
          onBookmark(watcher, word.revision, committed, fail)
        }
        break
      case 'canceled': {
        const watcher = following.get(word.watchId)
        // One that never was: the next of them is the next in line.
        if (watcher === undefined) created += 1
        else watcher.over = true
        if (word.cause !== 'compacted') break
        fail(
          word.compactRevision <= committed.compacted && (watcher?.upTo ?? 0) + 1 < word.compactRevision,
          () =>
            `told of a compaction at ${word.compactRevision}; ${watcher?.upTo} was told, ${committed.compacted} compacted`,
        )
        break
      }
    }
  }
}

type Fail = (claim: boolean, text: () => string) => void

function onEvents(
  watcher: Following,
  { events, more }: WatchWord & { readonly type: 'events' },
  committed: CommittedHistory,
  fail: Fail,
): void {
  const { watchId, wish } = watcher
  const first = events[0]
  fail(first !== undefined && first.revision > watcher.bookmark, () => `watcher ${watchId}: told below its bookmark`)
  const revisions = [...new Set(events.map(({ revision }) => revision))]
  for (const revision of revisions) {
    const part = more && revision === revisions[revisions.length - 1]
    const told = events.filter((event) => event.revision === revision)
    fail(revision > watcher.upTo, () => `watcher ${watchId}: revision ${revision} after ${watcher.upTo}`)
    for (const { key, value } of told) {
      const known = committed.changesOf(revision)
      const there = known === undefined || known.some((change) => change.key === key && change.value === value)
      fail(there, () => `watcher ${watchId}: ${key} = ${value} at ${revision} was never committed`)
    }
    if (wish.latestOnly) for (const event of told) watcher.held.set(event.key, event)
    else onRevision(watcher, revision, told, part, committed, fail)
    if (!part) watcher.upTo = revision
  }
}

function onRevision(
  watcher: Following,
  revision: number,
  told: readonly SeenEvent[],
  part: boolean,
  committed: CommittedHistory,
  fail: Fail,
): void {
  const { watchId } = watcher
  nothingBetween(watcher, revision, committed, fail)
  watcher.parts.push(...told)
  if (committed.changesOf(revision) === undefined) {
    if (!part) watcher.parts = []
    return
  }
  const wanted = watcher.wanted.get(revision) ?? []
  const right =
    (part ? watcher.parts.length < wanted.length : watcher.parts.length === wanted.length) &&
    watcher.parts.every((event, at) => agrees(watcher, event, wanted[at], committed))
  fail(
    right,
    () =>
      `watcher ${watchId} was told ${JSON.stringify(watcher.parts)} of revision ${revision}${part ? ', and more to come' : ''}, ` +
      `which brought ${JSON.stringify(wanted.map(({ event }) => event))}`,
  )
  if (!part) watcher.parts = []
}

/** Nothing was skipped. */
function nothingBetween(watcher: Following, revision: number, committed: CommittedHistory, fail: Fail): void {
  for (let each = watcher.upTo + 1; each < revision; each++) {
    if (each > committed.newest) break
    const missing = watcher.wanted.get(each)
    fail(
      missing === undefined || missing.length === 0,
      () => `watcher ${watcher.watchId} was told of ${revision}, and never of ${each}: ${JSON.stringify(missing)}`,
    )
  }
}

function agrees(
  { wish }: Following,
  event: SeenEvent,
  wanted: Wanted | undefined,
  committed: CommittedHistory,
): boolean {
  if (wanted === undefined) return false
  const { key, value, create, revision, previous } = wanted.event
  if (event.key !== key || event.value !== value || event.create !== create) return false
  if (!wish.prevKv) return event.previous === undefined
  if (!wanted.sure) return true
  if (event.previous === undefined) return previous === undefined || revision <= committed.compacted
  return event.previous.value === previous?.value && event.previous.revision === previous?.revision
}

function onBookmark(watcher: Following, revision: number, committed: CommittedHistory, fail: Fail): void {
  const { watchId, wish, wanted } = watcher
  fail(watcher.parts.length === 0, () => `watcher ${watchId}: a bookmark within revision ${watcher.upTo + 1}`)
  fail(revision >= watcher.upTo, () => `watcher ${watchId}: a bookmark at ${revision}, ${watcher.upTo} was told`)
  if (wish.latestOnly) newestHeld(watcher, revision, fail)
  else nothingBetween(watcher, revision + 1, committed, fail)
  // Only what is known is judged; that there is nothing else unknown is known.
  watcher.bookmark = revision
  if (wanted.size >= 0) watcher.upTo = Math.max(watcher.upTo, revision)
}

/** Of each key, the newest change up to the bookmark was told. */
function newestHeld({ watchId, wanted, held }: Following, revision: number, fail: Fail): void {
  const newest = new Map<string, SeenEvent>()
  for (const [each, changes] of wanted) {
    if (each <= revision) for (const { event } of changes) newest.set(event.key, event)
  }
  for (const [key, event] of newest) {
    const shown = held.get(key)
    fail(
      shown !== undefined && shown.revision === event.revision && shown.value === event.value,
      () =>
        `watcher ${watchId} holds ${JSON.stringify(shown)} at its bookmark ${revision}, not ${JSON.stringify(event)}`,
    )
  }
}

/** What a watcher is to be told, by revision, in order. */
function wantedOf(
  wish: WatcherWish,
  start: number,
  committed: CommittedHistory,
): ReadonlyMap<number, readonly Wanted[]> {
  const wanted = new Map<number, Wanted[]>()
  const held = new Map<string, { readonly value: string; readonly revision: number }>()
  /** Nothing is missing of what came before. */
  let sure = true
  for (let revision = 2; revision <= committed.newest; revision++) {
    const changes = committed.changesOf(revision)
    if (changes === undefined) {
      sure = false
      held.clear()
      continue
    }
    const before = new Map(held)
    const own: Wanted[] = []
    for (const { key, value, create } of changes) {
      if (value === undefined) held.delete(key)
      else held.set(key, { value, revision })
      const event: SeenEvent = {
        key,
        value,
        revision,
        create,
        previous: create === revision ? undefined : before.get(key),
      }
      if (revision >= start && wants(wish, event)) own.push({ event, sure: sure || before.has(key) })
    }
    if (own.length > 0) wanted.set(revision, own)
  }
  return wanted
}

function wants({ keys, prefixes, without }: WatcherWish, { key, value, create, revision }: SeenEvent): boolean {
  const kind = value === undefined ? 'delete' : create === revision ? 'create' : 'update'
  return !without.includes(kind) && (keys.includes(key) || prefixes.some((prefix) => key.startsWith(prefix)))
}
