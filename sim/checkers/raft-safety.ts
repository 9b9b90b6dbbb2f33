/**
 * The safety of Raft groups, watched from outside: after every delivery to a group of any node its core is compared with
 * what it was before, with its disk, and with what the whole cluster ever decided. Nothing here is ever written to a core.
 *
 * Logs are compared by a chain: the hash of an entry covers all entries before it, so two logs that share one (index,
 * term) are equal up to there exactly when the two hashes are (I3), at the cost of what is new.
 */

import { checkRaft, type RaftSummary, summarise } from '../../actors/raft/invariants.ts'
import type { Configuration, Index, NodeId, PeerMessage, RaftMessage, Term } from '../../actors/raft/messages.ts'
import { hasQuorum } from '../../actors/raft/quorum.ts'
import type { HardState, RaftState } from '../../actors/raft/state.ts'
import { InvariantError } from '../../base/assert.ts'
import { hash32, mix32 } from '../../base/digest.ts'
import type { LogEntry } from '../../runtime/ports/store.ts'
import { check, invariantOf, Violation } from './violation.ts'

/** What the disks of a node hold of a group, whether it runs or not. */
export interface GroupDisk {
  /** The term of `index`; `compacted` when it was there; undefined when it is not. */
  term(index: Index): Term | 'compacted' | undefined
  hardState(): HardState | undefined
  /** The disk was lost: what this node once promised, it no longer knows. */
  readonly wiped: boolean
}

export type DiskOf = (node: NodeId) => GroupDisk | undefined

/** One core as it was after its last delivery. */
interface Seen {
  readonly core: RaftState
  summary: RaftSummary
  configuration: Configuration
  /** The log: `terms[i]` and `chains[i]` are of index `base + 1 + i`. */
  base: Index
  baseChain: number
  readonly terms: Term[]
  readonly chains: number[]
}

export class RaftSafety {
  readonly group: string
  readonly #diskOf: DiskOf
  readonly #seen = new Map<NodeId, Seen>()
  readonly #leaders = new Map<Term, NodeId>()
  /** Every (index, term) that was ever in a log, with its chain. */
  readonly #chains = new Map<number, number>()
  /** By index - 1. */
  readonly #committed: { readonly term: Term; readonly chain: number }[] = []
  /** (voter, term) → candidate, as told to candidates. */
  readonly #votes = new Map<string, NodeId>()
  /** Terms known to be on disk, by node. */
  readonly #durableTerms = new Map<NodeId, Term>()

  constructor(group: string, diskOf: DiskOf) {
    this.group = group
    this.#diskOf = diskOf
  }

  /** The last index that any replica knows to be committed. */
  get committed(): Index {
    return this.#committed.length
  }

  get leadersTotal(): number {
    return this.#leaders.size
  }

  /** `message` of another replica is about to be handled by `receiver`. */
  arrived(receiver: NodeId, message: PeerMessage): void {
    if (!promises(message)) return
    const { from, term } = message
    this.#checkDurableTerm(from, term)
    if (message.type !== 'vote') return
    const key = `${from} ${term}`
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
    if (message !== undefined) this.#checkStep(before.summary, core, message)
    if (core.role === 'leader' && (before.summary.role !== 'leader' || before.summary.term !== core.term))
      this.#onLeader(core)
    this.#follow(before, core)
    this.#checkCommit(before, core)
    if (core.role === 'leader') this.#checkProgress(core)
    before.summary = summarise(core)
    before.configuration = core.membership.current
  }

  /** The process of `node` is gone. */
  down(node: NodeId): void {
    this.#seen.delete(node)
  }

  #opened(node: NodeId, core: RaftState): void {
    const { log } = core
    const baseTerm = log.term(log.first - 1) ?? 0
    const known = this.#chains.get(keyOf(log.first - 1, baseTerm))
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
      base: log.first - 1,
      baseChain: known ?? 0,
      terms: [],
      chains: [],
    }
    this.#seen.set(node, seen)
    const durable = this.#durableTerms.get(node) ?? 0
    check(
      core.term >= durable || this.#wiped(node),
      'I6',
      () => `${this.group}: node ${node} came back in term ${core.term}, having told others of ${durable}`,
    )
    this.#follow(seen, core)
    for (let index = seen.base + 1; index <= core.commit; index++) this.#onCommitted(core, seen, index)
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
    let index = this.#committed.length
    while (index > 0 && (this.#committed[index - 1]?.term as Term) > term) index -= 1
    if (index === 0 || index < core.log.first - 1) return
    const wanted = this.#committed[index - 1]?.term
    const found = core.log.term(index)
    check(
      found === wanted,
      'I4',
      () =>
        `${this.group}: node ${self} leads term ${term} without committed entry ${index} of term ${wanted}, it has ${found}`,
    )
  }

  /** Brings what was seen of a log up to date with it. */
  #follow(seen: Seen, core: RaftState): void {
    const { log, self } = core
    // A term that a crash can still erase is known to nobody else, and may be lived through twice.
    if (core.role === 'leader' && !core.termDurable) return
    const seenLast = seen.base + seen.terms.length
    if (log.last === seenLast && (seen.terms.length === 0 || seen.terms[seen.terms.length - 1] === log.lastTerm)) return
    if (log.first - 1 > seenLast) {
      this.#rebase(seen, core)
      return
    }
    let same = Math.min(log.last, seenLast)
    while (same > seen.base && same >= log.first && seen.terms[same - seen.base - 1] !== log.term(same)) same -= 1
    const leading = seen.summary.role === 'leader' && core.role === 'leader' && seen.summary.term === core.term
    check(
      same === seenLast || !leading,
      'I2',
      () => `${this.group}: leader ${self} of term ${core.term} cut its own log after ${same}`,
    )
    check(
      same >= seen.summary.commit || same === seenLast,
      'I8',
      () => `${this.group}: node ${self} cut its log after ${same}, having committed ${seen.summary.commit}`,
    )
    seen.terms.length = same - seen.base
    seen.chains.length = same - seen.base
    for (let from = same + 1; from <= log.last; ) {
      for (const entry of log.slice(from, log.last, Number.POSITIVE_INFINITY)) {
        this.#onEntry(seen, self, entry)
        from = entry.index + 1
      }
    }
  }

  /** A snapshot took the place of the log. */
  #rebase(seen: Seen, { self, log }: RaftState): void {
    const term = log.term(log.first - 1) as Term
    const chain = this.#chains.get(keyOf(log.first - 1, term))
    check(
      chain !== undefined,
      'I3',
      () =>
        `${this.group}: node ${self} installed a snapshot at (${log.first - 1}, term ${term}), which no log ever held`,
    )
    seen.base = log.first - 1
    seen.baseChain = chain
    seen.terms.length = 0
    seen.chains.length = 0
    for (let from = log.first; from <= log.last; ) {
      for (const entry of log.slice(from, log.last, Number.POSITIVE_INFINITY)) {
        this.#onEntry(seen, self, entry)
        from = entry.index + 1
      }
    }
  }

  #onEntry(seen: Seen, self: NodeId, entry: LogEntry): void {
    const previous = seen.chains.length === 0 ? seen.baseChain : (seen.chains[seen.chains.length - 1] as number)
    const chain = mix32(
      Math.imul(previous, 0x9e3779b1) ^ hash32(entry.data) ^ Math.imul(entry.term, 0x85ebca77) ^ entry.type.length,
    )
    const key = keyOf(entry.index, entry.term)
    const known = this.#chains.get(key) ?? chain
    check(
      known === chain,
      'I3',
      () => `${this.group}: logs differ at or before (${entry.index}, term ${entry.term}), found on node ${self}`,
    )
    this.#chains.set(key, chain)
    seen.terms.push(entry.term)
    seen.chains.push(chain)
  }

  #checkCommit(seen: Seen, core: RaftState): void {
    const from = seen.summary.commit
    if (core.commit === from) return
    const newest = core.commit > this.committed
    for (let index = Math.max(from, seen.base) + 1; index <= core.commit; index++) this.#onCommitted(core, seen, index)
    if (newest && core.role === 'leader') this.#checkOnQuorum(seen, core)
  }

  #onCommitted({ self }: RaftState, seen: Seen, index: Index): void {
    const at = index - seen.base - 1
    const term = seen.terms[at]
    const chain = seen.chains[at]
    // A leader whose term is not on disk yet has not been followed; it commits nothing of that term either.
    if (term === undefined || chain === undefined) return
    const known = this.#committed[index - 1]
    if (known === undefined) {
      check(
        index === this.committed + 1,
        'I8',
        () => `${this.group}: node ${self} commits ${index} after ${this.committed}`,
      )
      this.#committed.push({ term, chain })
      return
    }
    check(
      known.chain === chain,
      'I5',
      () => `${this.group}: node ${self} committed (${index}, term ${term}), another committed term ${known.term}`,
    )
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
    const held = hasQuorum(core.membership.current, holds) || hasQuorum(seen.configuration, holds)
    check(
      held,
      'I9',
      () =>
        `${this.group}: leader ${core.self} committed (${commit}, term ${term}), which is not on the disks of a quorum`,
    )
  }

  #checkProgress(core: RaftState): void {
    for (const [node, { match }] of core.progress) {
      if (match === 0) continue
      const follower = this.#seen.get(node)?.core
      // Of a later term, or none: its log may have been cut since it told.
      if (follower === undefined || follower.term !== core.term) continue
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

const termsMax = 1_048_576

function keyOf(index: Index, term: Term): number {
  return index * termsMax + term
}
