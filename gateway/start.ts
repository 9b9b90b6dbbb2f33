/** Opens the front doors of one node: etcd's gRPC services and HTTP on the client addresses, HTTP on the metrics ones. */
import type { Server as HttpServer } from 'node:http'
import { Server as GrpcServer, ServerCredentials, type ServerOptions } from '@grpc/grpc-js'
import { aspenServices } from '../client/etcd-proto.ts'
import type { NodeClient } from '../client/interface.ts'
import { adminService } from './admin.ts'
import { type GatewayContext, type GatewayLogger, registerService } from './etcd/call.ts'
import { clusterService } from './etcd/cluster.ts'
import { healthService } from './etcd/health.ts'
import { kvService } from './etcd/kv.ts'
import { maintenanceService } from './etcd/maintenance.ts'
import { createHttpServer } from './http.ts'
import { type Listener, type ListenerOptions, listen } from './listener.ts'
import { GatewayMetrics } from './metrics.ts'

export interface GatewayOptions {
  readonly node: NodeClient
  /** `http://host:port` each; gRPC and HTTP/1.1 share the port. */
  readonly clientUrls: readonly string[]
  /** `http://host:port` each; HTTP/1.1 only. */
  readonly metricsUrls: readonly string[]
  /** Bound on a write, in encoded bytes; etcd's is 1.5 MiB. */
  readonly maxRequestBytes: number
  /** Bound on the operations of one level of a transaction; etcd's is 128. */
  readonly maxTxnOps: number
  readonly logger: GatewayLogger
  /** How long a client may take to say something; 10 s by default. */
  readonly slowClientMs?: number
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
const concurrentStreamsMax = 4_096

/**
 * @throws {ListenError} An address is malformed, in use, or not ours to take. Those opened before it are closed again.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const closing = new AbortController()
  const metrics = new GatewayMetrics()
  const context: GatewayContext = { ...options, metrics, closing: closing.signal }
  const grpc = createGrpcServer(context)
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure())
  const http = createHttpServer({
    node: options.node,
    metrics,
    logger: options.logger,
    ...(options.slowClientMs !== undefined && { slowClientMs: options.slowClientMs }),
  })
  const http1: ListenerOptions = {
    onHttp1: (socket) => void http.emit('connection', socket),
    ...(options.slowClientMs !== undefined && { decideWithinMs: options.slowClientMs }),
  }
  const both: ListenerOptions = { ...http1, onHttp2: (socket) => injector.injectConnection(socket) }

  const listeners: Listener[] = []
  const close = async (withinMs: number): Promise<void> => {
    closing.abort()
    await closeAll(listeners, grpc, http, withinMs)
  }
  try {
    for (const url of options.clientUrls) listeners.push(await listen(url, both))
    for (const url of options.metricsUrls) listeners.push(await listen(url, http1))
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

function createGrpcServer(context: GatewayContext): GrpcServer {
  const options: ServerOptions = {
    'grpc.max_receive_message_length': context.maxRequestBytes + grpcOverheadBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': concurrentStreamsMax,
    // etcd's: a silent client is pinged after two hours and dropped when it does not answer in 20 s.
    'grpc.keepalive_time_ms': 7_200_000,
    'grpc.keepalive_timeout_ms': 20_000,
    // Debugging records of every connection and call; nothing here reads them.
    'grpc.enable_channelz': 0,
  }
  const server = new GrpcServer(options)
  const services = aspenServices()
  registerService(server, services.kv, kvService(context), context)
  registerService(server, services.cluster, clusterService(context), context)
  registerService(server, services.maintenance, maintenanceService(context), context)
  registerService(server, services.health, healthService(context), context)
  registerService(server, services.admin, adminService(context), context)
  return server
}

async function closeAll(
  listeners: readonly Listener[],
  grpc: GrpcServer,
  http: HttpServer,
  withinMs: number,
): Promise<void> {
  for (const listener of listeners) listener.stop()
  http.close()
  grpc.tryShutdown(() => undefined)
  // Connections kept alive between two requests do not end by themselves.
  const idle = setInterval(() => http.closeIdleConnections(), 50)
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
