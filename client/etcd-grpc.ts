/**
 * A typed client for etcd's gRPC services and Aspen's own: what the command line speaks, to Aspen or to etcd itself. The
 * methods are those of `NodeClient`, so code written against a node works against a connection.
 *
 * @example
 * const connection = connectEtcd({ endpoints: ['http://127.0.0.1:2379'] })
 * const { header } = await connection.put({ key, value })
 * connection.close()
 */
import type { MethodDefinition } from '@grpc/grpc-js'
import { concatBytes } from '../base/bytes.ts'
import { EtcdChannels, type EtcdOptions } from './etcd-connection.ts'
import {
  actorFromWire,
  alarmsFromWire,
  compactToWire,
  deleteRangeFromWire,
  deleteRangeToWire,
  headerFromWire,
  keyspaceFromWire,
  memberFromWire,
  numberOf,
  putFromWire,
  putToWire,
  rangeFromWire,
  rangeToWire,
  txnFromWire,
  txnToWire,
} from './etcd-outbound.ts'
import { aspenServices } from './etcd-proto.ts'
import type {
  WireActors,
  WireAdminStatus,
  WireAlarmResponse,
  WireDeleteRangeResponse,
  WireHashKvResponse,
  WireHashResponse,
  WireHeaderOnly,
  WireHealthResponse,
  WireKeyspaceCreated,
  WireKeyspaceList,
  WireMemberAddResponse,
  WireMembersResponse,
  WirePutResponse,
  WireRangeResponse,
  WireRecent,
  WireRecordPiece,
  WireSnapshotResponse,
  WireStatusResponse,
  WireTxnResponse,
} from './etcd-wire.ts'
import type { CallOptions, Header, Member, NodeClient } from './interface.ts'

export type { EtcdOptions } from './etcd-connection.ts'

export interface ServerStatus {
  readonly aspenVersion: string
  readonly etcdVersion: string
  readonly healthy: boolean
  readonly reason: string
}

/**
 * A node over the wire. `snapshot` differs from a node's own: it yields a whole snapshot file, padding and checksum
 * included, to be written as it comes and opened with `openSnapshot`.
 */
export interface EtcdConnection extends Omit<NodeClient, 'actors' | 'health' | 'metricsText'> {
  actors(options?: CallOptions): ReturnType<NodeClient['actors']>
  /** @param service - Of `grpc.health.v1`; the whole server when empty. */
  healthCheck(service?: string, options?: CallOptions): Promise<'serving' | 'notServing'>
  /** Aspen's own, as are keyspaces and actors: an etcd answers UNIMPLEMENTED. */
  serverStatus(options?: CallOptions): Promise<ServerStatus>
  close(): void
}

/**
 * Opens a connection; it connects with the first call.
 *
 * Refusals are `AspenError`s with etcd's text as message. Beyond those: `EtcdUnreachableError` when no endpoint answers,
 * `EtcdCallError` for a status outside etcd's table.
 *
 * @throws {RangeError} There is no endpoint, or one is not an address.
 */
export function connectEtcd(options: EtcdOptions): EtcdConnection {
  const channels = new EtcdChannels(options)
  return {
    ...kvOver(channels),
    ...clusterOver(channels),
    ...maintenanceOver(channels),
    ...adminOver(channels),
    healthCheck: async (service = '', call) => {
      const { status } = await channels.unary<WireHealthResponse>(methodOf('health', 'Check'), { service }, call, true)
      return status === 'SERVING' ? 'serving' : 'notServing'
    },
    close: () => channels.close(),
  }
}

type KvMethods = 'range' | 'put' | 'deleteRange' | 'txn' | 'compact'
type ClusterMethods = 'memberList' | 'memberAdd' | 'memberRemove' | 'memberUpdate' | 'memberPromote'
type AdminMethods =
  | 'serverStatus'
  | 'keyspaceList'
  | 'keyspaceCreate'
  | 'keyspaceDrop'
  | 'actors'
  | 'record'
  | 'recentDeliveries'
type OtherMethods = 'healthCheck' | 'close'
type MaintenanceMethods = Exclude<keyof EtcdConnection, KvMethods | ClusterMethods | AdminMethods | OtherMethods>

function kvOver(channels: EtcdChannels): Pick<EtcdConnection, KvMethods> {
  const method = (name: string): MethodDefinition<object, object> => methodOf('kv', name)
  return {
    range: async (request, options) => {
      const answer = await channels.unary<WireRangeResponse>(method('Range'), rangeToWire(request), options, true)
      return { header: headerFromWire(answer.header), ...rangeFromWire(answer) }
    },
    put: async (request, options) => {
      const answer = await channels.unary<WirePutResponse>(method('Put'), putToWire(request), options, false)
      return { header: headerFromWire(answer.header), ...putFromWire(answer) }
    },
    deleteRange: async (request, options) => {
      const wire = deleteRangeToWire(request)
      const answer = await channels.unary<WireDeleteRangeResponse>(method('DeleteRange'), wire, options, false)
      return { header: headerFromWire(answer.header), ...deleteRangeFromWire(answer) }
    },
    txn: async (request, options) => {
      const answer = await channels.unary<WireTxnResponse>(method('Txn'), txnToWire(request), options, false)
      return { header: headerFromWire(answer.header), ...txnFromWire(answer) }
    },
    compact: async (request, options) => {
      const answer = await channels.unary<WireHeaderOnly>(method('Compact'), compactToWire(request), options, false)
      return { header: headerFromWire(answer.header) }
    },
  }
}

function clusterOver(channels: EtcdChannels): Pick<EtcdConnection, ClusterMethods> {
  const ask = async (
    name: string,
    message: object,
    options: CallOptions | undefined,
    repeatable: boolean,
  ): Promise<MembersAnswer> => {
    const answer = await channels.unary<WireMembersResponse>(methodOf('cluster', name), message, options, repeatable)
    return membersOf(answer)
  }
  return {
    memberList: (options) => ask('MemberList', { linearizable: options?.linearizable ?? false }, options, true),
    memberAdd: async ({ peerUrls, learner }, options) => {
      const message = { peerURLs: peerUrls, isLearner: learner }
      const method = methodOf('cluster', 'MemberAdd')
      const answer = await channels.unary<WireMemberAddResponse>(method, message, options, false)
      if (answer.member === null) throw new TypeError('the server answered an addition without the member')
      return { ...membersOf(answer), member: memberFromWire(answer.member) }
    },
    memberRemove: ({ id }, options) => ask('MemberRemove', { ID: id }, options, false),
    memberUpdate: ({ id, peerUrls }, options) => ask('MemberUpdate', { ID: id, peerURLs: peerUrls }, options, false),
    memberPromote: ({ id }, options) => ask('MemberPromote', { ID: id }, options, false),
  }
}

interface MembersAnswer {
  readonly header: Header
  readonly members: readonly Member[]
}

function membersOf(answer: WireMembersResponse): MembersAnswer {
  return { header: headerFromWire(answer.header), members: answer.members.map(memberFromWire) }
}

function maintenanceOver(channels: EtcdChannels): Pick<EtcdConnection, MaintenanceMethods> {
  const ask = <Wire>(
    name: string,
    message: object,
    options: CallOptions | undefined,
    repeatable: boolean,
  ): Promise<Wire> => channels.unary<Wire>(methodOf('maintenance', name), message, options, repeatable)
  const alarms = async (
    message: object,
    options: CallOptions | undefined,
    repeatable: boolean,
  ): ReturnType<NodeClient['alarms']> => {
    const answer = await ask<WireAlarmResponse>('Alarm', message, options, repeatable)
    return { header: headerFromWire(answer.header), alarms: alarmsFromWire(answer) }
  }
  return {
    status: async (options) => statusFromWire(await ask<WireStatusResponse>('Status', {}, options, true)),
    hash: async (options) => {
      const answer = await ask<WireHashResponse>('Hash', {}, options, true)
      return { header: headerFromWire(answer.header), hash: answer.hash }
    },
    hashKv: async ({ revision }, options) => {
      const answer = await ask<WireHashKvResponse>('HashKV', { revision }, options, true)
      return {
        header: headerFromWire(answer.header),
        hash: answer.hash,
        compactRevision: numberOf(answer.compact_revision),
        hashRevision: numberOf(answer.hash_revision),
      }
    },
    alarms: (options) => alarms({ action: 'GET', memberID: 0, alarm: 'NONE' }, options, true),
    alarm: (request, options) => {
      const action = request.action === 'activate' ? 'ACTIVATE' : 'DEACTIVATE'
      const alarm = request.alarm === 'nospace' ? 'NOSPACE' : 'CORRUPT'
      return alarms({ action, memberID: request.member, alarm }, options, false)
    },
    defragment: async (options) => ({
      header: headerFromWire((await ask<WireHeaderOnly>('Defragment', {}, options, false)).header),
    }),
    moveLeader: async ({ target }, options) => ({
      header: headerFromWire((await ask<WireHeaderOnly>('MoveLeader', { targetID: target }, options, false)).header),
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

function adminOver(channels: EtcdChannels): Pick<EtcdConnection, AdminMethods> {
  const ask = <Wire>(
    name: string,
    message: object,
    options: CallOptions | undefined,
    repeatable: boolean,
  ): Promise<Wire> => channels.unary<Wire>(methodOf('admin', name), message, options, repeatable)
  return {
    serverStatus: async (options) => {
      const wire = await ask<WireAdminStatus>('Status', {}, options, true)
      const { healthy, reason } = wire
      return { aspenVersion: wire.aspen_version, etcdVersion: wire.etcd_version, healthy, reason }
    },
    keyspaceList: async (options) =>
      (await ask<WireKeyspaceList>('KeyspaceList', {}, options, true)).keyspaces.map(keyspaceFromWire),
    keyspaceCreate: async ({ name }, options) => {
      const { keyspace } = await ask<WireKeyspaceCreated>('KeyspaceCreate', { name }, options, false)
      if (keyspace === null) throw new TypeError('the server answered a creation without the keyspace')
      return keyspaceFromWire(keyspace)
    },
    keyspaceDrop: async ({ name }, options) => {
      await ask<object>('KeyspaceDrop', { name }, options, false)
    },
    actors: async (options) => (await ask<WireActors>('Actors', {}, options, true)).actors.map(actorFromWire),
    record: async ({ name, forMs, bytesMax = 0 }, options) => {
      const message = { name, for_ms: forMs, bytes_max: bytesMax }
      const pieces: Uint8Array[] = []
      for await (const { piece } of channels.stream<WireRecordPiece>(methodOf('admin', 'Record'), message, options))
        pieces.push(piece)
      return concatBytes(...pieces)
    },
    recentDeliveries: async (name, linesMax) =>
      (await ask<WireRecent>('RecentDeliveries', { name, lines_max: linesMax }, undefined, true)).lines,
  }
}

function methodOf(service: keyof ReturnType<typeof aspenServices>, name: string): MethodDefinition<object, object> {
  const method = aspenServices()[service][name]
  if (method === undefined) throw new TypeError(`client/proto defines no method ${name} in its ${service} service`)
  return method
}
