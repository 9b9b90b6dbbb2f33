/** A disk is lost and its owner comes back: what it once promised must hold although it knows nothing of it (R25). */
import assert from 'node:assert/strict'
import { draw } from '../../base/draw.ts'
import { scenario } from './scenario.ts'

const withinMs = 5_000

// The lost disk held one of only two copies. The third node, who never heard of the write, asks its owner for a vote.
scenario(
  'D5: what two of three committed survives the loss of one of their disks',
  { seeds: [1, 2, 3, 5, 8, 13], nodes: 3 },
  (cluster) => {
    const leader = cluster.awaitLeader({ withinMs })
    const [lost = 0, behind = 0] = cluster.others(leader)
    const alice = cluster.client('alice', { nodes: () => [leader] })
    alice.put('a', 'before')
    cluster.run({ ms: 500 })
    cluster.partition([behind], [leader, lost])
    alice.put('a', 'committed by two')

    cluster.crash(leader)
    cluster.wipe(lost)
    cluster.heal()
    cluster.restart(lost)
    cluster.run({ ms: 20 * cluster.electionMs })
    assert.equal(cluster.leader('default', [lost, behind]), undefined, 'nobody may lead without knowing of the write')

    cluster.restart(leader)
    cluster.expectConverged({ withinMs: 10_000 })
    assert.equal(cluster.client('bob').get('a'), 'committed by two')
    assert.equal(cluster.core(lost)?.forgetful, false)
    cluster.checkHistory()
  },
)

scenario(
  'D6: disks are lost one after the other under load, and no acknowledged write with them',
  { seeds: [1, 2], nodes: 3, executors: 2 },
  (cluster) => {
    cluster.awaitLeader({ withinMs })
    const clients = ['alice', 'bob', 'carol'].map((name) => cluster.client(name).session)
    let over = false
    for (const session of clients) {
      const next = (): void => {
        if (over) return
        session.start({ type: 'put', key: session.name, value: session.unique('v') }, next)
      }
      next()
    }

    const { seed } = cluster.world
    for (let round = 0; round < 3; round++) {
      const victim = 1 + Math.floor(draw(seed, 'scenario.victim', round) * 3)
      cluster.run({ ms: 200 + 400 * draw(seed, 'scenario.moment', round) })
      cluster.wipe(victim)
      cluster.run({ ms: 300 * draw(seed, 'scenario.down', round) })
      cluster.restart(victim)
      const trusted = (group: string): boolean => cluster.core(victim, group)?.forgetful === false
      cluster.await(`node ${victim} is trusted`, () => trusted('meta') && trusted('default'), { withinMs: 10_000 })
    }
    over = true
    cluster.run({ ms: 2_000 })

    cluster.expectConverged({ withinMs })
    cluster.checkHistory()
    assert.ok(
      cluster.history.ledger.writes.length > 30,
      `${cluster.history.ledger.writes.length} writes were acknowledged`,
    )
  },
)
