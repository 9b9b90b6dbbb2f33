/**
 * Ids that need no agreement: all founders compute the same ones from what they were all told. A member's id comes from
 * its peer URLs and the cluster's token, a cluster's from the ids of its founders; so two clusters with different tokens
 * never mix, even on the same addresses.
 */
import { id53 } from '../base/digest.ts'

/** The id of a member that founds a cluster, a safe integer of at least 1. */
export function founderId(peerUrls: readonly string[], token: string): number {
  return id53(`member ${[...peerUrls].sort().join(' ')} ${token}`)
}

/** The id of a member that joins: `moment` (when it was added) keeps it apart from an earlier one at the same address. */
export function joinerId(peerUrls: readonly string[], clusterId: number, moment: number): number {
  return id53(`member ${[...peerUrls].sort().join(' ')} ${clusterId} ${moment}`)
}

export function clusterIdOf(founders: readonly number[], token: string): number {
  return id53(`cluster ${[...founders].sort((a, b) => a - b).join(' ')} ${token}`)
}
