/**
 * Who a member is in the cluster it founds or comes back to. Every founder computes the same ids from the same list; what
 * a directory says of itself counts more than any list.
 */
import type { DirIdentity } from '../runtime/node/data-dir.ts'
import { clusterIdOf, founderId } from './identity.ts'
import type { FoundingMember, NodePlan } from './plan.ts'

export interface Role {
  readonly memberId: number
  readonly clusterId: number
  /** Undefined on a member that joins, or joined, a cluster others founded. */
  readonly founders: readonly FoundingMember[] | undefined
  readonly contacts: NodePlan['contacts']
  /** The cluster knows this member, and the directory it had is gone. */
  readonly lost?: boolean
}

export type FounderRole = Role & { readonly founders: readonly FoundingMember[] }

/** The role of the founder called `name`; its `memberId` is 0 when the list does not have it. */
export function foundingRole(
  members: readonly { readonly name: string; readonly peerUrls: readonly string[] }[],
  token: string,
  name: string,
): FounderRole {
  const founders = members.map((member) => ({ ...member, id: founderId(member.peerUrls, token) }))
  return {
    memberId: founders.find((founder) => founder.name === name)?.id ?? 0,
    clusterId: clusterIdOf(
      founders.map(({ id }) => id),
      token,
    ),
    founders,
    contacts: founders,
  }
}

/** Whether a directory was made by the founding that `role` describes. */
export function foundedBy({ memberId, clusterId }: DirIdentity, role: FounderRole): boolean {
  return role.clusterId === clusterId && role.founders.some(({ id }) => id === memberId)
}
