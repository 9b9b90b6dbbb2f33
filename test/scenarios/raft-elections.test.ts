/**
 * Who may lead (rules of `actors/raft/README.md`): each scenario brings about the situation that puts its rule to the test. There are
 * no leases yet; what a lease would need of its surroundings (shields, bans, forced votes, merged heartbeats) shows in who leads.
 */
import { draw } from '../../base/draw.ts'
import { edgeTell } from '../../runtime/kernel/edge.ts'
import { check } from '../../sim/checkers/violation.ts'
import { calm } from '../../sim/faults.ts'
import { scenario } from './scenario.ts'
import { core, groupOf, oldTail, probe, propose, refused, seeds, settled, withinMs } from './situations.ts'

// Alone it speaks of its new term at once: its own vote elects it. A crash before the term is on disk would make it live
// through the term twice.
scenario(
  'R2: a leader that elected itself says nothing in a term that a crash could take back',
  { seeds, nodes: 1, faults: { ...calm, diskSlowMs: 60 } },
  (cluster) => {
    cluster.awaitLeader({ withinMs })
    cluster.change({ type: 'addMember', id: 2, peerUrls: ['http://n2:2380'], learner: true }, { withinMs })
    cluster.join(2)
    cluster.await('the learner follows', () => cluster.core(2)?.leader === 1, { withinMs })

    for (let round = 0; round < 12; round++) {
      cluster.crash(1)
      cluster.run({ ms: 50 })
      cluster.world.slowDisks(1, 300)
      cluster.restart(1)
      cluster.run({ ms: 20 + 200 * draw(cluster.world.seed, 'scenario.moment', round) })
    }

    cluster.run({ ms: 500 })
    cluster.client('alice').put('a', 'done')
    cluster.expectConverged({ withinMs })
  },
)

scenario('R7: a longer log of an earlier term does not win an election', { seeds, nodes: 3 }, (cluster) => {
  const { old, next, other } = oldTail(cluster, 12)
  cluster.client('free', { nodes: () => [next, other] }).put('a', 'committed without the old leader')
  cluster.run({ ms: 200 })

  cluster.crash(next)
  cluster.heal()
  for (let round = 0; round < 40; round++) {
    edgeTell(cluster.world.node(old).executor(0), groupOf(old), { type: 'campaign' }, 'control')
    cluster.run({ ms: 25 })
  }

  cluster.restart(next)
  cluster.expectConverged({ withinMs: 2 * withinMs })
  cluster.checkHistory()
})

// With pre-vote it cannot even raise its term while it is alone, so nothing it says when it returns unseats anybody.
scenario('R11: a replica that was cut off comes back without unseating the leader', { seeds, nodes: 3 }, (cluster) => {
  const leader = settled(cluster)
  const [lost = 0] = cluster.others(leader)
  const { term } = core(cluster, leader)

  cluster.partition([lost], cluster.others(lost))
  cluster.run({ ms: 10 * cluster.electionMs })
  cluster.heal()
  cluster.run({ ms: 5 * cluster.electionMs })

  check(cluster.leader() === leader && core(cluster, leader).term === term, 'R11', () => cluster.describe())
})

scenario('R14: a learner that hears nobody does not stand', { seeds, nodes: 1 }, (cluster) => {
  cluster.awaitLeader({ withinMs })
  cluster.change({ type: 'addMember', id: 2, peerUrls: ['http://n2:2380'], learner: true }, { withinMs })
  cluster.join(2)
  cluster.await('the learner follows', () => cluster.core(2)?.leader === 1, { withinMs })

  cluster.crash(1)
  for (let tick = 0; tick < 100; tick++) {
    cluster.run({ ms: cluster.tickMs })
    const { role, term } = core(cluster, 2)
    check(role === 'follower', 'R14', () => `the learner is ${role} of term ${term}`)
  }
  cluster.restart(1)
  cluster.client('alice').put('a', 'done')
  cluster.expectConverged({ withinMs })
})

// Followers hear it, so none of them stands; it hears nobody, so it commits nothing. Only itself can end that.
scenario('R15: a leader that is heard and hears nobody gives way', { seeds, nodes: 3 }, (cluster) => {
  const old = settled(cluster)

  for (const other of cluster.others(old)) cluster.world.network.cut(other, old)

  const next = cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: cluster.others(old) })
  check(next !== old, 'R15', () => cluster.describe())
  cluster.client('free', { nodes: () => cluster.others(old) }).put('a', 'goes on')
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

// It does not hear the leader; the third node does, and must not help it. Only the leader's own wish would be an exception.
scenario('R16: who hears the leader gives no vote to one who does not', { seeds, nodes: 3 }, (cluster) => {
  const leader = settled(cluster)
  const [deaf = 0] = cluster.others(leader)
  const { term } = core(cluster, leader)

  cluster.cut(leader, deaf)
  // Long enough for it to lose patience, and too short for the group to fall asleep: a leader that sleeps is heard by nobody.
  cluster.run({ ms: 1.1 * cluster.electionMs })

  check(cluster.leader() === leader && core(cluster, leader).term === term, 'R16', () => cluster.describe())
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

scenario('R16.2: a leader whose heartbeats arrive keeps its place', { seeds, nodes: 3, executors: 2 }, (cluster) => {
  const leader = settled(cluster)
  const { term } = core(cluster, leader)

  // A write now and then keeps the group awake; between two of them heartbeats are all that followers hear.
  for (let i = 0; i < 10; i++) {
    cluster.client('alice').put('a', `${i}`)
    cluster.run({ ms: 1.2 * cluster.electionMs })
  }

  check(cluster.leader() === leader && core(cluster, leader).term === term, 'R16', () => cluster.describe())
})

scenario(
  'R19: during a transfer nothing is taken, and the heir stands only with the whole log',
  { seeds, nodes: 3 },
  (cluster) => {
    const leader = settled(cluster)
    const [heir = 0, other = 0] = cluster.others(leader)
    cluster.cut(leader, heir)
    cluster.cut(other, heir)
    cluster.client('alice', { nodes: () => [leader] }).put('a', 'not at the heir')

    probe(cluster, leader, { type: 'transferLeadership', to: heir })
    cluster.run({ ms: 10 })
    const { transfer } = core(cluster, leader)
    const write = propose(cluster, leader, 'b', 'refused')
    cluster.run({ ms: 20 })

    check(transfer?.to === heir, 'R19', () => 'the transfer is under way')
    check(transfer?.told === false, 'R19', () => 'the heir was told to stand although it lacks an entry')
    refused(write.reply, 'transferring')
    cluster.heal()
    cluster.expectConverged({ withinMs })
  },
)

scenario('R19.2: a transfer to one who does not come is given up', { seeds, nodes: 3 }, (cluster) => {
  const leader = settled(cluster)
  const [heir = 0, other = 0] = cluster.others(leader)
  cluster.partition([heir], [leader, other])
  cluster.client('alice', { nodes: () => [leader] }).put('a', 'not at the heir')

  probe(cluster, leader, { type: 'transferLeadership', to: heir })
  cluster.run({ ms: 3 * cluster.electionMs })

  const write = propose(cluster, leader, 'b', 'taken again')
  cluster.run({ ms: 200 })
  check(write.reply?.type === 'applied', 'R19', () => `the leader answers ${JSON.stringify(write.reply)}`)
  cluster.heal()
  cluster.expectConverged({ withinMs })
})
