// A name that is used again: what bore it before must reach the new bearer neither through the store nor the network.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RaftGroupState } from '../../../actors/raft/group.ts'
import { lineageKey, readLineageKey } from '../../../actors/raft/lineage.ts'
import { Cluster } from './cluster.ts'

/** Three nodes that have summed, and then were told of a new group of the same name, save the third. */
function reused(coalesce: boolean): { cluster: Cluster; bearers: Map<number, number> } {
  const bearers = new Map([1, 2, 3].map((node) => [node, 2]))
  const cluster = new Cluster({ coalesce, lineage: (node) => bearers.get(node) as number })
  const leader = cluster.leader()
  for (let n = 0; n < 5; n++) cluster.add(leader, 'old')
  cluster.converge()
  // Long enough for all of it to be folded into the stores.
  cluster.run(1_000)
  for (const node of [1, 2, 3]) cluster.crash(node)
  for (const node of [1, 2]) {
    bearers.set(node, 3)
    cluster.restart(node)
  }
  return { cluster, bearers }
}

function sum(cluster: Cluster, node: number, name: string): unknown {
  const reply = cluster.get(node, { type: 'read', query: name, consistency: 'serializable' })
  return reply.type === 'answer' ? reply.answer : reply.type
}

function groupState(cluster: Cluster, node: number): RaftGroupState {
  return [...cluster.executor(node).cells.values()].find(({ name }) => name === 'raft/g')?.state as RaftGroupState
}

for (const coalesce of [false, true]) {
  const how = coalesce ? 'with heartbeats merged by node' : 'with heartbeats of its own'

  test(`A13: a new bearer of a name finds nothing of the old one in its store, ${how}`, () => {
    const { cluster } = reused(coalesce)

    const leader = cluster.leader('g', [1, 2])

    assert.deepEqual(
      [1, 2].map((node) => sum(cluster, node, 'old')),
      [0, 0],
    )
    cluster.add(leader, 'new')
    cluster.until('both hold it', () => [1, 2].every((node) => sum(cluster, node, 'new') === 1))
    const { applied, lastIndex } = cluster.status(leader)
    assert.ok(applied <= 4 && lastIndex <= 4, `the log began anew: ${applied} of ${lastIndex}`)
    for (const node of [1, 2]) cluster.crash(node)
    for (const node of [1, 2]) cluster.restart(node)
    cluster.leader('g', [1, 2])
    assert.deepEqual(
      [1, 2].map((node) => [sum(cluster, node, 'old'), sum(cluster, node, 'new')]),
      [
        [0, 1],
        [0, 1],
      ],
    )
  })

  test(`A13: a member that still bears the old one is not heard, and hears nobody, ${how}`, () => {
    const { cluster, bearers } = reused(coalesce)
    const leader = cluster.leader('g', [1, 2])
    cluster.add(leader, 'new')
    const { term } = cluster.status(leader)

    cluster.restart(3)
    cluster.run(10_000)

    assert.deepEqual([sum(cluster, 3, 'old'), sum(cluster, 3, 'new')], [5, 0])
    assert.equal(cluster.status(3).leader, undefined)
    assert.deepEqual([cluster.status(leader).role, cluster.status(leader).term], ['leader', term])
    assert.ok(
      [1, 2, 3].every((node) => groupState(cluster, node).foreignTotal > 0),
      'they did speak',
    )
    cluster.crash(3)
    bearers.set(3, 3)
    cluster.restart(3)
    cluster.converge()
    assert.deepEqual([sum(cluster, 3, 'old'), sum(cluster, 3, 'new')], [0, 1])
  })
}

test('A13: a snapshot of the old bearer is not taken for one of the new', () => {
  const { cluster } = reused(false)
  cluster.leader('g', [1, 2])
  const manifest = {
    meta: {
      index: 90,
      term: 9,
      configuration: { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [] },
    },
    wallMs: 0,
    origins: [],
  }
  const offer = (id: string): unknown => ({ type: 'snapshotOffer', from: 3, id, term: 9, manifest })

  cluster.tell(1, 'replica/g', offer(lineageKey('3.1.1', 2)))
  cluster.run(100)
  assert.equal(cluster.replica(1).receiver.staging, undefined)

  cluster.tell(1, 'replica/g', offer(lineageKey('3.1.1', 3)))
  cluster.run(100)
  assert.equal(cluster.replica(1).receiver.staging?.manifest.meta.index, 90)
})

test('a key tells name and number apart, and a name without a number is a key of its own', () => {
  for (const [group, id] of [
    ['orders', 3],
    ['a.b-c', 12],
    ['meta', 0],
  ] as const) {
    assert.deepEqual(readLineageKey(lineageKey(group, id)), { group, id })
  }
  assert.equal(lineageKey('meta', 0), 'meta')
})
