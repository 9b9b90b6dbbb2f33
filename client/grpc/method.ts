/** The definition of one method of the services in `client/proto/`, and how a call of it may be treated. */
import type { MethodDefinition } from '@grpc/grpc-js'
import type { Route } from '../endpoints.ts'
import { type AspenServices, aspenServices } from '../etcd-proto.ts'

export type Method = MethodDefinition<object, object>

export interface CallKind {
  readonly route: Route
  /** Doing it twice does no harm. */
  readonly repeatable: boolean
}

/** Of the keyspace, and the same from every member. */
export const readCall: CallKind = { route: 'read', repeatable: true }
/** Through the log of the keyspace. */
export const writeCall: CallKind = { route: 'write', repeatable: false }
/** Through the leader, and the same however often it is done. */
export const leaderCall: CallKind = { route: 'write', repeatable: true }
/** About the member that is asked. */
export const localRead: CallKind = { route: 'local', repeatable: true }
export const localWrite: CallKind = { route: 'local', repeatable: false }

export function methodOf(service: keyof AspenServices, name: string): Method {
  const method = aspenServices()[service][name]
  if (method === undefined) throw new TypeError(`client/proto defines no method ${name} in its ${service} service`)
  return method
}
