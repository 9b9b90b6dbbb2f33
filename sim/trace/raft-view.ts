/**
 * What a Raft group believed after a delivery, as few plain fields, and what it decided in it: the difference to what it
 * believed before. Ticks that change nothing of this leave no mark.
 */
import type { Configuration, NodeId, Role } from '../../actors/raft/messages.ts'
import type { RaftState } from '../../actors/raft/state.ts'

export interface RaftView {
  readonly term: number
  /** 0: nobody. */
  readonly vote: NodeId
  readonly role: Role
  /** 0: unknown. */
  readonly leader: NodeId
  readonly commit: number
  /** The log holds what comes after. */
  readonly compacted: number
  readonly last: number
  readonly lastTerm: number
  readonly voters: readonly NodeId[]
  readonly votersOutgoing: readonly NodeId[]
  readonly learners: readonly NodeId[]
  /** Of a candidate: who granted. */
  readonly granted: readonly NodeId[]
  /** Of a leader: who is sent a snapshot. */
  readonly snapshots: readonly NodeId[]
  /** Of a leader: how far the log of each follower is known to be on its disk, as `node:index`. */
  readonly matched: readonly string[]
}

export type DecisionKind =
  /** The core was made, from what the disk holds. */
  | 'opened'
  /** It is gone: its replica begins anew. */
  | 'closed'
  | 'term'
  | 'preCampaign'
  | 'campaign'
  | 'voteGranted'
  /** A vote, or the promise of one, came in and was not the last that was needed. */
  | 'voteCounted'
  | 'leadershipWon'
  | 'leadershipLost'
  | 'follows'
  | 'append'
  /** A follower holds more than was known. */
  | 'matched'
  /** Entries were taken back. */
  | 'cut'
  | 'commit'
  | 'compacted'
  | 'snapshotSent'
  | 'snapshotInstalled'
  | 'configuration'

/** A field that changed, and what it was and is. */
export type Change = readonly [field: string, before: string, after: string]

export interface RaftDecision {
  /** The delivery in which it was taken. */
  readonly seq: number
  readonly node: NodeId
  readonly group: string
  readonly kinds: readonly DecisionKind[]
  /** Null: the core is gone. */
  readonly state: RaftView | null
  readonly diff: readonly Change[]
}

export function viewOf(core: RaftState): RaftView {
  const { log, votes, progress, role } = core
  const { voters, votersOutgoing, learners }: Configuration = core.membership.current
  const granted: NodeId[] = []
  if (role === 'candidate' || role === 'preCandidate') for (const [node, yes] of votes) if (yes) granted.push(node)
  const snapshots: NodeId[] = []
  const matched: string[] = []
  if (role === 'leader')
    for (const [node, { phase, match }] of progress) {
      if (phase === 'snapshot') snapshots.push(node)
      matched.push(`${node}:${match}`)
    }
  return {
    term: core.term,
    vote: core.votedFor ?? 0,
    role,
    leader: core.leader ?? 0,
    commit: core.commit,
    compacted: log.first - 1,
    last: log.last,
    lastTerm: log.lastTerm,
    voters,
    votersOutgoing,
    learners,
    granted,
    snapshots,
    matched,
  }
}

const fields = [
  'term',
  'vote',
  'role',
  'leader',
  'commit',
  'compacted',
  'last',
  'lastTerm',
  'voters',
  'votersOutgoing',
  'learners',
  'granted',
  'snapshots',
  'matched',
] as const satisfies readonly (keyof RaftView)[]

export function changesBetween(before: RaftView | null, after: RaftView | null): Change[] {
  const changes: Change[] = []
  for (const field of fields) {
    const was = textOf(before?.[field])
    const is = textOf(after?.[field])
    if (was !== is) changes.push([field, was, is])
  }
  return changes
}

/**
 * What was decided between two views of one replica.
 *
 * @param kind - Of the message that was handled: a log that begins later was compacted, or replaced by a snapshot.
 * @param keeps - Whether the log still holds the entry it ended with before.
 */
export function decisionsOf(
  self: NodeId,
  before: RaftView | null,
  after: RaftView | null,
  kind: string,
  keeps: boolean,
): DecisionKind[] {
  if (after === null) return before === null ? [] : ['closed']
  if (before === null) return ['opened']
  const kinds: DecisionKind[] = []
  if (after.term > before.term) kinds.push('term')
  kinds.push(...ofElection(self, before, after))
  if (!keeps) kinds.push('cut')
  const installed = after.compacted > before.compacted && kind.endsWith('installed')
  if (installed) kinds.push('snapshotInstalled')
  else if (after.compacted > before.compacted) kinds.push('compacted')
  if (!installed && (after.last > before.last || after.lastTerm > before.lastTerm)) kinds.push('append')
  if (after.role === 'leader' && before.role === 'leader' && textOf(after.matched) !== textOf(before.matched))
    kinds.push('matched')
  if (after.commit > before.commit) kinds.push('commit')
  if (after.snapshots.some((node) => !before.snapshots.includes(node))) kinds.push('snapshotSent')
  const sets = (view: RaftView): string =>
    textOf([view.voters.join(), view.votersOutgoing.join(), view.learners.join()])
  if (sets(before) !== sets(after)) kinds.push('configuration')
  return kinds
}

function ofElection(self: NodeId, before: RaftView, after: RaftView): DecisionKind[] {
  const kinds: DecisionKind[] = []
  const votes = after.vote !== 0 && (after.vote !== before.vote || after.term !== before.term)
  if (votes && after.vote !== self) kinds.push('voteGranted')
  const roleChanged = after.role !== before.role || after.term !== before.term
  if (roleChanged && after.role === 'preCandidate') kinds.push('preCampaign')
  // The only voter of a group wins in the step in which it stands.
  if ((votes && after.vote === self) || (roleChanged && after.role === 'candidate')) kinds.push('campaign')
  if (!roleChanged && after.granted.length > before.granted.length) kinds.push('voteCounted')
  if (before.role === 'leader' && (after.role !== 'leader' || after.term !== before.term)) kinds.push('leadershipLost')
  if (roleChanged && after.role === 'leader') kinds.push('leadershipWon')
  const follows = after.role === 'follower' && after.leader !== 0
  if (follows && (after.leader !== before.leader || after.term !== before.term)) kinds.push('follows')
  return kinds
}

function textOf(value: RaftView[keyof RaftView] | readonly string[] | undefined): string {
  if (value === undefined) return ''
  return typeof value === 'object' ? value.join(' ') : String(value)
}
