/**
 * The way to one endpoint: a gRPC channel, the three kinds of call over it, and what their failures mean.
 *
 *   unreached     no connection was made: nothing was sent
 *   unavailable   the server was reached, or may have been, and did not answer: what was sent may have happened
 *   final         an answer, welcome or not
 */
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  connectivityState,
  type Metadata,
  status,
} from '@grpc/grpc-js'
import { EtcdCallError, errorOfStatus } from '../etcd-errors.ts'
import type { ChannelWay } from '../tls.ts'
import type { Method } from './method.ts'

export type Failure = 'unreached' | 'unavailable' | 'final'

export interface Attempt {
  readonly metadata: Metadata
  /** On the wall clock, in milliseconds, as the library wants it; undefined: none. */
  readonly deadline: number | undefined
  readonly signal: AbortSignal | undefined
}

/** No connection within the time that a connection may take. */
class NotConnected extends Error {
  override readonly name = 'NotConnected'
}

interface Cancelable {
  cancel(): void
}

export class EndpointChannel {
  readonly address: string
  readonly #client: Client
  readonly #running = new Set<Cancelable>()

  constructor(address: string, way: ChannelWay) {
    this.address = address
    this.#client = new Client(way.target, way.credentials, {
      ...way.options,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      // A name with several addresses must not resolve through a proxy of the environment: these are our own servers.
      'grpc.enable_http_proxy': 0,
      // A connection whose other end vanished is found out by these; etcd allows one in 5 s.
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
      // A restarted server should be found again in the time that a restart takes.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.min_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 3_000,
      // Another channel to the same address must not share our connection: it ends with ours.
      'grpc.use_local_subchannel_pool': 1,
    })
  }

  unary(method: Method, message: object, attempt: Attempt): Promise<object> {
    return new Promise((resolve, reject) => {
      const { signal, deadline } = attempt
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize as (value: object) => Buffer,
        method.responseDeserialize,
        message,
        attempt.metadata,
        deadline === undefined ? {} : { deadline },
        (error, response) => {
          this.#running.delete(call)
          signal?.removeEventListener('abort', cancel)
          if (error !== null) reject(error)
          else if (response === undefined) {
            reject(new EtcdCallError(status.INTERNAL, 'the call ended without an answer'))
          } else resolve(response)
        },
      )
      const cancel = (): void => call.cancel()
      this.#running.add(call)
      signal?.addEventListener('abort', cancel, { once: true })
      if (signal?.aborted === true) cancel()
    })
  }

  serverStream(method: Method, message: object, attempt: Attempt): ClientReadableStream<object> {
    const call = this.#client.makeServerStreamRequest(
      method.path,
      method.requestSerialize as (value: object) => Buffer,
      method.responseDeserialize,
      message,
      attempt.metadata,
      attempt.deadline === undefined ? {} : { deadline: attempt.deadline },
    )
    this.#keep(call, attempt.signal)
    return call
  }

  duplex(method: Method, attempt: Attempt): ClientDuplexStream<object, object> {
    const call = this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize as (value: object) => Buffer,
      method.responseDeserialize,
      attempt.metadata,
      attempt.deadline === undefined ? {} : { deadline: attempt.deadline },
    )
    this.#keep(call, attempt.signal)
    return call
  }

  /**
   * Waits for a connection that is being made. Where the last attempt failed, it returns at once: a call then fails at once
   * too, and says why.
   *
   * @throws {Error} There is none within `withinMs`.
   */
  async connected(withinMs: number, signal: AbortSignal | undefined): Promise<void> {
    const channel = this.#client.getChannel()
    const endMs = Date.now() + withinMs
    for (;;) {
      const state = channel.getConnectivityState(true)
      if (state !== connectivityState.IDLE && state !== connectivityState.CONNECTING) return
      if (signal?.aborted === true) return
      const late = await new Promise<boolean>((resolve) => {
        const leave = (): void => resolve(false)
        signal?.addEventListener('abort', leave, { once: true })
        channel.watchConnectivityState(state, endMs, (error) => {
          signal?.removeEventListener('abort', leave)
          resolve(error !== undefined)
        })
      })
      if (late) throw new NotConnected(`no connection to ${this.address} within ${Math.round(withinMs)} ms`)
    }
  }

  /** Cancels what runs. */
  close(): void {
    for (const call of this.#running) call.cancel()
    this.#client.close()
  }

  /** Lets what runs end by itself. */
  retire(): void {
    this.#client.close()
  }

  #keep(
    call: ClientReadableStream<object> | ClientDuplexStream<object, object>,
    signal: AbortSignal | undefined,
  ): void {
    const cancel = (): void => call.cancel()
    this.#running.add(call)
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted === true) cancel()
    // Whoever reads the stream is told all the same; where nobody does, nobody is to be disturbed.
    call.on('error', () => undefined)
    call.on('status', () => {
      this.#running.delete(call)
      signal?.removeEventListener('abort', cancel)
    })
  }
}

interface Answered extends Error {
  readonly code: status
  readonly details: string
}

function isAnswered(thrown: unknown): thrown is Answered {
  return thrown instanceof Error && 'details' in thrown && 'code' in thrown && typeof thrown.code === 'number'
}

// The library has no code of its own for "never sent"; its texts are what tells it from a connection lost midway.
const neverSent = /^(No connection established|Name resolution failed|Failed to connect|Channel has been shut down)/

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof NotConnected) return 'unreached'
  if (!isAnswered(thrown)) return 'final'
  if (thrown.code === status.UNAVAILABLE) return neverSent.test(thrown.details) ? 'unreached' : 'unavailable'
  // How the library tells of a connection that broke while the answer was under way.
  if (thrown.code === status.INTERNAL && thrown.details.startsWith('Received RST_STREAM')) return 'unavailable'
  return 'final'
}

export function isDeadline(thrown: unknown): boolean {
  return isAnswered(thrown) && thrown.code === status.DEADLINE_EXCEEDED
}

/** An error of ours for one of the library's. */
export function errorOfCall(thrown: unknown): Error {
  if (isAnswered(thrown)) return errorOfStatus({ code: thrown.code, details: thrown.details })
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
