/**
 * How a gRPC call becomes a call of the node, the same for every service: metadata, deadline and cancellation become
 * `CallOptions`; whatever is thrown becomes a status; every call is counted.
 *
 * A service is a table of handlers by method name. A method without a handler answers UNIMPLEMENTED.
 */
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type MethodDefinition,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { EtcdStatus } from '../../client/etcd-errors.ts'
import { AspenError, type CallOptions, type NodeClient } from '../../client/interface.ts'
import type { GatewayMetrics, MethodCounts } from '../metrics.ts'
import { isOurMistake, StatusError, statusOf } from './errors.ts'

/** As much of a logger as the front doors use; pino's fits. */
export interface GatewayLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What every service of one gateway shares. */
export interface GatewayContext {
  readonly node: NodeClient
  readonly metrics: GatewayMetrics
  readonly logger: GatewayLogger
  /** Bound on a request that goes through the log, in encoded bytes. */
  readonly maxRequestBytes: number
  /** Bound on the operations of one level of a transaction. */
  readonly maxTxnOps: number
  /** Fires when the gateway begins to close: endless streams end then. */
  readonly closing: AbortSignal
}

/** What a handler knows of its call beside the message. */
export interface CallFacts {
  readonly options: CallOptions
  readonly signal: AbortSignal
  /** The encoded size of the request. */
  readonly requestBytes: number
}

// `never`: each handler names the message it takes, and the table only ever passes what its definition decoded.
export type UnaryHandler = (message: never, call: CallFacts) => Promise<object>
export type StreamHandler = (message: never, call: CallFacts) => AsyncIterable<object>

export interface ServiceHandlers {
  readonly unary: Readonly<Record<string, UnaryHandler>>
  readonly streams?: Readonly<Record<string, StreamHandler>>
}

interface Sized {
  readonly message: never
  readonly bytes: number
}
type AnyCall = ServerUnaryCall<Sized, object> | ServerWritableStream<Sized, object>

const requestClientBytesMax = 128

/** Puts a service on the server. */
export function registerService(
  server: Server,
  definition: ServiceDefinition,
  handlers: ServiceHandlers,
  context: GatewayContext,
): void {
  const sized: Record<string, MethodDefinition<Sized, object>> = {}
  const implementation: UntypedServiceImplementation = {}
  for (const [name, method] of Object.entries(definition)) {
    const kind = method.responseStream ? 'server_stream' : 'unary'
    const counts = context.metrics.method(method.path, kind)
    sized[name] = measured(method, counts, context.metrics)
    const unary = handlers.unary[name]
    const stream = handlers.streams?.[name]
    if (unary !== undefined) implementation[name] = unaryCall(unary, counts, context)
    else if (stream !== undefined) implementation[name] = streamCall(stream, counts, context)
  }
  server.addService(sized, implementation)
}

/** @throws {AspenError} `requestTooLarge`. For what goes through the log: reads are bounded by the transport alone. */
export function checkRequestSize(call: CallFacts, context: GatewayContext): void {
  if (call.requestBytes > context.maxRequestBytes) throw new AspenError('requestTooLarge')
}

// Counting where messages are encoded is the one place that sees their bytes.
function measured(
  method: MethodDefinition<object, object>,
  counts: MethodCounts,
  metrics: GatewayMetrics,
): MethodDefinition<Sized, object> {
  return {
    path: method.path,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: () => Buffer.alloc(0),
    responseDeserialize: method.responseDeserialize,
    requestDeserialize: (bytes) => {
      counts.messagesReceived += 1
      metrics.receivedBytes += bytes.length
      return { message: method.requestDeserialize(bytes) as never, bytes: bytes.length }
    },
    responseSerialize: (message) => {
      const bytes = method.responseSerialize(message)
      counts.messagesSent += 1
      metrics.sentBytes += bytes.length
      return bytes
    },
  }
}

function unaryCall(
  handler: UnaryHandler,
  counts: MethodCounts,
  context: GatewayContext,
): handleUnaryCall<Sized, object> {
  return (call, callback) => {
    const watch = begin(call, counts, context, 'unary')
    answer(handler, call, context).then(
      (response) => {
        watch.end(status.OK)
        callback(null, response)
      },
      (thrown: unknown) => callback(watch.fail(thrown)),
    )
  }
}

async function answer(handler: UnaryHandler, call: AnyCall, context: GatewayContext): Promise<object> {
  const facts = factsOf(call)
  if (wantsLeader(call.metadata)) await requireLeader(context.node, facts.options)
  return handler(call.request.message, facts)
}

function streamCall(
  handler: StreamHandler,
  counts: MethodCounts,
  context: GatewayContext,
): handleServerStreamingCall<Sized, object> {
  return (call) => {
    const watch = begin(call, counts, context, 'stream')
    pump(handler, call, context).then(
      () => {
        watch.end(status.OK)
        call.end()
      },
      (thrown: unknown) => call.emit('error', watch.fail(thrown)),
    )
  }
}

async function pump(
  handler: StreamHandler,
  call: ServerWritableStream<Sized, object>,
  context: GatewayContext,
): Promise<void> {
  const facts = factsOf(call)
  if (wantsLeader(call.metadata)) await requireLeader(context.node, facts.options)
  const iterator = handler(call.request.message, facts)[Symbol.asyncIterator]()
  const aborted = new Promise<'aborted'>((resolve) => {
    facts.signal.addEventListener('abort', () => resolve('aborted'), { once: true })
  })
  try {
    while (true) {
      // A caller that left must not hold the node's iterator open, whatever the iterator is waiting for.
      const next = await Promise.race([iterator.next(), aborted])
      if (next === 'aborted') throw new AspenError('canceled')
      if (next.done === true) return
      if (!call.write(next.value)) await Promise.race([drained(call), aborted])
    }
  } finally {
    // Not awaited: an iterator that waits for its next chunk answers this only after it.
    iterator
      .return?.()
      .catch((reason: unknown) => context.logger.warn({ reason: String(reason) }, 'a stream ended badly'))
  }
}

function drained(call: ServerWritableStream<Sized, object>): Promise<void> {
  return new Promise((resolve) => call.once('drain', resolve))
}

interface CallWatch {
  end(code: status): void
  fail(thrown: unknown): EtcdStatus
}

function begin(call: AnyCall, counts: MethodCounts, context: GatewayContext, kind: 'unary' | 'stream'): CallWatch {
  const startedAtMs = performance.now()
  counts.started += 1
  context.metrics.clientRequest(kind, textOf(call.metadata, 'client-api-version'))
  const end = (code: status): void => context.metrics.handled(counts, code, (performance.now() - startedAtMs) / 1_000)
  return {
    end,
    fail: (thrown) => {
      const known = statusOf(thrown, remainingMs(call) <= 0)
      if (isOurMistake(known)) {
        const fields = { method: `${counts.service}/${counts.method}`, status: known, err: thrown }
        context.logger.error(fields, 'a call failed inside')
      }
      end(known.code)
      return known
    },
  }
}

function factsOf(call: AnyCall): CallFacts {
  const abort = new AbortController()
  call.on('cancelled', () => abort.abort())
  if (call.cancelled) abort.abort()
  const keyspace = textOf(call.metadata, 'x-keyspace')
  const deadlineMs = remainingMs(call)
  const request = requestOf(call.metadata)
  const options: CallOptions = {
    signal: abort.signal,
    ...(keyspace !== undefined && { keyspace }),
    // A deadline that has passed is still answered by the node, in its way; the transport has told the caller by then.
    ...(deadlineMs !== Number.POSITIVE_INFINITY && { deadlineMs: Math.max(1, Math.ceil(deadlineMs)) }),
    ...(request !== undefined && { request }),
  }
  return { options, signal: abort.signal, requestBytes: call.request.bytes }
}

function remainingMs(call: AnyCall): number {
  return Number(call.getDeadline()) - Date.now()
}

function wantsLeader(metadata: Metadata): boolean {
  return textOf(metadata, 'hasleader') === 'true'
}

async function requireLeader(node: NodeClient, options: CallOptions): Promise<void> {
  if ((await node.status(options)).leader === 0) throw new AspenError('noLeader')
}

function requestOf(metadata: Metadata): CallOptions['request'] {
  const client = textOf(metadata, 'x-request-client')
  const number = textOf(metadata, 'x-request-number')
  if (client === undefined && number === undefined) return undefined
  if (client === undefined || number === undefined) {
    throw badMetadata('x-request-client and x-request-number go together, and one is missing')
  }
  if (client === '' || Buffer.byteLength(client) > requestClientBytesMax) {
    throw badMetadata(`x-request-client must have 1 to ${requestClientBytesMax} bytes`)
  }
  const value = /^\d{1,16}$/.test(number) ? Number(number) : Number.NaN
  if (!Number.isSafeInteger(value)) throw badMetadata(`x-request-number must be a whole number, and is "${number}"`)
  return { client, number: value }
}

function badMetadata(reason: string): StatusError {
  return new StatusError(status.INVALID_ARGUMENT, `aspen: ${reason}`)
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key)
  return value === undefined ? undefined : String(value)
}
