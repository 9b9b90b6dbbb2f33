/** That the checkers would find a bug: each is shown a cluster in which its rule is broken by hand. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { edgeTell } from '../../../runtime/kernel/edge.ts'
import { SimCluster } from '../../../sim/cluster.ts'
import { mixWorkload } from '../../../sim/mix.ts'
import { defineScenario, runSeed, runSeedTwice } from '../../../sim/scenario.ts'

function opened(seed: number = 5): { cluster: SimCluster; leader: number; follower: number } {
  const cluster = new SimCluster({ seed, nodes: 3 })
  const leader = cluster.awaitLeader({ withinMs: 3_000 })
  cluster.client('alice').put('a', 'one')
  return { cluster, leader, follower: cluster.others(leader)[0] as number }
}

test('I7: a vote that its disk does not know is found when it arrives', () => {
  const { cluster, leader, follower } = opened()
  const term = (cluster.core(leader, 'meta')?.term ?? 0) + 1
  const message = { type: 'vote', from: follower, term, pre: false, granted: true }
  const to = { type: 'named', node: leader, name: 'raft/meta' } as const
  edgeTell(cluster.world.node(leader).executor(0), to, { type: 'peer', message })
  assert.throws(() => cluster.run({ ms: 10 }), /I6: meta: node . spoke for term/)
})

test('I8: a commit index that falls is found at the next delivery', () => {
  const { cluster, leader } = opened()
  const core = cluster.core(leader)
  assert.ok(core !== undefined && core.commit > 0)
  core.commit -= 1
  assert.throws(() => cluster.run({ ms: 100 }), /R8|R9/)
})

test('I1: a second leader of a term is found', () => {
  const { cluster, leader, follower } = opened()
  const core = cluster.core(follower)
  assert.ok(core !== undefined && core.term === cluster.core(leader)?.term)
  core.role = 'leader'
  assert.throws(() => cluster.run({ ms: 200 }), /I1|R3|R4/)
})

test('I5: replicas that applied the same to different effect are found', () => {
  const { cluster, follower } = opened()
  const state = cluster.replica(follower)?.machineState as { revision: number }
  state.revision += 1
  assert.throws(() => cluster.client('alice').put('a', 'two'), /I5: default: nodes . and . differ|K4/)
})

test('I0: an actor that fails is found, with the number of its own rule', () => {
  const { cluster, leader } = opened()
  edgeTell(
    cluster.world.node(leader).executor(0),
    { type: 'named', node: leader, name: 'raft/default' },
    { type: 'no such message' },
  )
  assert.throws(() => cluster.run({ ms: 100 }), /actor 'raft\/default' of node . failed/)
})

test('I23: what never comes true is a violation of its own', () => {
  const { cluster, leader } = opened()
  cluster.crash(leader, ...cluster.others(leader).slice(0, 1))
  assert.throws(() => cluster.client('alice').put('a', 'alone', { withinMs: 2_000 }), /I23: put 'a': no answer/)
})

test('a seed is one run: the same digest twice, another for another seed', () => {
  const mix = mixWorkload({ nodes: 3 })
  const first = runSeedTwice(mix, 2)
  assert.equal(first.failure, undefined, first.failure?.text)
  assert.notEqual(first.digest, runSeed(mix, 3).digest)
})

test('a run that depends on more than its seed is found out', () => {
  let runs = 0
  const fickle = defineScenario('F1: fickle', { seeds: [1], nodes: 3 }, (cluster) => {
    runs += 1
    cluster.run({ ms: 100 * runs })
  })
  assert.match(runSeedTwice(fickle, 1).failure?.text ?? '', /two runs differ/)
})
