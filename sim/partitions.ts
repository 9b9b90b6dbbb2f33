/**
 * The shapes in which a network falls apart, as the list of the ways that are lost. Pure: who stands where is drawn by the
 * caller's `roll`.
 *
 *   uniform          two sides, each node on one of them by chance
 *   isolateOne       one node and all others
 *   bridge           two halves that cannot see each other, and one node that sees both
 *   majoritiesRing   everybody hears a majority, and no two hear the same one
 *
 * A one-way partition loses the ways of one direction alone: who is cut off still hears, or is still heard.
 */
import type { Way } from './passages.ts'

export type PartitionShape = 'uniform' | 'isolateOne' | 'bridge' | 'majoritiesRing'

export const partitionShapes: readonly PartitionShape[] = ['uniform', 'isolateOne', 'bridge', 'majoritiesRing']

/** A draw with a name, 0 (included) to 1 (excluded). */
export type Roll = (site: string) => number

/** The ways that are lost. Of a ring one way is half of its meaning, so `oneWay` leaves it as it is. */
export function lostWays(shape: PartitionShape, nodes: readonly number[], oneWay: boolean, roll: Roll): Way[] {
  if (shape === 'majoritiesRing') return ringWays(shuffled(nodes, roll))
  const there = sidesOf(shape, nodes, roll)
  const back = there.map(([a, b]): Way => [b, a])
  if (!oneWay) return [...there, ...back]
  return roll('direction') < 0.5 ? there : back
}

function sidesOf(shape: 'uniform' | 'isolateOne' | 'bridge', nodes: readonly number[], roll: Roll): Way[] {
  switch (shape) {
    case 'uniform': {
      const left = nodes.filter((id) => roll(`side.${id}`) < 0.5)
      return across(
        left,
        nodes.filter((id) => !left.includes(id)),
      )
    }
    case 'isolateOne': {
      const [alone, ...others] = shuffled(nodes, roll)
      return alone === undefined ? [] : across([alone], others)
    }
    case 'bridge': {
      const [, ...others] = shuffled(nodes, roll)
      const half = others.length >> 1
      return across(others.slice(0, half), others.slice(half))
    }
  }
}

/** Each hears the next ones on both sides, until they are a majority with itself; where that is odd, one more ahead. */
function ringWays(ring: readonly number[]): Way[] {
  const size = ring.length
  const heard = size >> 1
  const ahead = (heard + 1) >> 1
  const behind = heard - ahead
  const ways: Way[] = []
  for (let at = 0; at < size; at++) {
    for (let step = 1; step < size; step++) {
      if (step > ahead && step < size - behind) ways.push([ring[(at + step) % size] as number, ring[at] as number])
    }
  }
  return ways
}

function across(left: readonly number[], right: readonly number[]): Way[] {
  return left.flatMap((a) => right.map((b): Way => [a, b]))
}

function shuffled(nodes: readonly number[], roll: Roll): number[] {
  return [...nodes]
    .map((id) => ({ id, at: roll(`place.${id}`) }))
    .sort((a, b) => a.at - b.at || a.id - b.id)
    .map(({ id }) => id)
}
