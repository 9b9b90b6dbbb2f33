/** How an answer of the JSON gateway goes out: whole, or as a stream of lines, with the HTTP status that etcd gives it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { status } from '@grpc/grpc-js'
import type { EtcdStatus } from '../../client/etcd-errors.ts'
import type { MessageWriter } from '../etcd/call.ts'
import { encodeMessage, encodeString } from './encode.ts'
import type { JsonMessage } from './schema.ts'

const httpCodes: Partial<Record<status, number>> = {
  [status.OK]: 200,
  [status.CANCELLED]: 408,
  [status.INVALID_ARGUMENT]: 400,
  [status.DEADLINE_EXCEEDED]: 504,
  [status.NOT_FOUND]: 404,
  [status.ALREADY_EXISTS]: 409,
  [status.PERMISSION_DENIED]: 403,
  [status.UNAUTHENTICATED]: 401,
  [status.RESOURCE_EXHAUSTED]: 429,
  [status.FAILED_PRECONDITION]: 412,
  [status.ABORTED]: 409,
  [status.OUT_OF_RANGE]: 400,
  [status.UNIMPLEMENTED]: 501,
  [status.UNAVAILABLE]: 503,
}

/** Everything else is 500. */
export function httpCodeOf(code: status): number {
  return httpCodes[code] ?? 500
}

export function sendMessage(response: ServerResponse, wire: object, message: JsonMessage): number {
  return send(response, 200, 'application/json', encodeMessage(wire, message))
}

export function sendStatus(response: ServerResponse, { code, details }: EtcdStatus): void {
  const text = encodeString(details)
  send(response, httpCodeOf(code), 'application/json', `{"error":${text},"message":${text},"code":${code}}`)
}

export function sendText(response: ServerResponse, code: number, text: string): void {
  response.setHeader('x-content-type-options', 'nosniff')
  send(response, code, 'text/plain; charset=utf-8', `${text}\n`)
}

function send(response: ServerResponse, code: number, type: string, text: string): number {
  if (response.destroyed || response.writableEnded) return 0
  const bytes = Buffer.byteLength(text)
  response.writeHead(code, { 'content-type': type, 'content-length': bytes, 'cache-control': 'no-store' })
  response.end(text)
  return bytes
}

/** Lines of `{"result":…}`, and one of `{"error":…}` when the stream ended badly after it had begun. */
export class StreamAnswer implements MessageWriter {
  readonly #response: ServerResponse
  readonly #message: JsonMessage
  readonly #onSent: (bytes: number) => void

  constructor(response: ServerResponse, message: JsonMessage, onSent: (bytes: number) => void) {
    this.#response = response
    this.#message = message
    this.#onSent = onSent
  }

  write(wire: object): Promise<void> {
    const response = this.#response
    this.#begin()
    const line = `{"result":${encodeMessage(wire, this.#message)}}\n`
    this.#onSent(line.length)
    // A response whose caller has left never drains: whoever waits here races it against the end of the stream.
    return response.write(line) ? Promise.resolve() : new Promise((resolve) => response.once('drain', resolve))
  }

  end(ended: EtcdStatus | undefined): void {
    const response = this.#response
    if (ended !== undefined && !response.headersSent) {
      sendStatus(response, ended)
      return
    }
    this.#begin()
    response.end(ended === undefined ? undefined : errorLine(ended))
  }

  #begin(): void {
    if (this.#response.headersSent || this.#response.destroyed) return
    this.#response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    // The caller may wait for the headers before it says more.
    this.#response.flushHeaders()
  }
}

function errorLine({ code, details }: EtcdStatus): string {
  const http = httpCodeOf(code)
  return `{"error":{"grpc_code":${code},"http_code":${http},"message":${encodeString(details)}}}\n`
}

/** Web pages of these origins may read what is answered. */
export function allowOrigin(request: IncomingMessage, response: ServerResponse, cors: readonly string[]): void {
  const { origin } = request.headers
  const allowed = cors.includes('*') ? '*' : origin !== undefined && cors.includes(origin) ? origin : undefined
  if (!cors.includes('*') && cors.length > 0) response.setHeader('vary', 'Origin')
  if (allowed === undefined) return
  response.setHeader('access-control-allow-origin', allowed)
  response.setHeader('access-control-allow-methods', 'POST, GET, OPTIONS, PUT, DELETE')
  response.setHeader('access-control-allow-headers', 'accept, content-type, authorization')
}
