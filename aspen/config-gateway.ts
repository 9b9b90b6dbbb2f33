/** The settings of the front doors: what clients may take, and what web pages may read. Meanings with etcd's names are etcd's. */
import { z } from 'zod'
import { integer, parseDurationMs, type Setting, toggle, type ValueReader } from './config-values.ts'

export interface GatewayValues {
  readonly maxConnections: number
  readonly maxConcurrentStreams: number
  readonly maxConcurrentRequests: number
  readonly maxRequestsPerSecond: number
  /** In milliseconds. */
  readonly grpcKeepaliveInterval: number
  /** In milliseconds. */
  readonly grpcKeepaliveTimeout: number
  readonly enableGrpcGateway: boolean
  readonly cors: readonly string[]
  /** In milliseconds. */
  readonly experimentalWatchProgressNotifyInterval: number
}

/** The same, as the front doors take it. */
export interface GatewaySettings {
  readonly limits: {
    readonly maxConnections: number
    readonly maxConcurrentStreams: number
    readonly maxConcurrentRequests: number
    readonly maxRequestsPerSecond: number
    readonly keepaliveIntervalMs: number
    readonly keepaliveTimeoutMs: number
  }
  readonly jsonGateway: boolean
  readonly cors: readonly string[]
}

const manyMax = 1_000_000_000
const dayMs = 86_400_000

export const gatewaySettings: { readonly [K in keyof GatewayValues]: Setting<GatewayValues[K]> } = {
  maxConnections: {
    flag: 'max-connections',
    reader: integer(1, 1_000_000),
    fallback: '16384',
    wanted: 'a whole number from 1 to 1000000',
    help: 'The most connections of clients at each address.',
    group: 'Clients',
  },
  maxConcurrentStreams: {
    flag: 'max-concurrent-streams',
    reader: integer(1, 4_294_967_295),
    fallback: '16384',
    wanted: 'a whole number from 1 to 4294967295',
    help: 'The most calls and streams that one connection may have open.',
    group: 'Clients',
  },
  maxConcurrentRequests: {
    flag: 'max-concurrent-requests',
    reader: integer(0, manyMax),
    fallback: '10000',
    wanted: 'a whole number from 0, for no bound, to 1000000000',
    help: 'The most calls that run at a time, of all clients; more are "too many requests". 0: no bound.',
    group: 'Clients',
  },
  maxRequestsPerSecond: {
    flag: 'max-requests-per-second',
    reader: integer(0, manyMax),
    fallback: '0',
    wanted: 'a whole number from 0, for no bound, to 1000000000',
    help: 'The most calls and new streams in a second, of all clients; more are "too many requests". 0: no bound.',
    group: 'Clients',
  },
  grpcKeepaliveInterval: {
    flag: 'grpc-keepalive-interval',
    reader: duration(0, dayMs),
    fallback: '2h',
    wanted: 'a duration up to 24h such as 2h or 30s; 0 for never',
    help: 'How long a client is silent before it is asked whether it lives. 0: for ever.',
    group: 'Clients',
  },
  grpcKeepaliveTimeout: {
    flag: 'grpc-keepalive-timeout',
    reader: duration(1, dayMs),
    fallback: '20s',
    wanted: 'a duration up to 24h such as 20s',
    help: 'How long it may take to answer that before its connection is closed.',
    group: 'Clients',
  },
  enableGrpcGateway: {
    flag: 'enable-grpc-gateway',
    reader: toggle(),
    fallback: 'true',
    wanted: 'true or false',
    help: 'Serve the API as JSON too, at /v3 of the client addresses.',
    group: 'Clients',
  },
  cors: {
    flag: 'cors',
    reader: origins(),
    fallback: '*',
    wanted: 'nothing, * or comma-separated origins of the form https://HOST or https://HOST:PORT',
    help: 'Web pages that may read the answers of the JSON gateway; * for all.',
    group: 'Clients',
  },
  experimentalWatchProgressNotifyInterval: {
    flag: 'experimental-watch-progress-notify-interval',
    reader: duration(100, dayMs),
    fallback: '10m',
    wanted: 'a duration from 100ms to 24h such as 10m',
    help: 'After how long without an event a watcher that asked for it is told how far it is.',
    group: 'Clients',
  },
}

export function gatewaySettingsOf(values: GatewayValues): GatewaySettings {
  return {
    limits: {
      maxConnections: values.maxConnections,
      maxConcurrentStreams: values.maxConcurrentStreams,
      maxConcurrentRequests: values.maxConcurrentRequests,
      maxRequestsPerSecond: values.maxRequestsPerSecond,
      keepaliveIntervalMs: values.grpcKeepaliveInterval,
      keepaliveTimeoutMs: values.grpcKeepaliveTimeout,
    },
    jsonGateway: values.enableGrpcGateway,
    cors: values.cors,
  }
}

/** Milliseconds of a duration within bounds, both included. */
function duration(minMs: number, maxMs: number): ValueReader<number> {
  return z.string().transform((written, context): number => {
    const ms = parseDurationMs(written)
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms
    context.addIssue({ code: 'custom', message: ms === undefined ? 'no duration' : 'out of bounds' })
    return z.NEVER
  })
}

/** An origin is what a browser sends: scheme, host, and the port where it is not the scheme's own. */
function origins(): ValueReader<readonly string[]> {
  return z.string().transform((written, context): readonly string[] => {
    const all = written
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '')
    for (const one of all) {
      const valid = one === '*' || (URL.canParse(one) && new URL(one).origin === one)
      if (!valid) context.addIssue({ code: 'custom', message: `${JSON.stringify(one)} is no origin` })
    }
    return all
  })
}
