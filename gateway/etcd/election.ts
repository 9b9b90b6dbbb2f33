/** v3electionpb.Election: etcd's election service, over the same recipes as `aspen/client`. */
import { status } from '@grpc/grpc-js'
import { Driver } from '../../client/coordination/driver.ts'
import {
  campaign,
  type Leadership,
  leader as leaderOf,
  observe,
  proclaim,
  resign,
} from '../../client/coordination/recipes/election.ts'
import type { Grant } from '../../client/coordination/recipes/fence.ts'
import type {
  WireCampaignRequest,
  WireCampaignResponse,
  WireLeaderKey,
  WireLeaderRequest,
  WireLeaderResponse,
  WireProclaimRequest,
  WireResignRequest,
} from '../../client/etcd-wire-coordination.ts'
import { AspenError } from '../../client/interface.ts'
import { type CallFacts, checkRequestSize, type GatewayContext, type ServiceHandlers } from './call.ts'
import { integerOf } from './decode.ts'
import { encodeKeyValue } from './encode.ts'
import { StatusError } from './errors.ts'
import { hold, persistMs, runOptions } from './lock.ts'

export function electionService(context: GatewayContext): ServiceHandlers {
  const driver = new Driver(context.node, { persistMs })
  const { headers } = context
  return {
    waiting: ['Campaign'],
    unary: {
      Campaign: async ({ name, lease: wanted, value }: WireCampaignRequest, call): Promise<WireCampaignResponse> => {
        checkRequestSize(call, context)
        const { grant, revision, lease } = await hold(driver, context, call, wanted, (id) =>
          campaign({ name, lease: id, value, wait: true }),
        )
        const leader: WireLeaderKey = { name, key: grant.key, rev: grant.token, lease }
        return { header: (await headers.of(call.options)).at(revision), leader }
      },
      Proclaim: async ({ leader, value }: WireProclaimRequest, call) => {
        checkRequestSize(call, context)
        const { grant, lease } = grantOf(leader)
        const done = await driver.run(proclaim(grant, lease, value), runOptions(context, call))
        if (done.type === 'leaseGone') throw new AspenError('leaseNotFound')
        if (done.type === 'notLeader') throw refusal('election: not leader')
        return { header: (await headers.of(call.options)).at(done.revision) }
      },
      Leader: async ({ name }: WireLeaderRequest, call): Promise<WireLeaderResponse> => {
        const { kv, revision } = await driver.run(leaderOf(name), runOptions(context, call))
        if (kv === undefined) throw refusal('election: no leader')
        return { header: (await headers.of(call.options)).at(revision), kv: encodeKeyValue(kv) }
      },
      Resign: async ({ leader }: WireResignRequest, call) => {
        const { grant } = grantOf(leader)
        const { revision } = await driver.run(resign(grant), runOptions(context, call))
        return { header: (await headers.of(call.options)).at(revision) }
      },
    },
    endless: {
      Observe: (wire: WireLeaderRequest, call) => observed(driver, context, wire, call),
    },
  }
}

async function* observed(
  driver: Driver,
  context: GatewayContext,
  { name }: WireLeaderRequest,
  call: CallFacts,
): AsyncGenerator<WireLeaderResponse> {
  const known = await context.headers.of(call.options)
  for await (const { kv, revision } of driver.follow<Leadership>(observe(name), runOptions(context, call)))
    yield { header: known.at(revision), kv: encodeKeyValue(kv) }
}

function grantOf(leader: WireLeaderKey | null): { readonly grant: Grant; readonly lease: string } {
  if (leader === null) throw refusal('"leader" field must be provided')
  if (leader.key.length === 0) throw new AspenError('emptyKey')
  return { grant: { key: leader.key, token: integerOf(leader.rev) }, lease: String(leader.lease) }
}

/** These texts come as UNKNOWN from etcd, and clients know them by the text alone. */
function refusal(text: string): StatusError {
  return new StatusError(status.UNKNOWN, text)
}
