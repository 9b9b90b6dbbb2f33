/** etcd's Cluster service, called. */
import type { EtcdChannels } from '../etcd-connection.ts'
import { headerFromWire, memberFromWire } from '../etcd-outbound.ts'
import type { WireMemberAddResponse, WireMembersResponse } from '../etcd-wire.ts'
import type { CallOptions, Header, Member, NodeClient } from '../interface.ts'
import { type CallKind, methodOf, readCall, writeCall } from './method.ts'

export type ClusterMethods = Pick<
  NodeClient,
  'memberList' | 'memberAdd' | 'memberRemove' | 'memberUpdate' | 'memberPromote'
>

export function clusterOver(channels: EtcdChannels): ClusterMethods {
  const ask = async (
    name: string,
    message: object,
    options: CallOptions | undefined,
    kind: CallKind,
  ): Promise<MembersAnswer> => {
    const answer = await channels.unary<WireMembersResponse>(methodOf('cluster', name), message, options, kind)
    return membersOf(answer)
  }
  return {
    memberList: (options) => ask('MemberList', { linearizable: options?.linearizable ?? false }, options, readCall),
    memberAdd: async ({ peerUrls, learner }, options) => {
      const message = { peerURLs: peerUrls, isLearner: learner }
      const method = methodOf('cluster', 'MemberAdd')
      const answer = await channels.unary<WireMemberAddResponse>(method, message, options, writeCall)
      if (answer.member === null) throw new TypeError('the server answered an addition without the member')
      return { ...membersOf(answer), member: memberFromWire(answer.member) }
    },
    memberRemove: ({ id }, options) => ask('MemberRemove', { ID: id }, options, writeCall),
    memberUpdate: ({ id, peerUrls }, options) =>
      ask('MemberUpdate', { ID: id, peerURLs: peerUrls }, options, writeCall),
    memberPromote: ({ id }, options) => ask('MemberPromote', { ID: id }, options, writeCall),
  }
}

interface MembersAnswer {
  readonly header: Header
  readonly members: readonly Member[]
}

function membersOf(answer: WireMembersResponse): MembersAnswer {
  return { header: headerFromWire(answer.header), members: answer.members.map(memberFromWire) }
}
