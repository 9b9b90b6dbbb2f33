/**
 * Two repairs for comlink under ESM on Node.js: its adapter is a CommonJS module whose default export arrives wrapped, and
 * a MessagePort in an argument must be moved, not cloned.
 */
import { MessagePort } from 'node:worker_threads'
import type { Endpoint, TransferHandler } from 'comlink'

type Adapter = (port: MessagePort) => Endpoint

export function nodeEndpointOf(module: unknown, port: MessagePort): Endpoint {
  const { default: inner } = module as { default?: Adapter }
  return (inner ?? (module as Adapter))(port)
}

/** Registers the handler once per thread. */
export function passPorts(handlers: Map<string, TransferHandler<unknown, unknown>>): void {
  if (handlers.has('messagePort')) return
  handlers.set('messagePort', {
    canHandle: (value): value is unknown => value instanceof MessagePort,
    serialize: (port) => [port, [port as never]],
    deserialize: (port) => port,
  })
}
