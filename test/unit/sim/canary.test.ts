/** That the checkers would find a bug: each is shown a cluster in which its rule is broken by hand. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { ReplicaState } from '../../../actors/raft/replica-state.ts'
import type { ActorRef } from '../../../runtime/kernel/actor.ts'
import type { Cell } from '../../../runtime/kernel/cell.ts'
import { edgeTell } from '../../../runtime/kernel/edge.ts'
import { SupervisionSafety } from '../../../sim/checkers/supervision-safety.ts'
import { SimCluster } from '../../../sim/cluster.ts'
import { mixWorkload } from '../../../sim/mix.ts'
import type { SimNode } from '../../../sim/node.ts'
import { defineScenario, runSeed, runSeedTwice } from '../../../sim/scenario.ts'
import { collectorTree } from '../../../sim/workloads/user-actor.ts'

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
  const state = cluster.replica(follower)?.machineState as { readonly keyspace: { revision: number } } | undefined
  assert.ok(state !== undefined)
  state.keyspace.revision += 1
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

test('I25: a mailbox that outgrows its bound is found at the next delivery', () => {
  const { cluster, leader } = opened()
  const executor = cluster.world.node(leader).executor(0)
  const cell = executor.cells.get(executor.registry.holder('replica/default')?.id ?? 0)
  assert.ok(cell?.mailbox !== undefined)
  Object.defineProperty(cell.mailbox, 'depth', { value: 1_000_000 })
  assert.throws(() => cluster.client('alice').put('a', 'two'), /I25: mailbox of 'replica\/default' on node/)
})

test('I25: a replica that remembers more than it may is found', () => {
  for (const grow of [
    (state: ReplicaState) => Object.assign(state.sessions, { answers: 1_000_000 }),
    (state: ReplicaState) => Object.assign(state.proposals, { askers: 1_000_000 }),
    (state: ReplicaState) => Object.assign(state.reads, { askers: 1_000_000 }),
  ]) {
    const { cluster, follower } = opened()
    grow(cluster.replica(follower) as ReplicaState)
    assert.throws(() => cluster.run({ ms: 500 }), /I25: default: .* the bound is/)
  }
})

test('I27: actors that keep each other busy for nothing are found, and named', () => {
  const { cluster, leader } = opened()
  const replica = { type: 'named', node: leader, name: 'replica/default' } as const
  const flood = (): void => {
    for (let i = 0; i < 2_000; i++) edgeTell(cluster.world.node(leader).executor(0), replica, { type: 'sweep' })
    cluster.run({ ms: 10 })
  }

  assert.throws(
    () => {
      for (let i = 0; i < 90; i++) flood()
    },
    new RegExp(`I27: \\d+ deliveries in [\\d.]+ ms, most of them to replica/default of node ${leader}`),
  )
})

test('I22: frames that arrive and were never sent are found', () => {
  const { cluster } = opened()
  cluster.world.network.counts.delivered += 1_000_000
  assert.throws(() => cluster.run({ ms: 1_000 }), /I22: \d+ frames delivered/)
})

test('I16: a revision that runs backwards while the run goes on is found at its answer', () => {
  const { cluster } = opened()
  const { ledger } = cluster.history
  ledger.answered(ledger.newest, ledger.newest + 1_000, true, () => 'put')
  assert.throws(() => cluster.client('alice').put('a', 'two'), /I16: put of alice was answered at revision/)
})

test('I20, I21: what a replica lost or wrote twice is found at the end', () => {
  const { cluster } = opened()
  cluster.history.ledger.acknowledged({ key: 'a', value: 'never', revision: 2 })
  assert.throws(() => cluster.checkHistory(), /I21: node 1: the acknowledged write a = never/)

  const twice = opened().cluster
  twice.client('bob').put('b', 'one')
  assert.throws(() => twice.checkHistory(), /I20: node 1: "one" was written twice/)
})

test('W7: a supervisor that restarts too soon, or too often, is found', () => {
  const node = { id: 1, clock: { nowMs: () => nowMs } } as unknown as SimNode
  const child = { id: 9, executor: 0, name: 'child' }
  const supervisor = {
    id: 8,
    name: 'tree',
    restarts: 0,
    args: { name: 'tree' },
    definition: collectorTree,
  } as unknown as Cell
  const failed = { type: 'local', id: 9, executor: 0, name: 'child' } as ActorRef
  let nowMs = 0
  const restart = (safety: SupervisionSafety, afterMs: number): void => {
    safety.childFailed(node, supervisor, failed)
    nowMs += afterMs
    safety.restarted(node, 0, child as unknown as Cell)
  }

  assert.throws(
    () => restart(new SupervisionSafety(), 4.9),
    /W7: 'child' of node 1 was restarted 4\.9\d* ms after it failed, not 5/,
  )
  const safety = new SupervisionSafety()
  for (let count = 1; count <= 4; count++) restart(safety, 20)
  assert.throws(
    () => restart(safety, 20),
    /W7: 'tree' of node 1 answered 5 failures within 1000 ms by a restart, not 4/,
  )
  nowMs += 2_000
  restart(safety, 20)
})
