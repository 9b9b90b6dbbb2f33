/**
 * The JSON gateway: every service of etcd's over HTTP/1.1, for programs without gRPC and people with `curl`. A path is a
 * method, a body its request, and the handler is the one that gRPC calls; what is different is only how it is written.
 *
 *   one answer     {…}                       with the status of the call as an HTTP status
 *   a stream       {"result":{…}} a line     status 200 from the first line on
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { status } from '@grpc/grpc-js'
import { unreachable } from '../../base/assert.ts'
import { deadlineExceeded } from '../../client/etcd-errors.ts'
import type { GatewayContext } from '../etcd/call.ts'
import { statusOf } from '../etcd/errors.ts'
import type { IncomingCall } from '../etcd/incoming.ts'
import { runBidi, runStream, runUnary } from '../etcd/run.ts'
import type { ServedMethod } from '../etcd/service.ts'
import type { ServedServices } from '../services.ts'
import { allowOrigin, StreamAnswer, sendMessage, sendStatus, sendText } from './answer.ts'
import { isJsonPath, targetOf } from './paths.ts'
import { incomingOf, readRequest, readRequests, responseMessageOf } from './request.ts'

export interface JsonGatewayOptions {
  /** Origins of web pages that may read answers, `*` for all. */
  readonly cors: readonly string[]
  /** Of a request, encoded for gRPC. */
  readonly messageBytesMax: number
  /** How long a request may take to come in; 10 s by default. */
  readonly slowClientMs?: number
}

export interface JsonGateway {
  /** Whether the gateway answers for a path, be there something or not. */
  handles(path: string): boolean
  handle(path: string, request: IncomingMessage, response: ServerResponse): void
}

const slowClientMsDefault = 10_000
/** The longest time that a timer can wait for. */
const timerMsMax = 2 ** 31 - 1

export function createJsonGateway(
  services: ServedServices,
  context: GatewayContext,
  options: JsonGatewayOptions,
): JsonGateway {
  return {
    handles: isJsonPath,
    handle: (path, request, response) => {
      allowOrigin(request, response, options.cors)
      if (request.method === 'OPTIONS') {
        request.resume()
        response.writeHead(200, { 'content-length': 0 }).end()
        return
      }
      const target = targetOf(path)
      const method = target && services[target.service].methods.get(target.method)
      if (method === undefined) refuse(request, response, 404, 'Not Found')
      else if (request.method !== 'POST') refuse(request, response, 405, 'Method Not Allowed')
      else void call(method, request, response, context, options)
    },
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, code: number, text: string): void {
  request.resume()
  sendText(response, code, text)
}

/** Never rejects. */
async function call(
  method: ServedMethod,
  request: IncomingMessage,
  response: ServerResponse,
  context: GatewayContext,
  options: JsonGatewayOptions,
): Promise<void> {
  let forget = (): void => undefined
  try {
    const incoming = incomingOf(request, response)
    forget = enforceDeadline(incoming, response)
    await run(method, request, response, incoming, context, options)
  } catch (thrown) {
    // Of the request and not of the call: there was none yet.
    if (!request.complete) response.setHeader('connection', 'close')
    sendStatus(response, statusOf(thrown, false))
  } finally {
    forget()
  }
}

async function run(
  method: ServedMethod,
  request: IncomingMessage,
  response: ServerResponse,
  incoming: IncomingCall,
  context: GatewayContext,
  options: JsonGatewayOptions,
): Promise<void> {
  const { counts, definition } = method
  const onReceived = (bytes: number): void => {
    counts.messagesReceived += 1
    context.metrics.receivedBytes += bytes
  }
  const onSent = (bytes: number): void => {
    counts.messagesSent += 1
    context.metrics.sentBytes += bytes
  }
  const limits = { messageBytesMax: options.messageBytesMax, withinMs: options.slowClientMs ?? slowClientMsDefault }
  switch (method.kind) {
    case 'unary': {
      const sized = await readRequest(request, method, onReceived, limits)
      const outcome = await runUnary(method, sized, incoming, context)
      if ('status' in outcome) sendStatus(response, outcome.status)
      else onSent(sendMessage(response, outcome.response, responseMessageOf(definition)))
      return
    }
    case 'server_stream': {
      const sized = await readRequest(request, method, onReceived, limits)
      const answer = new StreamAnswer(response, responseMessageOf(definition), onSent)
      answer.end(await runStream(method, sized, incoming, answer, context))
      return
    }
    case 'bidi_stream': {
      const answer = new StreamAnswer(response, responseMessageOf(definition), onSent)
      const requests = readRequests(request, method, onReceived, incoming.left)
      const ended = await runBidi(method, requests, incoming, answer, context)
      requests.end()
      if (!request.complete && !response.headersSent) response.setHeader('connection', 'close')
      answer.end(ended)
      return
    }
    case 'absent':
      request.resume()
      sendStatus(response, {
        code: status.UNIMPLEMENTED,
        details: `unknown method ${counts.method} for service ${counts.service}`,
      })
      return
    default:
      unreachable(method)
  }
}

/** The transport of gRPC ends a call at its deadline, whatever the node says; here that is ours to do. */
function enforceDeadline(incoming: IncomingCall & { leave(): void }, response: ServerResponse): () => void {
  const remainingMs = incoming.remainingMs()
  if (remainingMs === Number.POSITIVE_INFINITY) return () => undefined
  const timer = setTimeout(
    () => {
      if (!response.headersSent) sendStatus(response, deadlineExceeded)
      else response.end()
      incoming.leave()
    },
    Math.min(timerMsMax, Math.max(0, Math.ceil(remainingMs))),
  )
  return () => clearTimeout(timer)
}
