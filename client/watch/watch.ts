/**
 * One watch of a program: changes as they happen, in the order of their revisions, none missing and none twice, for as long as
 * the program wants them. Lost connections, lost members and new leaders are none of its business.
 *
 *   stream ──▶ position (what to go on from) ──▶ buffer ──▶ `for await` of the program
 *
 * The buffer is bounded. When the program is so far behind that it is full, the watch leaves its stream, and joins it again,
 * from where it had come to, when half of the buffer is free: what it missed then comes from the server's history. So a slow
 * program holds up neither the other watches of its client nor the server.
 *
 * Rules:
 *   P5  a change is told once, and after all changes of earlier revisions
 *   P6  the buffer holds no more than its bound, and one answer of the server beyond that
 */
import type { WatchCancelCause, WatchEvent, WatchResponse, WatchSpec } from '../../actors/watch/messages.ts'
import { fromUtf8 } from '../../base/bytes.ts'
import type { Codec } from '../codec.ts'
import { Entry } from '../entry.ts'
import { AspenError } from '../interface.ts'
import type { WatchOptions } from './options.ts'
import { WatchPosition } from './position.ts'
import type { Joined, WatchStreams } from './streams.ts'

export type WatchChange<V> =
  | {
      readonly type: 'create' | 'update'
      readonly key: string
      readonly keyBytes: Uint8Array
      readonly revision: number
      readonly entry: Entry<V>
      /** Undefined unless asked for, and of a create. */
      readonly previous: Entry<V> | undefined
    }
  | {
      readonly type: 'delete'
      readonly key: string
      readonly keyBytes: Uint8Array
      readonly revision: number
      readonly previous: Entry<V> | undefined
    }

export type WatchMarker =
  /** Everything up to `revision` was told. */
  | { readonly type: 'progress'; readonly revision: number }
  /** What happened before `compactRevision` and was not told will not be: read the keys again. */
  | { readonly type: 'compacted'; readonly revision: number; readonly compactRevision: number }

/** History that a watch still needed is gone. */
export class WatchCompactedError extends AspenError {
  /** The oldest revision that can be watched from. */
  readonly compactRevision: number
  constructor(compactRevision: number, from: number) {
    super('compacted', `the watch needs revision ${from}, and history begins at ${compactRevision}`)
    this.compactRevision = compactRevision
  }
}

interface Buffered<T> {
  readonly item: T
  readonly bytes: number
  /** What the bookmark becomes when it is told. */
  readonly bookmark: number
}

const eventsMaxDefault = 4_096
const bytesMaxDefault = 8 * 1024 * 1024

export interface WatchArgs<V> {
  readonly streams: WatchStreams
  readonly spec: Omit<WatchSpec, 'startRevision'>
  readonly options: WatchOptions
  readonly codec: Pick<Codec<V>, 'decode'>
  /** Fires when the client closes. */
  readonly closing: AbortSignal
  /** Awaited before anything is asked of the server. */
  readonly admitted: Promise<void>
}

/** @typeParam T - What it tells: changes, and markers where they were asked for. */
export class Watch<V, T extends WatchChange<V> | WatchMarker = WatchChange<V>>
  implements AsyncIterable<T>, AsyncDisposable
{
  readonly #args: WatchArgs<V>
  readonly #position: WatchPosition
  readonly #joined: Joined
  readonly #buffer: Buffered<T>[] = []
  #bufferedBytes = 0
  #state: 'joined' | 'parked' | 'ended' = 'parked'
  #failure: unknown
  #bookmark: number
  #wake: () => void = () => undefined
  readonly #forget: () => void
  readonly #started: Promise<number>
  #settleStarted: { resolve: (revision: number) => void; reject: (error: unknown) => void } | undefined

  constructor(args: WatchArgs<V>) {
    this.#args = args
    const { fromRevision = 0, signal } = args.options
    this.#position = new WatchPosition(fromRevision)
    this.#bookmark = fromRevision
    this.#started = new Promise((resolve, reject) => {
      this.#settleStarted = { resolve, reject }
    })
    this.#started.catch(() => undefined)
    this.#joined = this.#ears()
    const close = (): void => this.close()
    const signals = signal === undefined ? [args.closing] : [args.closing, signal]
    for (const one of signals) one.addEventListener('abort', close, { once: true })
    this.#forget = () => {
      for (const one of signals) one.removeEventListener('abort', close)
    }
    if (signals.some(({ aborted }) => aborted)) this.close()
    args.admitted.then(
      () => this.#join(),
      (error: unknown) => this.#end(error),
    )
  }

  /** Resolves when the server watches: with the revision after which everything is told. Rejects when it never will. */
  get started(): Promise<number> {
    return this.#started
  }

  /** The first revision that was not told whole: `fromRevision` of a watch that is to go on from here. 0: nothing is known. */
  get bookmark(): number {
    return this.#bookmark
  }

  /** Asks the server how far it has come; with `markers`, the answer is told as `progress`. */
  requestProgress(): void {
    if (this.#state === 'joined') this.#args.streams.requestProgress()
  }

  /** Ends the watch; its iteration ends too. */
  close(): void {
    this.#end(undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  /**
   * Ends when the watch is closed: by `close`, by leaving the loop, by its signal, or with its client.
   *
   * @throws {WatchCompactedError} History that it still needed is gone.
   * @throws {AspenError} `permissionDenied` and other refusals.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const next = this.#buffer.shift()
        if (next !== undefined) {
          this.#bufferedBytes -= next.bytes
          this.#bookmark = Math.max(this.#bookmark, next.bookmark)
          if (this.#state === 'parked' && this.#isHalfFree()) this.#join()
          yield next.item
        } else if (this.#state === 'ended') {
          if (this.#failure !== undefined) throw this.#failure
          return
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
        }
      }
    } finally {
      this.close()
    }
  }

  /** What the stream tells; not part of what a program sees. */
  #ears(): Joined {
    return {
      spec: () => ({ ...this.#args.spec, startRevision: this.#position.next }),
      onCreated: (revision) => {
        this.#position.began(revision)
        this.#bookmark ||= this.#position.next
        this.#settleStarted?.resolve(this.#position.next - 1)
      },
      onEvents: (events, more) => this.#onEvents(events, more),
      onProgress: (revision) => this.#onProgress(revision),
      onCanceled: (response) => this.#onCanceled(response),
      onInterrupted: () => this.#position.interrupted(),
      onFailed: (error) => this.#end(error),
    }
  }

  #onEvents(events: readonly WatchEvent[], more: boolean): void {
    const whole = this.#position.take(events, more)
    for (const [at, event] of whole.entries()) {
      const revision = event.kv.modRevision
      const last = whole[at + 1]?.kv.modRevision !== revision
      this.#push(this.#changeOf(event) as T, bytesOf(event), last ? revision + 1 : revision)
    }
    this.#wake()
    const { bufferedEventsMax = eventsMaxDefault, bufferedBytesMax = bytesMaxDefault } = this.#args.options
    if (this.#buffer.length > bufferedEventsMax || this.#bufferedBytes > bufferedBytesMax) this.#park()
  }

  #onProgress(revision: number): void {
    const before = this.#position.next
    this.#position.told(revision)
    const { next } = this.#position
    if (this.#args.options.markers === true) {
      // Of several in a row nobody wants more than the last.
      if (this.#buffer.at(-1)?.item.type === 'progress') this.#buffer.pop()
      this.#push({ type: 'progress', revision: next - 1 } as T, 0, next)
      this.#wake()
    } else if (next > before && this.#buffer.length === 0) {
      this.#bookmark = Math.max(this.#bookmark, next)
    }
  }

  #onCanceled({ cause, compactRevision, revision }: Extract<WatchResponse, { readonly type: 'canceled' }>): void {
    this.#state = 'parked'
    if (cause !== 'compacted') {
      this.#end(cause === 'asked' ? undefined : refusalOf(cause))
    } else if (this.#args.options.markers === true) {
      this.#position.skipTo(compactRevision)
      this.#push({ type: 'compacted', revision, compactRevision } as T, 0, compactRevision)
      this.#wake()
      this.#join()
    } else {
      this.#end(new WatchCompactedError(compactRevision, this.#position.next))
    }
  }

  #changeOf({ type, kv, prevKv }: WatchEvent): WatchChange<V> {
    const { codec } = this.#args
    const common = {
      key: fromUtf8(kv.key),
      keyBytes: kv.key,
      revision: kv.modRevision,
      previous: prevKv === undefined ? undefined : new Entry(prevKv, codec),
    }
    if (type === 'delete') return { type, ...common }
    return { type: kv.createRevision === kv.modRevision ? 'create' : 'update', ...common, entry: new Entry(kv, codec) }
  }

  #push(item: T, bytes: number, bookmark: number): void {
    this.#buffer.push({ item, bytes, bookmark })
    this.#bufferedBytes += bytes
  }

  #isHalfFree(): boolean {
    const { bufferedEventsMax = eventsMaxDefault, bufferedBytesMax = bytesMaxDefault } = this.#args.options
    return this.#buffer.length <= bufferedEventsMax / 2 && this.#bufferedBytes <= bufferedBytesMax / 2
  }

  #join(): void {
    if (this.#state !== 'parked') return
    this.#state = 'joined'
    this.#args.streams.join(this.#joined)
  }

  #park(): void {
    if (this.#state !== 'joined') return
    this.#state = 'parked'
    this.#position.interrupted()
    this.#args.streams.leave(this.#joined)
  }

  #end(failure: unknown): void {
    if (this.#state === 'ended') return
    if (this.#state === 'joined') this.#args.streams.leave(this.#joined)
    this.#state = 'ended'
    this.#failure = failure
    this.#forget()
    // A program that left wants nothing more; one that is told of a failure gets what came before it.
    if (failure === undefined) this.#buffer.length = 0
    this.#settleStarted?.reject(failure ?? new AspenError('canceled', 'the watch was closed'))
    this.#wake()
  }
}

function bytesOf({ kv, prevKv }: WatchEvent): number {
  return kv.key.length + kv.value.length + (prevKv === undefined ? 0 : prevKv.key.length + prevKv.value.length)
}

function refusalOf(cause: WatchCancelCause): Error {
  if (cause === 'permissionDenied' || cause === 'invalidAuthToken') return new AspenError(cause)
  if (cause === 'tooManyWatchers') return new AspenError('tooManyRequests', 'the server has too many watchers')
  return new RangeError(`the server refuses the watch: ${cause}`)
}
