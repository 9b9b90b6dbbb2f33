/**
 * A typed client for etcd's gRPC services and Aspen's own: what the command line speaks, to Aspen or to etcd itself. The
 * methods are those of `NodeClient`, so code written against a node works against a connection. One call is one request
 * here, or one for each endpoint; `connect` adds what programs want beside that.
 *
 * @example
 * const connection = connectEtcd({ endpoints: ['http://127.0.0.1:2379'] })
 * const { header } = await connection.put({ key, value })
 * connection.close()
 */
import { EtcdChannels, type EtcdOptions } from './etcd-connection.ts'
import { type AdminMethods, adminOver, type HealthMethods, healthOver } from './grpc/admin.ts'
import { authOver } from './grpc/auth.ts'
import { clusterOver } from './grpc/cluster.ts'
import { kvOver } from './grpc/kv.ts'
import { leaseOver } from './grpc/lease.ts'
import { maintenanceOver } from './grpc/maintenance.ts'
import { openWatchOver } from './grpc/watch.ts'
import type { NodeClient } from './interface.ts'

export type { EtcdOptions } from './etcd-connection.ts'
export type { ServerStatus } from './grpc/admin.ts'

/**
 * A node over the wire. `snapshot` differs from a node's own: it yields a whole snapshot file, padding and checksum
 * included, to be written as it comes and opened with `openSnapshot`.
 */
export interface EtcdConnection
  extends Omit<NodeClient, 'actors' | 'health' | 'metricsText'>,
    Pick<AdminMethods, 'actors' | 'serverStatus'>,
    HealthMethods {
  /** The addresses in use, in the order in which they were given. */
  readonly endpoints: readonly string[]
  /** Whether an Aspen answers there, and not an etcd. Undefined: it cannot be told now. */
  isAspen(): Promise<boolean | undefined>
  /** Takes these endpoints in place of the present ones. @throws {RangeError} There is none, or one is not an address. */
  replaceEndpoints(endpoints: readonly string[]): void
  /** Calls that run are canceled. */
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
    ...leaseOver(channels),
    ...authOver(channels),
    ...clusterOver(channels),
    ...maintenanceOver(channels),
    ...adminOver(channels),
    ...healthOver(channels),
    openWatch: (call) => openWatchOver(channels, call),
    get endpoints() {
      return channels.addresses
    },
    isAspen: () => channels.isAspen(),
    replaceEndpoints: (endpoints) => channels.replaceEndpoints(endpoints),
    close: () => channels.close(),
  }
}
