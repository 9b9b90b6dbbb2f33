/**
 * All watches of a client on one keyspace, over one stream of the node's. The stream is opened with the first watch, opened
 * anew when it is lost, and closed with the last.
 *
 *   watch ──join──▶ streams ──create──▶ stream to a member ──▶ responses, told to the watch they are of
 *
 * A watch that was lost with its stream, or canceled because its member could not go on, is created again from where it had
 * come to. What cannot be mended by trying again ends it.
 *
 * Rules:
 *   P3  an id names one creation, so a late answer to an earlier one is told to nobody
 *   P4  every watch that joined is on a stream, or will be tried again, until it leaves or is told why not
 */
import { status } from '@grpc/grpc-js'
import type { WatchEvent, WatchResponse, WatchSpec } from '../../actors/watch/messages.ts'
import { backoffMs, streamBackoff } from '../backoff.ts'
import { outcomeOf } from '../caller.ts'
import { EtcdCallError } from '../etcd-errors.ts'
import { AspenError, type CallOptions, type WatchStream } from '../interface.ts'
import { isTokenRefusal, tokenRenewalsMax } from '../tokens.ts'
import type { NodeCalls } from '../transport.ts'

/** A watch, as the stream sees it. */
export interface Joined {
  /** What to watch, from where it has come to. */
  spec(): WatchSpec
  onCreated(revision: number): void
  onEvents(events: readonly WatchEvent[], more: boolean): void
  onProgress(revision: number): void
  /** It is no longer watched, for a reason that trying again does not mend. It has left. */
  onCanceled(response: Extract<WatchResponse, { readonly type: 'canceled' }>): void
  /** The stream is lost; it will be created again. */
  onInterrupted(): void
  onFailed(error: unknown): void
}

interface Seat {
  /** Of its creation on the present stream; 0: it is on none. */
  id: number
  /** The server has begun to watch under that id. */
  created: boolean
  attempts: number
  timer: NodeJS.Timeout | undefined
}

/** A stream that lived so long was not in vain, whatever became of it. */
const longLifeMs = 10_000

export class WatchStreams {
  readonly #node: NodeCalls
  readonly #options: Pick<CallOptions, 'keyspace'>
  readonly #seats = new Map<Joined, Seat>()
  readonly #byId = new Map<number, Joined>()
  #stream: WatchStream | undefined
  #reopening: NodeJS.Timeout | undefined
  #lastId = 0
  /** Streams lost in a row that did not live long. */
  #losses = 0
  #openedAtMs = 0
  #tokenRefusals = 0

  constructor(node: NodeCalls, keyspace: string | undefined) {
    this.#node = node
    this.#options = keyspace === undefined ? {} : { keyspace }
  }

  join(watch: Joined): void {
    this.#seats.set(watch, { id: 0, created: false, attempts: 0, timer: undefined })
    if (this.#reopening === undefined) this.#seat(watch)
  }

  leave(watch: Joined): void {
    const seat = this.#seats.get(watch)
    if (seat === undefined) return
    clearTimeout(seat.timer)
    this.#seats.delete(watch)
    if (seat.id !== 0) {
      this.#byId.delete(seat.id)
      this.#stream?.cancel(seat.id)
    }
    if (this.#seats.size === 0) this.#close()
  }

  /** Asks where the whole stream has come to. */
  requestProgress(): void {
    this.#stream?.requestProgress()
  }

  #close(): void {
    clearTimeout(this.#reopening)
    this.#reopening = undefined
    const stream = this.#stream
    this.#stream = undefined
    stream?.close()
  }

  #seat(watch: Joined): void {
    const seat = this.#seats.get(watch)
    if (seat === undefined) return
    const stream = this.#stream ?? this.#open()
    this.#lastId += 1
    seat.id = this.#lastId
    seat.created = false
    seat.timer = undefined
    this.#byId.set(seat.id, watch)
    stream.create(watch.spec(), seat.id)
  }

  #open(): WatchStream {
    const stream = this.#node.openWatch(this.#options)
    this.#stream = stream
    this.#openedAtMs = performance.now()
    void this.#pump(stream)
    return stream
  }

  async #pump(stream: WatchStream): Promise<void> {
    let failure: unknown
    try {
      for await (const response of stream.responses) {
        if (this.#stream !== stream) return
        this.#dispatch(response)
      }
    } catch (error) {
      failure = error
    }
    if (this.#stream === stream) this.#onLost(failure)
  }

  #dispatch(response: WatchResponse): void {
    if (response.type === 'progress' && response.watchId === -1) {
      // It was said of those that the server knew when it said so; who is still being created was not among them.
      for (const [watch, seat] of this.#seats) if (seat.id !== 0 && seat.created) watch.onProgress(response.revision)
      return
    }
    const watch = this.#byId.get(response.watchId)
    const seat = watch === undefined ? undefined : this.#seats.get(watch)
    if (watch === undefined || seat === undefined) return
    switch (response.type) {
      case 'created':
        this.#tokenRefusals = 0
        seat.created = true
        watch.onCreated(response.revision)
        break
      case 'events':
        seat.attempts = 0
        watch.onEvents(response.events, response.more)
        break
      case 'progress':
        seat.attempts = 0
        watch.onProgress(response.revision)
        break
      case 'canceled':
        this.#onCanceled(watch, seat, response)
        break
    }
  }

  #onCanceled(watch: Joined, seat: Seat, response: Extract<WatchResponse, { readonly type: 'canceled' }>): void {
    this.#byId.delete(seat.id)
    seat.id = 0
    if (response.cause !== 'unavailable') {
      this.#seats.delete(watch)
      watch.onCanceled(response)
      if (this.#seats.size === 0) this.#close()
      return
    }
    watch.onInterrupted()
    seat.attempts += 1
    seat.timer = setTimeout(() => this.#seat(watch), backoffMs(seat.attempts, streamBackoff))
  }

  #onLost(failure: unknown): void {
    this.#stream = undefined
    this.#byId.clear()
    for (const [watch, seat] of this.#seats) {
      clearTimeout(seat.timer)
      seat.id = 0
      watch.onInterrupted()
    }
    if (failure !== undefined && !this.#mayMend(failure)) {
      const watches = [...this.#seats.keys()]
      this.#seats.clear()
      for (const watch of watches) watch.onFailed(failure)
      return
    }
    this.#losses = performance.now() - this.#openedAtMs > longLifeMs ? 1 : this.#losses + 1
    this.#reopening = setTimeout(() => this.#reopen(), backoffMs(this.#losses, streamBackoff))
  }

  #reopen(): void {
    this.#reopening = undefined
    for (const watch of [...this.#seats.keys()]) this.#seat(watch)
  }

  #mayMend(failure: unknown): boolean {
    if (isTokenRefusal(failure)) {
      // The next stream has a new token; when that does not help, the refusal is meant.
      this.#tokenRefusals += 1
      return this.#tokenRefusals <= tokenRenewalsMax
    }
    if (failure instanceof AspenError && failure.code === 'canceled') return true
    if (failure instanceof EtcdCallError && failure.grpcCode === status.INTERNAL) return true
    return outcomeOf(failure) !== 'final'
  }
}
