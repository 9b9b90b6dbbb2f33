/**
 * The way from a client to its cluster, whatever it is: calls in the same process, gRPC, or a protocol yet to come. Whoever
 * writes programs sees `Client`; whoever brings a new way to a cluster writes a `Transport`.
 */
import { connectEtcd, type EtcdOptions } from './etcd-grpc.ts'
import type { NodeClient } from './interface.ts'

/** What a transport carries: a node's own methods, less those that are its front doors' alone. */
export type NodeCalls = Omit<NodeClient, 'health' | 'metricsText'>

export interface Transport {
  readonly node: NodeCalls
  /** Empty where there is nothing to choose from. */
  readonly endpoints: readonly string[]
  /** Whether numbered writes are applied once, and watches know Aspen's filters. Undefined: it cannot be told now. */
  isAspen(): Promise<boolean | undefined>
  /** Takes other endpoints. Of no effect where there is nothing to choose from. */
  replaceEndpoints(endpoints: readonly string[]): void
  close(): void
}

/** A node in one's own process. Closing the client leaves it open: it belongs to whoever opened it. */
export function inProcess(node: NodeCalls): Transport {
  return {
    node,
    endpoints: [],
    isAspen: async () => true,
    replaceEndpoints: () => undefined,
    close: () => undefined,
  }
}

/** @throws {RangeError} There is no endpoint, or one is not an address. */
export function overGrpc(options: EtcdOptions): Transport {
  const connection = connectEtcd(options)
  return {
    node: connection,
    get endpoints() {
      return connection.endpoints
    },
    isAspen: () => connection.isAspen(),
    replaceEndpoints: (endpoints) => connection.replaceEndpoints(endpoints),
    close: () => connection.close(),
  }
}
