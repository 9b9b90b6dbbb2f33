/**
 * Majorities. A decision needs a majority of the voters and, while a change is under way, of the outgoing voters too;
 * learners and strangers are never looked at, so they cannot count (R14).
 *
 * Every function is plain arithmetic over a configuration; `quorum.test.ts` compares each with brute force.
 */
import type { Configuration, Index, NodeId } from './messages.ts'

export type VoteOutcome = 'won' | 'lost' | 'pending'

export function majority(count: number): number {
  return Math.floor(count / 2) + 1
}

/** The highest index that a majority of every active voter set has reached; 0 where there are no voters at all. */
export function quorumIndex(configuration: Configuration, matchOf: (node: NodeId) => Index): Index {
  const { voters, votersOutgoing } = configuration
  if (voters.length === 0) return 0
  const incoming = majorityIndex(voters, matchOf)
  if (votersOutgoing.length === 0) return incoming
  return Math.min(incoming, majorityIndex(votersOutgoing, matchOf))
}

/** Whether a majority of every active voter set satisfies `holds`. */
export function hasQuorum(configuration: Configuration, holds: (node: NodeId) => boolean): boolean {
  return quorumIndex(configuration, (node) => (holds(node) ? 1 : 0)) === 1
}

/** Where an election stands. Lost as soon as one voter set can no longer reach a majority. */
export function voteOutcome(configuration: Configuration, votes: ReadonlyMap<NodeId, boolean>): VoteOutcome {
  if (configuration.voters.length === 0) return 'lost'
  const incoming = majorityVote(configuration.voters, votes)
  if (configuration.votersOutgoing.length === 0) return incoming
  const outgoing = majorityVote(configuration.votersOutgoing, votes)
  if (incoming === outgoing) return incoming
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending'
}

function majorityIndex(voters: readonly NodeId[], matchOf: (node: NodeId) => Index): Index {
  // Kept sorted while filling: voter sets are small, and this runs for every acknowledgement.
  const sorted: number[] = []
  for (const voter of voters) {
    const match = matchOf(voter)
    let at = sorted.length
    // Pushed before it finds its place: an array that is written behind its end is made anew.
    sorted.push(match)
    while (at > 0 && (sorted[at - 1] as number) < match) {
      sorted[at] = sorted[at - 1] as number
      at--
    }
    sorted[at] = match
  }
  return sorted[majority(voters.length) - 1] as number
}

function majorityVote(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteOutcome {
  let granted = 0
  let refused = 0
  for (const voter of voters) {
    const vote = votes.get(voter)
    if (vote === true) granted++
    if (vote === false) refused++
  }
  const needed = majority(voters.length)
  if (granted >= needed) return 'won'
  return voters.length - refused < needed ? 'lost' : 'pending'
}
