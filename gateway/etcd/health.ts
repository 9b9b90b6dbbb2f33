/**
 * grpc.health.v1.Health, as orchestrators ask it: the whole server (the empty name) and each service of the store are
 * SERVING as long as this member can answer reads from its own state.
 */
import { status } from '@grpc/grpc-js'
import type { WireHealthRequest, WireHealthResponse } from '../../client/etcd-wire.ts'
import type { NodeClient } from '../../client/interface.ts'
import type { CallFacts, GatewayContext, ServiceHandlers } from './call.ts'
import { StatusError } from './errors.ts'

const watchEveryMs = 1_000
const services = new Set([
  '',
  ...['KV', 'Watch', 'Lease', 'Auth', 'Cluster', 'Maintenance'].map((name) => `etcdserverpb.${name}`),
  'v3lockpb.Lock',
  'v3electionpb.Election',
  'aspen.v1.Admin',
])

export function healthService(context: GatewayContext): ServiceHandlers {
  return {
    unbounded: true,
    unary: {
      Check: async ({ service }: WireHealthRequest): Promise<WireHealthResponse> => {
        if (!services.has(service)) throw new StatusError(status.NOT_FOUND, 'unknown service')
        return { status: await servingStatus(context.node) }
      },
    },
    streams: {
      Watch: ({ service }: WireHealthRequest, call) => watch(service, call, context),
    },
  }
}

async function* watch(service: string, call: CallFacts, context: GatewayContext): AsyncGenerator<WireHealthResponse> {
  const ended = AbortSignal.any([call.signal, context.closing])
  let told: WireHealthResponse['status'] | undefined
  while (!ended.aborted) {
    const now = services.has(service) ? await servingStatus(context.node) : 'SERVICE_UNKNOWN'
    if (now !== told) yield { status: now }
    told = now
    await pause(watchEveryMs, ended)
  }
}

async function servingStatus(node: NodeClient): Promise<'SERVING' | 'NOT_SERVING'> {
  const { healthy } = await node.health({ linearizable: false, excludeAlarms: ['NOSPACE', 'CORRUPT'] })
  return healthy ? 'SERVING' : 'NOT_SERVING'
}

function pause(ms: number, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      ended.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    ended.addEventListener('abort', done)
    if (ended.aborted) done()
  })
}
