/** What a log may hold and commit (rules of `actors/raft/README.md`), each in the situation that puts it to the test. */
import type { PeerMessage } from '../../actors/raft/messages.ts'
import { edgeTell } from '../../runtime/kernel/edge.ts'
import { check } from '../../sim/checkers/violation.ts'
import { scenario } from './scenario.ts'
import { core, groupOf, lineageOf, oldTail, propose, seeds, settled, until, withinMs } from './situations.ts'

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
