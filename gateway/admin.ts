/** aspen.v1.Admin: what Aspen has beside etcd. Keyspaces are made and dropped here, actors shown and recorded. */
import { status } from '@grpc/grpc-js'
import type {
  WireActor,
  WireActors,
  WireAdminStatus,
  WireKeyspaceCreated,
  WireKeyspaceList,
  WireKeyspaceName,
  WireRecent,
  WireRecentRequest,
  WireRecordPiece,
  WireRecordRequest,
} from '../client/etcd-wire.ts'
import type { ActorInfo, KeyspaceInfo } from '../client/interface.ts'
import { aspenVersion, etcdVersion } from '../client/version.ts'
import type { CallFacts, GatewayContext, ServiceHandlers } from './etcd/call.ts'
import { countOf } from './etcd/decode.ts'
import { StatusError } from './etcd/errors.ts'

const actorStates = { running: 'RUNNING', parked: 'PARKED', failed: 'FAILED', stopping: 'STOPPING' } as const

export function adminService(context: GatewayContext): ServiceHandlers {
  const { node } = context
  return {
    unbounded: true,
    unary: {
      Status: async (): Promise<WireAdminStatus> => {
        const { healthy, reason } = await node.health({ linearizable: true, excludeAlarms: [] })
        return { aspen_version: aspenVersion, etcd_version: etcdVersion, healthy, reason }
      },
      KeyspaceList: async (_wire: object, { options }): Promise<WireKeyspaceList> => ({
        keyspaces: await node.keyspaceList(options),
      }),
      KeyspaceCreate: async ({ name }: WireKeyspaceName, { options }): Promise<WireKeyspaceCreated> => {
        const keyspace: KeyspaceInfo = await node.keyspaceCreate({ name }, options)
        return { keyspace }
      },
      KeyspaceDrop: async ({ name }: WireKeyspaceName, { options }) => {
        await node.keyspaceDrop({ name }, options)
        return {}
      },
      Actors: async (_wire: object, { options: { credentials } }): Promise<WireActors> => ({
        actors: (await node.actors(credentials && { credentials })).map(encodeActor),
      }),
      RecentDeliveries: async (
        { name, lines_max }: WireRecentRequest,
        { options: { credentials } },
      ): Promise<WireRecent> => ({
        lines: await node
          .recentDeliveries(name, lines_max || recentDefault, credentials && { credentials })
          .catch(refuse),
      }),
    },
    streams: {
      Record: (wire: WireRecordRequest, call) => record(context, wire, call),
    },
  }
}

/** Clients in other languages refuse messages above 4 MiB unless told otherwise. */
const pieceBytesMax = 1024 * 1024
const recentDefault = 50

async function* record(
  { node }: GatewayContext,
  { name, for_ms: forMs, bytes_max: wireBytesMax }: WireRecordRequest,
  { signal, options: { credentials } }: CallFacts,
): AsyncGenerator<WireRecordPiece> {
  const bytesMax = countOf(wireBytesMax)
  const request = { name, forMs, ...(bytesMax > 0 && { bytesMax }) }
  const file = await node.record(request, { signal, ...(credentials && { credentials }) }).catch(refuse)
  for (let at = 0; at < file.length; at += pieceBytesMax) yield { piece: file.subarray(at, at + pieceBytesMax) }
}

/** Of two kinds: the caller asked wrongly, or the actor is not one that can be recorded. Their texts are for people. */
function refuse(thrown: unknown): never {
  if (thrown instanceof RangeError) throw new StatusError(status.INVALID_ARGUMENT, thrown.message)
  if (thrown instanceof Error && thrown.name === 'NotRecordable')
    throw new StatusError(status.FAILED_PRECONDITION, thrown.message)
  throw thrown
}

function encodeActor(actor: ActorInfo): WireActor {
  return {
    name: actor.name,
    definition: actor.definition,
    executor: actor.executor,
    mailbox_depth: actor.mailboxDepth,
    messages_total: actor.messagesTotal,
    restarts: actor.restarts,
    state: actorStates[actor.state],
  }
}
