/**
 * v3lockpb.Lock: etcd's lock service, over the same recipe as `aspen/client`. A call waits for as long as its caller does; one
 * that ends without the lock takes its key away again.
 *
 * One thing is not as in etcd 3.4: a caller whose lease ended while it waited is told so there with the key of a lock that it does
 * not have. Here it is told that its lease was not found.
 */

import { Driver, type RunOptions } from '../../client/coordination/driver.ts'
import { type Granted, lock } from '../../client/coordination/recipes/lock.ts'
import { lease, type Recipe } from '../../client/coordination/recipes/step.ts'
import type { Int64 } from '../../client/etcd-wire.ts'
import type { WireLockRequest, WireLockResponse, WireUnlockRequest } from '../../client/etcd-wire-coordination.ts'
import { AspenError } from '../../client/interface.ts'
import { type CallFacts, checkRequestSize, type GatewayContext, type ServiceHandlers } from './call.ts'
import { encodeHeader } from './encode.ts'

export function lockService(context: GatewayContext): ServiceHandlers {
  const { node, headers } = context
  const driver = new Driver(node, { persistMs })
  return {
    waiting: ['Lock'],
    unary: {
      Lock: async ({ name, lease: wanted }: WireLockRequest, call): Promise<WireLockResponse> => {
        checkRequestSize(call, context)
        const { grant, revision } = await hold(driver, context, call, wanted, (id) =>
          lock({ name, lease: id, wait: true }),
        )
        return { header: (await headers.of(call.options)).at(revision), key: grant.key }
      },
      Unlock: async ({ key }: WireUnlockRequest, { options }) => {
        if (key.length === 0) throw new AspenError('emptyKey')
        return { header: encodeHeader((await node.deleteRange({ key }, options)).header) }
      },
    },
  }
}

/** For how long one request of a recipe is tried; then the caller is told what was in the way. */
export const persistMs = 5_000

/** What etcd gives to callers that bring no lease of their own. */
const leaseTtlSeconds = 60

/** Waits for a grant, on the lease that the caller names or one that is made for it. */
export async function hold(
  driver: Driver,
  context: GatewayContext,
  call: CallFacts,
  wanted: Int64,
  ask: (lease: string) => Recipe<Granted>,
): Promise<Extract<Granted, { type: 'held' }> & { readonly lease: string }> {
  const options = runOptions(context, call)
  const own = String(wanted) === '0'
  const id = own
    ? (await driver.run(lease({ type: 'leaseGrant', ttlSeconds: leaseTtlSeconds }), options)).id
    : String(wanted)
  const granted = await driver.run(ask(id), options)
  if (granted.type === 'held') return { ...granted, lease: id }
  if (own) await driver.run(lease({ type: 'leaseRevoke', id }), options)
  if (granted.type === 'leaseGone') throw new AspenError('leaseNotFound')
  throw new AspenError(context.closing.aborted ? 'stopped' : 'canceled')
}

/** As the caller, and no longer than the caller and the gateway are there. */
export function runOptions({ closing }: GatewayContext, { options, signal }: CallFacts): RunOptions {
  const { keyspace, credentials } = options
  return {
    signal: AbortSignal.any([signal, closing]),
    call: { ...(keyspace !== undefined && { keyspace }), ...(credentials !== undefined && { credentials }) },
  }
}
