/**
 * Most rules are broken by two: the delivery at which it was noticed, and what another node decided before, perhaps without
 * any message between them. The text of a violation names the nodes and the term; their decisions are looked up by that.
 */
import type { DecisionKind, RaftDecision } from './raft-view.ts'

const elections: readonly DecisionKind[] = ['leadershipWon', 'voteGranted', 'campaign']

/**
 * Deliveries in which the named nodes were elected or voted in the named term, or committed the named index.
 *
 * @param seq - The delivery that broke the rule; 0 when none did.
 * @param at - Its node.
 */
export function witnessesOf(text: string, seq: number, at: number, decisions: readonly RaftDecision[]): number[] {
  const group =
    /(?:^|: )([\w.-]+): /.exec(text.replace(/^[A-Z]\d+: /, ''))?.[1] ?? /^[A-Z]\d+: ([\w.-]+): /.exec(text)?.[1]
  const nodes = numbersIn(text, /\b(?:nodes?|leader|replica) (\d+)(?: and (\d+))?/g)
  const terms = numbersIn(text, /\bterm (\d+)/g)
  const indexes = numbersIn(text, /\((\d+), term/g)
  const found = new Set<number>()
  let committed = false
  for (const decision of decisions) {
    if (decision.seq > seq && seq !== 0) break
    if (group !== undefined && decision.group !== group) continue
    const { state, kinds } = decision
    if (state === null) continue
    // What the node of the violation itself decided is in its cone already.
    const other = nodes.has(decision.node) && decision.node !== at
    if (other && terms.has(state.term) && kinds.some((kind) => elections.includes(kind))) found.add(decision.seq)
    // Whoever committed it first made it true for all.
    const before = Number(decision.diff.find(([field]) => field === 'commit')?.[1] || 0)
    if (
      !committed &&
      kinds.includes('commit') &&
      [...indexes].some((index) => before < index && index <= state.commit)
    ) {
      committed = true
      found.add(decision.seq)
    }
  }
  found.delete(seq)
  return [...found]
}

function numbersIn(text: string, pattern: RegExp): Set<number> {
  const numbers = new Set<number>()
  for (const [, ...found] of text.matchAll(pattern))
    for (const one of found) if (one !== undefined) numbers.add(Number(one))
  return numbers
}
