/**
 * One caller's way to a cluster over gRPC: a channel per endpoint, one in use, the next one when it fails.
 *
 * What is tried again, and where:
 *   - no connection was made: nothing was sent, so every call goes on to the next endpoint;
 *   - the server was reached but cannot serve now (UNAVAILABLE): reads go on, and so do writes that carry a request
 *     number, which the cluster applies once however often they arrive. Other writes fail: they may have happened.
 */
import {
  Client,
  credentials,
  type CallOptions as GrpcCallOptions,
  Metadata,
  type MethodDefinition,
  status,
} from '@grpc/grpc-js'
import { EtcdCallError, errorOfStatus } from './etcd-errors.ts'
import type { AspenError, CallOptions } from './interface.ts'

export interface EtcdOptions {
  /** `http://host:port` or `host:port`; the first that answers is used until it fails. */
  readonly endpoints: readonly string[]
  readonly keyspace?: string
  /** How long a call waits when it does not say, in milliseconds; 5 s by default. */
  readonly deadlineMs?: number
}

/** No endpoint could be reached. */
export class EtcdUnreachableError extends Error {
  override readonly name = 'EtcdUnreachableError'
}

const deadlineMsDefault = 5_000

interface Endpoint {
  readonly address: string
  readonly client: Client
}

export class EtcdChannels {
  readonly #endpoints: readonly Endpoint[]
  readonly #options: EtcdOptions
  #current = 0

  /** @throws {RangeError} There is no endpoint, or one is not an address. */
  constructor(options: EtcdOptions) {
    if (options.endpoints.length === 0) throw new RangeError('connecting needs at least one endpoint, and got none')
    this.#options = options
    this.#endpoints = options.endpoints.map((text) => {
      const address = addressOf(text)
      const client = new Client(address, credentials.createInsecure(), {
        'grpc.max_receive_message_length': -1,
        'grpc.max_send_message_length': -1,
        // A name with several addresses must not resolve through a proxy of the environment: these are our own servers.
        'grpc.enable_http_proxy': 0,
      })
      return { address, client }
    })
  }

  /** @param repeatable - Doing it twice does no harm. */
  async unary<Response>(
    method: MethodDefinition<object, object>,
    message: object,
    options: CallOptions | undefined,
    repeatable: boolean,
  ): Promise<Response> {
    const call = this.#callOf(options)
    for (let tried = 1; ; tried += 1) {
      const at = this.#current
      try {
        return (await unaryOnce(this.#endpointAt(at).client, method, message, call, options?.signal)) as Response
      } catch (thrown) {
        const failure = failureOf(thrown)
        const safe = repeatable || options?.request !== undefined
        const goOn = failure === 'unreached' || (failure === 'unavailable' && safe)
        // Another call may have moved on already; two steps for one failure would skip an endpoint.
        if (goOn && this.#current === at) this.#current = (at + 1) % this.#endpoints.length
        if (!goOn || tried >= this.#endpoints.length || options?.signal?.aborted === true) throw this.#named(thrown)
      }
    }
  }

  /** A server's stream; a failure in its middle is thrown, for a stream cannot be resumed elsewhere. */
  async *stream<Chunk>(
    method: MethodDefinition<object, object>,
    message: object,
    options: CallOptions | undefined,
  ): AsyncGenerator<Chunk> {
    const { metadata } = this.#callOf(options)
    // A stream may rightly take long: only a deadline that was asked for ends it.
    const grpcOptions: GrpcCallOptions =
      options?.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs }
    for (let tried = 1; ; tried += 1) {
      const at = this.#current
      const call = this.#endpointAt(at).client.makeServerStreamRequest(
        method.path,
        method.requestSerialize as (value: object) => Buffer,
        method.responseDeserialize,
        message,
        metadata,
        grpcOptions,
      )
      const cancel = (): void => call.cancel()
      options?.signal?.addEventListener('abort', cancel, { once: true })
      let begun = false
      try {
        for await (const chunk of call) {
          begun = true
          yield chunk as Chunk
        }
        return
      } catch (thrown) {
        const goOn = !begun && failureOf(thrown) !== 'final'
        if (goOn && this.#current === at) this.#current = (at + 1) % this.#endpoints.length
        if (!goOn || tried >= this.#endpoints.length) throw this.#named(thrown)
      } finally {
        options?.signal?.removeEventListener('abort', cancel)
        call.cancel()
      }
    }
  }

  close(): void {
    for (const { client } of this.#endpoints) client.close()
  }

  #callOf(options: CallOptions | undefined): { readonly metadata: Metadata; readonly deadline: number } {
    const metadata = new Metadata()
    const keyspace = options?.keyspace ?? this.#options.keyspace
    if (keyspace !== undefined) metadata.set('x-keyspace', keyspace)
    if (options?.request !== undefined) {
      metadata.set('x-request-client', options.request.client)
      metadata.set('x-request-number', String(options.request.number))
    }
    return { metadata, deadline: Date.now() + (options?.deadlineMs ?? this.#options.deadlineMs ?? deadlineMsDefault) }
  }

  #endpointAt(index: number): Endpoint {
    const endpoint = this.#endpoints[index]
    if (endpoint === undefined) throw new RangeError(`endpoint ${index} of ${this.#endpoints.length} does not exist`)
    return endpoint
  }

  #named(thrown: unknown): Error {
    if (failureOf(thrown) === 'unreached') {
      const addresses = this.#endpoints.map(({ address }) => address).join(', ')
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      return new EtcdUnreachableError(`cannot reach ${addresses}: ${reason}`, { cause: thrown })
    }
    return thrown instanceof Error ? asOurs(thrown) : new Error(String(thrown))
  }
}

function unaryOnce(
  client: Client,
  method: MethodDefinition<object, object>,
  message: object,
  { metadata, deadline }: { readonly metadata: Metadata; readonly deadline: number },
  signal: AbortSignal | undefined,
): Promise<object> {
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize as (value: object) => Buffer,
      method.responseDeserialize,
      message,
      metadata,
      { deadline },
      (error, response) => {
        signal?.removeEventListener('abort', cancel)
        if (error !== null) reject(error)
        else if (response === undefined) reject(new EtcdCallError(status.INTERNAL, 'the call ended without an answer'))
        else resolve(response)
      },
    )
    const cancel = (): void => call.cancel()
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted === true) cancel()
  })
}

interface Answered extends Error {
  readonly code: status
  readonly details: string
}

function isAnswered(thrown: unknown): thrown is Answered {
  return thrown instanceof Error && 'details' in thrown && 'code' in thrown && typeof thrown.code === 'number'
}

// The library has no code of its own for "never sent"; its texts are what tells it from a connection lost midway.
const neverSent = /^(No connection established|Name resolution failed|Failed to connect)/

function failureOf(thrown: unknown): 'unreached' | 'unavailable' | 'final' {
  if (!isAnswered(thrown) || thrown.code !== status.UNAVAILABLE) return 'final'
  return neverSent.test(thrown.details) ? 'unreached' : 'unavailable'
}

function asOurs(thrown: Error): AspenError | EtcdCallError | Error {
  return isAnswered(thrown) ? errorOfStatus({ code: thrown.code, details: thrown.details }) : thrown
}

function addressOf(text: string): string {
  const address = text.replace(/^http:\/\//, '').replace(/\/$/, '')
  if (!/^(\[[0-9a-fA-F:.]+\]|[^\s/:@?#[\]]+):\d{1,5}$/.test(address)) {
    throw new RangeError(`an endpoint has the form http://host:port, and this one is "${text}"`)
  }
  return address
}
