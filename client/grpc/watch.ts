/**
 * etcd's Watch service, called: one stream in both directions, which carries any number of watchers.
 *
 * What the service does not say outright is put together here: a refused creation may come without its id, and is then
 * that of the oldest creation not answered yet, for they are answered in order; why a watcher was canceled is told in words.
 */
import type { ValueTest, WatchCancelCause, WatchEvent, WatchResponse, WatchSpec } from '../../actors/watch/messages.ts'
import { unreachable } from '../../base/assert.ts'
import type { EtcdChannels, OpenDuplex } from '../etcd-connection.ts'
import { keyValueFromWire, numberOf } from '../etcd-outbound.ts'
import type {
  WireEvent,
  WireValueTest,
  WireWatchCreateRequest,
  WireWatchRequest,
  WireWatchResponse,
} from '../etcd-wire-watch.ts'
import { AspenError, type CallOptions, type WatchStream } from '../interface.ts'
import { isTokenRefusal } from '../tokens.ts'
import { methodOf } from './method.ts'

export function openWatchOver(
  channels: EtcdChannels,
  options: Pick<CallOptions, 'keyspace' | 'credentials'> = {},
): WatchStream {
  return new GrpcWatchStream(channels, options)
}

/** A member cut off from its leader would otherwise keep its streams, and have nothing to tell on them. */
const streamMetadata = { hasleader: 'true' }

class GrpcWatchStream implements WatchStream {
  readonly responses: AsyncIterable<WatchResponse>
  readonly #opening: Promise<OpenDuplex>
  readonly #left = new AbortController()
  /** What was asked before the stream was open. */
  #waiting: WireWatchRequest[] | undefined = []
  #open: OpenDuplex | undefined
  /** The creations not answered yet, in the order in which they were sent. */
  readonly #creating: (number | undefined)[] = []
  readonly #canceling = new Set<number>()

  constructor(channels: EtcdChannels, options: Pick<CallOptions, 'keyspace' | 'credentials'>) {
    const call = { ...options, signal: this.#left.signal }
    this.#opening = channels.duplex(methodOf('watch', 'Watch'), call, streamMetadata)
    this.#opening.then(
      (open) => this.#begin(open),
      // Told to whoever reads the responses.
      () => undefined,
    )
    this.responses = this.#read()
  }

  create(spec: WatchSpec, watchId?: number): void {
    this.#creating.push(watchId)
    this.#send({ create_request: createToWire(spec, watchId) })
  }

  cancel(watchId: number): void {
    this.#canceling.add(watchId)
    this.#send({ cancel_request: { watch_id: watchId } })
  }

  requestProgress(): void {
    this.#send({ progress_request: {} })
  }

  close(): void {
    this.#left.abort()
    this.#waiting = undefined
  }

  #begin(open: OpenDuplex): void {
    this.#open = open
    for (const request of this.#waiting ?? []) open.stream.write(request)
    this.#waiting = undefined
  }

  #send(request: WireWatchRequest): void {
    if (this.#waiting !== undefined) this.#waiting.push(request)
    else if (this.#open !== undefined && !this.#left.signal.aborted) this.#open.stream.write(request)
  }

  async *#read(): AsyncGenerator<WatchResponse> {
    try {
      const open = await this.#opening
      try {
        for await (const wire of open.stream) {
          const response = this.#decode(wire as WireWatchResponse)
          // The token goes with the stream, so another one needs another stream.
          if (isStaleToken(response) && (await open.refuseToken())) throw new AspenError('invalidAuthToken')
          yield response
        }
      } catch (thrown) {
        const error = open.failed(thrown)
        if (isTokenRefusal(error)) await open.refuseToken()
        throw error
      }
    } catch (error) {
      if (!this.#left.signal.aborted) throw error
    } finally {
      this.close()
    }
  }

  #decode(wire: WireWatchResponse): WatchResponse {
    const revision = numberOf(wire.header?.revision ?? 0)
    let watchId = numberOf(wire.watch_id)
    if (wire.created) {
      const asked = this.#creating.shift()
      if (watchId < 0 && asked !== undefined) watchId = asked
    }
    if (wire.canceled) {
      const compactRevision = numberOf(wire.compact_revision)
      const asked = this.#canceling.delete(watchId)
      const cause = asked && wire.cancel_reason === '' && compactRevision === 0 ? 'asked' : causeOf(wire)
      return { type: 'canceled', watchId, revision, cause, compactRevision }
    }
    if (wire.created) return { type: 'created', watchId, revision }
    if (wire.events.length === 0) return { type: 'progress', watchId, revision }
    return { type: 'events', watchId, revision, events: wire.events.map(eventFromWire), more: wire.fragment }
  }
}

function isStaleToken(response: WatchResponse): boolean {
  return response.type === 'canceled' && response.cause === 'invalidAuthToken'
}

function causeOf({ compact_revision, cancel_reason }: WireWatchResponse): WatchCancelCause {
  const reason = cancel_reason.toLowerCase()
  if (numberOf(compact_revision) > 0 || reason.includes('has been compacted')) return 'compacted'
  if (reason.includes('permission denied')) return 'permissionDenied'
  if (/invalid auth token|auth store is old|user name is empty/.test(reason)) return 'invalidAuthToken'
  if (reason.includes('duplicate')) return 'duplicateId'
  if (reason.includes('too many')) return 'tooManyWatchers'
  // What an Aspen says in its own words, and etcd of a range that ends before it begins.
  if (reason.startsWith('aspen: ') || reason.includes('range is empty')) return 'invalid'
  return 'unavailable'
}

function eventFromWire({ type, kv, prev_kv }: WireEvent): WatchEvent {
  if (kv === null) throw new TypeError('the server told of an event without its key')
  return {
    type: type === 'DELETE' ? 'delete' : 'put',
    kv: keyValueFromWire(kv),
    ...(prev_kv !== null && { prevKv: keyValueFromWire(prev_kv) }),
  }
}

const kinds = { create: 'CREATE', update: 'UPDATE', delete: 'DELETE' } as const

function createToWire(spec: WatchSpec, watchId: number | undefined): WireWatchCreateRequest {
  const [first, ...more] = spec.ranges.map(({ key, rangeEnd }) => ({
    key,
    ...(rangeEnd !== undefined && { range_end: rangeEnd }),
  }))
  if (first === undefined) throw new RangeError('a watch needs at least one range, and got none')
  const without = new Set(spec.without)
  const noPut = without.has('create') && without.has('update')
  return {
    ...first,
    start_revision: spec.startRevision,
    progress_notify: spec.progressNotify,
    prev_kv: spec.prevKv,
    watch_id: watchId ?? 0,
    fragment: true,
    // In etcd's own words where it has them, so that an etcd understands as much as it can.
    filters: [...(noPut ? (['NOPUT'] as const) : []), ...(without.has('delete') ? (['NODELETE'] as const) : [])],
    ...(more.length > 0 && { more_ranges: more }),
    ...(spec.without.length > 0 && { without: spec.without.map((kind) => kinds[kind]) }),
    ...(spec.keySuffix !== undefined && { key_suffix: spec.keySuffix }),
    ...(spec.keyPattern !== undefined && { key_pattern: spec.keyPattern }),
    ...(spec.value !== undefined && { value: testToWire(spec.value) }),
    ...(spec.onlyIfChanged !== undefined && { only_if_changed: spec.onlyIfChanged }),
    ...(spec.latestOnly !== undefined && { latest_only: spec.latestOnly }),
    ...(spec.sampleMs !== undefined && { sample_ms: spec.sampleMs }),
  }
}

function testToWire(test: ValueTest): WireValueTest {
  switch (test.type) {
    case 'equals':
      return { equals: test.bytes }
    case 'notEquals':
      return { not_equals: test.bytes }
    case 'contains':
      return { contains: test.bytes }
    case 'startsWith':
      return { starts_with: test.bytes }
    case 'atLeast':
      return { at_least: test.number }
    case 'atMost':
      return { at_most: test.number }
    case 'json':
      return { json: { pointer: test.pointer, equals: test.equals } }
    default:
      return unreachable(test)
  }
}
