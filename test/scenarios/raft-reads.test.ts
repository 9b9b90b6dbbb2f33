/** Linearizable reads (R18, R21, A7), each where an answer of the past could be taken for one of the present. */
import type { KeyspaceReply, RangeResponse } from '../../actors/keyspace/messages.ts'
import type { ReplicaReply, ReplicaRequest } from '../../actors/raft/replica-messages.ts'
import { utf8 } from '../../base/bytes.ts'
import { edgeTell } from '../../runtime/kernel/edge.ts'
import { check } from '../../sim/checkers/violation.ts'
import type { SimCluster } from '../../sim/cluster.ts'
import { calm } from '../../sim/faults.ts'
import { scenario } from './scenario.ts'
import { core, groupOf, lineageOf, probe, propose, seeds, settled, until, withinMs } from './situations.ts'

// Time passed without it: when it goes on, it still takes itself for the leader, and cannot know better.
scenario(
  'R18: a leader that stood still while it was replaced answers no read from its own memory',
  { seeds, nodes: 3 },
  (cluster) => {
    const old = settled(cluster)
    const others = cluster.others(old)
    cluster.client('reader', { nodes: () => [old] }).get('s')
    cluster.partition([old], others)
    const pauseMs = 8 * cluster.electionMs
    cluster.world.pause(old, pauseMs)
    const resumeMs = cluster.world.nowMs + pauseMs
    cluster.awaitLeader({ withinMs: 6 * cluster.electionMs, among: others })
    cluster.client('free', { nodes: () => others }).put('s', 'newer')

    cluster.run({ ms: resumeMs - cluster.world.nowMs + cluster.tickMs })
    check(core(cluster, old).role === 'leader', 'I23', () => 'it takes itself for the leader')
    const query = { type: 'range', key: utf8('s') }
    const read = probe(cluster, old, { type: 'read', query, consistency: 'linearizable' })
    cluster.run({ ms: 5 * cluster.tickMs })

    check(read.reply?.type !== 'answer', 'R18', () => `it was answered: ${JSON.stringify(read.reply)}`)
    cluster.heal()
    cluster.expectConverged({ withinMs })
  },
)

// The round began before the write, and its acknowledgements are late: they prove nothing about a read that came after it.
scenario(
  'R18.2: a read that is asked during a round waits for the next one',
  { seeds, nodes: 3, faults: { ...calm, diskSlowMs: 80 } },
  (cluster) => {
    const leader = settled(cluster)
    const [reader = 0, other = 0] = cluster.others(leader)
    const query = { type: 'range', key: utf8('w') }
    const read: ReplicaRequest = { type: 'read', query, consistency: 'linearizable' }
    cluster.world.network.cut(leader, reader)
    cluster.world.slowDisks(other, 1_000)
    const write = propose(cluster, leader, 'w', 'written')
    cluster.run({ ms: 2 })
    cluster.world.network.cut(leader, other)
    probe(cluster, leader, read)
    until(cluster, () => write.reply !== undefined)

    const late = probe(cluster, reader, read)
    cluster.run({ ms: 2 })
    cluster.heal()
    until(cluster, () => late.reply !== undefined)

    const answer = late.reply?.type === 'answer' ? (late.reply.answer as KeyspaceReply) : undefined
    const found = answer?.type === 'done' ? (answer.response as RangeResponse).kvs.length : 1
    check(found === 1, 'R18', () => `a read asked after a write was answered misses it: ${JSON.stringify(late.reply)}`)
    cluster.expectConverged({ withinMs })
  },
)

// It was asked while the old leader still believed in itself, and it can never learn whether it was right.
scenario('R21: a read of a leader that loses its place is not answered', { seeds, nodes: 3 }, (cluster) => {
  const old = settled(cluster)
  cluster.partition([old], cluster.others(old))
  const read = probe(cluster, old, {
    type: 'read',
    query: { type: 'range', key: utf8('s') },
    consistency: 'linearizable',
  })

  cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: cluster.others(old) })
  cluster.client('free', { nodes: () => cluster.others(old) }).put('s', 'newer')
  until(cluster, () => core(cluster, old).role !== 'leader')
  cluster.run({ ms: 100 })

  check(read.reply?.type !== 'answer', 'R21', () => `it was answered: ${JSON.stringify(read.reply)}`)
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

// It was elected with a write that it does not know to be committed; its first own entry is still on its way to the others.
scenario(
  'R18.3: a new leader answers no read before it committed in its term',
  { seeds, nodes: 3, faults: { ...calm, diskSlowMs: 150 } },
  (cluster) => {
    const old = settled(cluster)
    const [next = 0, other = 0] = cluster.others(old)
    cluster.partition([other], [old, next])
    const before = core(cluster, next).log.last
    const write = propose(cluster, old, 'w', 'written')
    until(cluster, () => core(cluster, next).log.last > before)
    // It has the entry, and never hears that it is committed.
    cluster.world.network.cut(old, next)
    until(cluster, () => write.reply !== undefined)
    cluster.crash(old)
    cluster.heal()
    until(cluster, () => core(cluster, next).role === 'leader')
    cluster.world.slowDisks(other, 1_000)
    cluster.world.slowDisks(next, 1_000)
    const read = probe(cluster, next, readOf('w'))
    until(cluster, () => read.reply !== undefined)

    check(write.reply?.type !== 'applied' || keysIn(read.reply) !== 0, 'R18', () => missed(read.reply))
    cluster.restart(old)
    cluster.expectConverged({ withinMs: 2 * withinMs })
  },
)

// Questions are repeated and answers doubled, so one of them may come long after it was asked.
scenario('R18.4: a late answer does not fit a later question', { seeds, nodes: 3 }, (cluster) => {
  const { leader, reader, index } = withStaleReader(cluster)

  const read = probe(cluster, reader, readOf('w'))
  cluster.run({ ms: 2 })
  answerByHand(cluster, leader, reader, core(cluster, reader).reads.question - 1, index)
  cluster.run({ ms: 2 })
  cluster.heal()
  until(cluster, () => read.reply !== undefined)

  check(keysIn(read.reply) !== 0, 'R18', () => missed(read.reply))
  cluster.expectConverged({ withinMs })
})

// The question was put before the write, and its answer takes long: it is good for the first reader alone.
scenario('A7: a read that comes while a question is open waits for the next one', { seeds, nodes: 3 }, (cluster) => {
  const leader = settled(cluster)
  const [reader = 0] = cluster.others(leader)
  cluster.world.network.cut(leader, reader)
  const first = probe(cluster, reader, readOf('w'))
  cluster.run({ ms: 2 })
  const { question } = core(cluster, reader).reads
  const index = core(cluster, reader).applied
  const write = propose(cluster, leader, 'w', 'written')
  until(cluster, () => write.reply !== undefined)

  const second = probe(cluster, reader, readOf('w'))
  cluster.run({ ms: 2 })
  answerByHand(cluster, leader, reader, question, index)
  cluster.run({ ms: 2 })
  cluster.heal()
  until(cluster, () => first.reply !== undefined && second.reply !== undefined)

  check(keysIn(second.reply) !== 0, 'A7', () => missed(second.reply))
  cluster.expectConverged({ withinMs })
})

/** A follower that lacks a write which was answered, and hears nothing of the leader; `index`: how far it is. */
function withStaleReader(cluster: SimCluster): { leader: number; reader: number; index: number } {
  const leader = settled(cluster)
  const [reader = 0] = cluster.others(leader)
  cluster.world.network.cut(leader, reader)
  const index = core(cluster, reader).applied
  const write = propose(cluster, leader, 'w', 'written')
  until(cluster, () => write.reply !== undefined)
  return { leader, reader, index }
}

/** What the leader said to question `id` when it was asked, only later. */
function answerByHand(cluster: SimCluster, leader: number, reader: number, id: number, index: number): void {
  const { term } = core(cluster, leader)
  const message = { type: 'readIndex', from: leader, term, id, index }
  const peer = { type: 'peer', message, lineage: lineageOf(cluster, reader) }
  edgeTell(cluster.world.node(reader).executor(0), groupOf(reader), peer, 'control')
}

function readOf(key: string): ReplicaRequest {
  return { type: 'read', query: { type: 'range', key: utf8(key) }, consistency: 'linearizable' }
}

/** How many keys were found; undefined where the read was not answered with any. */
function keysIn(reply: ReplicaReply | undefined): number | undefined {
  const answer = reply?.type === 'answer' ? (reply.answer as KeyspaceReply) : undefined
  return answer?.type === 'done' ? (answer.response as RangeResponse).kvs.length : undefined
}

function missed(reply: ReplicaReply | undefined): string {
  return `a read asked after a write was answered misses it: ${JSON.stringify(reply)}`
}
