/** The shapes in which a network falls apart, and the ways that are shut and opened. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { draw } from '../../../base/draw.ts'
import { lostWays, type PartitionShape, type Roll } from '../../../sim/partitions.ts'
import { Passages } from '../../../sim/passages.ts'

const rolls = (seed: number): Roll => {
  return (site) => draw(seed, `test.${site}`, 0)
}

/** Whom each node still hears, itself among them. */
function heard(shape: PartitionShape, nodes: readonly number[], oneWay: boolean, seed: number): Map<number, number[]> {
  const lost = new Set(lostWays(shape, nodes, oneWay, rolls(seed)).map(([from, to]) => `${from}/${to}`))
  return new Map(nodes.map((to) => [to, nodes.filter((from) => !lost.has(`${from}/${to}`))]))
}

const five = [1, 2, 3, 4, 5]

test('uniform: two sides, each of which hears itself and nobody of the other', () => {
  const sizes = new Set<number>()
  for (let seed = 0; seed < 60; seed++) {
    const by = heard('uniform', five, false, seed)
    for (const [node, others] of by) {
      for (const other of others)
        assert.deepEqual(by.get(other), others, `seed ${seed}: ${node} and ${other} are together`)
    }
    sizes.add((by.get(1) as number[]).length)
  }
  assert.deepEqual([...sizes].sort(), [1, 2, 3, 4, 5], 'every split is drawn')
})

test('isolateOne: one hears itself alone, the others hear all but that one', () => {
  const alone = new Set<number>()
  for (let seed = 0; seed < 60; seed++) {
    const by = heard('isolateOne', five, false, seed)
    const [one = 0, ...none] = five.filter((node) => by.get(node)?.length === 1)
    assert.equal(none.length, 0)
    alone.add(one)
    for (const node of five)
      if (node !== one)
        assert.deepEqual(
          by.get(node),
          five.filter((other) => other !== one),
        )
  }
  assert.equal(alone.size, 5)
})

test('bridge: two halves that do not hear each other, and one node that hears and is heard by all', () => {
  for (let seed = 0; seed < 40; seed++) {
    const by = heard('bridge', five, false, seed)
    const bridges = five.filter((node) => by.get(node)?.length === 5)

    assert.equal(bridges.length, 1)
    for (const node of five) if (!bridges.includes(node)) assert.equal(by.get(node)?.length, 3)
  }
})

test('majoritiesRing: everybody hears a majority, and no two the same', () => {
  for (const nodes of [[1, 2, 3], [1, 2, 3, 4], five, [1, 2, 3, 4, 5, 6, 7]]) {
    const majority = (nodes.length >> 1) + 1
    for (let seed = 0; seed < 20; seed++) {
      const sets = [...heard('majoritiesRing', nodes, false, seed).values()]
      assert.ok(sets.every((set) => set.length === majority))
      assert.equal(new Set(sets.map((set) => set.join())).size, nodes.length)
    }
  }
})

test('one-way: of each lost pair of ways one is left, in the same direction for all', () => {
  for (const shape of ['uniform', 'isolateOne', 'bridge'] as const) {
    for (let seed = 0; seed < 20; seed++) {
      const both = lostWays(shape, five, false, rolls(seed))
      const one = lostWays(shape, five, true, rolls(seed))
      const lost = new Set(one.map(([from, to]) => `${from}/${to}`))

      assert.equal(one.length * 2, both.length)
      assert.ok(one.every(([from, to]) => !lost.has(`${to}/${from}`)))
    }
  }
})

test('a way that two have shut opens when both have let go; a late end opens nothing that was shut since', () => {
  const passages = new Passages()
  const [a, b] = [passages.holder(), passages.holder()]

  assert.equal(passages.cut(1, 2, a), true)
  assert.equal(passages.cut(1, 2, b), false, 'it was shut already')
  passages.join(1, 2, a)
  assert.deepEqual([passages.isCut(1, 2), passages.isCut(2, 1)], [true, false])
  passages.joinAll()
  assert.equal(passages.isCut(1, 2), false)
  const c = passages.holder()
  passages.cut(1, 2, c)
  passages.join(1, 2, b)

  assert.equal(passages.isCut(1, 2), true)
})
