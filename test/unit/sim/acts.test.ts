/** Acts on a cluster: each does what it says, ends when it says so, and leaves alone what is not there. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Act } from '../../../sim/act.ts'
import { perform } from '../../../sim/acts.ts'
import type { Budget } from '../../../sim/atlas.ts'
import { SimCluster } from '../../../sim/cluster.ts'

function opened(options: { budget?: Budget; executors?: number; nodes?: number } = {}): {
  cluster: SimCluster
  leader: number
  others: readonly number[]
} {
  const cluster = new SimCluster({ seed: 4, nodes: 3, tickMs: 20, ...options })
  cluster.awaitLeader({ withinMs: 4_000, group: 'meta' })
  const leader = cluster.awaitLeader({ withinMs: 4_000 })
  cluster.client('alice').put('a', 'before')
  cluster.run({ ms: 300 })
  return { cluster, leader, others: cluster.others(leader) }
}

function expectWell(cluster: SimCluster): void {
  cluster.world.calm()
  cluster.expectConverged({ withinMs: 20_000 })
  cluster.client('bob').put('z', 'after', { withinMs: 20_000 })
  cluster.expectConverged({ withinMs: 20_000 })
  cluster.checkHistory()
}

test('crashActor: a group that fails is started again by its supervisor, and nothing is lost', () => {
  for (const actor of ['raft/default', 'replica/default', 'keeper', 'heartbeats/0']) {
    const { cluster, leader } = opened()
    const before = cluster.running(leader, actor)?.cell.restarts

    assert.equal(perform(cluster, { type: 'crashActor', node: leader, actor }), true)
    assert.equal(cluster.running(leader, actor), undefined)
    cluster.run({ ms: 2_000 })

    assert.ok(
      (cluster.running(leader, actor)?.cell.restarts ?? 0) > (before ?? 0) || cluster.running(leader, actor),
      actor,
    )
    expectWell(cluster)
  }
})

test('rollingRestart: one after the other goes down and comes back', () => {
  const { cluster } = opened()
  perform(cluster, { type: 'rollingRestart', nodes: [1, 2, 3], everyMs: 400, forMs: 100 })

  const down: number[][] = []
  for (let at = 0; at < 12; at++) {
    cluster.run({ ms: 100 })
    down.push(cluster.nodes.filter((id) => !cluster.world.node(id).up))
  }

  assert.ok(down.every((ids) => ids.length <= 1))
  assert.deepEqual(
    [1, 2, 3].map((id) => cluster.world.node(id).crashes),
    [1, 1, 1],
  )
  expectWell(cluster)
})

test('swizzle: each node clogs and clears up by itself', () => {
  const { cluster, leader, others } = opened()
  const [one = 0, two = 0] = others
  perform(cluster, {
    type: 'swizzle',
    clogs: [
      { node: one, afterMs: 10, forMs: 300 },
      { node: two, afterMs: 100, forMs: 100 },
    ],
  })
  const clogged = (from: number, to: number): boolean =>
    cluster.world.network.passages.clearMs(from, to) > cluster.world.nowMs

  cluster.run({ ms: 50 })
  assert.deepEqual([clogged(leader, one), clogged(one, leader), clogged(leader, two)], [true, true, false])
  cluster.run({ ms: 100 })
  assert.equal(clogged(leader, two), true)
  cluster.run({ ms: 300 })
  assert.deepEqual([clogged(leader, one), clogged(leader, two), clogged(one, two)], [false, false, false])
  expectWell(cluster)
})

test('cut: two that overlap are two, and the end of the first leaves the second', () => {
  const { cluster } = opened()
  perform(cluster, { type: 'cut', pairs: [[1, 2]], forMs: 100 })
  perform(cluster, { type: 'cut', pairs: [[1, 2]], forMs: 500 })

  cluster.run({ ms: 200 })
  assert.equal(cluster.world.network.isCut(1, 2), true)
  cluster.run({ ms: 400 })
  assert.equal(cluster.world.network.isCut(1, 2), false)
})

test('suspend: the machine sleeps, its monotonic clock with it, its wall clock not', () => {
  const { cluster, leader } = opened()
  const { clock } = cluster.world.node(leader)
  const [beganMs, wallBeganMs] = [clock.nowMs(), clock.wallMs()]

  perform(cluster, { type: 'suspend', node: leader, forMs: 2_000 })
  cluster.run({ ms: 2_000 })

  assert.equal(Math.round(clock.nowMs() - beganMs), 0)
  assert.equal(Math.round(clock.wallMs() - wallBeganMs), 2_000)
  assert.notEqual(cluster.awaitLeader({ withinMs: 4_000 }), leader, 'the others went on without it')
  cluster.run({ ms: 200 })
  assert.ok(clock.nowMs() - beganMs > 190, 'both go on')
  expectWell(cluster)
})

test('failFlush: the process ends, and comes back with what was acknowledged', () => {
  const { cluster, leader } = opened()
  perform(cluster, { type: 'failFlush', node: leader, disk: 0 })
  cluster.client('alice').put('b', 'one', { withinMs: 10_000 })
  cluster.run({ ms: 1_000 })

  assert.equal(cluster.world.node(leader).crashes, 1)
  assert.match(cluster.world.fatals.join(), /input\/output error/)
  expectWell(cluster)
})

test('R25: rot that is read ends the process; the store is replaced, filled by the others and vouched for', () => {
  for (const type of ['rot', 'misdirectWrite'] as const) {
    const { cluster, others } = opened({ budget: 'recoverable' })
    const [victim = 0, other = 0] = others
    const act: Act =
      type === 'rot'
        ? { type, node: victim, disk: 0, choice: 0.5 }
        : { type, node: victim, disk: 0, choice: 0.5, silent: false }

    assert.equal(perform(cluster, act), true)
    assert.equal(perform(cluster, { ...act, node: other }), false, 'the budget has one of three')
    for (let i = 0; i < 5; i++) cluster.client('alice').put('a', String(i), { withinMs: 10_000 })
    cluster.world.node(victim).scrub()
    cluster.run({ ms: 50 })
    cluster.await('the store was replaced', () => cluster.world.node(victim).lost.has(0), { withinMs: 5_000 })
    cluster.await('it is trusted', () => cluster.atlas.struckOf('default').length === 0, { withinMs: 20_000 })

    assert.equal(cluster.world.node(victim).disks[0]?.damaged, false)
    expectWell(cluster)
  }
})

test('loseDisks: the budget keeps the second of three until the first is whole again', () => {
  const { cluster, others } = opened({ budget: 'recoverable' })
  const [one = 0, two = 0] = others
  const lose = (node: number): boolean => perform(cluster, { type: 'loseDisks', node, disks: [0], forMs: 50 })

  assert.deepEqual([lose(one), lose(two)], [true, false])
  cluster.await('the first is whole', () => cluster.atlas.struckOf('default').length === 0, { withinMs: 20_000 })
  assert.equal(lose(two), true)
  expectWell(cluster)
})

test('unlimited: a group that lost a majority of its stores stands still, and the atlas says why', () => {
  const { cluster, others } = opened({ budget: 'unlimited' })
  for (const node of others) perform(cluster, { type: 'loseDisks', node, disks: [0], forMs: 50 })
  cluster.run({ ms: 30 * cluster.electionMs })

  assert.equal(cluster.leader(), undefined)
  assert.match(cluster.atlas.hopeless('default', cluster.nodes) ?? '', /holds all that was promised/)
})

test('a power cut on a disk that lies: noticed and replaced in one budget, silent in the other', () => {
  for (const budget of ['recoverable', 'unlimited'] as const) {
    const { cluster, others } = opened({ budget })
    const [victim = 0] = others
    perform(cluster, { type: 'lieAboutFlushes', node: victim, disk: 0, forMs: 10_000 })
    for (let i = 0; i < 3; i++) cluster.client('alice').put('a', String(i))
    perform(cluster, { type: 'crash', nodes: [victim], forMs: 50, power: true })

    const node = cluster.world.node(victim)
    assert.deepEqual(
      [node.lost.has(0), (node.disks[0]?.forgotten ?? 0) > 0],
      budget === 'recoverable' ? [true, false] : [false, true],
    )
    if (budget === 'recoverable') expectWell(cluster)
  }
})

test('what forgets in silence is not done in the recoverable budget', () => {
  const { cluster } = opened({ budget: 'recoverable' })
  const acts: readonly Act[] = [
    { type: 'staleReads', node: 1, disk: 0, forMs: 100 },
    { type: 'restoreOldCopy', node: 1, afterMs: 10, forMs: 10 },
    { type: 'misdirectWrite', node: 1, disk: 0, choice: 0.5, silent: true },
  ]
  for (const act of acts) assert.equal(perform(cluster, act), false, act.type)
  cluster.run({ ms: 500 })
  assert.equal(cluster.world.node(1).crashes, 0)
})

test('members join and leave while clients go on', () => {
  const { cluster } = opened({ budget: 'recoverable' })
  assert.equal(perform(cluster, { type: 'removeMember', node: 1 }), false, 'three cannot spare one')

  assert.equal(perform(cluster, { type: 'addMember', node: 4 }), true)
  assert.equal(perform(cluster, { type: 'removeMember', node: 1 }), false, 'one change at a time')
  cluster.client('alice').put('b', 'meanwhile', { withinMs: 10_000 })
  cluster.await('four voters', () => cluster.atlas.steady && cluster.members.size === 4, { withinMs: 20_000 })
  assert.equal(perform(cluster, { type: 'removeMember', node: 1 }), true)
  cluster.await('three voters', () => cluster.atlas.steady && cluster.members.size === 3, { withinMs: 20_000 })

  assert.deepEqual([...cluster.members], [2, 3, 4])
  expectWell(cluster)
})

test('what an act names and is not there is left alone', () => {
  const { cluster } = opened({ executors: 2 })
  const acts: readonly Act[] = [
    { type: 'crash', nodes: [9], forMs: 10 },
    { type: 'crashThread', node: 9, thread: 1, forMs: 10 },
    { type: 'crashThread', node: 1, thread: 7, forMs: 10 },
    { type: 'crashActor', node: 9, actor: 'keeper' },
    { type: 'crashActor', node: 1, actor: 'nobody' },
    { type: 'rollingRestart', nodes: [9], everyMs: 1, forMs: 1 },
    { type: 'cut', pairs: [[1, 9]], forMs: 10 },
    { type: 'clog', pairs: [[9, 1]], forMs: 10 },
    { type: 'swizzle', clogs: [{ node: 9, afterMs: 1, forMs: 10 }] },
    { type: 'pause', node: 9, forMs: 10 },
    { type: 'suspend', node: 9, forMs: 10 },
    { type: 'stepWallClock', node: 9, byMs: 10 },
    { type: 'transferLeadership', to: 9 },
    { type: 'addMember', node: 1 },
    { type: 'removeMember', node: 9 },
    { type: 'slowDisk', node: 9, forMs: 10 },
    { type: 'fillDisk', node: 1, disk: 9, roomBytes: 0, forMs: 10 },
    { type: 'failFlush', node: 9, disk: 0 },
    { type: 'rot', node: 1, disk: 9, choice: 0.5 },
    { type: 'misdirectWrite', node: 9, disk: 0, choice: 0.5, silent: true },
    { type: 'lieAboutFlushes', node: 9, disk: 0, forMs: 10 },
    { type: 'staleReads', node: 9, disk: 0, forMs: 10 },
    { type: 'loseDisks', node: 1, disks: [9], forMs: 10 },
    { type: 'restoreOldCopy', node: 9, afterMs: 1, forMs: 10 },
  ]
  for (const act of acts) perform(cluster, act)
  cluster.run({ ms: 500 })
  assert.deepEqual(
    cluster.nodes.map((id) => cluster.world.node(id).crashes),
    [0, 0, 0],
  )
  expectWell(cluster)
})
