/** What a log may hold, commit and answer (rules of `actors/raft/README.md`), each in the situation that puts it to the test. */
import type { KeyspaceReply, RangeResponse } from '../../actors/keyspace/messages.ts'
import type { PeerMessage } from '../../actors/raft/messages.ts'
import type { ReplicaRequest } from '../../actors/raft/replica-messages.ts'
import { utf8 } from '../../base/bytes.ts'
import { edgeTell } from '../../runtime/kernel/edge.ts'
import { check } from '../../sim/checkers/violation.ts'
import { calm } from '../../sim/faults.ts'
import { scenario } from './scenario.ts'
import { core, groupOf, lineageOf, oldTail, probe, propose, seeds, settled, until, withinMs } from './situations.ts'

// Two leaders came and went while the node was away, and its own tail is longer than what the second one began with: only
// the entry before the new ones shows that the tail belongs to nobody any more.
scenario('R6: a tail that nobody else has gives way to the log of a later leader', { seeds, nodes: 3 }, (cluster) => {
  const { old, next, other } = oldTail(cluster, 12)
  for (let i = 0; i < 3; i++) cluster.client('free', { nodes: () => [next, other] }).put('a', `${i}`)
  const reply = cluster.ask(next, { type: 'transferLeadership', to: other }, { withinMs })
  check(reply?.type === 'transferred', 'R19', () => `the transfer ended with ${JSON.stringify(reply)}`)

  cluster.heal()

  cluster.client('free').put('b', 'after')
  cluster.expectConverged({ withinMs })
  check((core(cluster, old).log.lastTerm ?? 0) >= core(cluster, other).term, 'R6', () => 'the old tail is still there')
  cluster.checkHistory()
})

// A leader may send its entries one by one. What a replica holds beyond the last of them may be another leader's.
scenario('R8: an append commits no more than it has shown to be equal', { seeds, nodes: 3 }, (cluster) => {
  const old = cluster.awaitLeader({ withinMs })
  const [next = 0, other = 0] = cluster.others(old)
  cluster.client('alice').put('a', 'shared')
  cluster.cut(old, other)
  cluster.cut(next, other)
  const before = core(cluster, old).log.last
  propose(cluster, old, 'b', 'held by two, committed by nobody')
  until(cluster, () => core(cluster, next).log.last > before)
  cluster.partition([old], [next, other])
  cluster.world.network.joinAll()
  cluster.partition([old], [next, other])
  for (let i = 0; i < 5; i++) {
    propose(cluster, old, 'c', `lost ${i}`)
    cluster.run({ ms: 3 })
  }
  const leader = cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: [next, other] })
  for (let i = 0; i < 4; i++) cluster.client('free', { nodes: () => [next, other] }).put('d', `${i}`)

  const { log, term, commit } = core(cluster, leader)
  const { commit: known } = core(cluster, old)
  const entries = log.slice(known + 1, known + 1, 1)
  const message: PeerMessage = {
    type: 'append',
    from: leader,
    term,
    prevIndex: known,
    prevTerm: log.term(known) ?? 0,
    entries,
    commit,
    round: 0,
  }
  edgeTell(
    cluster.world.node(old).executor(0),
    groupOf(old),
    { type: 'peer', message: structuredClone(message), lineage: lineageOf(cluster, old) },
    'control',
  )
  cluster.run({ ms: 20 })

  cluster.heal()
  cluster.expectConverged({ withinMs })
  cluster.checkHistory()
})

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

scenario(
  'R20: a follower that was away for a moment is served from the log',
  { seeds, nodes: 3, logKeepEntries: 8 },
  (cluster) => {
    const leader = settled(cluster)
    const [away = 0, other = 0] = cluster.others(leader)
    cluster.partition([away], [leader, other])
    const { last } = core(cluster, away).log
    const alice = cluster.client('alice', { nodes: () => [leader] })
    for (let i = 0; i < 16; i++) alice.put('a', alice.session.unique('v'))
    cluster.run({ ms: 300 })

    const { first } = core(cluster, leader).log
    check(first <= last + 1, 'R20', () => `the leader's log begins at ${first}, the follower needs ${last + 1}`)
    cluster.heal()
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

// What it confirmed before the loss may be all that keeps a write from being forgotten: until it holds that again, it
// must not be believed.
scenario(
  'R25: a replica whose disk was lost is trusted only when it holds again what it may have confirmed',
  { seeds, nodes: 3 },
  (cluster) => {
    const leader = settled(cluster)
    const [lost = 0] = cluster.others(leader)
    const alice = cluster.client('alice', { nodes: () => [leader] })
    for (let i = 0; i < 10; i++) alice.put('a', alice.session.unique('v'))
    const { commit } = core(cluster, leader)

    cluster.wipe(lost)
    cluster.run({ ms: 20 })
    cluster.restart(lost)
    until(cluster, () => cluster.core(lost) !== undefined)
    check(core(cluster, lost).forgetful, 'R25', () => 'it knows that its disk was lost')
    until(cluster, () => !core(cluster, lost).forgetful)

    const { last } = core(cluster, lost).log
    check(last >= commit, 'R25', () => `it is trusted with a log up to ${last}, and may have confirmed ${commit}`)
    cluster.expectConverged({ withinMs })
    cluster.checkHistory()
  },
)
