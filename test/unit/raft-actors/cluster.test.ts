/** Group and replica actors of three nodes, on real executors in a world of memory. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { ReplicaReply } from '../../../actors/raft/replica-messages.ts'
import type { ActorContext } from '../../../runtime/kernel/actor.ts'
import { defineActor } from '../../../runtime/kernel/actor.ts'
import { edgeSpawn } from '../../../runtime/kernel/edge.ts'
import { Cluster, poison } from './cluster.ts'

function others(cluster: Cluster, node: number): number[] {
  return cluster.nodes.filter((each) => each !== node)
}

function applied(reply: ReplicaReply): unknown {
  assert.equal(reply.type, 'applied', JSON.stringify(reply))
  return reply.type === 'applied' ? reply.reply : undefined
}

test('a command is applied on every node, whichever was asked, and reads see it everywhere', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  const [follower = 0, other = 0] = others(cluster, leader)

  assert.equal(applied(cluster.add(leader, 'n', 2)), 2)
  assert.equal(applied(cluster.add(follower, 'n', 3)), 5)

  const read = cluster.get(other, { type: 'read', query: 'n', consistency: 'linearizable' })
  assert.equal(read.type === 'answer' && read.answer, 5)
  const own = cluster.get(follower, { type: 'read', query: 'n', consistency: 'serializable' })
  assert.equal(own.type === 'answer' && own.answer, 5, 'a node that answered a write has it')
  cluster.converge()
})

test('commands that wait together share an entry, and reads a question', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  const before = cluster.status(leader).applied

  const writes = Array.from({ length: 200 }, () =>
    cluster.ask(leader, { type: 'propose', command: { name: 'n', by: 1 } }),
  )
  cluster.run(50)

  assert.deepEqual(
    writes.map((replies) => applied(replies[0] as ReplicaReply)),
    Array.from({ length: 200 }, (_, at) => at + 1),
  )
  assert.equal(cluster.status(leader).applied, before + 1)
})

test('A3: a repeated request is applied once and gets the same answer, on any node', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  const request = { client: 'alice', number: 1 }

  const answers = cluster.nodes.map((node) =>
    applied(cluster.get(node, { type: 'propose', command: { name: 'n', by: 1 }, request })),
  )
  assert.deepEqual(answers, [1, 1, 1])

  const refused = cluster.get(leader, {
    type: 'propose',
    command: { name: 'n', by: 1 },
    request: { client: '', number: 1 },
  })
  assert.deepEqual(refused, { type: 'dropped', reason: 'badRequest', leader })
})

test('a replica that fails comes back from its store and pairs with its group anew', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  const [victim = 0] = others(cluster, leader)
  cluster.add(leader, 'n', 1)

  poison.node = victim
  assert.equal(applied(cluster.add(leader, 'n', 1)), 2)
  cluster.run(1_000)
  assert.equal(poison.node, undefined, 'the victim did throw')
  assert.equal(applied(cluster.add(leader, 'n', 1)), 3)

  cluster.converge()
  assert.equal(applied(cluster.add(victim, 'n', 1)), 4)
})

test('a group that fails is restarted from disk; nothing acknowledged is lost', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  cluster.add(leader, 'n', 7)

  cluster.tell(leader, 'raft/g', { type: 'no such message' })
  cluster.run(100)
  const next = cluster.leader()

  assert.equal(applied(cluster.add(next, 'n', 1)), 8)
  cluster.converge()
})

test('every node crashes with writes under way, at once: what was acknowledged is there, and replicas agree', () => {
  const cluster = new Cluster()
  for (let round = 1; round <= 5; round++) {
    const leader = cluster.leader()
    assert.equal(applied(cluster.add(leader, 'n', 1)), round)
    cluster.ask(leader, { type: 'propose', command: { name: 'lost or not', by: 1 } })
    for (const node of cluster.nodes) cluster.crash(node)
    for (const node of cluster.nodes) cluster.restart(node)
  }
  cluster.converge()
})

test('A10: a node that fell behind the log gets a snapshot, answers to old requests included', () => {
  const cluster = new Cluster({ config: { logKeepEntries: 8, quiesceAfterTicks: 0 } })
  const leader = cluster.leader()
  const [victim = 0] = others(cluster, leader)
  cluster.crash(victim)
  const request = { client: 'bob', number: 1 }
  assert.equal(applied(cluster.get(leader, { type: 'propose', command: { name: 'once', by: 5 }, request })), 5)
  // Dead for so long that the log is no longer kept for it.
  cluster.run(61_000)
  for (let i = 0; i < 60; i++) cluster.add(leader, `k${i}`, i)
  cluster.run(1_000)

  cluster.restart(victim)
  cluster.converge()
  // The log follows when the new state is on disk.
  cluster.run(500)

  assert.ok(
    (cluster.members.get(victim)?.disk.logs.values().next().value?.first ?? 0) > 40,
    'the log of the victim starts anew',
  )
  const again = cluster.get(victim, { type: 'propose', command: { name: 'once', by: 5 }, request })
  assert.equal(applied(again), 5)

  cluster.crash(victim)
  cluster.restart(victim)
  cluster.add(cluster.leader(), 'after', 1)
  cluster.converge()
})

test('A10: a snapshot transfer that is cut in two, and whose receiver crashes, still arrives', () => {
  const cluster = new Cluster({ config: { logKeepEntries: 8, quiesceAfterTicks: 0 } })
  const leader = cluster.leader()
  const [victim = 0] = others(cluster, leader)
  cluster.crash(victim)
  cluster.run(61_000)
  for (let i = 0; i < 80; i++) cluster.add(leader, `k${i}`, i)
  cluster.run(500)

  cluster.restart(victim)
  for (let waited = 0; (cluster.replica(victim).receiver.staging?.next ?? 0) < 24 && waited < 10_000; waited += 5)
    cluster.run(5)
  const id = cluster.replica(victim).receiver.staging?.id
  assert.notEqual(id, undefined, 'the transfer is under way')
  cluster.partition([victim])
  cluster.run(1_500)
  cluster.crash(victim)
  cluster.heal()
  cluster.restart(victim)
  const resumed = cluster.replica(victim).receiver.staging
  cluster.converge()

  assert.ok(resumed?.id === id && (resumed?.next ?? 0) >= 16, 'what was acknowledged is staged still')
  assert.equal(cluster.replica(victim).receiver.installedId, id, 'the same snapshot went on')
})

test('A10: a node that dies at any moment of an installation comes back whole', () => {
  const cluster = new Cluster({ config: { logKeepEntries: 8, quiesceAfterTicks: 0 }, commitMs: 20 })
  const leader = cluster.leader()
  const [victim = 0] = others(cluster, leader)
  let next = 0
  for (let lives = 0; lives < 30; lives++) {
    cluster.crash(victim)
    if (lives === 0) cluster.run(61_000)
    // The log outgrows every patience at four times what is kept, so the victim needs a snapshot each time.
    for (let i = 0; i < 45; i++) cluster.add(leader, `k${next++ % 50}`, 1)
    cluster.restart(victim)
    const before = cluster.replica(victim).applied
    for (let waited = 0; cluster.replica(victim).applied === before && waited < 10_000; waited += 5) cluster.run(5)
    cluster.run(lives * 5)
  }

  cluster.crash(victim)
  cluster.restart(victim)
  cluster.add(leader, 'end', 1)
  cluster.converge()
  const raft = [...cluster.executor(victim).cells.values()].find(({ name }) => name === 'raft/g')
  assert.equal(raft?.restarts, 0, raft?.failure)
})

test('leadership moves when asked, and only its holder can be asked', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  const [target = 0, other = 0] = others(cluster, leader)
  cluster.add(leader, 'n')

  const refused = cluster.get(other, { type: 'transferLeadership', to: target })
  assert.deepEqual(refused, { type: 'dropped', reason: 'notLeader', leader })
  const moved = cluster.get(leader, { type: 'transferLeadership', to: target })
  assert.equal(moved.type === 'transferred' && moved.leader, target)
  const stranger = cluster.get(target, { type: 'transferLeadership', to: 99 })
  assert.equal(stranger.type === 'dropped' && stranger.reason, 'badRequest')
})

test('a node joins an empty group member as a learner, is promoted, and another leaves', () => {
  const cluster = new Cluster({ nodes: 4, voters: [1, 2, 3] })
  const leader = cluster.leader('g', [1, 2, 3])
  cluster.add(leader, 'n', 3)

  const learning = cluster.get(leader, { type: 'changeConfiguration', wanted: { voters: [1, 2, 3], learners: [4] } })
  assert.equal(learning.type, 'changed', JSON.stringify(learning))
  cluster.until('node 4 has it all', () => cluster.status(4).applied === cluster.status(leader).applied)
  const gone = others(cluster, leader).find((node) => node !== 4) as number
  const wanted = { voters: [1, 2, 3, 4].filter((node) => node !== gone), learners: [] }
  const changed = cluster.get(leader, { type: 'changeConfiguration', wanted })

  assert.equal(changed.type, 'changed', JSON.stringify(changed))
  assert.deepEqual(cluster.status(leader).configuration.voters, wanted.voters)
  assert.equal(applied(cluster.add(4, 'n', 1)), 4)
  const nonsense = cluster.get(leader, { type: 'changeConfiguration', wanted: { voters: [], learners: [] } })
  assert.equal(nonsense.type === 'dropped' && nonsense.reason, 'badRequest')
})

test('A5: without a quorum every asker is answered in bounded time, and none of them is told that it happened', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  cluster.partition([leader])

  const write = cluster.ask(leader, { type: 'propose', command: { name: 'n', by: 1 } })
  const read = cluster.ask(leader, { type: 'read', query: 'n', consistency: 'linearizable' })
  cluster.run(10_000)

  assert.equal(write[0]?.type, 'unknown')
  assert.equal(read[0]?.type, 'dropped')
  const late = cluster.get(leader, { type: 'propose', command: { name: 'n', by: 1 } })
  assert.deepEqual(late, { type: 'dropped', reason: 'noLeader', leader: undefined })
})

for (const seed of [3, 17, 99, 2_024]) {
  test(`A2, A6: exactly what was acknowledged, and at most what is unknown, is applied on a network that loses, doubles and reorders (seed ${seed})`, () => {
    const cluster = new Cluster({ seed })
    cluster.leader()
    cluster.faults = { lose: 0.03, double: 0.1, delay: 0.1 }
    const asked: ReplicaReply[][] = []

    for (let round = 0; round < 150; round++) {
      asked.push(cluster.ask(1 + (round % 3), { type: 'propose', command: { name: 'n', by: 1 } }))
      cluster.run(20)
      if (round === 75) cluster.partition([cluster.leader()])
      if (round === 110) cluster.partition([])
    }
    cluster.heal()
    cluster.run(10_000)
    cluster.add(cluster.leader(), 'end')
    cluster.converge()

    const count = (type: string): number => asked.filter((replies) => replies[0]?.type === type).length
    const read = cluster.get(1, { type: 'read', query: 'n', consistency: 'linearizable' })
    const sum = read.type === 'answer' ? (read.answer as number) : -1
    assert.equal(count('applied') + count('unknown') + count('dropped'), 150, 'every asker was answered')
    assert.ok(count('applied') > 30, `enough went through: ${count('applied')}`)
    assert.ok(
      sum >= count('applied') && sum <= count('applied') + count('unknown'),
      `${count('applied')} ≤ ${sum} ≤ ${count('applied') + count('unknown')}`,
    )
    assert.deepEqual(cluster.fatals, [])
  })
}

test('effects are performed where the leader is, and nowhere else', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  const seen: string[] = []
  const performer = defineActor('test', {
    name: 'performer',
    init: () => ({}),
    receive: (_state: object, message: { effects: { type: string }[] }, ctx: ActorContext) => {
      for (const { type } of message.effects) seen.push(`${ctx.node} ${type}`)
    },
  })
  for (const node of cluster.nodes) edgeSpawn(cluster.executor(node), performer, undefined, { name: 'effects/g' })

  cluster.get(leader, { type: 'propose', command: { name: 'n', by: 1, effect: 'ring' } })
  cluster.converge()

  assert.deepEqual(seen, [`${leader} ring`])
})

test('a client pulls the state as a stream; streams are few and expire', () => {
  const cluster = new Cluster()
  const leader = cluster.leader()
  cluster.get(leader, { type: 'propose', command: { name: 'a', by: 1 }, request: { client: 'c', number: 1 } })

  const opened = cluster.get(leader, { type: 'openSnapshot' })
  assert.equal(opened.type, 'opened')
  const id = opened.type === 'opened' ? opened.id : 0
  cluster.add(leader, 'b', 1)
  const parts: string[] = []
  for (
    let reply = cluster.get(leader, { type: 'nextSnapshotChunk', id });
    reply.type === 'chunk';
    reply = cluster.get(leader, { type: 'nextSnapshotChunk', id })
  ) {
    parts.push(reply.part)
  }
  assert.deepEqual(parts, ['sessions', 'machine'], 'what came later is not in it')
  assert.equal(cluster.get(leader, { type: 'nextSnapshotChunk', id }).type, 'notFound')

  for (let i = 0; i < 4; i++) assert.equal(cluster.get(leader, { type: 'openSnapshot' }).type, 'opened')
  assert.equal(cluster.get(leader, { type: 'openSnapshot' }).type, 'dropped')
  cluster.run(61_000)
  assert.equal(cluster.get(leader, { type: 'openSnapshot' }).type, 'opened')
})

test('A11: heartbeats of many groups travel together, and a dead node is noticed', () => {
  const groups = Array.from({ length: 12 }, (_, at) => `g${at}`)
  const frames = [false, true].map((coalesce) => {
    const cluster = new Cluster({ groups, coalesce, config: { quiesceAfterTicks: 0 } })
    for (const group of groups) cluster.leader(group)
    const before = cluster.framesTotal
    cluster.run(5_000)
    const leaders = groups.map((group) => cluster.leader(group))
    const [dead = 0] = leaders
    cluster.crash(dead)
    for (const group of groups) assert.notEqual(cluster.leader(group), dead)
    return cluster.framesTotal - before
  })

  assert.ok((frames[1] as number) > 0 && (frames[1] as number) < (frames[0] as number) * 2, String(frames))
})
