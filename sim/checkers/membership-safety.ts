/**
 * Rules about who decides, watched across one delivery.
 *
 *   I13  one configuration follows another as it must: a leader begins none while the one before is not committed; voters
 *        differ by one at most, or the next is joint with all of before as its outgoing voters; a joint one is left for its
 *        own incoming voters. That elections and commits have a quorum of each set is checked where they happen
 *   I14  a pre-vote changes no term: neither asking for one, nor being asked, nor being given one
 */
import type { RaftSummary } from '../../actors/raft/invariants.ts'
import type { Configuration, Index, NodeId, RaftMessage } from '../../actors/raft/messages.ts'
import type { RaftState } from '../../actors/raft/state.ts'
import { check } from './violation.ts'

/** A core before the delivery. */
interface Before {
  readonly summary: RaftSummary
  readonly configuration: Configuration
  readonly configurationIndex: Index
}

export function checkConfiguration(group: string, before: Before, core: RaftState): void {
  const { membership, self, role, commit } = core
  const { summary, configuration: old, configurationIndex } = before
  if (membership.currentIndex <= configurationIndex) return
  // Followers take whole stretches of a log at once: only who begins a configuration shows every step.
  if (role !== 'leader' || summary.role !== 'leader' || summary.term !== core.term) return
  const next = membership.current
  check(
    configurationIndex <= commit,
    'I13',
    () =>
      `${group}: leader ${self} began a configuration at ${membership.currentIndex} before that of ${configurationIndex} was committed (${commit})`,
  )
  check(
    follows(old, next),
    'I13',
    () =>
      `${group}: leader ${self} went from ${JSON.stringify(old)} to ${JSON.stringify(next)}, which may not follow it`,
  )
  const learners = new Set([...next.learners, ...next.learnersNext])
  const both = next.voters.find((node) => learners.has(node))
  check(both === undefined, 'I13', () => `${group}: node ${both} votes and learns at once in ${JSON.stringify(next)}`)
}

export function checkPreVote(group: string, before: RaftSummary, core: RaftState, message: RaftMessage): void {
  const begins = core.role === 'preCandidate' && before.role !== 'preCandidate'
  // A refusal is of the voter's own term, which may be later than ours.
  const pre = (message.type === 'askVote' && message.pre) || (message.type === 'vote' && message.pre && message.granted)
  // The last of the votes turns it into a real candidate of the next term.
  const wins = message.type === 'vote' && core.role !== 'preCandidate' && before.role === 'preCandidate'
  check(
    core.term === before.term || !(begins || (pre && !wins)),
    'I14',
    () => `${group}: a pre-vote took node ${core.self} from term ${before.term} to ${core.term}`,
  )
}

function follows(old: Configuration, next: Configuration): boolean {
  if (old.votersOutgoing.length > 0) return next.votersOutgoing.length === 0 && same(next.voters, old.voters)
  if (next.votersOutgoing.length > 0) return same(next.votersOutgoing, old.voters)
  // The first configuration of a group that joins, told by others.
  if (old.voters.length === 0) return true
  const added = next.voters.filter((node) => !old.voters.includes(node)).length
  const removed = old.voters.filter((node) => !next.voters.includes(node)).length
  return added + removed <= 1
}

function same(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((node) => b.includes(node))
}
