/** What was acknowledged stays, whatever happens to processes, threads and disks of a minority. */
import assert from 'node:assert/strict'
import { draw } from '../../base/draw.ts'
import { scenario } from './scenario.ts'

scenario(
  'D1: acknowledged writes survive the crash of any minority at any moment',
  { seeds: [1, 2, 3, 4, 5, 6], nodes: 5, executors: 2 },
  (cluster) => {
    cluster.awaitLeader({ withinMs: 3_000 })
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
    for (let round = 0; round < 12; round++) {
      const first = 1 + Math.floor(draw(seed, 'scenario.first', round) * 5)
      const second = 1 + ((first + Math.floor(draw(seed, 'scenario.second', round) * 4)) % 5)
      cluster.run({ ms: 5 + 150 * draw(seed, 'scenario.moment', round) })
      cluster.crash(first, second)
      cluster.run({ ms: 400 * draw(seed, 'scenario.down', round) })
      cluster.restart(first, second)
    }
    over = true
    cluster.run({ ms: 12_000 })

    cluster.expectConverged({ withinMs: 5_000 })
    cluster.checkHistory()
    assert.ok(
      cluster.history.ledger.writes.length > 30,
      `${cluster.history.ledger.writes.length} writes were acknowledged`,
    )
  },
)

// The answer dies with the leader, the command does not: whoever asks again must get the first answer, not a second write.
scenario(
  'D2: a write that is repeated after its leader crashed is done once',
  { seeds: [1, 2, 3, 9, 27, 81], nodes: 3 },
  (cluster) => {
    const leader = cluster.awaitLeader({ withinMs: 3_000 })
    const alice = cluster.client('alice')
    alice.put('a', alice.session.unique('warm'))
    const command = { type: 'put', key: new Uint8Array([97]), value: new Uint8Array([1, 2, 3]) }
    const request = { client: 'once', number: 1 }

    const before = cluster.core(leader)?.commit ?? 0
    const first = alice.session.once(leader, { type: 'propose', command, request })
    cluster.world.runUntil(() => (cluster.core(leader)?.log.last ?? 0) > before, 500)
    cluster.run({ ms: 1 })
    cluster.crash(leader)
    const next = cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: cluster.others(leader) })
    const second = cluster.ask(next, { type: 'propose', command, request }, { withinMs: 5_000 })
    cluster.restart(leader)
    cluster.expectConverged({ withinMs: 5_000 })
    const third = cluster.ask(
      cluster.awaitLeader({ withinMs: 5_000 }),
      { type: 'propose', command, request },
      { withinMs: 5_000 },
    )

    assert.equal(second?.type, 'applied')
    assert.equal(third?.type, 'applied')
    const replies = [first.reply, second, third].flatMap((reply) => (reply?.type === 'applied' ? [reply.reply] : []))
    for (const reply of replies) assert.deepEqual(reply, replies[0], 'every copy got the first answer')
    const read = cluster.ask(
      next,
      { type: 'read', query: { type: 'range', key: new Uint8Array([97]) }, consistency: 'linearizable' },
      { withinMs: 5_000 },
    )
    assert.equal(
      read?.type === 'answer' && (read.answer as { response: { kvs: { version: number }[] } }).response.kvs[0]?.version,
      2,
    )
  },
)

scenario(
  'D3: a thread that dies takes its groups with it, and its replacement brings them back from the store',
  { seeds: [1, 2, 3, 14], nodes: 3, executors: 3 },
  (cluster) => {
    cluster.awaitLeader({ withinMs: 3_000 })
    cluster.client('alice').put('a', '1')

    for (const node of cluster.nodes) {
      for (const thread of [1, 2]) cluster.world.crashThread(node, thread, 100)
      cluster.run({ ms: 1_500 })
      cluster.client('alice').put('a', `after ${node}`)
    }
    for (const node of cluster.nodes) cluster.world.crashThread(node, 1, 50)
    for (const node of cluster.nodes) cluster.world.crashThread(node, 2, 50)

    cluster.expectConverged({ withinMs: 10_000 })
    assert.equal(cluster.client('bob').get('a'), `after ${cluster.nodes[cluster.nodes.length - 1]}`)
    cluster.checkHistory()
  },
)

scenario(
  'D4: disks of a minority are full: the rest goes on, and when there is room the node catches up',
  { seeds: [1, 2, 3, 12], nodes: 3 },
  (cluster) => {
    const leader = cluster.awaitLeader({ withinMs: 3_000 })
    const [victim = 0] = cluster.others(leader)
    const [disk] = cluster.world.node(victim).disks
    cluster.client('alice').put('a', 'room')

    if (disk !== undefined) disk.capacityBytes = disk.usedBytes
    const { session } = cluster.client('alice')
    const outcomes: string[] = []
    for (let i = 0; i < 20; i++) {
      session.start({ type: 'put', key: 'a', value: session.unique('full') }, (outcome) => outcomes.push(outcome.type))
      cluster.run({ ms: 200 })
    }
    assert.equal(outcomes.filter((type) => type === 'unknown').length, 0, 'everybody was answered')
    assert.ok(outcomes.includes('refused'), 'the alarm of the full disk stops writes everywhere')
    assert.ok(cluster.world.node(victim).executor(0).commits.full, 'the disk did fill')
    assert.notEqual(cluster.client('reader').get('a'), undefined)
    if (disk !== undefined) disk.capacityBytes = Number.POSITIVE_INFINITY
    cluster.run({ ms: 2_000 })
    cluster.clearAlarms({ withinMs: 5_000 })

    cluster.client('alice').put('a', session.unique('again'))
    cluster.expectConverged({ withinMs: 5_000 })
    cluster.checkHistory()
  },
)
