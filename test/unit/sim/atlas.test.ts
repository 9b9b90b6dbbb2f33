/** The fault atlas: what it lets be destroyed, and what it excuses. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { draw } from '../../../base/draw.ts'
import { type AtlasView, type Budget, FaultAtlas, type KnownVoters } from '../../../sim/atlas.ts'
import { quorumOf } from '../../../sim/checkers/majority.ts'
import { Violation } from '../../../sim/checkers/violation.ts'

/** A cluster of nothing but facts: two groups, each on a disk of its own. */
class Facts implements AtlasView {
  readonly groups: readonly string[] = ['meta', 'default']
  members: number[]
  settled = true
  readonly damaged = new Set<string>()
  readonly silent = new Map<string, number>()
  readonly voters = new Map<number, KnownVoters>()
  readonly #looks: (() => void)[] = []

  constructor(members: number) {
    this.members = Array.from({ length: members }, (_, at) => at + 1)
    for (const node of this.members) this.voters.set(node, { index: 0, sets: [this.members] })
  }

  diskOf(group: string): number {
    return group === 'meta' ? 0 : 1
  }

  votersOn(node: number): KnownVoters | undefined {
    return this.voters.get(node)
  }

  isWhole(node: number, disk: number): boolean {
    return !this.damaged.has(`${node}/${disk}`)
  }

  later(look: () => void): void {
    this.#looks.push(look)
  }

  /** A little time passes. */
  pass(): void {
    for (const look of this.#looks.splice(0)) look()
  }

  forgotten(node: number, disk: number): number {
    return this.silent.get(`${node}/${disk}`) ?? 0
  }

  lose(atlas: FaultAtlas, node: number, disks: readonly number[]): void {
    atlas.noteLoss(node, disks)
    for (const disk of disks) this.damaged.add(`${node}/${disk}`)
  }
}

function given(members: number, budget: Budget = 'recoverable'): { facts: Facts; atlas: FaultAtlas } {
  const facts = new Facts(members)
  return { facts, atlas: new FaultAtlas(budget, facts) }
}

test('of three one may be struck, of five two, of two none; another when the first is whole again', () => {
  for (const [members, most] of [
    [1, 0],
    [2, 0],
    [3, 1],
    [4, 1],
    [5, 2],
  ] as const) {
    const { facts, atlas } = given(members)
    let struck = 0
    for (const node of facts.members) {
      if (!atlas.admitsLoss(node, [1])) continue
      facts.lose(atlas, node, [1])
      struck += 1
    }
    assert.equal(struck, most, `of ${members}`)
  }

  const { facts, atlas } = given(3)
  facts.lose(atlas, 2, [1])
  assert.deepEqual([atlas.admitsLoss(1, [1]), atlas.admitsLoss(2, [1])], [false, true])
  facts.damaged.clear()
  facts.pass()
  assert.equal(atlas.admitsLoss(1, [1]), true)
})

test('data are counted by themselves: groups on other disks have losses of their own', () => {
  const { facts, atlas } = given(3)
  facts.lose(atlas, 1, [1])

  assert.deepEqual(
    [atlas.admitsLoss(2, [0]), atlas.admitsLoss(2, [1]), atlas.admitsLoss(2, [0, 1])],
    [true, false, false],
  )
})

test('voters do not change while one is struck, and none is struck while voters change', () => {
  const { facts, atlas } = given(3)
  facts.lose(atlas, 1, [1])
  assert.equal(atlas.admitsChange(), false)

  facts.damaged.clear()
  facts.pass()
  assert.equal(atlas.admitsChange(), true)
  facts.settled = false
  atlas.noteChange()
  assert.deepEqual([atlas.admitsLoss(1, [1]), atlas.admitsChange(), atlas.steady], [false, false, false])
  facts.settled = true
  facts.pass()
  assert.deepEqual([atlas.admitsLoss(1, [1]), atlas.admitsChange(), atlas.steady], [true, true, true])
})

test('over thousands of drawn acts every datum keeps a quorum of stores that hold what they promised', () => {
  let losses = 0
  let changes = 0
  let refused = 0
  for (let seed = 0; seed < 40; seed++) {
    const { facts, atlas } = given(3 + (seed % 3))
    const roll = (site: string, step: number): number => draw(seed, `test.${site}`, step)
    for (let step = 0; step < 250; step++) {
      const node = facts.members[Math.floor(roll('node', step) * facts.members.length)] as number
      const kind = roll('kind', step)
      if (kind < 0.5) {
        const disks = [[0], [1], [0, 1]][Math.floor(roll('disk', step) * 3)] as number[]
        if (atlas.admitsLoss(node, disks)) {
          facts.lose(atlas, node, disks)
          losses += 1
        } else refused += 1
      } else if (kind < 0.7)
        facts.damaged.delete([...facts.damaged][Math.floor(roll('healed', step) * facts.damaged.size)] ?? '')
      else if (kind < 0.85) facts.settled = true
      else if (atlas.admitsChange()) {
        const grow = roll('grow', step) < 0.5 && facts.members.length < 7
        if (grow) facts.members = [...facts.members, Math.max(...facts.members) + 1]
        else if (facts.members.length > 2) facts.members = facts.members.filter((id) => id !== node)
        facts.settled = false
        atlas.noteChange()
        changes += 1
      }
      facts.pass()
      for (const group of facts.groups) {
        const intact = facts.members.filter((id) => !facts.damaged.has(`${id}/${facts.diskOf(group)}`)).length
        assert.ok(intact >= quorumOf(facts.members.length), `seed ${seed}, step ${step}: ${group} has ${intact} left`)
      }
    }
  }
  assert.ok(losses > 500 && changes > 100 && refused > 500, `${losses} losses, ${changes} changes, ${refused} refused`)
})

test('recoverable: no store may forget in silence, and nothing is ever excused', () => {
  const { facts, atlas } = given(3)
  assert.equal(atlas.admitsUnfaithful, false)

  // Even if one had.
  for (const disk of [0, 1]) facts.silent.set(`1/${disk}`, 3)
  for (const invariant of ['I1', 'I3', 'I7', 'I16', 'I21', 'I23', 'R8'])
    assert.equal(atlas.excuse(new Violation(invariant, 'default: something')), undefined)
})

test('unlimited: as long as every store was faithful, whatever else was lost, nothing is excused', () => {
  const { facts, atlas } = given(3, 'unlimited')
  for (const node of facts.members) {
    assert.ok(atlas.admitsLoss(node, [0, 1]))
    facts.lose(atlas, node, [0, 1])
  }
  for (const invariant of ['I1', 'I3', 'I7', 'I16', 'I21', 'I23', 'R8'])
    assert.equal(atlas.excuse(new Violation(invariant, 'default: something')), undefined)
})

test('unlimited: an unfaithful store explains broken promises of its own group, and nothing else', () => {
  const { facts, atlas } = given(3, 'unlimited')
  facts.silent.set('2/1', 1)

  assert.match(atlas.excuse(new Violation('I7', 'default: node 2 voted for 1 and for 3 in term 4')) ?? '', /node 2 had/)
  assert.ok(atlas.excuse(new Violation('R7', "actor 'raft/default' of node 3 failed: InvariantError: R7: …")))
  assert.ok(atlas.excuse(new Violation('I21', 'node 1: the acknowledged write a = b of revision 5 is gone')))
  assert.ok(atlas.excuse(new Violation('I23', 'a leader of default: not within 8 ms\n  node 1 meta: follower')))

  assert.equal(
    atlas.excuse(new Violation('I7', 'meta: node 2 voted for 1 and for 3 in term 4')),
    undefined,
    'of another group',
  )
  assert.equal(
    atlas.excuse(new Violation('I23', 'a leader of meta: not within 8 ms\n  node 1 default: follower')),
    undefined,
  )
  for (const invariant of ['I0', 'I14', 'I22', 'I25', 'K1'])
    assert.equal(atlas.excuse(new Violation(invariant, 'default: something')), undefined, invariant)
})

test('hopeless: only where the newest configuration lacks a quorum of stores that hold what they promised', () => {
  const { facts, atlas } = given(5, 'unlimited')
  const all = [...facts.members]
  for (const node of [1, 2]) facts.lose(atlas, node, [1])
  assert.equal(atlas.hopeless('default', all), undefined, 'three of five are left')
  assert.match(atlas.hopeless('default', [3, 4]) ?? '', /only 3,4/)
  facts.lose(atlas, 3, [1])
  assert.match(atlas.hopeless('default', all) ?? '', /only 4,5 holds/)
  assert.equal(atlas.hopeless('meta', all), undefined, 'its stores are on other disks')

  facts.voters.set(4, { index: 9, sets: [[4, 5]] })
  assert.equal(atlas.hopeless('default', all), undefined, 'those that were lost vote no more')
  facts.voters.set(5, {
    index: 12,
    sets: [
      [4, 5],
      [1, 4, 5, 2, 3],
    ],
  })
  assert.ok(atlas.hopeless('default', all), 'both sets of a joint configuration need a quorum')
})
