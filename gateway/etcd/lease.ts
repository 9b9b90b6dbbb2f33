/** etcdserverpb.Lease: granting, revoking, keeping alive and looking at leases. */
import type { Int64 } from '../../client/etcd-wire.ts'
import type {
  WireLeaseGrantRequest,
  WireLeaseGrantResponse,
  WireLeaseIdRequest,
  WireLeaseKeepAliveResponse,
  WireLeaseLeasesResponse,
  WireLeaseTimeToLiveRequest,
  WireLeaseTimeToLiveResponse,
} from '../../client/etcd-wire-lease.ts'
import type { CallOptions, NodeClient } from '../../client/interface.ts'
import type { BidiHandler, GatewayContext, ServiceHandlers } from './call.ts'
import { integerOf } from './decode.ts'
import { encodeHeader } from './encode.ts'
import { RequestQueue } from './request-queue.ts'

export function leaseService({ node }: GatewayContext): ServiceHandlers {
  return {
    unary: {
      LeaseGrant: async (wire: WireLeaseGrantRequest, { options }): Promise<WireLeaseGrantResponse> => {
        const request = { ttlSeconds: integerOf(wire.TTL), id: idOf(wire.ID) }
        const { header, id, ttlSeconds } = await node.leaseGrant(request, options)
        return { header: encodeHeader(header), ID: id, TTL: ttlSeconds }
      },
      LeaseRevoke: async (wire: WireLeaseIdRequest, { options }) => ({
        header: encodeHeader((await node.leaseRevoke({ id: idOf(wire.ID) }, options)).header),
      }),
      LeaseTimeToLive: async (wire: WireLeaseTimeToLiveRequest, { options }): Promise<WireLeaseTimeToLiveResponse> => {
        const answer = await node.leaseTimeToLive({ id: idOf(wire.ID), ...(wire.keys && { keys: true }) }, options)
        return {
          header: encodeHeader(answer.header),
          ID: answer.id,
          TTL: answer.ttlSeconds,
          grantedTTL: answer.grantedTtlSeconds,
          keys: answer.keys,
        }
      },
      LeaseLeases: async (_wire: object, { options }): Promise<WireLeaseLeasesResponse> => {
        const { header, ids } = await node.leaseList(options)
        return { header: encodeHeader(header), leases: ids.map((ID) => ({ ID })) }
      },
    },
    bidi: { LeaseKeepAlive: keepAlive(node) },
  }
}

/**
 * One client keeps all its leases alive over one stream, often all at once: the node is asked for several at a time, and
 * the answers go out in the order of the requests.
 */
const askedMax = 64

function keepAlive(node: NodeClient): BidiHandler {
  return async (requests: AsyncIterable<WireLeaseIdRequest>, writer, { options }) => {
    let full: Promise<void> | undefined
    let onRoom = (): void => undefined
    const pause = (): void => {
      full = new Promise((resolve) => {
        onRoom = resolve
      })
    }
    const asked = new RequestQueue<Promise<object>>({ pause, resume: () => onRoom() }, askedMax)
    const ask = async (): Promise<void> => {
      for await (const { ID } of requests) {
        const answer = keepOne(node, idOf(ID), options)
        // It fails where its turn comes; until then nobody listens.
        answer.catch(() => undefined)
        asked.push(answer)
        await full
      }
      asked.end()
    }
    const tell = async (): Promise<void> => {
      for await (const answer of asked) await writer.write(await answer)
    }
    await Promise.all([ask(), tell()])
  }
}

async function keepOne(node: NodeClient, id: string, options: CallOptions): Promise<WireLeaseKeepAliveResponse> {
  const { header, ttlSeconds } = await node.leaseKeepAlive({ id }, options)
  return { header: encodeHeader(header), ID: id, TTL: ttlSeconds }
}

function idOf(id: Int64): string {
  return String(id)
}
