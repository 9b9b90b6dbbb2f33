/** aspen.v1.Admin: what Aspen has beside etcd. Keyspaces are made and dropped here, and the actors shown. */
import type {
  WireActor,
  WireActors,
  WireAdminStatus,
  WireKeyspaceCreated,
  WireKeyspaceList,
  WireKeyspaceName,
} from '../client/etcd-wire.ts'
import type { ActorInfo, KeyspaceInfo } from '../client/interface.ts'
import { aspenVersion, etcdVersion } from '../client/version.ts'
import type { GatewayContext, ServiceHandlers } from './etcd/call.ts'

const actorStates = { running: 'RUNNING', parked: 'PARKED', failed: 'FAILED', stopping: 'STOPPING' } as const

export function adminService({ node }: GatewayContext): ServiceHandlers {
  return {
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
      Actors: async (): Promise<WireActors> => ({ actors: (await node.actors()).map(encodeActor) }),
    },
  }
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
