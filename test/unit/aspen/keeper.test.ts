// The keeper in whole simulated nodes: the tree, the stores and the network are those that scenarios run on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeeperState } from '../../../aspen/keeper.ts'
import { executorOf } from '../../../aspen/plan.ts'
import { edgeStop } from '../../../runtime/kernel/edge.ts'
import { SimCluster } from '../../../sim/cluster.ts'
import { holderOf, keyspaceOf, propose, putOf, rowsOf } from './sim-view.ts'

const withinMs = 10_000
const executors = 3

function founded(nodes: number): SimCluster {
  const cluster = new SimCluster({ seed: 11, nodes, executors })
  cluster.awaitLeader({ withinMs })
  return cluster
}

function create(cluster: SimCluster, name: string): void {
  cluster.change({ type: 'createGroup', name, machine: 'keyspace', args: {} }, { withinMs })
}

/** Groups that run on a node, as the actors there say. */
function running(cluster: SimCluster, node: number): string {
  const names = ['meta', 'default', 'orders', 'users'].filter((group) =>
    ['raft', 'replica'].every((part) => holderOf(cluster, node, `${part}/${group}`) !== undefined),
  )
  return names.join()
}

function everywhere(cluster: SimCluster, what: string, wanted: string): void {
  cluster.await(what, () => cluster.upNodes.every((node) => running(cluster, node) === wanted), { withinMs })
}

test('N1: a new keyspace runs on every member, on the executor of its name, and can be written', () => {
  const cluster = founded(3)

  create(cluster, 'orders')

  everywhere(cluster, 'orders runs', 'meta,default,orders')
  for (const node of cluster.nodes) {
    for (const part of ['raft', 'replica'])
      assert.equal(holderOf(cluster, node, `${part}/orders`)?.executor, executorOf('orders', executors))
  }
  const leader = cluster.awaitLeader({ withinMs, group: 'orders' })
  const reply = cluster.ask(leader, { type: 'propose', command: putOf('a') }, { withinMs, group: 'orders' })
  assert.equal(reply?.type, 'applied')
  assert.equal(keyspaceOf(cluster, leader, 'orders')?.revision, 2)
  assert.equal(keyspaceOf(cluster, leader)?.revision, 1)
})

test('N1: a dropped keyspace stops everywhere and leaves nothing in any store; its name begins anew', () => {
  const cluster = founded(3)
  create(cluster, 'orders')
  const leader = cluster.awaitLeader({ withinMs, group: 'orders' })
  cluster.ask(leader, { type: 'propose', command: putOf('old') }, { withinMs, group: 'orders' })
  cluster.run({ ms: 500 })
  for (const node of cluster.nodes)
    assert.ok(rowsOf(cluster, node, 'replica/orders') > 0 && rowsOf(cluster, node, 'raft/orders') > 0)

  cluster.change({ type: 'dropGroup', name: 'orders' }, { withinMs })

  everywhere(cluster, 'orders stops', 'meta,default')
  cluster.run({ ms: 500 })
  for (const node of cluster.nodes) {
    assert.deepEqual(
      [rowsOf(cluster, node, 'replica/orders'), rowsOf(cluster, node, 'raft/orders')],
      [0, 0],
      `node ${node}`,
    )
  }
  create(cluster, 'orders')
  const next = cluster.awaitLeader({ withinMs, group: 'orders' })
  assert.equal(keyspaceOf(cluster, next, 'orders')?.revision, 1)
})

test('N1: a member that was down while a keyspace was dropped and made again begins with the new one', () => {
  const cluster = founded(3)
  create(cluster, 'orders')
  const leader = cluster.awaitLeader({ withinMs, group: 'orders' })
  cluster.ask(leader, { type: 'propose', command: putOf('old') }, { withinMs, group: 'orders' })
  cluster.run({ ms: 500 })
  const absent = cluster.others(leader)[0] as number
  cluster.crash(absent)

  cluster.change({ type: 'dropGroup', name: 'orders' }, { withinMs })
  cluster.run({ ms: 1_000 })
  create(cluster, 'orders')
  const next = cluster.awaitLeader({ withinMs, group: 'orders', among: cluster.others(absent) })
  cluster.ask(next, { type: 'propose', command: putOf('new') }, { withinMs, group: 'orders' })
  cluster.restart(absent)

  cluster.await('the new keyspace everywhere', () => cluster.converged('orders'), { withinMs })
  assert.equal(keyspaceOf(cluster, absent, 'orders')?.index.find(new TextEncoder().encode('old')), undefined)
})

test('configurations follow the member list: a member that is added votes in every group, one that is removed in none', () => {
  const cluster = founded(3)
  create(cluster, 'orders')
  const voters = (group: string): string => {
    const leader = cluster.leader(group)
    const present = leader === undefined ? undefined : cluster.core(leader, group)?.membership.current
    return present === undefined || present.votersOutgoing.length > 0 ? '' : present.voters.join()
  }
  const all = (wanted: string): boolean => ['meta', 'default', 'orders'].every((group) => voters(group) === wanted)

  const added = cluster.addMember({ withinMs })
  cluster.await('four voters', () => all(`1,2,3,${added}`), { withinMs })
  everywhere(cluster, 'the new member runs all groups', 'meta,default,orders')

  cluster.removeMember(2, { withinMs })
  cluster.await('the others go on', () => all(`1,3,${added}`), { withinMs })
})

test('N2: a member that reads of its removal ends', () => {
  const cluster = founded(3)

  cluster.removeMember(3, { withinMs })

  cluster.await('node 3 ends', () => !cluster.world.node(3).up, { withinMs })
  assert.deepEqual(cluster.world.fatals, ['node 3: this member was removed from the cluster'])
  assert.deepEqual(
    [1, 2].map((node) => cluster.world.node(node).up),
    [true, true],
  )
})

test('a keeper that starts again adopts the groups that run, and looks after them as before', () => {
  const cluster = founded(1)
  create(cluster, 'orders')
  everywhere(cluster, 'orders runs', 'meta,default,orders')
  const names = ['raft/default', 'replica/default', 'raft/orders', 'raft/meta']
  const ids = (): (number | undefined)[] => names.map((name) => holderOf(cluster, 1, name)?.cell.id)
  const before = ids()
  const state = (): KeeperState => holderOf(cluster, 1, 'keeper')?.cell.state as KeeperState
  const old = state()

  edgeStop(cluster.world.node(1).executor(0), { type: 'named', node: 1, name: 'keeper' })
  cluster.await('another keeper', () => holderOf(cluster, 1, 'keeper') !== undefined && state() !== old, { withinMs })
  cluster.run({ ms: 1_000 })

  assert.deepEqual(ids(), before, 'no group was started again')
  assert.deepEqual([...state().running], [...old.running])
  cluster.change({ type: 'dropGroup', name: 'orders' }, { withinMs })
  everywhere(cluster, 'orders stops', 'meta,default')
  create(cluster, 'users')
  everywhere(cluster, 'users runs', 'meta,default,users')
  assert.notEqual(propose(cluster, 1, putOf('a')), 'no answer')
})

test('N1: groups whose supervisor failed and started anew run again, on what they had', () => {
  const cluster = founded(1)
  create(cluster, 'orders')
  everywhere(cluster, 'orders runs', 'meta,default,orders')
  assert.notEqual(propose(cluster, 1, putOf('a')), 'no answer')
  const { failureExplained } = cluster.world.checkers
  cluster.world.checkers.failureExplained = (node, error) =>
    error.includes('by the test') || failureExplained(node, error)

  const groups = holderOf(cluster, 1, 'groups')?.cell
  assert.ok(groups !== undefined)
  cluster.world.node(1).executor(0).failed(groups, 'by the test')
  cluster.await('its groups are gone', () => running(cluster, 1) === '', { withinMs })

  everywhere(cluster, 'all run again', 'meta,default,orders')
  cluster.awaitLeader({ withinMs })
  assert.notEqual(propose(cluster, 1, putOf('b')), 'no answer')
})

test('founders agree on one list, and each publishes its name and client URLs', () => {
  const cluster = founded(3)

  const published = (node: number): string[] => {
    const state = cluster.replica(node, 'meta')?.machineState as
      | { topology: { members: { id: number; name: string; clientUrls: string[] }[] } }
      | undefined
    return state?.topology.members.map(({ id, name, clientUrls }) => `${id} ${name} ${clientUrls.join()}`) ?? []
  }
  const wanted = [1, 2, 3].map((id) => `${id} n${id} http://n${id}:2379`)
  cluster.await('all published', () => cluster.nodes.every((node) => published(node).join() === wanted.join()), {
    withinMs,
  })
})
