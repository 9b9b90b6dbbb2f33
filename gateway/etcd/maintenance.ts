/** etcdserverpb.Maintenance: status, hashes, alarms, snapshots, leadership. `Downgrade` is not served. */
import type {
  WireAlarmRequest,
  WireHashKvRequest,
  WireHashKvResponse,
  WireHashResponse,
  WireMoveLeaderRequest,
  WireSnapshotResponse,
  WireStatusResponse,
} from '../../client/etcd-wire.ts'
import { AspenError, type Header } from '../../client/interface.ts'
import { createSnapshotSealer, type SnapshotSealer } from '../../client/snapshot-seal.ts'
import { etcdVersion } from '../../client/version.ts'
import type { CallFacts, GatewayContext, ServiceHandlers } from './call.ts'
import { countOf, decodeAlarm, memberIdOf } from './decode.ts'
import { encodeAlarms, encodeHeader } from './encode.ts'

/** Clients in other languages refuse messages above 4 MiB unless told otherwise. */
const snapshotChunkBytesMax = 1024 * 1024

export function maintenanceService(context: GatewayContext): ServiceHandlers {
  const { node } = context
  return {
    unary: {
      Status: async (_wire: object, { options }): Promise<WireStatusResponse> => {
        const answer = await node.status(options)
        return {
          header: encodeHeader(answer.header),
          // Not the node's own version: clients gate features of etcd on this one.
          version: etcdVersion,
          dbSize: answer.dbSizeBytes,
          dbSizeInUse: answer.dbSizeInUseBytes,
          leader: answer.leader,
          raftIndex: answer.raftIndex,
          raftTerm: answer.raftTerm,
          raftAppliedIndex: answer.raftAppliedIndex,
          isLearner: answer.learner,
          errors: answer.errors,
        }
      },
      Hash: async (_wire: object, { options }): Promise<WireHashResponse> => {
        const { header, hash } = await node.hash(options)
        return { header: encodeHeader(header), hash }
      },
      HashKV: async (wire: WireHashKvRequest, { options }): Promise<WireHashKvResponse> => {
        const answer = await node.hashKv({ revision: countOf(wire.revision) }, options)
        return {
          header: encodeHeader(answer.header),
          hash: answer.hash,
          compact_revision: answer.compactRevision,
          hash_revision: answer.hashRevision,
        }
      },
      Alarm: async (wire: WireAlarmRequest, { options }) => {
        const change = decodeAlarm(wire)
        if (change !== undefined) return encodeAlarms(await node.alarm(change, options))
        const all = encodeAlarms(await node.alarms(options))
        if (wire.alarm === 'NONE') return all
        return { ...all, alarms: all.alarms.filter(({ alarm }) => alarm === wire.alarm) }
      },
      Defragment: async (_wire: object, { options }) => headerOnly(await node.defragment(options)),
      MoveLeader: async (wire: WireMoveLeaderRequest, { options }) =>
        headerOnly(await node.moveLeader({ target: transfereeOf(wire) }, options)),
    },
    streams: {
      Snapshot: (_wire: object, call) => snapshot(context, call),
    },
  }
}

function headerOnly({ header }: { readonly header: Header }): object {
  return { header: encodeHeader(header) }
}

function transfereeOf(wire: WireMoveLeaderRequest): number {
  const target = memberIdOf(wire.targetID)
  if (target === 0) throw new AspenError('badLeaderTransferee')
  return target
}

async function* snapshot({ node }: GatewayContext, call: CallFacts): AsyncGenerator<WireSnapshotResponse> {
  const sealer: SnapshotSealer = createSnapshotSealer()
  let header: Header | undefined
  for await (const chunk of node.snapshot(call.options)) {
    header = chunk.header
    sealer.update(chunk.blob)
    for (let at = 0; at < chunk.blob.length; at += snapshotChunkBytesMax) {
      const blob = chunk.blob.subarray(at, at + snapshotChunkBytesMax)
      const remaining = chunk.remainingBytes + chunk.blob.length - at - blob.length
      yield { header: encodeHeader(header), remaining_bytes: remaining, blob, version: etcdVersion }
    }
  }
  const wireHeader = header === undefined ? null : encodeHeader(header)
  yield { header: wireHeader, remaining_bytes: 0, blob: sealer.seal(), version: etcdVersion }
}
