/**
 * The logs of a group, compared by a chain: the hash of an entry covers all entries before it, so two logs that share one
 * (index, term) are equal up to there exactly when the two hashes are, at the cost of what is new.
 *
 *   I2  a leader never cuts its own log              I5  what is committed at an index is committed so by all
 *   I3  logs that share (index, term) are equal      I8  what is committed is never cut, and commits leave no gap
 */
import type { RaftSummary } from '../../actors/raft/invariants.ts'
import type { Index, NodeId, Term } from '../../actors/raft/messages.ts'
import type { RaftState } from '../../actors/raft/state.ts'
import { hash32, mix32 } from '../../base/digest.ts'
import { decideFaultPoints } from '../../base/fault-points.ts'
import type { LogEntry } from '../../runtime/ports/store.ts'
import { check } from './violation.ts'

/** One log as it was when it was looked at last: `terms[i]` and `chains[i]` are of index `base + 1 + i`. */
export interface SeenLog {
  /** Of the core that owns it, before its newest delivery. */
  readonly summary: RaftSummary
  base: Index
  baseChain: number
  readonly terms: Term[]
  readonly chains: number[]
}

/** What somebody knew to be committed. */
export interface Committed {
  readonly term: Term
  readonly chain: number
  /** Committed in this term at the latest: somebody knew it then. */
  readonly by: Term
}

export class LogChains {
  readonly #group: string
  /** Every (index, term) that was ever in a log, with its chain. */
  readonly #chains = new Map<number, number>()
  /** By index - 1. */
  readonly #committed: Committed[] = []

  constructor(group: string) {
    this.#group = group
  }

  /** The last index that any replica knows to be committed. */
  get last(): Index {
    return this.#committed.length
  }

  committed(index: Index): Committed | undefined {
    return this.#committed[index - 1]
  }

  /** The chain of what was in some log at (index, term). */
  chain(index: Index, term: Term): number | undefined {
    return this.#chains.get(keyOf(index, term))
  }

  /** Brings what was seen of a log up to date with it. */
  follow(seen: SeenLog, core: RaftState): void {
    const { terms } = seen
    const known = terms.length === 0 || terms[terms.length - 1] === core.log.lastTerm
    if (known && core.log.last === seen.base + terms.length) return
    // Fault sites within what is called belong to the product, and are not to fire for us.
    const points = decideFaultPoints(undefined)
    try {
      this.#followLog(seen, core)
    } finally {
      decideFaultPoints(points)
    }
  }

  #followLog(seen: SeenLog, core: RaftState): void {
    const { log, self } = core
    // A term that a crash can still erase is known to nobody else, and may be lived through twice.
    if (core.role === 'leader' && !core.termDurable) return
    const seenLast = seen.base + seen.terms.length
    // Beyond its end, or in the middle of a log that went another way: then nothing of it is left.
    const base = log.first - 1
    const seenTerm = base > seen.base ? seen.terms[base - seen.base - 1] : undefined
    if (base > seenLast || (seenTerm !== undefined && seenTerm !== log.term(base))) {
      this.#rebase(seen, core)
      return
    }
    let same = Math.min(log.last, seenLast)
    while (same > seen.base && same >= log.first && seen.terms[same - seen.base - 1] !== log.term(same)) same -= 1
    const leading = seen.summary.role === 'leader' && core.role === 'leader' && seen.summary.term === core.term
    check(
      same === seenLast || !leading,
      'I2',
      () => `${this.#group}: leader ${self} of term ${core.term} cut its own log after ${same}`,
    )
    check(
      same >= seen.summary.commit || same === seenLast,
      'I8',
      () => `${this.#group}: node ${self} cut its log after ${same}, having committed ${seen.summary.commit}`,
    )
    if (same < seenLast) {
      seen.terms.length = same - seen.base
      seen.chains.length = same - seen.base
    }
    for (let from = same + 1; from <= log.last; ) {
      for (const entry of log.slice(from, log.last, Number.POSITIVE_INFINITY)) {
        this.#onEntry(seen, self, entry)
        from = entry.index + 1
      }
    }
  }

  /** A snapshot took the place of the log. */
  #rebase(seen: SeenLog, { self, log }: RaftState): void {
    const term = log.term(log.first - 1) as Term
    const chain = this.#chains.get(keyOf(log.first - 1, term))
    check(
      chain !== undefined,
      'I3',
      () =>
        `${this.#group}: node ${self} installed a snapshot at (${log.first - 1}, term ${term}), which no log ever held`,
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

  #onEntry(seen: SeenLog, self: NodeId, entry: LogEntry): void {
    const previous = seen.chains.length === 0 ? seen.baseChain : (seen.chains[seen.chains.length - 1] as number)
    const chain = mix32(
      Math.imul(previous, 0x9e3779b1) ^ hash32(entry.data) ^ Math.imul(entry.term, 0x85ebca77) ^ entry.type.length,
    )
    const key = keyOf(entry.index, entry.term)
    const known = this.#chains.get(key) ?? chain
    check(
      known === chain,
      'I3',
      () => `${this.#group}: logs differ at or before (${entry.index}, term ${entry.term}), found on node ${self}`,
    )
    this.#chains.set(key, chain)
    seen.terms.push(entry.term)
    seen.chains.push(chain)
  }

  onCommitted({ self, term: by }: RaftState, seen: SeenLog, index: Index): void {
    const at = index - seen.base - 1
    const term = seen.terms[at]
    const chain = seen.chains[at]
    // A leader whose term is not on disk yet has not been followed; it commits nothing of that term either.
    if (term === undefined || chain === undefined) return
    const known = this.#committed[index - 1]
    if (known === undefined) {
      check(index === this.last + 1, 'I8', () => `${this.#group}: node ${self} commits ${index} after ${this.last}`)
      this.#committed.push({ term, chain, by })
      return
    }
    check(
      known.chain === chain,
      'I5',
      () => `${this.#group}: node ${self} committed (${index}, term ${term}), another committed term ${known.term}`,
    )
  }
}

const termsMax = 1_048_576

function keyOf(index: Index, term: Term): number {
  return index * termsMax + term
}
