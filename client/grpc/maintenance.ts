/** etcd's Maintenance service, called. */
import type { EtcdChannels } from '../etcd-connection.ts'
import { alarmsFromWire, headerFromWire, numberOf } from '../etcd-outbound.ts'
import type {
  WireAlarmResponse,
  WireHashKvResponse,
  WireHashResponse,
  WireHeaderOnly,
  WireSnapshotResponse,
  WireStatusResponse,
} from '../etcd-wire.ts'
import type { CallOptions, NodeClient } from '../interface.ts'
import { type CallKind, localRead, localWrite, methodOf, readCall, writeCall } from './method.ts'

export type MaintenanceMethods = Pick<
  NodeClient,
  'status' | 'hash' | 'hashKv' | 'alarms' | 'alarm' | 'defragment' | 'snapshot' | 'moveLeader'
>

export function maintenanceOver(channels: EtcdChannels): MaintenanceMethods {
  const ask = <Wire>(name: string, message: object, options: CallOptions | undefined, kind: CallKind): Promise<Wire> =>
    channels.unary<Wire>(methodOf('maintenance', name), message, options, kind)
  const alarms = async (
    message: object,
    options: CallOptions | undefined,
    kind: CallKind,
  ): ReturnType<NodeClient['alarms']> => {
    const answer = await ask<WireAlarmResponse>('Alarm', message, options, kind)
    return { header: headerFromWire(answer.header), alarms: alarmsFromWire(answer) }
  }
  return {
    status: async (options) => statusFromWire(await ask<WireStatusResponse>('Status', {}, options, localRead)),
    hash: async (options) => {
      const answer = await ask<WireHashResponse>('Hash', {}, options, localRead)
      return { header: headerFromWire(answer.header), hash: answer.hash }
    },
    hashKv: async ({ revision }, options) => {
      const answer = await ask<WireHashKvResponse>('HashKV', { revision }, options, localRead)
      return {
        header: headerFromWire(answer.header),
        hash: answer.hash,
        compactRevision: numberOf(answer.compact_revision),
        hashRevision: numberOf(answer.hash_revision),
      }
    },
    alarms: (options) => alarms({ action: 'GET', memberID: 0, alarm: 'NONE' }, options, readCall),
    alarm: (request, options) => {
      const action = request.action === 'activate' ? 'ACTIVATE' : 'DEACTIVATE'
      const alarm = request.alarm === 'nospace' ? 'NOSPACE' : 'CORRUPT'
      return alarms({ action, memberID: request.member, alarm }, options, writeCall)
    },
    defragment: async (options) => ({
      header: headerFromWire((await ask<WireHeaderOnly>('Defragment', {}, options, localWrite)).header),
    }),
    moveLeader: async ({ target }, options) => ({
      header: headerFromWire(
        (await ask<WireHeaderOnly>('MoveLeader', { targetID: target }, options, writeCall)).header,
      ),
    }),
    snapshot: (options) => snapshotOver(channels, options),
  }
}

async function* snapshotOver(channels: EtcdChannels, options: CallOptions | undefined): ReturnTypeOfSnapshot {
  const chunks = channels.stream<WireSnapshotResponse>(methodOf('maintenance', 'Snapshot'), {}, options)
  for await (const { header, remaining_bytes, blob } of chunks) {
    yield { header: headerFromWire(header), remainingBytes: numberOf(remaining_bytes), blob }
  }
}

type SnapshotChunk = ReturnType<NodeClient['snapshot']> extends AsyncIterable<infer Chunk> ? Chunk : never
type ReturnTypeOfSnapshot = AsyncGenerator<SnapshotChunk>

function statusFromWire(wire: WireStatusResponse): Awaited<ReturnType<NodeClient['status']>> {
  return {
    header: headerFromWire(wire.header),
    version: wire.version,
    dbSizeBytes: numberOf(wire.dbSize),
    dbSizeInUseBytes: numberOf(wire.dbSizeInUse),
    leader: numberOf(wire.leader),
    raftIndex: numberOf(wire.raftIndex),
    raftTerm: numberOf(wire.raftTerm),
    raftAppliedIndex: numberOf(wire.raftAppliedIndex),
    learner: wire.isLearner,
    errors: wire.errors,
  }
}
