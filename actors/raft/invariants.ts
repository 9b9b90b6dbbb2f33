/**
 * The rules of the README that can be checked from outside, for tests and the simulator; never called in production.
 *
 *   checkRaft     what one replica shows across one step, against a small summary taken before it
 *   ClusterLedger what only all replicas together show, fed with each step's effects, at a cost of what is new
 *   checkCluster  the same over whole logs: slow, for the end of a run
 */
import { invariant } from '../../base/assert.ts'
import { hash32 } from '../../base/digest.ts'
import type { LogEntry } from '../../runtime/ports/store.ts'
import { isVoter } from './membership.ts'
import type { Index, NodeId, RaftEffect, RaftMessage, Role, Term } from './messages.ts'
import { hasQuorum } from './quorum.ts'
import type { RaftState } from './state.ts'

export interface RaftSummary {
  readonly self: NodeId
  readonly term: Term
  readonly votedFor: NodeId | undefined
  readonly role: Role
  readonly leader: NodeId | undefined
  readonly commit: Index
  readonly commitTerm: Term
  readonly applying: Index
  readonly applied: Index
  readonly first: Index
  readonly last: Index
  readonly lastTerm: Term
  readonly ticks: number
  readonly electionElapsed: number
  readonly quiesced: boolean
}

export function summarise(state: RaftState): RaftSummary {
  const { self, term, votedFor, role, leader, commit, applying, applied, log, ticks, electionElapsed, quiesced } = state
  const commitTerm = log.term(commit) as Term
  const { first, last, lastTerm } = log
  return {
    self,
    term,
    votedFor,
    role,
    leader,
    commit,
    commitTerm,
    applying,
    applied,
    first,
    last,
    lastTerm,
    ticks,
    electionElapsed,
    quiesced,
  }
}

/** Checks every rule that one replica shows alone across one step. */
export function checkRaft(
  before: RaftSummary,
  after: RaftState,
  message: RaftMessage,
  out: readonly RaftEffect[],
): void {
  checkTerms(before, after)
  checkLog(before, after, message)
  checkShields(before, after, message)
  if (after.role === 'leader') checkLeader(after)
  let applying = before.applying
  for (const effect of out) {
    if (effect.type !== 'apply') continue
    if (message.type === 'installed') applying = Math.max(applying, message.meta.index)
    for (const entry of effect.entries) {
      invariant(entry.index === applying + 1, () => `R9: ${after.self} hands over ${entry.index} after ${applying}`)
      applying = entry.index
    }
    invariant(applying <= after.commit, () => `R9: ${after.self} hands over ${applying} beyond commit ${after.commit}`)
  }
}

function checkTerms(before: RaftSummary, after: RaftState): void {
  const { self } = after
  invariant(after.term >= before.term, () => `R1: ${self} fell from term ${before.term} to ${after.term}`)
  if (after.term === before.term && before.votedFor !== undefined) {
    invariant(after.votedFor === before.votedFor, () => `R2: ${self} voted twice in term ${after.term}`)
  }
  if (before.role !== 'leader' && after.role === 'leader') {
    const granted = (node: NodeId): boolean => after.votes.get(node) === true
    invariant(hasQuorum(after.membership.current, granted), () => `R3: ${self} leads without a quorum of votes`)
  }
}

function checkLog(before: RaftSummary, after: RaftState, message: RaftMessage): void {
  const { self, log } = after
  invariant(after.commit >= before.commit, () => `R8: commit of ${self} fell from ${before.commit} to ${after.commit}`)
  invariant(after.commit <= log.last, () => `R8: commit ${after.commit} of ${self} beyond the log's end ${log.last}`)
  const kept = log.term(before.commit)
  invariant(
    before.commit < log.first - 1 || kept === before.commitTerm,
    () => `R8: ${self} replaced committed entry ${before.commit} of term ${before.commitTerm} by one of ${kept}`,
  )
  const counted = after.role === 'leader' && after.commit > before.commit && message.type !== 'installed'
  invariant(
    !counted || before.role !== 'leader' || log.term(after.commit) === after.term,
    () => `R8: ${self} counted entry ${after.commit}, which is not of its term ${after.term}`,
  )
  if (before.role === 'leader' && after.role === 'leader' && before.term === after.term) {
    invariant(
      log.last >= before.last && (before.last < log.first - 1 || log.term(before.last) === before.lastTerm),
      () => `R5: leader ${self} removed or replaced what it appended`,
    )
  }
  invariant(
    after.applied <= after.applying && after.applying <= after.commit && after.applied >= before.applied,
    () => `R9: ${self} applied ${after.applied} of ${after.applying} of ${after.commit}, ${before.applied} before`,
  )
  invariant(
    log.first - 1 <= after.folded && after.folded <= after.applied,
    () => `R20: ${self} compacted ${log.first - 1}, folded ${after.folded}, applied ${after.applied}`,
  )
  invariant(log.first >= before.first, () => `R20: first of ${self} fell from ${before.first} to ${log.first}`)
}

/** R11, R16, R17: whose request changed nothing. */
function checkShields(before: RaftSummary, after: RaftState, message: RaftMessage): void {
  if (message.type !== 'askVote') return
  const unchanged = after.term === before.term && after.votedFor === before.votedFor
  invariant(!message.pre || unchanged, () => `R11: a pre-vote changed term or vote of ${after.self}`)
  if (message.transfer) return
  const hears = before.leader !== undefined && before.electionElapsed < after.config.electionTicks
  invariant(
    !hears || !after.config.checkQuorum || unchanged,
    () => `R16: ${after.self} hears ${before.leader} and yet voted`,
  )
  invariant(
    before.ticks >= after.voteBanUntil || unchanged,
    () => `R17: ${after.self} voted ${before.ticks} ticks after its start`,
  )
}

function checkLeader(state: RaftState): void {
  const { self, log, progress, membership, config } = state
  invariant(state.leader === self, () => `R4: leader ${self} follows ${state.leader}`)
  for (const [node, each] of progress) {
    invariant(
      each.match <= log.last && each.match < each.next && each.next <= log.last + 1,
      () => `R12: ${self} has ${node} at match ${each.match}, next ${each.next}, last ${log.last}`,
    )
    invariant(
      each.inflight.length <= config.inflightMessagesMax,
      () => `R22: ${each.inflight.length} appends in flight to ${node}`,
    )
    invariant(
      each.roundAcked <= state.reads.round,
      () => `R18: ${node} acknowledged round ${each.roundAcked} of ${state.reads.round}`,
    )
  }
  invariant(
    state.uncommittedBytes >= 0 && state.quotaBytes >= 0 && state.quotaBytes <= state.uncommittedBytes,
    () => `R22: quota ${state.quotaBytes}, uncommitted ${state.uncommittedBytes}`,
  )
  invariant(!state.quiesced || state.commit === log.last, () => `R23: leader ${self} sleeps on uncommitted entries`)
  const retired = membership.currentIndex <= state.commit && !isVoter(membership.current, self)
  invariant(!retired, () => `R13: ${self} leads a group it left`)
}

interface Known {
  readonly prevTerm: Term
  readonly hash: number
}

/** Remembers what the cluster ever decided. One per run; told of every step of every replica. */
export class ClusterLedger {
  readonly #leaders = new Map<Term, NodeId>()
  /** Every entry ever in any log, by index and term: its predecessor and contents never differ, so logs match. */
  readonly #entries = new Map<Index, Map<Term, Known>>()
  readonly #committed: { term: Term; hash: number }[] = []

  /** The last index any replica handed to its state machine. */
  get committed(): Index {
    return this.#committed.length
  }

  committedTerm(index: Index): Term | undefined {
    return this.#committed[index - 1]?.term
  }

  observe(state: RaftState, out: readonly RaftEffect[]): void {
    for (const effect of out) {
      if (effect.type === 'append') this.#onAppend(state, effect.entries)
      if (effect.type === 'apply') for (const entry of effect.entries) this.#onCommitted(state, entry)
      if (effect.type === 'role' && effect.role === 'leader') this.#onLeader(state)
    }
  }

  #onLeader(state: RaftState): void {
    const { self, term, log } = state
    const other = this.#leaders.get(term) ?? self
    invariant(other === self, () => `R4: ${other} and ${self} both led term ${term}`)
    this.#leaders.set(term, self)
    const index = this.committed
    const held = index < log.first - 1 || log.term(index) === this.committedTerm(index)
    invariant(index === 0 || held, () => `R7: leader ${self} of term ${term} lacks committed entry ${index}`)
  }

  #onAppend({ self, log, role, termDurable }: RaftState, entries: readonly LogEntry[]): void {
    const first = entries[0]
    // A term that a crash can still erase is known to nobody else, and may be lived through twice.
    if (first === undefined || (role === 'leader' && !termDurable)) return
    let prevTerm = log.term(first.index - 1) ?? 0
    for (const entry of entries) {
      const byTerm = this.#entries.get(entry.index) ?? new Map<Term, Known>()
      this.#entries.set(entry.index, byTerm)
      const hash = hashEntry(entry)
      const known = byTerm.get(entry.term) ?? { prevTerm, hash }
      byTerm.set(entry.term, known)
      invariant(
        known.prevTerm === prevTerm && known.hash === hash,
        () => `R6: entry (${entry.index}, term ${entry.term}) of ${self} differs from another log's`,
      )
      prevTerm = entry.term
    }
  }

  #onCommitted({ self }: RaftState, entry: LogEntry): void {
    const hash = hashEntry(entry)
    const known = this.#committed[entry.index - 1] ?? { term: entry.term, hash }
    invariant(entry.index <= this.committed + 1, () => `R9: ${self} skips to entry ${entry.index}`)
    invariant(
      known.term === entry.term && known.hash === hash,
      () => `R9: ${self} commits (${entry.index}, term ${entry.term}), another committed term ${known.term}`,
    )
    if (entry.index > this.committed) this.#committed.push(known)
  }
}

/** Compares all logs entry by entry (R4, R6, R9). */
export function checkCluster(states: readonly RaftState[]): void {
  const leaders = new Map<Term, NodeId>()
  for (const { role, term, self } of states) {
    if (role !== 'leader') continue
    const other = leaders.get(term) ?? self
    invariant(other === self, () => `R4: ${other} and ${self} both lead term ${term}`)
    leaders.set(term, self)
  }
  for (const [at, a] of states.entries()) for (const b of states.slice(at + 1)) checkPair(a, b)
}

function checkPair(a: RaftState, b: RaftState): void {
  const from = Math.max(a.log.first, b.log.first)
  const to = Math.min(a.log.last, b.log.last)
  const committed = Math.min(a.commit, b.commit)
  let met = false
  for (let index = to; index >= from; index--) {
    const same = a.log.term(index) === b.log.term(index)
    invariant(same || !met, () => `R6: logs of ${a.self} and ${b.self} part at ${index} and meet again`)
    invariant(same || index > committed, () => `R9: ${a.self} and ${b.self} committed different entries at ${index}`)
    if (same) {
      met = true
      const [left] = a.log.slice(index, index, 1)
      const [right] = b.log.slice(index, index, 1)
      const equal = left !== undefined && right !== undefined && hashEntry(left) === hashEntry(right)
      invariant(equal, () => `R6: entry ${index} of ${a.self} and ${b.self} has one term and two contents`)
    }
  }
}

function hashEntry(entry: LogEntry): number {
  return hash32(entry.data) ^ entry.type.length
}
