/**
 * A call as it comes in, whatever brought it: metadata, deadline, who calls, and whether the caller is still there. Here
 * they become the options that the node is called with.
 */
import { status } from '@grpc/grpc-js'
import type { CallOptions } from '../../client/interface.ts'
import { credentialsOf } from './credentials.ts'
import { StatusError } from './errors.ts'

/** The first value under a key, in lower case; undefined when there is none. */
export type CallMetadata = (key: string) => string | undefined

export interface IncomingCall {
  readonly metadata: CallMetadata
  /** Of the client certificate that the transport has checked. */
  readonly commonName?: string
  /** Until the caller's own deadline; infinite without one. */
  remainingMs(): number
  /** Fires when the caller has left. */
  readonly left: AbortSignal
}

const requestClientBytesMax = 128

/**
 * @param signal - Fires when the answer is of no more use.
 * @throws {StatusError} Metadata that we give a meaning to has none.
 */
export function callOptionsOf(incoming: IncomingCall, signal: AbortSignal): CallOptions {
  const { metadata } = incoming
  const keyspace = metadata('x-keyspace')
  const request = requestOf(metadata)
  return {
    signal,
    credentials: credentialsOf(metadata, incoming.commonName),
    ...(keyspace !== undefined && { keyspace }),
    ...(request !== undefined && { request }),
  }
}

/** The caller's deadline as the node has it. */
export function deadlineOf(incoming: IncomingCall): Pick<CallOptions, 'deadlineMs'> {
  const deadlineMs = incoming.remainingMs()
  // A deadline that has passed is still answered by the node, in its way; the transport has told the caller by then.
  return deadlineMs === Number.POSITIVE_INFINITY ? {} : { deadlineMs: Math.max(1, Math.ceil(deadlineMs)) }
}

export function wantsLeader({ metadata }: IncomingCall): boolean {
  return metadata('hasleader') === 'true'
}

function requestOf(metadata: CallMetadata): CallOptions['request'] {
  const client = metadata('x-request-client')
  const number = metadata('x-request-number')
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
