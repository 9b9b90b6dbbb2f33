/** Watch streams over the fake node: its history is a list, and whatever is added to it is told at once. */
import type { WatchEvent, WatchRange, WatchResponse, WatchSpec } from '../../../actors/watch/messages.ts'
import { compareBytes } from '../../../base/bytes.ts'
import { AspenError, type WatchStream } from '../../../client/interface.ts'

export interface FakeHistory {
  readonly revision: () => number
  readonly compacted: () => number
  /** Oldest first. */
  readonly events: WatchEvent[]
  readonly streams: Set<FakeWatchStream>
}

export class FakeWatchStream implements WatchStream {
  readonly #history: FakeHistory
  readonly #waiting: WatchResponse[] = []
  readonly #watchers = new Map<number, WatchSpec>()
  /** What was asked, in words a test can read. */
  readonly asked: { readonly spec: WatchSpec; readonly watchId: number | undefined }[] = []
  #nextId = 0
  #wake: (() => void) | undefined
  #failure: Error | undefined
  closed = false
  /** Responses that were taken. */
  taken = 0

  constructor(history: FakeHistory) {
    this.#history = history
    history.streams.add(this)
  }

  create(spec: WatchSpec, watchId?: number): void {
    this.asked.push({ spec, watchId })
    const revision = this.#history.revision()
    if (watchId !== undefined && this.#watchers.has(watchId)) {
      this.tell({ type: 'canceled', watchId, revision, cause: 'duplicateId', compactRevision: 0 })
      return
    }
    while (watchId === undefined && this.#watchers.has(this.#nextId)) this.#nextId += 1
    const id = watchId ?? this.#nextId++
    const { startRevision } = spec
    this.#watchers.set(id, spec)
    this.tell({ type: 'created', watchId: id, revision })
    const compactRevision = this.#history.compacted()
    if (startRevision > 0 && startRevision < compactRevision) {
      this.#watchers.delete(id)
      this.tell({ type: 'canceled', watchId: id, revision, cause: 'compacted', compactRevision })
    } else if (startRevision > 0) {
      this.notify(
        this.#history.events.filter(({ kv }) => kv.modRevision >= startRevision),
        id,
      )
    }
  }

  cancel(watchId: number): void {
    const revision = this.#history.revision()
    if (!this.#watchers.delete(watchId)) return
    this.tell({ type: 'canceled', watchId, revision, cause: 'asked', compactRevision: 0 })
  }

  requestProgress(): void {
    this.tell({ type: 'progress', watchId: -1, revision: this.#history.revision() })
  }

  close(): void {
    this.closed = true
    this.#history.streams.delete(this)
    this.#wake?.()
  }

  /** Adds a response, whatever the watchers are. */
  tell(response: WatchResponse): void {
    this.#waiting.push(response)
    this.#wake?.()
  }

  fail(failure: Error): void {
    this.#failure = failure
    this.#wake?.()
  }

  /** Events of one or more revisions; `only`: for that watcher alone. */
  notify(events: readonly WatchEvent[], only?: number): void {
    for (const [watchId, spec] of this.#watchers) {
      if (only !== undefined && only !== watchId) continue
      const told = events
        .filter((event) => isTold(event, spec))
        .map(({ prevKv, ...event }) => ({
          ...event,
          ...(spec.prevKv && prevKv !== undefined && { prevKv }),
        }))
      if (told.length === 0) continue
      this.tell({ type: 'events', watchId, revision: this.#history.revision(), events: told, more: false })
    }
  }

  get responses(): AsyncIterable<WatchResponse> {
    return { [Symbol.asyncIterator]: () => this.#take() }
  }

  async *#take(): AsyncGenerator<WatchResponse> {
    while (!this.closed) {
      const next = this.#waiting.shift()
      if (next !== undefined) {
        this.taken += 1
        yield next
        continue
      }
      if (this.#failure !== undefined) throw this.#failure
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

function isTold(event: WatchEvent, { ranges, without }: WatchSpec): boolean {
  const kind = event.type === 'delete' ? 'delete' : event.kv.version === 1 ? 'create' : 'update'
  return !without.includes(kind) && ranges.some((range) => isIn(event.kv.key, range))
}

function isIn(key: Uint8Array, { key: from, rangeEnd }: WatchRange): boolean {
  if (rangeEnd === undefined) return compareBytes(key, from) === 0
  if (compareBytes(key, from) < 0) return false
  return (rangeEnd.length === 1 && rangeEnd[0] === 0) || compareBytes(key, rangeEnd) < 0
}

/** What a node without its session says. */
export function lost(): Error {
  return new AspenError('leaderChanged')
}
