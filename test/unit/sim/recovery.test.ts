/** After the faults: a quorum must recover by itself, and who does not must show that it could not. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { SimCluster } from '../../../sim/cluster.ts'
import { awaitLeaders, endFaults, whyHopeless } from '../../../sim/liveness.ts'

function opened(nodes: number = 3): SimCluster {
  const cluster = new SimCluster({ seed: 6, nodes, budget: 'unlimited' })
  for (const group of ['meta', 'default']) cluster.awaitLeader({ withinMs: 4_000, group })
  cluster.client('alice').put('a', 'before')
  return cluster
}

test('a core of two finds a leader and commits while the third is dead, stands still or is cut off', () => {
  for (const rest of ['dead', 'paused', 'cut'] as const) {
    for (const choice of [0.05, 0.6]) {
      const cluster = opened()
      const leader = cluster.awaitLeader({ withinMs: 100 })
      cluster.crash(...cluster.others(leader))

      endFaults(cluster, { type: 'core', choice, rest })

      awaitLeaders(cluster)
      assert.equal(whyHopeless(cluster), undefined)
      assert.equal(cluster.client('bob').get('core')?.startsWith('progress'), true)
      assert.equal(cluster.frozen.size, 0)
      cluster.expectConverged({ withinMs: 20_000 })
      cluster.checkHistory()
    }
  }
})

test('cores differ with the choice', () => {
  const cores = new Set<string>()
  for (let at = 0; at < 12; at++) {
    const cluster = opened()
    endFaults(cluster, { type: 'core', choice: at / 12, rest: 'dead' })
    cores.add(cluster.nodes.filter((id) => cluster.world.node(id).crashes === 0).join())
  }
  assert.deepEqual([...cores].sort(), ['1,2', '1,3', '2,3'])
})

test('I23: a cluster that could recover and does not is a violation', () => {
  const cluster = opened()
  cluster.partition([1], [2], [3])
  cluster.run({ ms: 10 * cluster.electionMs })

  assert.throws(() => awaitLeaders(cluster), /I23: a leader of meta/)
  assert.equal(whyHopeless(cluster), undefined)
})

test('a majority of stores that are lost is a proof, and the group keeps standing still', () => {
  const cluster = opened()
  for (const id of [1, 2]) {
    cluster.crash(id)
    cluster.world.node(id).wipe()
    cluster.atlas.noteLoss(id, [0])
  }

  endFaults(cluster, { type: 'core', choice: 0.4, rest: 'dead' })

  cluster.run({ ms: 40 * cluster.electionMs })
  assert.match(whyHopeless(cluster) ?? '', /only 3 holds all that was promised/)
  assert.equal(cluster.leader(), undefined)
})
