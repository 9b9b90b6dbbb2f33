/**
 * What a quorum is, said a second time: whoever judges the product must not count with its arithmetic, or a wrong majority
 * would be right in both places.
 */
import type { Configuration, NodeId } from '../../actors/raft/messages.ts'

/** The least number of `voters` that is more than half of them. */
export function quorumOf(voters: number): number {
  return (voters >> 1) + 1
}

/** Whether more than half of every voter set that counts `holds`; a configuration without voters has no quorum. */
export function holdsQuorum(
  { voters, votersOutgoing }: Pick<Configuration, 'voters' | 'votersOutgoing'>,
  holds: (node: NodeId) => boolean,
): boolean {
  const agrees = (set: readonly NodeId[]): boolean => set.filter(holds).length >= quorumOf(set.length)
  return agrees(voters) && (votersOutgoing.length === 0 || agrees(votersOutgoing))
}
