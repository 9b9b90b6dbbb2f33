/** etcd's Lease service, called. Ids are decimal text: they have 63 bits. */
import type { EtcdChannels } from '../etcd-connection.ts'
import { headerFromWire, numberOf, plainBytes } from '../etcd-outbound.ts'
import type { WireHeaderOnly } from '../etcd-wire.ts'
import type {
  WireLeaseGrantRequest,
  WireLeaseGrantResponse,
  WireLeaseIdRequest,
  WireLeaseKeepAliveResponse,
  WireLeaseLeasesResponse,
  WireLeaseTimeToLiveRequest,
  WireLeaseTimeToLiveResponse,
} from '../etcd-wire-lease.ts'
import type { LeaseApi } from '../interface.ts'
import { leaderCall, methodOf, readCall, writeCall } from './method.ts'

export function leaseOver(channels: EtcdChannels): LeaseApi {
  return {
    leaseGrant: async ({ ttlSeconds, id = '0' }, options) => {
      const message: WireLeaseGrantRequest = { TTL: ttlSeconds, ID: id }
      const method = methodOf('lease', 'LeaseGrant')
      const answer = await channels.unary<WireLeaseGrantResponse>(method, message, options, writeCall)
      return { header: headerFromWire(answer.header), id: String(answer.ID), ttlSeconds: numberOf(answer.TTL) }
    },
    leaseRevoke: async ({ id }, options) => {
      const message: WireLeaseIdRequest = { ID: id }
      const method = methodOf('lease', 'LeaseRevoke')
      const answer = await channels.unary<WireHeaderOnly>(method, message, options, writeCall)
      return { header: headerFromWire(answer.header) }
    },
    leaseKeepAlive: async ({ id }, options) => {
      const message: WireLeaseIdRequest = { ID: id }
      // The service calls it a stream; with one message each way it looks on the wire like any other call, and so it can
      // have a deadline of its own and go to another member.
      const method = methodOf('lease', 'LeaseKeepAlive')
      const answer = await channels.unary<WireLeaseKeepAliveResponse>(method, message, options, leaderCall)
      return { header: headerFromWire(answer.header), id: String(answer.ID), ttlSeconds: numberOf(answer.TTL) }
    },
    leaseTimeToLive: async ({ id, keys = false }, options) => {
      const message: WireLeaseTimeToLiveRequest = { ID: id, keys }
      const method = methodOf('lease', 'LeaseTimeToLive')
      const answer = await channels.unary<WireLeaseTimeToLiveResponse>(method, message, options, leaderCall)
      return {
        header: headerFromWire(answer.header),
        id: String(answer.ID),
        ttlSeconds: numberOf(answer.TTL),
        grantedTtlSeconds: numberOf(answer.grantedTTL),
        keys: answer.keys.map(plainBytes),
      }
    },
    leaseList: async (options) => {
      const method = methodOf('lease', 'LeaseLeases')
      const answer = await channels.unary<WireLeaseLeasesResponse>(method, {}, options, readCall)
      return { header: headerFromWire(answer.header), ids: answer.leases.map(({ ID }) => String(ID)) }
    },
  }
}
