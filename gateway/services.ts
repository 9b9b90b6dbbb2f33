/** Every service of the gateway, with its handlers: one table, whichever way a call comes in. */
import { type AspenServices, aspenServices } from '../client/etcd-proto.ts'
import { adminService } from './admin.ts'
import { authService } from './etcd/auth.ts'
import type { GatewayContext, ServiceHandlers } from './etcd/call.ts'
import { clusterService } from './etcd/cluster.ts'
import { electionService } from './etcd/election.ts'
import { healthService } from './etcd/health.ts'
import { kvService } from './etcd/kv.ts'
import { leaseService } from './etcd/lease.ts'
import { lockService } from './etcd/lock.ts'
import { maintenanceService } from './etcd/maintenance.ts'
import { type ServedService, servedService } from './etcd/service.ts'
import { watchService } from './etcd/watch.ts'

export type ServedServices = { readonly [Name in keyof AspenServices]: ServedService }

const handlersOf: { readonly [Name in keyof AspenServices]: (context: GatewayContext) => ServiceHandlers } = {
  kv: kvService,
  watch: watchService,
  lease: leaseService,
  auth: authService,
  lock: lockService,
  election: electionService,
  cluster: clusterService,
  maintenance: maintenanceService,
  health: healthService,
  admin: adminService,
}

export function servedServices(context: GatewayContext): ServedServices {
  const definitions = aspenServices()
  const names = Object.keys(handlersOf) as (keyof AspenServices)[]
  const served = names.map((name) => [
    name,
    servedService(definitions[name], handlersOf[name](context), context.metrics),
  ])
  return Object.fromEntries(served) as ServedServices
}
