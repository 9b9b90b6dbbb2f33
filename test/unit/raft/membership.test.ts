import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  checkConfigurationChange,
  decodeConfiguration,
  encodeConfiguration,
  isJoint,
  leaveJoint,
  MembershipHistory,
  members,
  nextConfiguration,
  trackedMembers,
} from '../../../actors/raft/membership.ts'
import type { Configuration } from '../../../actors/raft/messages.ts'

const simple = (voters: number[], learners: number[] = []): Configuration => ({
  voters,
  votersOutgoing: [],
  learners,
  learnersNext: [],
})
const nodes = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 6 })
const split = nodes.chain((all) =>
  fc.integer({ min: 1, max: all.length }).map((at) => ({ voters: all.slice(0, at), learners: all.slice(at) })),
)

test('R13: one voter more or less goes straight, two or more go through a joint configuration', () => {
  assert.equal(
    isJoint(nextConfiguration(simple([1, 2, 3]), { voters: [1, 2, 3, 4], learners: [] }) as Configuration),
    false,
  )
  assert.equal(isJoint(nextConfiguration(simple([1, 2, 3]), { voters: [1, 2], learners: [3] }) as Configuration), false)
  assert.equal(
    isJoint(nextConfiguration(simple([1, 2, 3]), { voters: [1, 2, 4], learners: [] }) as Configuration),
    true,
  )
})

test('R13: from anywhere to anywhere in at most two steps, majorities of neighbours always meeting', () => {
  fc.assert(
    fc.property(split, split, (from, wanted) => {
      const start = simple(from.voters, from.learners)
      const next = nextConfiguration(start, wanted)
      if (next === undefined) return
      const end = isJoint(next) ? leaveJoint(next) : next
      assert.deepEqual(new Set(end.voters), new Set(wanted.voters))
      assert.deepEqual(new Set(end.learners), new Set(wanted.learners))
      const changed = [...members(next)].filter((node) => next.voters.includes(node) !== start.voters.includes(node))
      assert.ok(isJoint(next) || changed.length <= 1)
    }),
  )
})

test('R14: a voter of before that becomes a learner counts as a voter until the joint configuration is left', () => {
  const joint = nextConfiguration(simple([1, 2, 3]), { voters: [1, 4], learners: [2, 3] }) as Configuration

  assert.deepEqual(joint, { voters: [1, 4], votersOutgoing: [1, 2, 3], learners: [], learnersNext: [2, 3] })
  assert.deepEqual(leaveJoint(joint), simple([1, 4], [2, 3]))
})

test('a change to what already is needs no step', () => {
  assert.equal(nextConfiguration(simple([3, 1, 2], [5]), { voters: [1, 2, 3], learners: [5] }), undefined)
})

test('an impossible change is refused with what was wanted and what was given', () => {
  assert.throws(() => checkConfigurationChange({ voters: [], learners: [1] }), /at least 1 voter, 0 given/)
  assert.throws(() => checkConfigurationChange({ voters: [1, 2], learners: [2] }), /2 is named twice/)
  assert.throws(
    () => checkConfigurationChange({ voters: [1.5], learners: [] }),
    /safe integer of at least 1, 1.5 given/,
  )
  assert.throws(
    () => checkConfigurationChange({ voters: Array.from({ length: 129 }, (_, n) => n + 1), learners: [] }),
    /at most 128 members, 129/,
  )
})

test('a configuration survives its encoding, and other bytes are recognised as none', () => {
  fc.assert(
    fc.property(split, split, (from, wanted) => {
      const next = nextConfiguration(simple(from.voters, from.learners), wanted) ?? simple(from.voters)
      assert.deepEqual(decodeConfiguration(encodeConfiguration(next)), next)
      assert.equal(decodeConfiguration(encodeConfiguration(next).slice(0, -1)), undefined)
    }),
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodeConfiguration(bytes)))
})

test('R13: a configuration is in force from its entry on, and no longer when the entry is cut off', () => {
  const history = new MembershipHistory(0, simple([1]))
  history.add(5, simple([1, 2]))
  history.add(9, simple([1, 2, 3]))
  assert.deepEqual(history.current.voters, [1, 2, 3])
  assert.deepEqual(history.at(8).voters, [1, 2])

  history.truncate(9)
  assert.deepEqual(history.current.voters, [1, 2])
  assert.equal(history.currentIndex, 5)

  history.compact(7)
  assert.deepEqual(history.base.voters, [1, 2])
  history.truncate(8)
  assert.deepEqual(history.current.voters, [1, 2])
})

test('R13: who leaves is replicated to until the configuration without it is committed', () => {
  const history = new MembershipHistory(0, simple([1, 2, 3]))
  history.add(4, simple([1, 2]))

  assert.deepEqual([...trackedMembers(history, 3)].sort(), [1, 2, 3])
  assert.deepEqual([...trackedMembers(history, 4)].sort(), [1, 2])
})
