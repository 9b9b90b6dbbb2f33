/** Groups that sleep (R23 of `actors/raft/README.md`): when they may, and what must wake them. */
import { check } from '../../sim/checkers/violation.ts'
import { scenario } from './scenario.ts'
import { asleep, core, seeds, settled, until, withinMs } from './situations.ts'

// Nothing is written, and nothing need be heard: only the silence of the leader's node can wake the others.
scenario('R23.1: a group that sleeps wakes when the node of its leader is gone', { seeds, nodes: 3 }, (cluster) => {
  const leader = asleep(cluster)

  cluster.crash(leader)

  const next = cluster.awaitLeader({ withinMs: 10 * cluster.electionMs, among: cluster.others(leader) })
  check(next !== leader, 'R23', () => cluster.describe())
  cluster.restart(leader)
  cluster.expectConverged({ withinMs })
})

scenario('R23.2: a leader that wakes must hear its quorum anew', { seeds, nodes: 3 }, (cluster) => {
  const leader = asleep(cluster)

  cluster.partition([leader], cluster.others(leader))
  until(cluster, () => !core(cluster, leader).quiesced)
  const wokeMs = cluster.world.nowMs
  until(cluster, () => core(cluster, leader).role !== 'leader')

  const ticks = (cluster.world.nowMs - wokeMs) / cluster.tickMs
  check(ticks <= cluster.electionTicks + 2, 'R23', () => `it led for ${ticks} ticks without hearing anybody`)
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

scenario(
  'R23.3: a group stays awake while a follower that is there lacks something',
  { seeds, nodes: 3 },
  (cluster) => {
    const leader = settled(cluster)
    const [behind = 0] = cluster.others(leader)

    // It is heard and does not hear: its node is there, its log is not.
    cluster.world.network.cut(leader, behind)
    cluster.client('alice', { nodes: () => [leader] }).put('a', 'not there')
    for (let tick = 0; tick < 150; tick++) {
      cluster.run({ ms: cluster.tickMs / 4 })
      check(!core(cluster, leader).quiesced, 'R23', () => `it sleeps while node ${behind} lacks an entry`)
    }

    cluster.heal()
    cluster.expectConverged({ withinMs })
  },
)

scenario('R23.4: a group that has nothing to do stays asleep while its nodes live', { seeds, nodes: 3 }, (cluster) => {
  asleep(cluster)

  for (let tick = 0; tick < 100; tick++) {
    cluster.run({ ms: cluster.tickMs })
    const awake = cluster.nodes.filter((id) => !core(cluster, id).quiesced)
    check(awake.length === 0, 'R23', () => `nodes ${awake.join()} are awake`)
  }
})

// A node of thousands of groups that sleep must not be kept busy by the ticks of those that have nothing to count.
scenario('R23.5: a group that sleeps hears its ticks once an election timeout', { seeds, nodes: 3 }, (cluster) => {
  asleep(cluster)
  const heard = (id: number): number => cluster.running(id, 'raft/default')?.cell.messagesTotal ?? 0
  const before = cluster.nodes.map(heard)

  cluster.run({ ms: 10 * cluster.electionTicks * cluster.tickMs })

  for (const [at, id] of cluster.nodes.entries()) {
    const messages = heard(id) - (before[at] as number)
    check(messages <= 11, 'R23', () => `node ${id} heard ${messages} messages in 10 election timeouts of sleep`)
    check(messages >= 8, 'R23', () => `node ${id} heard ${messages} messages: its clock stands still`)
  }
})

// Whoever founded a group knows its members whatever it loses. One who joined later knew them from its store.
scenario(
  'R23.6: a member that loses its store while its group sleeps, and with it the names of the others, is filled again',
  { seeds, nodes: 3 },
  (cluster) => {
    cluster.awaitLeader({ withinMs })
    const joined = cluster.addMember({ withinMs })
    cluster.expectConverged({ withinMs })
    for (const group of ['meta', 'default']) {
      cluster.await(`${group} sleeps`, () => cluster.nodes.every((id) => cluster.core(id, group)?.quiesced === true), {
        withinMs,
      })
    }

    // Back before anybody can have missed it.
    cluster.wipe(joined)
    cluster.restart(joined)

    cluster.expectConverged({ withinMs })
    cluster.await('it is trusted again', () => cluster.core(joined)?.forgetful === false, { withinMs })
  },
)
