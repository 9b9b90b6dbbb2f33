/** Opens the front doors of one node: etcd's gRPC services and HTTP on the client addresses, HTTP on the metrics ones. */
import type { Server as HttpServer } from 'node:http'
import { Server as GrpcServer, ServerCredentials, type ServerOptions } from '@grpc/grpc-js'
import type { NodeClient } from '../client/interface.ts'
import type { TlsSettings } from '../runtime/node/tls/settings.ts'
import { WatchedTls } from '../runtime/node/tls/watched.ts'
import { Admission } from './etcd/admission.ts'
import type { GatewayContext, GatewayLogger } from './etcd/call.ts'
import { addToServer } from './etcd/grpc.ts'
import { HeaderSource } from './etcd/header-source.ts'
import { LeaderWatch } from './etcd/leader-watch.ts'
import { createHttpServer, type HttpOptions } from './http.ts'
import { createJsonGateway } from './json/gateway.ts'
import { type GatewayLimits, gatewayLimits } from './limits.ts'
import { type Listener, type ListenerOptions, listen } from './listener.ts'
import { GatewayMetrics } from './metrics.ts'
import { refusalLog } from './refusals.ts'
import { type ServedServices, servedServices } from './services.ts'

export interface GatewayOptions {
  readonly node: NodeClient
  /** `http://host:port` or `https://host:port` each; gRPC and HTTP/1.1 share the port. */
  readonly clientUrls: readonly string[]
  /** `http://host:port` or `https://host:port` each; HTTP/1.1 only. */
  readonly metricsUrls: readonly string[]
  /** Needed for addresses of https. */
  readonly tls?: TlsSettings | undefined
  /** Bound on a write, in encoded bytes; etcd's is 1.5 MiB. */
  readonly maxRequestBytes: number
  /** Bound on the operations of one level of a transaction; etcd's is 128. */
  readonly maxTxnOps: number
  readonly logger: GatewayLogger
  /** How long a client may take to say something; 10 s by default. */
  readonly slowClientMs?: number
  /** What one client, and all together, may take of the gateway; those left out have their defaults. */
  readonly limits?: Partial<GatewayLimits>
  /** After three times as long without a leader, streams that want one are ended; 1 s by default. */
  readonly electionTimeoutMs?: number
  /** Origins of web pages that may read answers, `*` for all; none by default. */
  readonly cors?: readonly string[]
  /** Whether the API is served as JSON too; it is by default. */
  readonly jsonGateway?: boolean
}

export interface Gateway {
  /** The addresses in use, client addresses first. */
  readonly urls: readonly string[]
  /**
   * Accepts nothing new, lets the calls that run finish, and closes.
   *
   * @param withinMs - What still runs then is cut off.
   */
  close(withinMs: number): Promise<void>
}

/** What etcd allows a message beyond the request inside it. */
const grpcOverheadBytes = 512 * 1024
const electionTimeoutMsDefault = 1_000

/**
 * @throws {ListenError} An address is malformed, in use, or not ours to take. Those opened before it are closed again.
 * @throws {TlsFileError} A certificate or key cannot be used.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { logger } = options
  const tls =
    options.tls &&
    (await WatchedTls.open(options.tls, { log: (level, text) => logger[level]({ side: 'clients' }, text) }))
  const closing = new AbortController()
  const metrics = new GatewayMetrics()
  const limits: GatewayLimits = { ...gatewayLimits, ...options.limits }
  const context = contextOf(options, limits, metrics, closing.signal)
  const services = servedServices(context)
  const grpc = createGrpcServer(services, context, limits)
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure())
  const slowClient = options.slowClientMs === undefined ? {} : { slowClientMs: options.slowClientMs }
  const json = createJsonGateway(services, context, {
    cors: options.cors ?? [],
    messageBytesMax: options.maxRequestBytes + grpcOverheadBytes,
    ...slowClient,
  })
  const httpFacts: HttpOptions = { node: options.node, metrics, logger, ...slowClient }
  const forClients = createHttpServer({ ...httpFacts, ...(options.jsonGateway !== false && { json }) })
  // Addresses for metrics are often open to more than the clients are.
  const forMetrics = createHttpServer(httpFacts)
  const common: Omit<ListenerOptions, 'onHttp1'> = {
    connectionsMax: limits.maxConnections,
    ...(options.slowClientMs !== undefined && { decideWithinMs: options.slowClientMs }),
    ...(tls !== undefined && { tls, onRefused: refusalLog(logger) }),
  }
  const clients: ListenerOptions = {
    ...common,
    onHttp1: (socket) => void forClients.emit('connection', socket),
    onHttp2: (socket) => injector.injectConnection(socket),
  }
  const scrapers: ListenerOptions = { ...common, onHttp1: (socket) => void forMetrics.emit('connection', socket) }

  const listeners: Listener[] = []
  const close = async (withinMs: number): Promise<void> => {
    closing.abort()
    context.leaders.stop()
    await closeAll(listeners, grpc, [forClients, forMetrics], withinMs)
    tls?.close()
  }
  try {
    for (const url of options.clientUrls) listeners.push(await listen(url, clients))
    for (const url of options.metricsUrls) listeners.push(await listen(url, scrapers))
  } catch (thrown) {
    await close(0)
    throw thrown
  }
  const urls = listeners.map(({ url }) => url)
  options.logger.info({ urls }, 'serving clients')
  let closed: Promise<void> | undefined
  return {
    urls,
    close: (withinMs) => {
      closed ??= close(withinMs)
      return closed
    },
  }
}

function contextOf(
  options: GatewayOptions,
  limits: GatewayLimits,
  metrics: GatewayMetrics,
  closing: AbortSignal,
): GatewayContext {
  const { node, logger, maxRequestBytes, maxTxnOps } = options
  const now = (): number => performance.now()
  const admitted = { concurrentMax: limits.maxConcurrentRequests, perSecondMax: limits.maxRequestsPerSecond }
  return {
    node,
    logger,
    metrics,
    maxRequestBytes,
    maxTxnOps,
    closing,
    admission: new Admission(admitted, now, (reason) => metrics.refused(reason)),
    leaders: new LeaderWatch(node, options.electionTimeoutMs ?? electionTimeoutMsDefault),
    headers: new HeaderSource(node, now),
  }
}

function createGrpcServer(services: ServedServices, context: GatewayContext, limits: GatewayLimits): GrpcServer {
  const options: ServerOptions = {
    'grpc.max_receive_message_length': context.maxRequestBytes + grpcOverheadBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams,
    'grpc.keepalive_time_ms': limits.keepaliveIntervalMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    // Debugging records of every connection and call; nothing here reads them.
    'grpc.enable_channelz': 0,
  }
  const server = new GrpcServer(options)
  for (const service of Object.values(services)) addToServer(server, service, context)
  return server
}

async function closeAll(
  listeners: readonly Listener[],
  grpc: GrpcServer,
  servers: readonly HttpServer[],
  withinMs: number,
): Promise<void> {
  for (const listener of listeners) listener.stop()
  for (const http of servers) http.close()
  grpc.tryShutdown(() => undefined)
  // Connections kept alive between two requests do not end by themselves.
  const idle = setInterval(() => {
    for (const http of servers) http.closeIdleConnections()
  }, 50)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, withinMs)
  })
  const closed = Promise.all(listeners.map((listener) => listener.closed))
  await Promise.race([closed, late])
  clearTimeout(timer)
  clearInterval(idle)
  grpc.forceShutdown()
  for (const listener of listeners) listener.destroy()
  await closed
}
