/**
 * What the front doors count about themselves, under the names etcd and its dashboards use. Calls are counted in plain
 * numbers and turned into Prometheus samples only when somebody scrapes: a label look-up per call would cost more than
 * the call's own decoding.
 */
import { status } from '@grpc/grpc-js'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export type MethodKind = 'unary' | 'server_stream' | 'bidi_stream'

/** The counts of one gRPC method. */
export interface MethodCounts {
  readonly service: string
  readonly method: string
  readonly kind: MethodKind
  started: number
  messagesReceived: number
  messagesSent: number
  /** By gRPC code. */
  readonly handled: Map<status, number>
}

export interface CheckOutcome {
  readonly kind: 'livez' | 'readyz'
  readonly name: string
  readonly healthy: boolean
}

/** How many client versions are told apart; the header is the callers' to choose, so it must not grow without end. */
const apiVersionsMax = 32

export class GatewayMetrics {
  readonly #registry = new Registry()
  readonly #methods: MethodCounts[] = []
  readonly #requestsByVersion = new Map<string, number>()
  readonly #refused = { concurrency: 0, rate: 0 }
  readonly #seconds: Histogram<'grpc_service' | 'grpc_method' | 'grpc_type'>
  readonly #healthSuccess: Counter
  readonly #healthFailures: Counter
  readonly #healthcheck: Gauge<'type' | 'name'>
  readonly #healthchecks: Counter<'type' | 'name' | 'status'>
  receivedBytes = 0
  sentBytes = 0

  constructor() {
    const registers = [this.#registry]
    this.#registerCalls()
    this.#seconds = new Histogram({
      name: 'grpc_server_handling_seconds',
      help: 'Time from the request of a gRPC call to its last answer.',
      labelNames: ['grpc_service', 'grpc_method', 'grpc_type'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    })
    this.#healthSuccess = new Counter({
      name: 'etcd_server_health_success',
      help: 'Health checks over HTTP that passed.',
      registers,
    })
    this.#healthFailures = new Counter({
      name: 'etcd_server_health_failures',
      help: 'Health checks over HTTP that failed.',
      registers,
    })
    this.#healthcheck = new Gauge({
      name: 'etcd_server_healthcheck',
      help: 'The last result of each named check: 1 passed, 0 failed.',
      labelNames: ['type', 'name'],
      registers,
    })
    this.#healthchecks = new Counter({
      name: 'etcd_server_healthchecks_total',
      help: 'Results of the named checks.',
      labelNames: ['type', 'name', 'status'],
      registers,
    })
  }

  /** The counts to keep for one method; asked for once, when its service is registered. */
  method(path: string, kind: MethodKind): MethodCounts {
    const [, service = '', method = ''] = path.split('/')
    const counts: MethodCounts = {
      service,
      method,
      kind,
      started: 0,
      messagesReceived: 0,
      messagesSent: 0,
      handled: new Map(),
    }
    this.#methods.push(counts)
    return counts
  }

  handled(counts: MethodCounts, code: status, seconds: number): void {
    counts.handled.set(code, (counts.handled.get(code) ?? 0) + 1)
    this.#seconds.observe({ grpc_service: counts.service, grpc_method: counts.method, grpc_type: counts.kind }, seconds)
  }

  clientRequest(kind: 'unary' | 'stream', apiVersion: string | undefined): void {
    const wellFormed = apiVersion !== undefined && /^\d{1,3}\.\d{1,3}(\.\d{1,3})?$/.test(apiVersion)
    const known = wellFormed ? `${kind} ${apiVersion}` : `${kind} unknown`
    const full = this.#requestsByVersion.size >= apiVersionsMax && !this.#requestsByVersion.has(known)
    const key = full ? `${kind} unknown` : known
    this.#requestsByVersion.set(key, (this.#requestsByVersion.get(key) ?? 0) + 1)
  }

  /** A call was too many: of those that run, or of a second. */
  refused(reason: 'concurrency' | 'rate'): void {
    this.#refused[reason] += 1
  }

  health(healthy: boolean): void {
    if (healthy) this.#healthSuccess.inc()
    else this.#healthFailures.inc()
  }

  check({ kind, name, healthy }: CheckOutcome): void {
    this.#healthcheck.set({ type: kind, name }, healthy ? 1 : 0)
    this.#healthchecks.inc({ type: kind, name, status: healthy ? 'success' : 'error' })
  }

  /**
   * Everything in Prometheus' text format.
   *
   * @param inside - The node's own metrics. Families it already has are not repeated: a scraper refuses a page that
   *   declares one twice.
   */
  async text(inside: string): Promise<string> {
    const declared = new Set(Array.from(inside.matchAll(/^# TYPE (\S+) /gm), (match) => match[1]))
    const pages = [inside.trimEnd()]
    for (const registry of [this.#registry, processRegistry()]) {
      for (const { name } of registry.getMetricsAsArray()) {
        if (!declared.has(name)) pages.push((await registry.getSingleMetricAsString(name)).trimEnd())
      }
    }
    return `${pages.filter((page) => page !== '').join('\n\n')}\n`
  }

  #registerCalls(): void {
    const methods = this.#methods
    this.#fromCounts('grpc_server_started_total', 'gRPC calls begun.', (counts) => counts.started)
    this.#fromCounts('grpc_server_msg_received_total', 'Messages received.', (counts) => counts.messagesReceived)
    this.#fromCounts('grpc_server_msg_sent_total', 'Messages sent.', (counts) => counts.messagesSent)
    new Counter({
      name: 'grpc_server_handled_total',
      help: 'gRPC calls ended, by how.',
      labelNames: ['grpc_code', 'grpc_method', 'grpc_service', 'grpc_type'],
      registers: [this.#registry],
      collect(): void {
        this.reset()
        for (const { service, method, kind, handled } of methods) {
          for (const [code, count] of handled) {
            const labels = { grpc_code: codeName(code), grpc_method: method, grpc_service: service, grpc_type: kind }
            this.inc(labels, count)
          }
        }
      },
    })
    const versions = this.#requestsByVersion
    new Counter({
      name: 'etcd_server_client_requests_total',
      help: 'Client requests, by the API version the client says it speaks.',
      labelNames: ['type', 'client_api_version'],
      registers: [this.#registry],
      collect(): void {
        this.reset()
        for (const [key, count] of versions) {
          const [type = '', version = ''] = key.split(' ')
          this.inc({ type, client_api_version: version }, count)
        }
      },
    })
    const refused = this.#refused
    new Counter({
      name: 'aspen_gateway_refused_total',
      help: 'Calls answered with "too many requests", by which bound.',
      labelNames: ['bound'],
      registers: [this.#registry],
      collect(): void {
        this.reset()
        for (const [bound, count] of Object.entries(refused)) this.inc({ bound }, count)
      },
    })
    this.#bytes(
      'etcd_network_client_grpc_received_bytes_total',
      'Bytes of gRPC messages received.',
      () => this.receivedBytes,
    )
    this.#bytes('etcd_network_client_grpc_sent_bytes_total', 'Bytes of gRPC messages sent.', () => this.sentBytes)
  }

  #fromCounts(name: string, help: string, value: (counts: MethodCounts) => number): void {
    const methods = this.#methods
    new Counter({
      name,
      help,
      labelNames: ['grpc_method', 'grpc_service', 'grpc_type'],
      registers: [this.#registry],
      collect(): void {
        this.reset()
        for (const counts of methods) {
          const labels = { grpc_method: counts.method, grpc_service: counts.service, grpc_type: counts.kind }
          this.inc(labels, value(counts))
        }
      },
    })
  }

  #bytes(name: string, help: string, value: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.#registry],
      collect(): void {
        this.reset()
        this.inc(value())
      },
    })
  }
}

/** Codes as gRPC's own monitoring spells them: `InvalidArgument`, and `OK`. */
export function codeName(code: status): string {
  if (code === status.OK) return 'OK'
  if (code === status.CANCELLED) return 'Canceled'
  return (status[code] ?? `Code(${code})`)
    .split('_')
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join('')
}

let ofProcess: Registry | undefined

// One per process and never dropped: the library starts an event-loop monitor and an observer that it cannot stop again.
function processRegistry(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess
}
