/** The quorum of whoever judges: counted by itself, and by another hand than the product's. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { hasQuorum } from '../../../actors/raft/quorum.ts'
import { holdsQuorum, quorumOf } from '../../../sim/checkers/majority.ts'

test('a quorum is more than half, of every voter set that counts', () => {
  assert.deepEqual([1, 2, 3, 4, 5].map(quorumOf), [1, 2, 2, 3, 3])
  const held = (voters: number[], votersOutgoing: number[], by: number[]): boolean =>
    holdsQuorum({ voters, votersOutgoing }, (node) => by.includes(node))

  assert.equal(held([1, 2, 3, 4], [], [1, 2]), false, 'half is not more than half')
  assert.equal(held([1, 2, 3, 4], [], [1, 2, 3]), true)
  assert.equal(held([1, 2, 3], [3, 4, 5], [1, 2]), false, 'of one side alone')
  assert.equal(held([1, 2, 3], [3, 4, 5], [1, 3, 4]), true)
  assert.equal(held([], [], [1]), false)
})

test('it agrees with the product on every set of up to five voters, before, after and in between', () => {
  for (let voters = 1; voters < 32; voters++) {
    for (const outgoing of [0, 7, 28, 31]) {
      const sets = { voters: bits(voters), votersOutgoing: bits(outgoing), learners: [], learnersNext: [] }
      for (let by = 0; by < 32; by++) {
        const holds = (node: number): boolean => (by & (1 << node)) !== 0
        assert.equal(holdsQuorum(sets, holds), hasQuorum(sets, holds), JSON.stringify({ sets, by }))
      }
    }
  }
})

function bits(set: number): number[] {
  return [0, 1, 2, 3, 4].filter((node) => (set & (1 << node)) !== 0)
}
