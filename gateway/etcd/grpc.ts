/**
 * The services on a gRPC server: what the library has of a call becomes an `IncomingCall`, a request, a writer, and what
 * run.ts gives back goes out again. Every message is counted where it is encoded or decoded, the one place that sees its
 * bytes.
 */
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  Server,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { unreachable } from '../../base/assert.ts'
import type { EtcdStatus } from '../../client/etcd-errors.ts'
import type { GatewayMetrics, MethodCounts } from '../metrics.ts'
import type { GatewayContext, MessageWriter } from './call.ts'
import type { IncomingCall } from './incoming.ts'
import { RequestQueue } from './request-queue.ts'
import { runBidi, runStream, runUnary, type Sized } from './run.ts'
import type { BidiMethod, ServedMethod, ServedService, StreamMethod, UnaryMethod } from './service.ts'

/** What calls of all three kinds have. */
interface AnyCall
  extends Pick<ServerUnaryCall<Sized, object>, 'cancelled' | 'metadata' | 'getDeadline' | 'getAuthContext'> {
  on(event: 'cancelled', listener: () => void): unknown
}

/** Puts a service on the server. */
export function addToServer(server: Server, { methods }: ServedService, context: GatewayContext): void {
  const definitions: Record<string, MethodDefinition<Sized, object>> = {}
  const implementation: UntypedServiceImplementation = {}
  for (const [name, method] of methods) {
    definitions[name] = measured(method.definition, method.counts, context.metrics)
    const handler = handlerOf(method, context)
    if (handler !== undefined) implementation[name] = handler
  }
  server.addService(definitions, implementation)
}

function handlerOf(method: ServedMethod, context: GatewayContext): UntypedServiceImplementation[string] | undefined {
  switch (method.kind) {
    case 'unary':
      return unaryCall(method, context)
    case 'server_stream':
      return streamCall(method, context)
    case 'bidi_stream':
      return bidiCall(method, context)
    case 'absent':
      return undefined
    default:
      return unreachable(method)
  }
}

function unaryCall(method: UnaryMethod, context: GatewayContext): handleUnaryCall<Sized, object> {
  return (call, callback) => {
    void runUnary(method, call.request, incomingOf(call), context).then((outcome) => {
      if ('response' in outcome) callback(null, outcome.response)
      else callback(outcome.status)
    })
  }
}

function streamCall(method: StreamMethod, context: GatewayContext): handleServerStreamingCall<Sized, object> {
  return (call) => {
    void runStream(method, call.request, incomingOf(call), writerTo(call), context).then((ended) => end(call, ended))
  }
}

function bidiCall(method: BidiMethod, context: GatewayContext): handleBidiStreamingCall<Sized, object> {
  return (call) => {
    const incoming = incomingOf(call)
    const requests = new RequestQueue<Sized>({ pause: () => call.pause(), resume: () => call.resume() })
    call.on('data', (request: Sized) => requests.push(request))
    call.on('end', () => requests.end())
    incoming.left.addEventListener('abort', () => requests.end(), { once: true })
    void runBidi(method, requests, incoming, writerTo(call), context).then((ended) => {
      requests.end()
      // What still comes in is read and forgotten: unread, it would keep the connection's window shut.
      call.resume()
      end(call, ended)
    })
  }
}

function end(call: ServerWritableStream<Sized, object> | ServerDuplexStream<Sized, object>, ended?: EtcdStatus): void {
  if (ended === undefined) call.end()
  else call.emit('error', ended)
}

/** Answers of a stream that may be under way before the next one waits. They may be large: the library's own bound is 16. */
const underWayMax = 4

function writerTo(call: Pick<ServerWritableStream<Sized, object>, 'write'>): MessageWriter {
  let underWay = 0
  const waiting: (() => void)[] = []
  const onWritten = (): void => {
    underWay -= 1
    waiting.shift()?.()
  }
  return {
    write: (message) => {
      underWay += 1
      call.write(message, onWritten)
      if (underWay < underWayMax) return Promise.resolve()
      // A call that was cancelled writes nothing more: whoever waits here races it against the end of the stream.
      return new Promise((resolve) => waiting.push(resolve))
    },
  }
}

function incomingOf(call: AnyCall): IncomingCall {
  const left = new AbortController()
  call.on('cancelled', () => left.abort())
  if (call.cancelled) left.abort()
  const commonName = call.getAuthContext().sslPeerCertificate?.subject?.CN
  return {
    // Of several names nobody can say which is his.
    ...(typeof commonName === 'string' && commonName !== '' && { commonName }),
    metadata: (key) => {
      const [value] = call.metadata.get(key)
      return value === undefined ? undefined : String(value)
    },
    remainingMs: () => Number(call.getDeadline()) - Date.now(),
    left: left.signal,
  }
}

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
