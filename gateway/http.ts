/**
 * The HTTP/1.1 side of etcd's port: health, versions and metrics, for orchestrators, scrapers and people with a browser,
 * small and read-only all of it; and the JSON gateway under `/v3`, where it is wanted. Anything else is refused with a
 * sentence that says why.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { NodeClient } from '../client/interface.ts'
import { aspenVersion, etcdClusterVersion, etcdVersion } from '../client/version.ts'
import type { GatewayLogger } from './etcd/call.ts'
import { type Answer, health, namedChecks } from './health-checks.ts'
import type { JsonGateway } from './json/gateway.ts'
import { isJsonPath } from './json/paths.ts'
import type { GatewayMetrics } from './metrics.ts'

export interface HttpOptions {
  readonly node: NodeClient
  readonly metrics: GatewayMetrics
  readonly logger: GatewayLogger
  /** Answers for the paths it handles; without it they are not found. */
  readonly json?: JsonGateway
  /** How long a client may take to send its headers, and the whole request; 10 s by default. */
  readonly slowClientMs?: number
}

const headerBytesMax = 16 * 1024
const keepAliveMs = 5_000
const nodeMetricsWithinMs = 5_000

/** A server that is given its connections; it listens nowhere by itself. */
export function createHttpServer(options: HttpOptions): Server {
  const slowClientMs = options.slowClientMs ?? 10_000
  const limits = {
    maxHeaderSize: headerBytesMax,
    headersTimeout: slowClientMs,
    // A stream of requests takes as long as its caller likes; other bodies are timed where they are read.
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: Math.min(1_000, slowClientMs),
  }
  const server = createServer(limits, (request, response) => {
    const { json } = options
    const { pathname } = urlOf(request.url ?? '/')
    if (json?.handles(pathname) === true) {
      json.handle(pathname, request, response)
      return
    }
    // None of the others has a body; whatever comes is not read into memory, and not waited for without end.
    request.resume()
    const timer = setTimeout(() => request.socket.destroy(), slowClientMs)
    request.once('close', () => clearTimeout(timer))
    request.once('end', () => clearTimeout(timer))
    answerTo(request, options).then(
      (answer) => send(request, response, answer),
      (thrown: unknown) => {
        options.logger.error({ err: thrown, url: request.url }, 'an HTTP request failed inside')
        send(request, response, plain(500, 'internal error; the log of the server has the reason'))
      },
    )
  })
  // Node.js begins to watch for slow clients when a server listens. This one never does: its sockets come from outside.
  server.emit('listening')
  return server
}

async function answerTo(request: IncomingMessage, options: HttpOptions): Promise<Answer> {
  const { pathname, searchParams } = urlOf(request.url ?? '/')
  const route = routeOf(pathname, searchParams, options)
  if (route === undefined) return plain(404, notFoundText(pathname))
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, `${pathname} answers GET only`)
  return (await route()) ?? plain(404, notFoundText(pathname))
}

type Route = () => Promise<Answer | undefined>

function routeOf(path: string, query: URLSearchParams, { node, metrics }: HttpOptions): Route | undefined {
  const checks = /^\/(livez|readyz)(?:\/([^/]+))?$/.exec(path)
  if (checks !== null) {
    const kind = checks[1] === 'livez' ? 'livez' : 'readyz'
    return () => namedChecks(node, kind, checks[2], query, (outcome) => metrics.check(outcome))
  }
  switch (path) {
    case '/health':
      return async () => {
        const { healthy, ...answer } = await health(node, query)
        metrics.health(healthy)
        return answer
      }
    case '/version':
      return async () => json({ etcdserver: etcdVersion, etcdcluster: etcdClusterVersion, aspen: aspenVersion })
    case '/metrics':
      return async () => {
        const body = await metrics.text(await nodeMetrics(node))
        return { code: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body }
      }
    default:
      return undefined
  }
}

// A scrape of a sick node is when the gateway's own numbers matter most, so they do not depend on the node's answer.
async function nodeMetrics(node: NodeClient): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('# the node gave no metrics in time'), nodeMetricsWithinMs)
  })
  try {
    return await Promise.race([node.metricsText(), late])
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    return `# the node gave no metrics: ${reason.replaceAll(/\s+/g, ' ')}`
  } finally {
    clearTimeout(timer)
  }
}

function urlOf(target: string): URL {
  // A target may be a full address, or nonsense such as `//`; neither is a path of ours, and neither may throw.
  return URL.canParse(target, 'http://aspen') ? new URL(target, 'http://aspen') : new URL('http://aspen/?')
}

function notFoundText(path: string): string {
  if (isJsonPath(path)) return 'the JSON gateway under /v3 is not served at this address'
  return 'not found: there is /health, /livez, /readyz, /version and /metrics, and gRPC on this same port'
}

function plain(code: number, text: string): Answer {
  return { code, type: 'text/plain; charset=utf-8', body: `${text}\n` }
}

function json(value: object): Answer {
  return { code: 200, type: 'application/json', body: JSON.stringify(value) }
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return
  response.writeHead(answer.code, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(answer.code === 405 && { allow: 'GET, HEAD' }),
  })
  response.end(request.method === 'HEAD' ? undefined : answer.body)
}
