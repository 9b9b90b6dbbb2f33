/** Nodes that come, go, lag and lose everything. */
import assert from 'node:assert/strict'
import { calm } from '../../sim/faults.ts'
import { scenario } from './scenario.ts'

const lossy = {
  ...calm,
  network: { ...calm.network, loss: 0.05, duplicate: 0.05, reorder: 0.1, slow: 0.05, slowMs: 60 },
}

scenario(
  'M1: a node that fell behind the log is brought up by a snapshot',
  { seeds: [1, 2, 3, 31], nodes: 3, logKeepEntries: 8, faults: lossy },
  (cluster) => {
    const leader = cluster.awaitLeader({ withinMs: 5_000 })
    const [victim = 0] = cluster.others(leader)
    cluster.client('alice').put('a', 'first')

    cluster.crash(victim)
    const alice = cluster.client('alice')
    // The log is kept for a silent follower for a while: until it is thought dead, or the log has grown too long.
    for (let i = 0; i < 60; i++) alice.put(`k${i % 10}`, alice.session.unique('v'), { withinMs: 20_000 })
    cluster.run({ ms: 1_000 })
    const present = cluster.awaitLeader({ withinMs: 5_000 })
    assert.ok((cluster.core(present)?.log.first ?? 0) > 20, 'the log was compacted past what the node has')
    cluster.restart(victim)

    cluster.expectConverged({ withinMs: 20_000 })
    assert.ok((cluster.core(victim)?.log.first ?? 0) > 20, 'its log begins after the snapshot')
    cluster.checkHistory()
  },
)

scenario(
  'M2: a node whose disks were lost is filled by the others, and takes part again',
  { seeds: [1, 4, 9, 16], nodes: 3, logKeepEntries: 8 },
  (cluster) => {
    const leader = cluster.awaitLeader({ withinMs: 5_000 })
    const [victim = 0, other = 0] = cluster.others(leader)
    const alice = cluster.client('alice')
    for (let i = 0; i < 30; i++) alice.put(`k${i % 5}`, alice.session.unique('v'))

    cluster.wipe(victim)
    cluster.run({ ms: 500 })
    cluster.restart(victim)
    cluster.run({ ms: 3_000 })
    // The leader still counts what the node confirmed before; the next write shows that it is gone.
    alice.put('a', alice.session.unique('seen'))
    cluster.expectConverged({ withinMs: 20_000 })
    cluster.checkHistory()

    cluster.crash(other)
    alice.put('b', alice.session.unique('with two'), { withinMs: 20_000 })
    cluster.restart(other)
    cluster.expectConverged({ withinMs: 20_000 })
  },
)

scenario(
  'M3: a cluster grows from three to five and shrinks to three under faults, and loses nothing',
  { seeds: [1, 2, 3, 5], nodes: 3, faults: lossy },
  (cluster) => {
    cluster.awaitLeader({ withinMs: 5_000 })
    const { session } = cluster.client('writer')
    let over = false
    const next = (): void => {
      if (over) return
      session.start({ type: 'put', key: 'a', value: session.unique('v') }, () => cluster.world.later(10, next))
    }
    next()

    cluster.addMember({ withinMs: 20_000 })
    cluster.await('four voters', () => voters(4), { withinMs: 20_000 })
    cluster.addMember({ withinMs: 20_000 })
    cluster.await('five voters', () => voters(5), { withinMs: 20_000 })
    const crashed = cluster.awaitLeader({ withinMs: 10_000 })
    cluster.crash(crashed)
    cluster.awaitLeader({ withinMs: 20_000, among: cluster.others(crashed) })
    cluster.restart(crashed)
    cluster.removeMember(1, { withinMs: 20_000 })
    cluster.await('four voters are left', () => voters(4), { withinMs: 30_000 })
    cluster.removeMember(2, { withinMs: 20_000 })
    cluster.await('three voters are left', () => voters(3), { withinMs: 30_000 })
    over = true
    cluster.run({ ms: 11_000 })

    cluster.world.calm()
    cluster.expectConverged({ withinMs: 10_000 })
    cluster.checkHistory()
    assert.deepEqual([...cluster.members], [3, 4, 5])
    assert.ok(cluster.history.ledger.writes.length > 15, `${cluster.history.ledger.writes.length} writes`)

    function voters(count: number): boolean {
      const leader = cluster.leader()
      const configuration = leader === undefined ? undefined : cluster.core(leader)?.membership.current
      return configuration?.voters.length === count && configuration.votersOutgoing.length === 0
    }
  },
)

// Nobody can tell it of the newcomer but the leader, and the leader is the newcomer, who waits for its answer.
scenario(
  'M4: a member that missed the joining of another follows it when it leads',
  { seeds: [1, 2, 3], nodes: 3 },
  (cluster) => {
    cluster.awaitLeader({ withinMs: 5_000 })
    cluster.client('alice').put('a', 'before')
    cluster.run({ ms: 500 })
    cluster.partition([3], [1, 2])
    const newcomer = cluster.addMember({ withinMs: 20_000 })
    const follows = (group: string): boolean => cluster.core(newcomer, group)?.membership.current.voters.length === 4
    cluster.await('the newcomer votes', () => follows('meta') && follows('default'), { withinMs: 20_000 })

    for (const group of ['meta', 'default']) {
      cluster.await(
        `the newcomer leads ${group}`,
        () => {
          const leader = cluster.leader(group, [1, 2, newcomer])
          if (leader === newcomer || leader === undefined) return leader === newcomer
          cluster.ask(leader, { type: 'transferLeadership', to: newcomer }, { withinMs: 500, group })
          return false
        },
        { withinMs: 20_000 },
      )
    }
    cluster.heal()

    cluster.expectConverged({ withinMs: 10_000 })
    assert.deepEqual([cluster.leader('meta'), cluster.leader()], [newcomer, newcomer], 'it led all the time')
    assert.equal(cluster.replica(3)?.applied, cluster.replica(newcomer)?.applied)
    cluster.checkHistory()
  },
)
