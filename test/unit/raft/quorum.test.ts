import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Configuration, NodeId } from '../../../actors/raft/messages.ts'
import { hasQuorum, majority, quorumIndex, voteOutcome } from '../../../actors/raft/quorum.ts'

const voters = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 })
const outgoing = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 5 })
const configurations = fc.record({
  voters,
  votersOutgoing: outgoing,
  learners: fc.constant([10, 11]),
  learnersNext: fc.constant([]),
})
const matches = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 12, maxLength: 12 })

/** By definition: the highest index such that, in each set, more than half are at or above it. */
function byBruteForce({ voters, votersOutgoing }: Configuration, match: readonly number[]): number {
  const sets = [voters, votersOutgoing].filter((set) => set.length > 0)
  for (let index = 6; index > 0; index--) {
    const reached = (set: readonly NodeId[]): number => set.filter((node) => (match[node] as number) >= index).length
    if (sets.every((set) => reached(set) * 2 > set.length)) return index
  }
  return 0
}

test('R8: the quorum index is the highest that more than half of every voter set reached', () => {
  fc.assert(
    fc.property(configurations, matches, (configuration, match) => {
      assert.equal(
        quorumIndex(configuration, (node) => match[node] as number),
        byBruteForce(configuration, match),
      )
    }),
  )
})

test('R14: what learners and strangers hold changes no quorum', () => {
  fc.assert(
    fc.property(configurations, matches, (configuration, match) => {
      const known = (node: NodeId): number => match[node] as number
      const boasting = (node: NodeId): number =>
        configuration.voters.includes(node) || configuration.votersOutgoing.includes(node) ? known(node) : 99
      assert.equal(quorumIndex(configuration, boasting), quorumIndex(configuration, known))
    }),
  )
})

test('R3: an election is won, lost or open as brute force over all missing votes says', () => {
  const ballots = fc.array(fc.constantFrom(true, false, undefined), { minLength: 12, maxLength: 12 })
  fc.assert(
    fc.property(configurations, ballots, (configuration, ballot) => {
      const votes = new Map<NodeId, boolean>()
      for (const [node, vote] of ballot.entries()) if (vote !== undefined) votes.set(node, vote)
      const best = (node: NodeId): boolean => ballot[node] !== false
      const worst = (node: NodeId): boolean => ballot[node] === true
      const expected = hasQuorum(configuration, worst) ? 'won' : hasQuorum(configuration, best) ? 'pending' : 'lost'
      assert.equal(voteOutcome(configuration, votes), expected)
    }),
  )
})

test('R3: nobody is elected by a group without voters, and nothing is committed by it', () => {
  const nobody: Configuration = { voters: [], votersOutgoing: [], learners: [1], learnersNext: [] }

  assert.equal(voteOutcome(nobody, new Map([[1, true]])), 'lost')
  assert.equal(
    quorumIndex(nobody, () => 7),
    0,
  )
})

test('a majority is more than half', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map(majority), [1, 2, 2, 3, 3, 4, 4])
})
