/** The services beside etcd's: Aspen's own administration, and the health service of gRPC. */
import { concatBytes } from '../../base/bytes.ts'
import type { EtcdChannels } from '../etcd-connection.ts'
import { actorFromWire, keyspaceFromWire } from '../etcd-outbound.ts'
import type {
  WireActors,
  WireAdminStatus,
  WireHealthResponse,
  WireKeyspaceCreated,
  WireKeyspaceList,
  WireRecent,
  WireRecordPiece,
} from '../etcd-wire.ts'
import type { CallOptions, NodeClient } from '../interface.ts'
import { type CallKind, localRead, localWrite, methodOf } from './method.ts'

export interface ServerStatus {
  readonly aspenVersion: string
  readonly etcdVersion: string
  readonly healthy: boolean
  readonly reason: string
}

export interface AdminMethods
  extends Pick<NodeClient, 'keyspaceList' | 'keyspaceCreate' | 'keyspaceDrop' | 'record' | 'recentDeliveries'> {
  actors(options?: CallOptions): ReturnType<NodeClient['actors']>
  /** Aspen's own, as are keyspaces and actors: an etcd answers UNIMPLEMENTED. */
  serverStatus(options?: CallOptions): Promise<ServerStatus>
}

export interface HealthMethods {
  /** @param service - Of `grpc.health.v1`; the whole server when empty. */
  healthCheck(service?: string, options?: CallOptions): Promise<'serving' | 'notServing'>
}

export function healthOver(channels: EtcdChannels): HealthMethods {
  return {
    healthCheck: async (service = '', options) => {
      const method = methodOf('health', 'Check')
      const { status } = await channels.unary<WireHealthResponse>(method, { service }, options, localRead)
      return status === 'SERVING' ? 'serving' : 'notServing'
    },
  }
}

export function adminOver(channels: EtcdChannels): AdminMethods {
  const ask = <Wire>(name: string, message: object, options: CallOptions | undefined, kind: CallKind): Promise<Wire> =>
    channels.unary<Wire>(methodOf('admin', name), message, options, kind)
  return {
    serverStatus: async (options) => {
      const wire = await ask<WireAdminStatus>('Status', {}, options, localRead)
      const { healthy, reason } = wire
      return { aspenVersion: wire.aspen_version, etcdVersion: wire.etcd_version, healthy, reason }
    },
    keyspaceList: async (options) =>
      (await ask<WireKeyspaceList>('KeyspaceList', {}, options, localRead)).keyspaces.map(keyspaceFromWire),
    keyspaceCreate: async ({ name }, options) => {
      const { keyspace } = await ask<WireKeyspaceCreated>('KeyspaceCreate', { name }, options, localWrite)
      if (keyspace === null) throw new TypeError('the server answered a creation without the keyspace')
      return keyspaceFromWire(keyspace)
    },
    keyspaceDrop: async ({ name }, options) => {
      await ask<object>('KeyspaceDrop', { name }, options, localWrite)
    },
    actors: async (options) => (await ask<WireActors>('Actors', {}, options, localRead)).actors.map(actorFromWire),
    record: async ({ name, forMs, bytesMax = 0 }, options) => {
      const message = { name, for_ms: forMs, bytes_max: bytesMax }
      const pieces: Uint8Array[] = []
      for await (const { piece } of channels.stream<WireRecordPiece>(methodOf('admin', 'Record'), message, options))
        pieces.push(piece)
      return concatBytes(...pieces)
    },
    recentDeliveries: async (name, linesMax) =>
      (await ask<WireRecent>('RecentDeliveries', { name, lines_max: linesMax }, undefined, localRead)).lines,
  }
}
