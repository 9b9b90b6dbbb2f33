/** etcdserverpb.Cluster: who is a member. */
import type {
  WireMemberAddRequest,
  WireMemberAddResponse,
  WireMemberIdRequest,
  WireMemberListRequest,
  WireMembersResponse,
  WireMemberUpdateRequest,
} from '../../client/etcd-wire.ts'
import { AspenError, type Header, type Member } from '../../client/interface.ts'
import type { GatewayContext, ServiceHandlers } from './call.ts'
import { memberIdOf } from './decode.ts'
import { encodeHeader, encodeMember } from './encode.ts'

export function clusterService({ node }: GatewayContext): ServiceHandlers {
  return {
    unary: {
      MemberAdd: async (wire: WireMemberAddRequest, { options }): Promise<WireMemberAddResponse> => {
        checkPeerUrls(wire.peerURLs)
        const added = await node.memberAdd({ peerUrls: wire.peerURLs, learner: wire.isLearner }, options)
        return { ...encodeMembers(added), member: encodeMember(added.member) }
      },
      MemberRemove: async (wire: WireMemberIdRequest, { options }) =>
        encodeMembers(await node.memberRemove({ id: memberIdOf(wire.ID) }, options)),
      MemberUpdate: async (wire: WireMemberUpdateRequest, { options }) => {
        checkPeerUrls(wire.peerURLs)
        return encodeMembers(await node.memberUpdate({ id: memberIdOf(wire.ID), peerUrls: wire.peerURLs }, options))
      },
      MemberList: async (wire: WireMemberListRequest, { options }) =>
        encodeMembers(await node.memberList({ ...options, linearizable: wire.linearizable })),
      MemberPromote: async (wire: WireMemberIdRequest, { options }) =>
        encodeMembers(await node.memberPromote({ id: memberIdOf(wire.ID) }, options)),
    },
  }
}

function encodeMembers(answer: { readonly header: Header; readonly members: readonly Member[] }): WireMembersResponse {
  return { header: encodeHeader(answer.header), members: answer.members.map(encodeMember) }
}

// A member is reached at these for as long as it lives, so a wrong one is refused before anything is proposed.
function checkPeerUrls(urls: readonly string[]): void {
  if (urls.length === 0 || !urls.every(isPeerUrl)) throw new AspenError('invalidPeerUrls')
}

function isPeerUrl(text: string): boolean {
  // By pattern and not by `URL`, which drops a default port and adds a path.
  const match = /^https?:\/\/(\[[0-9a-fA-F:.]+\]|[^\s/:@?#]+):(\d{1,5})$/.exec(text)
  return match !== null && Number(match[2]) > 0 && Number(match[2]) <= 65_535
}
