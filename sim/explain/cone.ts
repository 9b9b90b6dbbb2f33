/**
 * The causal cone of a violation: the deliveries without which it would not have happened, found by going backwards from
 * the one that broke the rule.
 *
 *   messages    along parents alone: who sent what was handled, and who sent what made him send it
 *   decisions   and along what a group had decided before, of the kinds that the decision at hand is made of, back to where
 *               it entered its term: the default, small enough to read
 *   everything  and along every earlier delivery to the same actor: all that could have mattered, and most did not
 *
 * A decision reads what was decided before: to grant a vote is to have not voted yet in the term; to commit is to have a
 * log and a term. Faults between two deliveries of the cone, to a node of it, belong to it too.
 */
import type { DecisionKind, RaftDecision } from '../trace/raft-view.ts'
import { type Delivery, deliveryOf, type Happened, messageOf, type RunTrace } from '../trace/record.ts'

export type ConeMode = 'messages' | 'decisions' | 'everything'

/** Why a delivery is in the cone. */
export type Link = 'violation' | 'witness' | 'message' | 'state'

export interface ConeStep {
  readonly seq: number
  readonly link: Link
  /** The delivery of the cone that leads to this one; 0 for where it begins. */
  readonly towards: number
  /** Steps back from the violation. */
  readonly depth: number
}

export interface Cone {
  readonly mode: ConeMode
  /** In order of time. */
  readonly steps: readonly ConeStep[]
  readonly happened: readonly Happened[]
}

export interface ConeOptions {
  readonly mode?: ConeMode
  /** Where to begin; the violation and its witnesses when absent. */
  readonly from?: readonly number[]
}

export function coneOf(trace: RunTrace, { mode = 'decisions', from }: ConeOptions = {}): Cone {
  const history = new History(trace)
  const steps = new Map<number, ConeStep>()
  let front = beginnings(trace, from)
  for (let depth = 0; front.length > 0; depth++) {
    const next: ConeStep[] = []
    for (const begun of front) {
      if (steps.has(begun.seq)) continue
      steps.set(begun.seq, { ...begun, depth })
      const delivery = deliveryOf(trace, begun.seq)
      for (const { seq, link } of causes(trace, delivery, mode, history))
        next.push({ seq, link, towards: begun.seq, depth })
    }
    front = next
  }
  const sorted = [...steps.values()].sort((a, b) => a.seq - b.seq)
  return { mode, steps: sorted, happened: faultsAmong(trace, sorted) }
}

export interface Causing {
  readonly seq: number
  readonly link: Link
}

/** What led to each delivery, by its number less one: the steps that a cone of `decisions` is made of. */
export function causesOf(trace: RunTrace): Causing[][] {
  const history = new History(trace)
  return trace.deliveries.map((delivery) => causes(trace, delivery, 'decisions', history))
}

function causes(trace: RunTrace, delivery: Delivery, mode: ConeMode, history: History): Causing[] {
  const sent = sentBy(trace, delivery, mode, history).map((seq): Causing => ({ seq, link: 'message' }))
  return [...sent, ...stateBefore(delivery, mode, history).map((seq): Causing => ({ seq, link: 'state' }))]
}

function beginnings({ broken, deliveries }: RunTrace, from: readonly number[] | undefined): ConeStep[] {
  if (from !== undefined) return from.map((seq) => ({ seq, link: 'violation', towards: 0, depth: 0 }))
  if (broken === null) return []
  // A rule about the whole run is broken by nobody in particular: what happened last is where to look first.
  const seq = broken.seq === 0 ? deliveries.length : broken.seq
  if (seq === 0) return []
  return [
    { seq, link: 'violation', towards: 0, depth: 0 },
    ...broken.witnesses.map((witness): ConeStep => ({ seq: witness, link: 'witness', towards: seq, depth: 0 })),
  ]
}

function sentBy(trace: RunTrace, delivery: Delivery, mode: ConeMode, history: History): readonly number[] {
  // Who once started a timer, or an actor, has little to do with what it did in the end.
  const idle = messageOf(trace, delivery).via === 'timer' || history.opens(delivery.seq)
  return mode === 'decisions' && idle ? [] : delivery.parents
}

function stateBefore(delivery: Delivery, mode: ConeMode, history: History): readonly number[] {
  switch (mode) {
    case 'messages':
      return []
    case 'everything':
      return delivery.previous === 0 ? [] : [delivery.previous]
    case 'decisions':
      return history.before(delivery.seq)
  }
}

/** What a decision is made of: earlier decisions of these kinds, in the same term. */
const voted: readonly DecisionKind[] = ['opened', 'campaign', 'voteGranted', 'leadershipWon']
const log: readonly DecisionKind[] = ['opened', 'cut', 'snapshotInstalled', 'leadershipWon', 'follows']
const madeOf: { readonly [kind in DecisionKind]: readonly DecisionKind[] } = {
  opened: ['term', 'voteGranted', 'campaign'],
  closed: [],
  term: [],
  // Nobody was heard for long enough: that nothing came is no delivery.
  preCampaign: [],
  campaign: ['preCampaign', 'voteCounted'],
  voteGranted: voted,
  voteCounted: ['voteCounted', 'preCampaign', 'campaign'],
  leadershipWon: ['campaign', 'voteCounted', 'opened'],
  leadershipLost: ['leadershipWon'],
  follows: [],
  append: log,
  matched: [],
  cut: [...log, 'append'],
  commit: [...log, 'append', 'matched', 'configuration'],
  compacted: ['commit'],
  snapshotSent: ['commit', 'compacted'],
  snapshotInstalled: ['follows'],
  configuration: [...log, 'configuration'],
}

/** The decisions of each group on each node, in order. */
class History {
  readonly #bySeq = new Map<number, RaftDecision>()
  readonly #before = new Map<RaftDecision, RaftDecision>()

  constructor({ decisions }: RunTrace) {
    const newest = new Map<string, RaftDecision>()
    for (const decision of decisions) {
      const key = `${decision.node} ${decision.group}`
      const last = newest.get(key)
      if (last !== undefined) this.#before.set(decision, last)
      newest.set(key, decision)
      this.#bySeq.set(decision.seq, decision)
    }
  }

  /** True where a core was made from what the disk held: what it was told to begin with says nothing. */
  opens(seq: number): boolean {
    return this.#bySeq.get(seq)?.kinds.includes('opened') === true
  }

  /** The newest decision of each kind that the one at `seq` is made of; of a core that was opened, from its former life. */
  before(seq: number): readonly number[] {
    const decision = this.#bySeq.get(seq)
    if (decision === undefined) return []
    const wanted = new Set(decision.kinds.flatMap((kind) => madeOf[kind]))
    const anyTerm = this.opens(seq)
    const last = this.#before.get(decision)
    // Whoever stands for election asked around in the term before.
    const own = termOf(decision.kinds.includes('campaign') && last !== undefined ? last : decision)
    const found: number[] = []
    for (let at = this.#before.get(decision); at !== undefined && wanted.size > 0; at = this.#before.get(at)) {
      if (!anyTerm && at.state !== null && at.state.term < own) break
      // The first life of a group began with nothing.
      const hits = at.kinds.filter(
        (kind) => wanted.has(kind) && (kind !== 'opened' || this.#before.has(at as RaftDecision)),
      )
      if (hits.length > 0) found.push(at.seq)
      for (const hit of hits) wanted.delete(hit)
      if (anyTerm && hits.length > 0) break
    }
    return found
  }
}

function termOf({ state }: RaftDecision): number {
  return state?.term ?? 0
}

function faultsAmong({ happened, deliveries }: RunTrace, steps: readonly ConeStep[]): Happened[] {
  const first = steps[0]
  const last = steps[steps.length - 1]
  if (first === undefined || last === undefined) return []
  const nodes = new Set(steps.map(({ seq }) => deliveries[seq - 1]?.node))
  return happened.filter(
    ({ after, nodes: about }) =>
      after >= first.seq && after < last.seq && (about.length === 0 || about.some((node) => nodes.has(node))),
  )
}
