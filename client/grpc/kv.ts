/** etcd's KV service, called. */
import type { EtcdChannels } from '../etcd-connection.ts'
import {
  compactToWire,
  deleteRangeFromWire,
  deleteRangeToWire,
  headerFromWire,
  putFromWire,
  putToWire,
  rangeFromWire,
  rangeToWire,
  txnFromWire,
  txnToWire,
} from '../etcd-outbound.ts'
import type {
  WireDeleteRangeResponse,
  WireHeaderOnly,
  WirePutResponse,
  WireRangeResponse,
  WireTxnResponse,
} from '../etcd-wire.ts'
import type { NodeClient } from '../interface.ts'
import { type Method, methodOf, readCall, writeCall } from './method.ts'

export type KvMethods = Pick<NodeClient, 'range' | 'put' | 'deleteRange' | 'txn' | 'compact'>

export function kvOver(channels: EtcdChannels): KvMethods {
  const method = (name: string): Method => methodOf('kv', name)
  return {
    range: async (request, options) => {
      const answer = await channels.unary<WireRangeResponse>(method('Range'), rangeToWire(request), options, readCall)
      return { header: headerFromWire(answer.header), ...rangeFromWire(answer) }
    },
    put: async (request, options) => {
      const answer = await channels.unary<WirePutResponse>(method('Put'), putToWire(request), options, writeCall)
      return { header: headerFromWire(answer.header), ...putFromWire(answer) }
    },
    deleteRange: async (request, options) => {
      const wire = deleteRangeToWire(request)
      const answer = await channels.unary<WireDeleteRangeResponse>(method('DeleteRange'), wire, options, writeCall)
      return { header: headerFromWire(answer.header), ...deleteRangeFromWire(answer) }
    },
    txn: async (request, options) => {
      const answer = await channels.unary<WireTxnResponse>(method('Txn'), txnToWire(request), options, writeCall)
      return { header: headerFromWire(answer.header), ...txnFromWire(answer) }
    },
    compact: async (request, options) => {
      const answer = await channels.unary<WireHeaderOnly>(method('Compact'), compactToWire(request), options, writeCall)
      return { header: headerFromWire(answer.header) }
    },
  }
}
