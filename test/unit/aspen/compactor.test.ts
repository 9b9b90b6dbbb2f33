// The compactor beside the actors of whole simulated nodes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compactor } from '../../../aspen/compactor.ts'
import { edgeSpawn } from '../../../runtime/kernel/edge.ts'
import { SimCluster } from '../../../sim/cluster.ts'
import { keyspaceOf, propose, putOf } from './sim-view.ts'

const withinMs = 10_000

function withCompactors(nodes: number, policy: Parameters<typeof compactor.init>[1]): SimCluster {
  const cluster = new SimCluster({ seed: 3, nodes, executors: 2 })
  cluster.awaitLeader({ withinMs })
  cluster.run({ ms: 1_000 })
  for (const node of cluster.nodes)
    edgeSpawn(cluster.world.node(node).executor(0), compactor, policy, { name: 'compactor' })
  return cluster
}

function compactRevision(cluster: SimCluster, node: number, group: string = 'default'): number | undefined {
  return keyspaceOf(cluster, node, group)?.facts.compactRevision
}

test('a keyspace is compacted to what it was a retention ago, and what was dropped is removed from the store', () => {
  const cluster = withCompactors(1, { mode: 'periodic', retentionMs: 2_000 })
  for (let n = 0; n < 20; n++) propose(cluster, 1, putOf('key'))
  const written = keyspaceOf(cluster, 1)?.revision as number

  cluster.run({ ms: 6_000 })

  assert.equal(compactRevision(cluster, 1), written)
  const index = keyspaceOf(cluster, 1)?.index
  assert.deepEqual([index?.liveKeys, index?.removable], [1, 0])
})

test('revision: the newest revisions are kept, in every keyspace', () => {
  const cluster = withCompactors(1, { mode: 'revision', revisions: 5 })
  cluster.change({ type: 'createGroup', name: 'orders', machine: 'keyspace', args: {} }, { withinMs })
  cluster.awaitLeader({ withinMs, group: 'orders' })
  for (let n = 0; n < 20; n++) {
    propose(cluster, 1, putOf('key'))
    cluster.ask(1, { type: 'propose', command: putOf('key') }, { withinMs, group: 'orders' })
  }

  cluster.run({ ms: 601_000 })

  assert.deepEqual(
    ['default', 'orders'].map((group) => compactRevision(cluster, 1, group)),
    [16, 16],
  )
})

test('C2: of three members that beat alike, the leader alone compacts, and all replicas come to the same', () => {
  const cluster = withCompactors(3, { mode: 'periodic', retentionMs: 1_000 })
  const leader = cluster.awaitLeader({ withinMs })
  for (let n = 0; n < 5; n++) propose(cluster, leader, putOf('key'))
  cluster.run({ ms: 3_000 })
  const first = cluster.nodes.map((node) => compactRevision(cluster, node))
  const before = cluster.replica(leader)?.applied as number

  cluster.run({ ms: 10_000 })

  assert.deepEqual(first, [6, 6, 6])
  // Were each member to ask, or the leader to repeat itself, the log would go on.
  assert.equal(cluster.replica(leader)?.applied, before)
})
