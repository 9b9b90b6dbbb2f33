/**
 * Which entries of each proposer are in: a forwarded proposal that the network doubles, or that a forwarder repeats, may
 * stand in the log twice, and is applied once.
 *
 *   A2  of one proposer, entries are applied in the order of (incarnation, number), each at most once
 *
 * So an entry that was overtaken by a later one of its proposer is dead for good, which the proposer can rely on: when
 * its entry n is applied, every entry before n that was not is certainly dropped.
 */
import type { NodeId } from './messages.ts'
import type { OriginMark } from './replica-messages.ts'

/** Proposers remembered; the one that was silent longest (by log order) goes first. Members alone propose. */
export const originsMax = 256

interface Mark {
  readonly incarnation: number
  readonly number: number
}

/** In the order of their newest entry, oldest first: the same on every replica. */
export type Origins = Map<NodeId, Mark>

export function restoreOrigins(marks: readonly OriginMark[]): Origins {
  return new Map(marks.map(([node, incarnation, number]) => [node, { incarnation, number }]))
}

export function originMarks(origins: Origins): OriginMark[] {
  return [...origins].map(([node, { incarnation, number }]) => [node, incarnation, number])
}

/** True, and remembered, when the entry is the newest of its proposer; false when it must be passed over. */
export function admitEntry(origins: Origins, node: NodeId, incarnation: number, number: number): boolean {
  const mark = origins.get(node)
  if (mark !== undefined) {
    if (incarnation < mark.incarnation) return false
    if (incarnation === mark.incarnation && number <= mark.number) return false
    origins.delete(node)
  }
  origins.set(node, { incarnation, number })
  if (origins.size > originsMax) origins.delete(origins.keys().next().value as NodeId)
  return true
}
