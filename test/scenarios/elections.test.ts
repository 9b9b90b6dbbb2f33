/** Who leads, and who must not: crashes, partitions, transfers. */
import assert from 'node:assert/strict'
import { scenario } from './scenario.ts'

scenario(
  'E1: after the leader crashes another leads, and what was acknowledged is there',
  { seeds: [1, 2, 3, 17, 4_211], nodes: 3 },
  (cluster) => {
    const old = cluster.awaitLeader({ withinMs: 3_000 })
    cluster.client('alice').put('a', 'before')

    cluster.crash(old)
    const next = cluster.awaitLeader({ withinMs: 10 * cluster.electionMs, among: cluster.others(old) })

    assert.notEqual(next, old)
    assert.equal(cluster.client('bob').get('a'), 'before')
    cluster.client('alice').put('a', 'after')
    cluster.restart(old)
    cluster.expectConverged({ withinMs: 5_000 })
    cluster.checkHistory()
  },
)

// A leader cut off from its majority cannot know that it was replaced. It may go on believing, but nobody may be told
// that anything it took happened, and no read of it may miss what the other side has written meanwhile.
scenario(
  'E2: an isolated leader acknowledges nothing and answers no linearizable read',
  { seeds: [1, 7, 19, 4_211], nodes: 3 },
  (cluster) => {
    const old = cluster.awaitLeader({ withinMs: 3_000 })
    cluster.client('alice').put('a', 'shared')

    cluster.partition([old], cluster.others(old))
    const captive = cluster.client('captive', { nodes: () => [old], patienceMs: 3_000 })
    const write = cluster.client('probe').session.once(old, {
      type: 'propose',
      command: { type: 'put', key: new Uint8Array([98]), value: new Uint8Array([1]) },
    })
    assert.equal(captive.tryPut('a', 'lost', { withinMs: 4_000 }), 'unknown')
    const next = cluster.awaitLeader({ withinMs: 10 * cluster.electionMs, among: cluster.others(old) })
    cluster.client('free', { nodes: () => cluster.others(old) }).put('a', 'newer')
    const read = cluster.client('probe').session.once(old, {
      type: 'read',
      query: { type: 'range', key: new Uint8Array([97]) },
      consistency: 'linearizable',
    })
    cluster.run({ ms: 2_000 })

    assert.notEqual(next, old)
    assert.notEqual(write.reply?.type, 'applied')
    assert.notEqual(read.reply?.type, 'answer')
    cluster.heal()
    cluster.expectConverged({ withinMs: 5_000 })
    assert.equal(cluster.client('alice').get('a') === 'newer' || cluster.client('alice').get('a') === 'lost', true)
    cluster.checkHistory()
  },
)

// The vote is on disk before it is sent (I7): a voter that comes back within the same term must not give another one.
scenario(
  'E3: a voter that restarts does not vote twice in a term',
  { seeds: [1, 2, 3, 5, 8, 13, 21, 34], nodes: 5 },
  (cluster) => {
    const terms = (): number => Math.max(...cluster.upNodes.map((id) => cluster.core(id)?.term ?? 0))
    cluster.awaitLeader({ withinMs: 3_000 })

    for (let round = 0; round < 6; round++) {
      const leader = cluster.awaitLeader({ withinMs: 20 * cluster.electionMs })
      cluster.crash(leader)
      const before = terms()
      // Candidates stand about now; each voter dies and comes back while votes are under way.
      cluster.world.runUntil(() => terms() > before, 4 * cluster.electionMs)
      for (const voter of cluster.others(leader)) {
        cluster.crash(voter)
        cluster.restart(voter)
      }
      cluster.restart(leader)
    }

    cluster.awaitLeader({ withinMs: 20 * cluster.electionMs })
    cluster.client('alice').put('a', 'done')
    cluster.expectConverged({ withinMs: 5_000 })
    assert.ok(cluster.world.checkers.raft('default').leadersTotal >= 3, 'leaders came and went')
  },
)

scenario(
  'E4: leadership moves under load when asked, and no write is lost or done twice',
  { seeds: [1, 6, 42, 77], nodes: 3 },
  (cluster) => {
    cluster.awaitLeader({ withinMs: 3_000 })
    const { session } = cluster.client('writer')
    let acknowledged = 0
    let over = false
    const next = (): void => {
      if (over) return
      session.start({ type: 'put', key: `k${acknowledged % 5}`, value: session.unique('v') }, (outcome) => {
        if (outcome.type === 'done') acknowledged += 1
        next()
      })
    }
    next()

    const moved: string[] = []
    for (let round = 0; round < 6; round++) {
      const leader = cluster.awaitLeader({ withinMs: 5_000 })
      const [target = leader] = cluster.others(leader)
      const reply = cluster.ask(leader, { type: 'transferLeadership', to: target }, { withinMs: 6_000 })
      moved.push(reply?.type ?? 'silence')
      cluster.run({ ms: 300 })
    }
    over = true
    cluster.run({ ms: 500 })

    assert.ok(moved.filter((type) => type === 'transferred').length >= 4, moved.join())
    assert.ok(acknowledged > 100, `${acknowledged} writes`)
    cluster.expectConverged({ withinMs: 5_000 })
    cluster.checkHistory()
  },
)
