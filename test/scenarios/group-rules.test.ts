/** Rules between a group and its clients (A…), each in the situation that puts it to the test. */
import type { KeyspaceReply, KeyValue, RangeResponse } from '../../actors/keyspace/messages.ts'
import type { ReplicaReply, ReplicaRequest } from '../../actors/raft/replica-messages.ts'
import { utf8 } from '../../base/bytes.ts'
import { draw } from '../../base/draw.ts'
import { check } from '../../sim/checkers/violation.ts'
import type { SimCluster } from '../../sim/cluster.ts'
import { calm } from '../../sim/faults.ts'
import { heldVersions } from '../../sim/keyspace-view.ts'
import { scenario } from './scenario.ts'

const withinMs = 5_000
const seeds = [1, 2, 3, 5]
const doubling = { ...calm, network: { ...calm.network, duplicate: 0.5, reorder: 0.3, slow: 0.2, slowMs: 20 } }

// Without a request id only the proposer's own numbers tell a copy of an entry from a second wish.
scenario(
  'A2: a proposal that the network doubled is applied once',
  { seeds, nodes: 3, faults: doubling, logKeepEntries: 8 },
  (cluster) => {
    const leader = cluster.awaitLeader({ withinMs })
    const [follower = 0, other = 0] = cluster.others(leader)
    let asked = 0
    for (let round = 0; round < 40; round++) {
      if (round === 10) cluster.crash(other)
      if (round === 30) cluster.restart(other)
      asked += 1
      cluster.ask(follower, put('a', `${round}`), { withinMs: 1_000 })
    }

    cluster.world.calm()
    cluster.expectConverged({ withinMs })
    const version = keyOf(cluster, 'a')?.version ?? 0
    check(version <= asked, 'A2', () => `${asked} puts made ${version} versions`)
  },
)

scenario('A5: who proposed to a leader that is cut off hears that nobody knows', { seeds, nodes: 3 }, (cluster) => {
  const leader = cluster.awaitLeader({ withinMs })
  cluster.client('alice').put('a', '1')

  cluster.partition([leader], cluster.others(leader))
  const reply = cluster.ask(leader, put('a', '2'), { withinMs: 20_000 })

  check(reply?.type === 'unknown', 'A5', () => `it was answered ${JSON.stringify(reply)}`)
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

// The first entries of a life of a replica, on their way at the same time: each asker gets the answer to its own command.
scenario(
  'A5.2: who asks first is answered first, and with the answer to what was asked',
  { seeds, nodes: 3 },
  (cluster) => {
    const leader = cluster.awaitLeader({ withinMs })
    const [node = 0] = cluster.others(leader)
    const { session } = cluster.client('probe')
    for (let round = 0; round < 4; round++) {
      cluster.crash(node)
      cluster.restart(node)
      const ready = (): boolean => cluster.replica(node)?.open === true && cluster.core(node)?.leader !== undefined
      cluster.await(`node ${node} follows`, ready, { withinMs: 2 * withinMs })
      const asked = ['a', 'b', 'c'].map((key) => {
        const result = session.once(node, put(key, `${round}`))
        cluster.run({ ms: 0.1 })
        return { key, result }
      })
      cluster.run({ ms: 500 })

      for (const { key, result } of asked) {
        const said = result.reply?.type === 'applied' ? (result.reply.reply as KeyspaceReply) : undefined
        const found = keyOf(cluster, key)?.modRevision
        check(
          said?.revision === found,
          'A5',
          () => `'${key}' is of revision ${found}, its writer heard ${JSON.stringify(result.reply)}`,
        )
      }
    }
  },
)

// `dropped` is a promise: whoever hears it may do something else instead.
scenario('A6: what is called dropped never happens', { seeds, nodes: 3, faults: doubling }, (cluster) => {
  cluster.awaitLeader({ withinMs })
  const { session } = cluster.client('probe')
  const { seed } = cluster.world
  const asked: { readonly value: string; readonly result: { readonly reply: ReplicaReply | undefined } }[] = []
  for (let round = 0; round < 120; round++) {
    const roll = (site: string): number => draw(seed, `scenario.${site}`, round)
    const node = 1 + Math.floor(roll('node') * 3)
    const value = `v${round}`
    asked.push({ value, result: session.once(node, put('a', value)) })
    const leader = cluster.leader()
    if (leader !== undefined && roll('transfer') < 0.15)
      session.once(leader, { type: 'transferLeadership', to: 1 + Math.floor(roll('to') * 3) })
    if (leader !== undefined && roll('cut') < 0.08) {
      cluster.partition([leader], cluster.others(leader))
      cluster.world.later(400 * roll('lasts'), () => cluster.heal())
    }
    cluster.run({ ms: 30 * roll('pause') })
  }
  cluster.run({ ms: 1_000 })

  cluster.world.calm()
  cluster.client('last').put('z', 'end')
  cluster.expectConverged({ withinMs })
  const held = new Set(
    heldVersions(cluster.replica(cluster.awaitLeader({ withinMs }))?.machineState).map(({ value }) => value),
  )
  for (const { value, result } of asked) {
    const dropped = result.reply?.type === 'dropped'
    check(
      !dropped || !held.has(value),
      'A6',
      () => `${value} was dropped, and happened: ${JSON.stringify(result.reply)}`,
    )
  }
  check(held.size > 20, 'I23', () => `only ${held.size} writes happened`)
})

// The node that was away still holds the first bearer of the name, and speaks for it when it returns.
scenario(
  'A13: a group that bears the name of one that was dropped begins with nothing, on every node',
  { seeds: [1, 2, 3, 5, 8, 13], nodes: 3, executors: 2 },
  (cluster) => {
    const group = 'tenant'
    cluster.awaitLeader({ withinMs })
    create(cluster, group)
    const first = cluster.awaitLeader({ withinMs: 4 * withinMs, group })
    const [away = 0] = cluster.others(first)
    cluster.await('all bear it', () => cluster.nodes.every((id) => cluster.core(id, group)?.leader === first), {
      withinMs,
    })
    const alice = cluster.client('alice', { group, patienceMs: 20_000 })
    for (let i = 0; i < 8; i++) alice.session.start({ type: 'put', key: 'old', value: `${i}` }, () => {})
    cluster.run({ ms: 1_000 })
    for (let round = 0; round < 3; round++) {
      const leader = cluster.awaitLeader({ withinMs, group })
      cluster.ask(leader, { type: 'transferLeadership', to: cluster.others(leader)[0] as number }, { withinMs, group })
    }
    // It keeps a later term and a longer log than the second bearer will have, awake or on its disk alone.
    const sleeps = cluster.world.seed % 2 === 0
    if (sleeps) cluster.crash(away)
    else cluster.partition([away], cluster.others(away))
    const present = cluster.others(away)
    const gone = (): boolean => present.every((id) => cluster.core(id, group) === undefined)
    cluster.change({ type: 'dropGroup', name: group }, { withinMs: 4 * withinMs })
    cluster.await('the others let it go', gone, { withinMs: 4 * withinMs })
    create(cluster, group)
    cluster.awaitLeader({ withinMs: 4 * withinMs, group, among: present })
    if (sleeps) cluster.restart(away)
    cluster.heal()
    // The node, or the thread that erases, may die at any moment between hearing of the drop and being rid of what it kept.
    for (let life = 0; life < 8; life++) {
      const roll = (site: string): number => draw(cluster.world.seed, `scenario.${site}`, life)
      cluster.run({ ms: 250 * roll('life') ** 2 })
      if (roll('node') < 0.2) {
        cluster.crash(away)
        cluster.restart(away)
      } else {
        cluster.world.crashThread(away, 1, 20 * roll('replaced'))
      }
    }

    cluster.await('equal replicas', () => cluster.converged(group), { withinMs: 8 * withinMs })
    for (const id of cluster.nodes) {
      const held = heldVersions(cluster.replica(id, group)?.machineState)
      check(held.length === 0, 'A13', () => `node ${id} holds ${JSON.stringify(held[0])} of the first bearer`)
    }
  },
)

function create(cluster: SimCluster, name: string): void {
  cluster.change({ type: 'createGroup', name, machine: 'keyspace', args: {} }, { withinMs: 4 * withinMs })
}

function put(key: string, value: string): ReplicaRequest {
  return { type: 'propose', command: { type: 'put', key: utf8(key), value: utf8(value) } }
}

/** What is kept under a key, asked until somebody answers. */
function keyOf(cluster: SimCluster, key: string): KeyValue | undefined {
  const query = { type: 'range', key: utf8(key) }
  for (let attempt = 0; attempt < 20; attempt++) {
    const leader = cluster.awaitLeader({ withinMs })
    const reply = cluster.ask(leader, { type: 'read', query, consistency: 'linearizable' }, { withinMs: 1_000 })
    if (reply?.type !== 'answer') continue
    const said = reply.answer as KeyspaceReply
    if (said.type === 'done') return (said.response as RangeResponse).kvs[0]
  }
  check(false, 'I23', () => `a read of '${key}' was never answered`)
}
