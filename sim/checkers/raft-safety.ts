/**
 * The safety of Raft groups, watched from outside: after every delivery to a group of any node its core is compared with
 * what it was before, with its disk, and with what the whole cluster ever decided. Nothing here is ever written to a core.
 * What a log holds is watched in `log-chains.ts`, who decides in `membership-safety.ts`.
 */

import { checkRaft, type RaftSummary, summarise } from '../../actors/raft/invariants.ts'
import type { Configuration, Index, NodeId, PeerMessage, RaftMessage, Term } from '../../actors/raft/messages.ts'
import type { RaftState } from '../../actors/raft/state.ts'
import { InvariantError } from '../../base/assert.ts'
import { checkCoreBounds } from './bounds.ts'
import type { GroupDisk } from './group-disk.ts'
import { LogChains, type SeenLog } from './log-chains.ts'
import { holdsQuorum } from './majority.ts'
import { checkConfiguration, checkPreVote } from './membership-safety.ts'
import { check, invariantOf, Violation } from './violation.ts'

export type DiskOf = (node: NodeId) => GroupDisk | undefined

/** One core as it was after its last delivery. Written over, never made anew. */
interface Seen extends SeenLog {
  readonly core: RaftState
  readonly summary: Mutable<RaftSummary>
  configuration: Configuration
  configurationIndex: Index
  /** Leader: `match` of each follower as it was checked last, by follower. */
  readonly matches: Map<NodeId, Index>
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export class RaftSafety {
  readonly group: string
  readonly #diskOf: DiskOf
  readonly #seen = new Map<NodeId, Seen>()
  readonly #leaders = new Map<Term, NodeId>()
  readonly #logs: LogChains
  /** (voter, term) → candidate, as told to candidates. */
  readonly #votes = new Map<number, NodeId>()
  /** Terms known to be on disk, by node. */
  readonly #durableTerms = new Map<NodeId, Term>()
  /** The newest term each node was ever seen in: nothing it sends is of a later one. */
  readonly #terms = new Map<NodeId, Term>()
  /** What each node last said is on its disk, with its chain. */
  readonly #told = new Map<NodeId, { index: Index; chain: number }>()

  constructor(group: string, diskOf: DiskOf) {
    this.group = group
    this.#diskOf = diskOf
    this.#logs = new LogChains(group)
  }

  /** The last index that any replica knows to be committed. */
  get committed(): Index {
    return this.#logs.last
  }

  get leadersTotal(): number {
    return this.#leaders.size
  }

  /** `message` of another replica is about to be handled by `receiver`. */
  arrived(receiver: NodeId, message: PeerMessage): void {
    const { from, term } = message
    if (promises(message)) {
      this.#checkDurableTerm(from, term)
      if (message.type === 'matched') this.#onTold(receiver, from, message.index)
      if (message.type === 'vote') this.#onVote(receiver, from, term)
    }
    if (!asksAhead(message) && term > (this.#terms.get(from) ?? 0))
      fail('I22', `${this.group}: a ${message.type} of node ${from} in term ${term}, in which nobody has seen it`)
  }

  #onVote(receiver: NodeId, from: NodeId, term: Term): void {
    const key = voteKey(from, term)
    const other = this.#votes.get(key) ?? receiver
    check(
      other === receiver || this.#wiped(from),
      'I7',
      () => `${this.group}: node ${from} voted for ${other} and for ${receiver} in term ${term}`,
    )
    this.#votes.set(key, receiver)
    const kept = this.#diskOf(from)?.hardState()
    const honest = kept !== undefined && (kept.term > term || (kept.term === term && kept.votedFor === receiver))
    check(
      honest || this.#wiped(from),
      'I7',
      () => `${this.group}: the vote of node ${from} for ${receiver} in term ${term} was sent before it was on disk`,
    )
  }

  /** `from` says that its log equals the one of `leader` up to `index`, on its disk. */
  #onTold(leader: NodeId, from: NodeId, index: Index): void {
    const seen = this.#seen.get(leader)
    const chain = seen?.chains[index - seen.base - 1]
    if (chain === undefined) return
    const told = this.#told.get(from)
    if (told === undefined) this.#told.set(from, { index, chain })
    else {
      told.index = index
      told.chain = chain
    }
  }

  /** A delivery of `message` to the group on `node` ended; `core` is undefined while it has none. */
  after(node: NodeId, core: RaftState | undefined, message: RaftMessage | undefined): void {
    if (core === undefined) {
      this.#seen.delete(node)
      return
    }
    const before = this.#seen.get(node)
    if (before === undefined || before.core !== core) {
      this.#opened(node, core)
      return
    }
    const { summary } = before
    // Most deliveries change nothing that a rule speaks of: heartbeats, ticks, what came twice.
    const moved =
      hasMoved(summary, core) ||
      core.membership.currentIndex !== before.configurationIndex ||
      // Of a leader whose term was not on disk, the log was not followed yet.
      core.log.last !== before.base + before.terms.length
    const progressed = core.role === 'leader' && message !== undefined && tellsProgress(message)
    if (message !== undefined && (moved || progressed)) {
      this.#checkStep(summary, core, message)
      checkPreVote(this.group, summary, core, message)
    }
    if (moved) this.#onMoved(before, core)
    if (progressed && 'from' in message) this.#checkMatch(before, core, message.from)
    checkCoreBounds(this.group, core)
    summary.ticks = core.ticks
    summary.electionElapsed = core.electionElapsed
    if (moved) this.#note(before, core)
  }

  #onMoved(before: Seen, core: RaftState): void {
    const { summary } = before
    if (core.term > (this.#terms.get(core.self) ?? 0)) this.#terms.set(core.self, core.term)
    if (core.role === 'leader' && (summary.role !== 'leader' || summary.term !== core.term)) {
      before.matches.clear()
      this.#onLeader(core)
    }
    this.#logs.follow(before, core)
    if (core.membership.currentIndex !== before.configurationIndex) checkConfiguration(this.group, before, core)
    if (core.commit !== summary.commit) this.#checkCommit(before, core)
  }

  #note(seen: Seen, core: RaftState): void {
    const { summary } = seen
    const { log, membership } = core
    if (summary.commit !== core.commit || log.first > core.commit) summary.commitTerm = log.term(core.commit) as Term
    summary.term = core.term
    summary.votedFor = core.votedFor
    summary.role = core.role
    summary.leader = core.leader
    summary.commit = core.commit
    summary.applying = core.applying
    summary.applied = core.applied
    summary.first = log.first
    summary.last = log.last
    summary.lastTerm = log.lastTerm
    summary.quiesced = core.quiesced
    seen.configuration = membership.current
    seen.configurationIndex = membership.currentIndex
  }

  /** The process of `node` is gone. */
  down(node: NodeId): void {
    this.#seen.delete(node)
  }

  #opened(node: NodeId, core: RaftState): void {
    const { log } = core
    const baseTerm = log.term(log.first - 1) ?? 0
    const known = this.#logs.chain(log.first - 1, baseTerm)
    check(
      log.first === 1 || known !== undefined,
      'I3',
      () =>
        `${this.group}: the log of node ${node} begins after (${log.first - 1}, term ${baseTerm}), which no log ever held`,
    )
    const seen: Seen = {
      core,
      summary: summarise(core),
      configuration: core.membership.current,
      configurationIndex: core.membership.currentIndex,
      matches: new Map(),
      base: log.first - 1,
      baseChain: known ?? 0,
      terms: [],
      chains: [],
    }
    this.#seen.set(node, seen)
    if (core.term > (this.#terms.get(node) ?? 0)) this.#terms.set(node, core.term)
    const durable = this.#durableTerms.get(node) ?? 0
    check(
      core.term >= durable || this.#wiped(node),
      'I6',
      () => `${this.group}: node ${node} came back in term ${core.term}, having told others of ${durable}`,
    )
    this.#logs.follow(seen, core)
    for (let index = seen.base + 1; index <= core.commit; index++) this.#logs.onCommitted(core, seen, index)
    this.#checkKept(seen, core)
  }

  /** I9: what it said is on its disk, and is committed, is there when it comes back. */
  #checkKept({ base, chains }: Seen, { self }: RaftState): void {
    const told = this.#told.get(self)
    if (told === undefined || this.#wiped(self)) return
    // Committed as it was told: what another leader put in its place was never committed as such.
    const index = Math.min(told.index, this.committed)
    if (this.#logs.committed(told.index)?.chain !== told.chain || index <= base) return
    check(
      chains[index - base - 1] === this.#logs.committed(index)?.chain,
      'I9',
      () => `${this.group}: node ${self} came back without committed entry ${index}, which it had said is on its disk`,
    )
  }

  #checkStep(before: RaftSummary, core: RaftState, message: RaftMessage): void {
    try {
      checkRaft(before, core, message, [])
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error
      throw new Violation(invariantOf(error.message), `${this.group}: ${error.message}`)
    }
  }

  #onLeader(core: RaftState): void {
    const { self, term } = core
    const other = this.#leaders.get(term) ?? self
    check(other === self, 'I1', () => `${this.group}: nodes ${other} and ${self} both led term ${term}`)
    this.#leaders.set(term, self)
    const voted = (node: NodeId): boolean =>
      node === self || this.#votes.get(voteKey(node, term)) === self || this.#wiped(node)
    check(
      holdsQuorum(core.membership.current, voted),
      'I13',
      () => `${this.group}: node ${self} leads term ${term} without votes of a quorum of every voter set`,
    )
    let index = this.committed
    // An entry of an early term may be committed late: who was elected in between need not have it.
    while (index > 0 && (this.#logs.committed(index)?.by as Term) >= term) index -= 1
    if (index === 0 || index < core.log.first - 1) return
    const wanted = this.#logs.committed(index)?.term
    const found = core.log.term(index)
    check(
      found === wanted,
      'I4',
      () =>
        `${this.group}: node ${self} leads term ${term} without committed entry ${index} of term ${wanted}, it has ${found}`,
    )
  }

  #checkCommit(seen: Seen, core: RaftState): void {
    const from = seen.summary.commit
    const newest = core.commit > this.committed
    for (let index = Math.max(from, seen.base) + 1; index <= core.commit; index++)
      this.#logs.onCommitted(core, seen, index)
    if (newest && core.role === 'leader') this.#checkOnQuorum(seen, core)
  }

  #checkOnQuorum(seen: Seen, core: RaftState): void {
    const { commit, log } = core
    const term = log.term(commit)
    const holds = (node: NodeId): boolean => {
      const disk = this.#diskOf(node)
      const found = disk?.term(commit)
      return found === term || found === 'compacted' || disk?.wiped === true
    }
    // The turn that committed may also have begun the next configuration.
    const held = holdsQuorum(core.membership.current, holds) || holdsQuorum(seen.configuration, holds)
    check(
      held,
      'I9',
      () =>
        `${this.group}: leader ${core.self} committed (${commit}, term ${term}), which is not on the disks of a quorum`,
    )
  }

  /** I12: what the leader counts on of the follower that spoke is on that follower's disk. */
  #checkMatch({ matches }: Seen, core: RaftState, node: NodeId): void {
    const match = core.progress.get(node)?.match ?? 0
    if (match === 0 || match === matches.get(node)) return
    matches.set(node, match)
    const follower = this.#seen.get(node)?.core
    // Of a later term, or none: its log may have been cut since it told.
    if (follower === undefined || follower.term !== core.term) return
    const disk = this.#diskOf(node)
    const found = disk?.term(match)
    const sound =
      found === core.log.term(match) || found === 'compacted' || match < core.log.first || disk?.wiped === true
    check(
      sound,
      'I12',
      () => `${this.group}: leader ${core.self} counts on node ${node} up to ${match}, which is not on its disk`,
    )
  }

  #checkDurableTerm(node: NodeId, term: Term): void {
    const known = this.#durableTerms.get(node) ?? 0
    if (term <= known || this.#wiped(node)) return
    const kept = this.#diskOf(node)?.hardState()?.term ?? 0
    check(kept >= term, 'I6', () => `${this.group}: node ${node} spoke for term ${term} with term ${kept} on its disk`)
    this.#durableTerms.set(node, kept)
  }

  #wiped(node: NodeId): boolean {
    return this.#diskOf(node)?.wiped === true
  }
}

/** Messages that others build on: what they say must survive a crash of their sender. The rest may be forgotten. */
function promises(message: PeerMessage): boolean {
  switch (message.type) {
    case 'vote':
      return message.granted && !message.pre
    case 'askVote':
      return !message.pre
    case 'append':
    case 'heartbeat':
    case 'matched':
    case 'snapshotInstalled':
      return true
    default:
      return false
  }
}

/** Messages of a term that is only asked for. */
function asksAhead(message: PeerMessage): boolean {
  return (message.type === 'askVote' || message.type === 'vote') && message.pre
}

/** Messages that change what a leader knows of a follower. */
function tellsProgress({ type }: RaftMessage): boolean {
  switch (type) {
    case 'matched':
    case 'mismatched':
    case 'heartbeatAck':
    case 'snapshotInstalled':
    case 'snapshotSent':
    case 'propose':
    case 'forwardPropose':
    case 'peerLink':
      return true
    default:
      return false
  }
}

function hasMoved(before: RaftSummary, core: RaftState): boolean {
  const { log } = core
  return (
    core.term !== before.term ||
    core.commit !== before.commit ||
    core.applied !== before.applied ||
    core.applying !== before.applying ||
    core.role !== before.role ||
    log.last !== before.last ||
    log.lastTerm !== before.lastTerm ||
    log.first !== before.first ||
    core.votedFor !== before.votedFor ||
    core.leader !== before.leader ||
    core.quiesced !== before.quiesced
  )
}

function fail(invariant: string, text: string): never {
  throw new Violation(invariant, text)
}

const nodesMax = 4_096

function voteKey(node: NodeId, term: Term): number {
  return term * nodesMax + node
}
