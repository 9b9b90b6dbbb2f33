/**
 * What a session has for its client, in order, bounded in bytes and events. A pull takes from the front.
 *
 *   W4  events of one revision leave in one response; where they are too many for that, in parts that say that more follows
 *   W5  what does not fit is not taken at all: never half a revision
 *
 * A watcher that wants only the newest of each key has a place in the queue, and what stands there is gathered when a pull
 * comes to it.
 */
import { sometimes } from '../../base/fault-points.ts'
import type { Telling } from './hub-messages.ts'
import type { WatchEvent, WatchResponse } from './messages.ts'
import { fragmented } from './probes.ts'

/** Whose events they are. */
export interface Outlet {
  readonly id: number
  readonly prevKv: boolean
  /** What it still has in the queue is not wanted any more. */
  dropped: boolean
  /** The newest of each key, by revision; undefined where every change is told. */
  readonly newest: Map<string, Telling> | undefined
  /** It has a place in the queue. */
  placed: boolean
  /** When something of it last left. */
  drainedMs: number
}

/** The events of one revision for one watcher, from `from` on. */
interface Revision {
  readonly revision: number
  readonly tellings: readonly Telling[]
  readonly bytes: number
  from: number
}

interface Events {
  readonly type: 'events'
  readonly outlet: Outlet
  readonly revisions: readonly Revision[]
  /** The first that has not left. */
  at: number
}

type Entry =
  | Events
  | { readonly type: 'response'; readonly response: WatchResponse }
  | { readonly type: 'newest'; readonly outlet: Outlet }

/** What a response weighs beside its events. */
const responseBytes = 32

export class OutQueue {
  readonly #bytesMax: number
  readonly #eventsMax: number
  #entries: Entry[] = []
  #first = 0
  #bytes = 0
  #events = 0
  /** Something was refused, and nothing has left since: whoever reads it again would only be refused again. */
  #refused = false

  constructor(bytesMax: number, eventsMax: number) {
    this.#bytesMax = bytesMax
    this.#eventsMax = eventsMax
  }

  get isEmpty(): boolean {
    return this.#first === this.#entries.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** History may be read: there is room for a good deal, as far as is known. */
  get hasRoom(): boolean {
    return !this.#refused && this.#bytes * 2 <= this.#bytesMax && this.#events * 2 <= this.#eventsMax
  }

  respond(response: WatchResponse): void {
    this.#entries.push({ type: 'response', response })
  }

  /** W5: false when there is no room. What is alone in the queue may be of any size, or it could never be told. */
  offer(outlet: Outlet, revision: number, tellings: readonly Telling[]): boolean {
    const bytes = tellings.reduce((sum, telling) => sum + telling.bytes, 0)
    const fits = this.#bytes + bytes <= this.#bytesMax && this.#events + tellings.length <= this.#eventsMax
    if (!fits && this.#events > 0) {
      this.#refused = true
      return false
    }
    if (outlet.newest !== undefined) this.#gather(outlet.newest, tellings)
    else {
      this.#count(bytes, tellings.length)
      this.#append(outlet, { revision, tellings, bytes, from: 0 })
    }
    return true
  }

  #gather(newest: Map<string, Telling>, tellings: readonly Telling[]): void {
    for (const telling of tellings) {
      const before = newest.get(telling.key)
      // Taken out first, so that the order of the map stays that of history.
      if (before !== undefined) newest.delete(telling.key)
      newest.set(telling.key, telling)
      this.#count(telling.bytes - (before?.bytes ?? 0), before === undefined ? 1 : 0)
    }
  }

  #append(outlet: Outlet, revision: Revision): void {
    const last = this.#entries[this.#entries.length - 1]
    if (!this.isEmpty && last?.type === 'events' && last.outlet === outlet)
      (last.revisions as Revision[]).push(revision)
    else this.#entries.push({ type: 'events', outlet, revisions: [revision], at: 0 })
  }

  /** Gives what was gathered for a watcher its place, the last one. */
  place(outlet: Outlet): void {
    if (outlet.placed || outlet.newest === undefined || outlet.newest.size === 0) return
    outlet.placed = true
    this.#entries.push({ type: 'newest', outlet })
  }

  /** Takes back every bookmark that has not left. @returns Whether one of the whole stream was among them. */
  retractBookmarks(): boolean {
    let ofAll = false
    this.#entries = this.#entries.slice(this.#first).filter((entry) => {
      if (entry.type !== 'response' || entry.response.type !== 'progress') return true
      if (entry.response.watchId === -1) ofAll = true
      return false
    })
    this.#first = 0
    return ofAll
  }

  /** What was gathered stands as it is now: a bookmark comes behind it. */
  settle(): void {
    for (let i = this.#first; i < this.#entries.length; i++) {
      const entry = this.#entries[i] as Entry
      if (entry.type === 'newest') this.#entries[i] = this.#take(entry.outlet)
    }
  }

  #take(outlet: Outlet): Events {
    const revisions: Revision[] = []
    let tellings: Telling[] = []
    const { newest = new Map<string, Telling>() } = outlet
    for (const telling of newest.values()) {
      if (tellings[0]?.revision !== telling.revision) {
        tellings = []
        revisions.push({ revision: telling.revision, tellings, bytes: 0, from: 0 })
      }
      tellings.push(telling)
    }
    newest.clear()
    outlet.placed = false
    return { type: 'events', outlet, revisions, at: 0 }
  }

  /** The front of the queue: `bytesMax` of it, or a single response. */
  pull(bytesMax: number, nowMs: number): WatchResponse[] {
    const responses: WatchResponse[] = []
    let room = bytesMax
    while (!this.isEmpty && (room > 0 || responses.length === 0)) {
      const entry = this.#front()
      if (entry.type === 'response') {
        responses.push(entry.response)
        room -= responseBytes
        this.#first += 1
        continue
      }
      entry.outlet.drainedMs = nowMs
      const taken = entry.outlet.dropped ? 'dropped' : this.#eventsOf(entry, room, responses.length === 0)
      if (taken === undefined) break
      if (taken === 'dropped') this.#discard(entry)
      else {
        responses.push(taken.events)
        room -= taken.bytes + responseBytes
      }
      if (entry.at === entry.revisions.length) this.#first += 1
    }
    this.#trim()
    return responses
  }

  #front(): Exclude<Entry, { readonly type: 'newest' }> {
    const entry = this.#entries[this.#first] as Entry
    if (entry.type !== 'newest') return entry
    const events = this.#take(entry.outlet)
    this.#entries[this.#first] = events
    return events
  }

  /** As many whole revisions as there is room for; the first of a pull in parts when it is too big. */
  #eventsOf(
    entry: Events,
    room: number,
    alone: boolean,
  ): { readonly events: WatchResponse; readonly bytes: number } | undefined {
    const { outlet, revisions } = entry
    const events: WatchEvent[] = []
    let bytes = 0
    let revision = 0
    let more = false
    while (entry.at < revisions.length && !more) {
      const next = revisions[entry.at] as Revision
      const left = weigh(next)
      if (left > room - bytes && (events.length > 0 || !alone)) break
      revision = next.revision
      const end = left > room - bytes ? fragmentEnd(next, room) : next.tellings.length
      more = end < next.tellings.length
      sometimes(fragmented, more)
      const part = next.from === 0 && !more ? next.tellings : next.tellings.slice(next.from, end)
      for (const telling of part) {
        events.push(outlet.prevKv ? telling.full : telling.plain)
        bytes += telling.bytes
      }
      next.from = end
      if (!more) entry.at += 1
    }
    if (events.length === 0) return undefined
    this.#count(-bytes, -events.length)
    return { events: { type: 'events', watchId: outlet.id, revision, events, more }, bytes }
  }

  #discard(entry: Events): void {
    for (; entry.at < entry.revisions.length; entry.at++) {
      const { tellings, from } = entry.revisions[entry.at] as Revision
      for (const telling of tellings.slice(from)) this.#count(-telling.bytes, -1)
    }
  }

  #count(bytes: number, events: number): void {
    if (events < 0) this.#refused = false
    this.#bytes += bytes
    this.#events += events
  }

  #trim(): void {
    if (this.isEmpty) {
      this.#entries = []
      this.#first = 0
    } else if (this.#first >= 64 && this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }
}

function weigh({ tellings, from }: Revision): number {
  let bytes = 0
  for (let i = from; i < tellings.length; i++) bytes += (tellings[i] as Telling).bytes
  return bytes
}

/** Where a part that fits ends; it holds at least one event. */
function fragmentEnd({ tellings, from }: Revision, room: number): number {
  let end = from
  let bytes = 0
  while (end < tellings.length) {
    bytes += (tellings[end] as Telling).bytes
    if (end > from && bytes > room) break
    end += 1
  }
  return end
}
