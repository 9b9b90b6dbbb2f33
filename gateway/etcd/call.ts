/**
 * What a service is: a table of handlers by method name, which take decoded wire messages and give wire messages back.
 * They know nothing of how a call came in; gRPC (grpc.ts) and JSON (../json/) both call them through run.ts.
 */
import { AspenError, type CallOptions, type NodeClient } from '../../client/interface.ts'
import type { GatewayMetrics } from '../metrics.ts'
import type { Admission } from './admission.ts'
import type { HeaderSource } from './header-source.ts'
import type { LeaderWatch } from './leader-watch.ts'

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
  readonly admission: Admission
  readonly leaders: LeaderWatch
  readonly headers: HeaderSource
}

/** What a handler knows of its call beside the message. */
export interface CallFacts {
  /** For the node. Of a stream without a deadline: each thing it asks has the node's own. */
  readonly options: CallOptions
  /** Fires when the answer is of no more use; the reason is the `AspenError` that the caller is told. */
  readonly signal: AbortSignal
  /** The encoded size of the request; 0 for a stream of them. */
  readonly requestBytes: number
}

/** Takes the answers of a stream of requests. */
export interface MessageWriter {
  /** Resolves when there is room for another. @throws What the signal of the call gives as its reason. */
  write(message: object): Promise<void>
}

// `never`: each handler names the message it takes, and the table only ever passes what its definition decoded.
export type UnaryHandler = (message: never, call: CallFacts) => Promise<object>
export type StreamHandler = (message: never, call: CallFacts) => AsyncIterable<object>
/** Requests that came in order, until the caller has no more. The stream ends when the promise settles. */
export type BidiHandler = (requests: AsyncIterable<never>, writer: MessageWriter, call: CallFacts) => Promise<void>

/** A method without a handler answers UNIMPLEMENTED. */
export interface ServiceHandlers {
  readonly unary: Readonly<Record<string, UnaryHandler>>
  /** Of the unary ones those that wait for as long as their caller does: like streams they are not counted as running. */
  readonly waiting?: readonly string[]
  /** One request, many answers, and an end of their own: a closing gateway lets them finish. */
  readonly streams?: Readonly<Record<string, StreamHandler>>
  /** One request, and answers for as long as the caller, its leader and the gateway are there. */
  readonly endless?: Readonly<Record<string, StreamHandler>>
  /** Many requests, many answers; endless too. */
  readonly bidi?: Readonly<Record<string, BidiHandler>>
  /** Neither counted against the bounds on calls nor refused by them: whoever looks after an overloaded server needs it. */
  readonly unbounded?: boolean
}

/** @throws {AspenError} `requestTooLarge`. For what goes through the log: reads are bounded by the transport alone. */
export function checkRequestSize(call: CallFacts, context: GatewayContext): void {
  if (call.requestBytes > context.maxRequestBytes) throw new AspenError('requestTooLarge')
}
