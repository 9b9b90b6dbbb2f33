/** What an HTTP request is as a call: its headers as metadata, its timeout as a deadline, its body as messages. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { StringDecoder } from 'node:string_decoder'
import { status } from '@grpc/grpc-js'
import { etcdStatuses } from '../../client/etcd-errors.ts'
import { commonNameOf, type PeerSocket } from '../etcd/credentials.ts'
import { StatusError } from '../etcd/errors.ts'
import type { CallMetadata, IncomingCall } from '../etcd/incoming.ts'
import { RequestQueue } from '../etcd/request-queue.ts'
import type { Sized } from '../etcd/run.ts'
import type { ServedMethod } from '../etcd/service.ts'
import { decodeMessage, JsonTypeError } from './decode.ts'
import { DocumentError, Documents } from './documents.ts'
import { type JsonMessage, jsonMessage } from './schema.ts'

/** Of one document in a stream of them. They are small, and come in as many pieces as the caller likes. */
const streamedCharactersMax = 256 * 1024

/** @throws {StatusError} A timeout that is none. */
export function incomingOf(request: IncomingMessage, response: ServerResponse): IncomingCall & { leave(): void } {
  const left = new AbortController()
  const leave = (): void => left.abort()
  response.once('close', leave)
  const endMs = performance.now() + timeoutOf(request.headers['grpc-timeout'])
  const commonName = commonNameOf(request.socket as PeerSocket)
  return {
    metadata: metadataOf(request),
    ...(commonName !== undefined && { commonName }),
    remainingMs: () => endMs - performance.now(),
    left: left.signal,
    leave,
  }
}

/** As etcd passes headers on: `Grpc-Metadata-X` is `x`, `Authorization` itself; and ours, which begin with `x-`. */
function metadataOf({ headers }: IncomingMessage): CallMetadata {
  return (key) => {
    const passed =
      headers[`grpc-metadata-${key}`] ?? (key === 'authorization' || key.startsWith('x-') ? headers[key] : undefined)
    return Array.isArray(passed) ? passed[0] : passed
  }
}

const timeoutUnitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }

function timeoutOf(header: string | string[] | undefined): number {
  if (header === undefined) return Number.POSITIVE_INFINITY
  const form = /^(\d{1,8})([HMSmun])$/.exec(String(header))
  if (form === null) throw new StatusError(status.INVALID_ARGUMENT, `invalid grpc-timeout: ${header}`)
  return Number(form[1]) * (timeoutUnitsMs[form[2] as string] as number)
}

export interface BodyLimits {
  /** Of a request, encoded for gRPC. */
  readonly messageBytesMax: number
  /** How long a single request may take to come in. */
  readonly withinMs: number
}

/** The one request that a body is. @throws {StatusError} It is none, or too large, or did not come in time. */
export async function readRequest(
  request: IncomingMessage,
  method: ServedMethod,
  onReceived: (bytes: number) => void,
  limits: BodyLimits,
): Promise<Sized> {
  // Base64 adds a third, names and quotes may add more; what is far beyond is not worth reading.
  const charactersMax = limits.messageBytesMax * 2
  const text = await textOf(request, charactersMax, limits.withinMs)
  return judged(() => {
    const documents = new Documents(charactersMax + 1)
    documents.push(text)
    const sized = encode(documents.next(true)?.value ?? null, method)
    onReceived(sized.bytes)
    if (sized.bytes > limits.messageBytesMax) {
      const compared = `${sized.bytes} vs. ${limits.messageBytesMax}`
      throw new StatusError(status.RESOURCE_EXHAUSTED, `grpc: received message larger than max (${compared})`)
    }
    return sized
  })
}

/** The requests that a body is, as they come. Ends with the body, and when the caller has left. */
export function readRequests(
  request: IncomingMessage,
  method: ServedMethod,
  onReceived: (bytes: number) => void,
  left: AbortSignal,
): RequestQueue<Sized> {
  const queue = new RequestQueue<Sized>({ pause: () => request.pause(), resume: () => request.resume() })
  const documents = new Documents(streamedCharactersMax)
  const decoder = new StringDecoder('utf8')
  const take = (text: string, last: boolean): void => {
    try {
      judged(() => {
        documents.push(text)
        for (let next = documents.next(last); next !== undefined; next = documents.next(last)) {
          const sized = encode(next.value, method)
          onReceived(sized.bytes)
          queue.push(sized)
        }
      })
      if (last) queue.end()
    } catch (thrown) {
      request.off('data', onData)
      request.resume()
      queue.fail(thrown as Error)
    }
  }
  const onData = (chunk: Buffer): void => take(decoder.write(chunk), false)
  request.on('data', onData)
  request.once('end', () => take(decoder.end(), true))
  left.addEventListener('abort', () => queue.end(), { once: true })
  return queue
}

/** Through the bytes of gRPC and back: then every field is there, and the size is the one that the bounds are about. */
function encode(value: unknown, { definition }: ServedMethod): Sized {
  const decoded = decodeMessage(value, requestMessageOf(definition))
  const bytes = definition.requestSerialize(decoded)
  return { message: definition.requestDeserialize(bytes) as never, bytes: bytes.length }
}

interface NamedTypes {
  readonly requestType?: { readonly type: { readonly name: string } }
  readonly responseType?: { readonly type: { readonly name: string } }
}

export function requestMessageOf(definition: ServedMethod['definition']): JsonMessage {
  return jsonMessage(fullName(definition.path, (definition as NamedTypes).requestType))
}

export function responseMessageOf(definition: ServedMethod['definition']): JsonMessage {
  return jsonMessage(fullName(definition.path, (definition as NamedTypes).responseType))
}

/** Methods and their messages are of one package: `/etcdserverpb.KV/Put`. */
function fullName(path: string, type: NamedTypes['requestType']): string {
  return `${path.slice(1, path.lastIndexOf('.'))}.${type?.type.name}`
}

/** Runs what reads a document; what is wrong with it becomes the caller's mistake. */
function judged<T>(read: () => T): T {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof DocumentError || thrown instanceof JsonTypeError) {
      throw new StatusError(status.INVALID_ARGUMENT, thrown.message)
    }
    throw thrown
  }
}

function textOf(request: IncomingMessage, bytesMax: number, withinMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const finish = (settle: () => void): void => {
      clearTimeout(timer)
      request.off('data', onData)
      request.off('end', onEnd)
      request.off('close', onClose)
      request.resume()
      settle()
    }
    const refuse = (code: status, details: string): void => finish(() => reject(new StatusError(code, details)))
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > bytesMax) {
        const { code, details } = etcdStatuses.requestTooLarge
        refuse(code, details)
      }
    }
    const onEnd = (): void => finish(() => resolve(Buffer.concat(chunks).toString('utf8')))
    const onClose = (): void => refuse(status.CANCELLED, 'the request ended before its body did')
    const timer = setTimeout(() => refuse(status.CANCELLED, 'the body did not come in time'), withinMs)
    request.on('data', onData)
    request.once('end', onEnd)
    request.once('close', onClose)
  })
}
