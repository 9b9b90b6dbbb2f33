/** What one client, and all of them together, may take of a gateway. Names are those of the flags. */
export interface GatewayLimits {
  /** Of each listen address; who comes after them is closed. */
  readonly maxConnections: number
  /** Calls and streams that one gRPC connection may have open; its client waits with the others. */
  readonly maxConcurrentStreams: number
  /** Calls that run at a time, over all connections; 0: no bound. Streams do not count. */
  readonly maxConcurrentRequests: number
  /** Calls and new streams in a second, over all connections; 0: no bound. */
  readonly maxRequestsPerSecond: number
  /** How long a connection is silent before it is asked whether it lives. */
  readonly keepaliveIntervalMs: number
  /** How long it may take to answer that. */
  readonly keepaliveTimeoutMs: number
}

export const gatewayLimits: GatewayLimits = {
  maxConnections: 16_384,
  maxConcurrentStreams: 16_384,
  maxConcurrentRequests: 10_000,
  maxRequestsPerSecond: 0,
  // etcd's.
  keepaliveIntervalMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
}
