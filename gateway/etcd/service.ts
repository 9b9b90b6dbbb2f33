/** A service as it is served: each method with its handler, its form on the wire and its counts. One table for all ways in. */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import type { GatewayMetrics, MethodCounts } from '../metrics.ts'
import type { BidiHandler, ServiceHandlers, StreamHandler, UnaryHandler } from './call.ts'

interface MethodFacts {
  readonly definition: MethodDefinition<object, object>
  readonly counts: MethodCounts
  /** Not bounded by admission. */
  readonly unbounded: boolean
}

export interface UnaryMethod extends MethodFacts {
  readonly kind: 'unary'
  readonly handler: UnaryHandler
  /** For as long as its caller does. */
  readonly waits: boolean
}

export interface StreamMethod extends MethodFacts {
  readonly kind: 'server_stream'
  readonly handler: StreamHandler
  readonly endless: boolean
}

export interface BidiMethod extends MethodFacts {
  readonly kind: 'bidi_stream'
  readonly handler: BidiHandler
}

/** Nobody handles it: it answers UNIMPLEMENTED. */
export interface AbsentMethod extends MethodFacts {
  readonly kind: 'absent'
}

export type ServedMethod = UnaryMethod | StreamMethod | BidiMethod | AbsentMethod

export interface ServedService {
  readonly definition: ServiceDefinition
  readonly methods: ReadonlyMap<string, ServedMethod>
}

export function servedService(
  definition: ServiceDefinition,
  handlers: ServiceHandlers,
  metrics: GatewayMetrics,
): ServedService {
  const methods = new Map<string, ServedMethod>()
  for (const [name, method] of Object.entries(definition)) {
    methods.set(name, servedMethod(name, method, handlers, metrics))
  }
  return { definition, methods }
}

function servedMethod(
  name: string,
  definition: MethodDefinition<object, object>,
  handlers: ServiceHandlers,
  metrics: GatewayMetrics,
): ServedMethod {
  const form = definition.requestStream ? 'bidi_stream' : definition.responseStream ? 'server_stream' : 'unary'
  const facts: MethodFacts = {
    definition,
    counts: metrics.method(definition.path, form),
    unbounded: handlers.unbounded === true,
  }
  const unary = handlers.unary[name]
  if (unary !== undefined)
    return { ...facts, kind: 'unary', handler: unary, waits: handlers.waiting?.includes(name) === true }
  const stream = handlers.streams?.[name]
  if (stream !== undefined) return { ...facts, kind: 'server_stream', handler: stream, endless: false }
  const endless = handlers.endless?.[name]
  if (endless !== undefined) return { ...facts, kind: 'server_stream', handler: endless, endless: true }
  const bidi = handlers.bidi?.[name]
  if (bidi !== undefined) return { ...facts, kind: 'bidi_stream', handler: bidi }
  return { ...facts, kind: 'absent' }
}
