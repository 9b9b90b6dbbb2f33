/**
 * etcdserverpb.KV: the key-value service. What can be judged by the request alone is refused here, before it costs the
 * node anything.
 */
import { checkRequest, isReadOnly } from '../../actors/keyspace/check.ts'
import type { TxnOperation } from '../../actors/keyspace/messages.ts'
import type {
  WireCompactionRequest,
  WireDeleteRangeRequest,
  WirePutRequest,
  WireRangeRequest,
  WireTxnRequest,
} from '../../client/etcd-wire.ts'
import { AspenError } from '../../client/interface.ts'
import { checkRequestSize, type GatewayContext, type ServiceHandlers } from './call.ts'
import { decodeCompact, decodeDeleteRange, decodePut, decodeRange, decodeTxn } from './decode.ts'
import { encodeDeleteRange, encodeHeader, encodePut, encodeRange, encodeTxn } from './encode.ts'

export function kvService(context: GatewayContext): ServiceHandlers {
  const { node } = context
  const limits = { operationsMax: context.maxTxnOps }
  const checked = <Request extends TxnOperation>(request: Request): Request => {
    const fault = checkRequest(request, limits)
    if (fault !== undefined) throw new AspenError(fault)
    return request
  }
  return {
    unary: {
      Range: async (wire: WireRangeRequest, { options }) =>
        encodeRange(await node.range(checked(decodeRange(wire)), options)),
      Put: async (wire: WirePutRequest, call) => {
        checkRequestSize(call, context)
        return encodePut(await node.put(checked(decodePut(wire)), call.options))
      },
      DeleteRange: async (wire: WireDeleteRangeRequest, call) => {
        checkRequestSize(call, context)
        return encodeDeleteRange(await node.deleteRange(checked(decodeDeleteRange(wire)), call.options))
      },
      Txn: async (wire: WireTxnRequest, call) => {
        const request = checked(decodeTxn(wire, context.maxTxnOps))
        if (!isReadOnly(request)) checkRequestSize(call, context)
        return encodeTxn(await node.txn(request, call.options))
      },
      Compact: async (wire: WireCompactionRequest, { options }) => ({
        header: encodeHeader((await node.compact(decodeCompact(wire), options)).header),
      }),
    },
  }
}
