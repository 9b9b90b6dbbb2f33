import assert from 'node:assert/strict'
import test from 'node:test'
import { compactedConfiguration, snapshotMeta, snapshotWanted } from '../../../actors/raft/state.ts'
import { utf8 } from '../../../base/bytes.ts'
import { Cluster, type ClusterOptions } from './cluster.ts'

const config: NonNullable<ClusterOptions['config']> = { logKeepEntries: 4 }

/** Replica 3 is away while the others go so far ahead that the log no longer reaches back to it. */
function behind(): Cluster {
  const cluster = new Cluster({ voters: [1, 2, 3], config })
  cluster.elect(1)
  cluster.isolate(3)
  fill(cluster, 30)
  assert.ok(cluster.state(1).log.first > 10)
  return cluster
}

function fill(cluster: Cluster, count: number): void {
  for (let n = 0; n < count; n++) {
    cluster.propose(1, `value ${n}`)
    cluster.settle()
  }
  for (const id of [1, 2]) cluster.fold(id)
  cluster.settle()
}

test('R20: the log is compacted behind what is folded, keeping what was asked for', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], config })
  cluster.elect(1)
  for (let n = 0; n < 10; n++) cluster.propose(1, `${n}`)
  cluster.settle()
  assert.equal(cluster.state(1).log.first, 1)

  cluster.fold(1)
  cluster.settle()

  assert.equal(cluster.state(1).log.first, 8)
  assert.equal(cluster.state(2).log.first, 1)
  assert.equal(cluster.replica(1).disk.log.firstIndex, 8)
})

test('R20: bytes bound the log as entries do', () => {
  const cluster = new Cluster({ voters: [1], config: { logKeepEntries: 1_000, logKeepBytes: 10_000 } })
  cluster.elect(1)
  for (let n = 0; n < 400; n++) cluster.propose(1, 'x'.repeat(100))
  cluster.settle()

  cluster.fold(1)
  cluster.settle()

  const { log } = cluster.state(1)
  assert.ok(log.bytes <= 10_000 && log.last - log.first > 20, `${log.first}..${log.last}`)
})

test('R20: a live follower that lags keeps the log, until the log is overgrown or the follower long dead', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], config: { logKeepEntries: 10, checkQuorum: false } })
  cluster.elect(1)
  cluster.isolate(3)
  fill(cluster, 20)
  assert.equal(cluster.state(1).log.first, 2)

  cluster.tick(1, 601)
  cluster.settle()
  cluster.fold(1)
  cluster.settle()
  assert.equal(cluster.state(1).log.first, 12)

  const grown = new Cluster({ voters: [1, 2, 3], config })
  grown.elect(1)
  grown.isolate(3)
  fill(grown, 30)
  assert.equal(grown.state(1).log.first, 28)
})

test('R21: who is too far behind gets a snapshot and goes on from there', () => {
  const cluster = behind()

  cluster.heal()
  cluster.run(3)

  assert.equal(cluster.seen(1, 'sendSnapshot').length, 1)
  assert.equal(cluster.state(3).log.first, 32)
  assert.equal(cluster.state(3).commit, cluster.state(1).commit)
  assert.equal(cluster.replica(3).machine.digest, cluster.replica(1).machine.digest)
  cluster.propose(1, 'more')
  cluster.settle()
  assert.equal(cluster.replica(3).machine.digest, cluster.replica(1).machine.digest)
})

test('R21: a transfer that failed is asked for again once the follower answers', () => {
  const cluster = behind()
  cluster.heal()
  for (let n = 0; n < 20 && cluster.transfers.length === 0; n++) {
    cluster.tick(1)
    for (const envelope of cluster.bag.splice(0)) cluster.deliver(envelope)
    while (cluster.flush(3));
    for (const envelope of cluster.bag.splice(0)) cluster.deliver(envelope)
  }
  assert.equal(cluster.state(1).progress.get(3)?.phase, 'snapshot')

  cluster.finishSnapshot(false)
  assert.equal(cluster.state(1).progress.get(3)?.phase, 'probe')
  assert.equal(cluster.transfers.length, 0)
  cluster.run(3)

  assert.equal(cluster.seen(1, 'sendSnapshot').length, 2)
  assert.equal(cluster.state(3).commit, cluster.state(1).commit)
})

test('R21: the follower’s word that it installed may be lost', () => {
  const cluster = behind()
  cluster.heal()
  cluster.cut(3, 1)
  cluster.step(1, { type: 'mismatched', from: 3, term: 1, prevIndex: 1, hintIndex: 0, hintTerm: 0, round: 0 })
  cluster.step(1, { type: 'peerLink', node: 3, up: true })
  cluster.step(1, { type: 'heartbeatAck', from: 3, term: 1, round: 0 })
  cluster.settle()
  assert.equal(cluster.replica(3).machine.index, cluster.replica(1).machine.index)
  assert.equal(cluster.state(1).progress.get(3)?.phase, 'snapshot')

  cluster.heal()
  cluster.run(25)

  assert.equal(cluster.state(1).progress.get(3)?.phase, 'replicate')
  assert.equal(cluster.seen(1, 'sendSnapshot').length, 1)
})

test('R21: a transfer ends with the leadership that began it', () => {
  const cluster = behind()
  cluster.heal()
  cluster.step(1, { type: 'peerLink', node: 3, up: true })
  cluster.step(1, { type: 'heartbeatAck', from: 3, term: 1, round: 0 })
  assert.equal(cluster.seen(1, 'sendSnapshot').length, 1)

  cluster.step(1, { type: 'heartbeat', from: 2, term: 5, commit: 0, round: 0, quiesce: false })

  assert.deepEqual(cluster.seen(1, 'cancelSnapshot'), [{ type: 'cancelSnapshot', to: 3 }])
})

test('R21: a snapshot older than what is applied changes nothing and tells the leader where to go on', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  for (let n = 0; n < 5; n++) cluster.propose(1, `${n}`)
  cluster.settle()
  const meta = { index: 3, term: 1, configuration: cluster.state(1).membership.current }
  assert.equal(snapshotWanted(cluster.state(2), 3), false)
  cluster.bag = []

  cluster.step(2, { type: 'installed', from: 1, term: 1, meta })
  cluster.flush(2)

  assert.equal(cluster.state(2).applied, 6)
  assert.deepEqual(
    cluster.under('matched').map(({ message }) => message.index),
    [6],
  )
})

test('R10, R21: entries after the snapshot that were acknowledged stay', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  const data = utf8('x')
  const entries = [2, 3, 4, 5].map((index) => ({ index, term: 1, type: 'normal' as const, data }))
  cluster.step(2, { type: 'append', from: 1, term: 1, prevIndex: 1, prevTerm: 1, entries, commit: 1, round: 0 })
  const meta = { index: 3, term: 1, configuration: cluster.state(1).membership.current }

  const out = cluster.step(2, { type: 'installed', from: 1, term: 1, meta })

  assert.deepEqual(
    out.filter((effect) => effect.type === 'resetLog'),
    [],
  )
  assert.equal(cluster.state(2).log.last, 5)
  assert.equal(cluster.state(2).commit, 3)
  assert.equal(cluster.state(2).applied, 3)
})

test('R21: a snapshot that the log contradicts replaces it, configuration and all', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  const data = utf8('x')
  const entries = [1, 2, 3].map((index) => ({ index, term: 1, type: 'normal' as const, data }))
  cluster.step(2, { type: 'append', from: 1, term: 1, prevIndex: 0, prevTerm: 0, entries, commit: 0, round: 0 })
  const configuration = { voters: [1, 2, 3, 4], votersOutgoing: [], learners: [], learnersNext: [] }

  const out = cluster.step(2, { type: 'installed', from: 3, term: 4, meta: { index: 3, term: 3, configuration } })

  assert.deepEqual(
    out.filter((effect) => effect.type === 'resetLog'),
    [{ type: 'resetLog', index: 3, term: 3, configuration }],
  )
  assert.deepEqual(cluster.state(2).membership.current, configuration)
  assert.equal(cluster.state(2).term, 4)
  assert.deepEqual([cluster.state(2).log.first, cluster.state(2).log.last], [4, 3])
})

test('R13, R20: the configuration as of the compacted index is kept for the next start', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], spares: [4], config })
  cluster.elect(1)
  cluster.step(1, { type: 'changeConfiguration', id: 1, wanted: { voters: [1, 2, 3], learners: [4] } })
  cluster.settle()
  fill(cluster, 30)
  assert.deepEqual(compactedConfiguration(cluster.state(1)).learners, [4])
  assert.deepEqual(snapshotMeta(cluster.state(1), cluster.state(1).applied)?.configuration.learners, [4])
  assert.equal(snapshotMeta(cluster.state(1), 2), undefined)

  cluster.restart(1)

  assert.deepEqual(cluster.state(1).membership.current.learners, [4])
})

test('R21: a new replica without any log joins by snapshot and learns the configuration from it', () => {
  const cluster = new Cluster({ voters: [1, 2], spares: [3], config })
  cluster.elect(1)
  fill(cluster, 30)

  cluster.step(1, { type: 'changeConfiguration', id: 1, wanted: { voters: [1, 2], learners: [3] } })
  cluster.run(5)

  assert.deepEqual(cluster.state(3).membership.current.learners, [3])
  assert.equal(cluster.replica(3).machine.digest, cluster.replica(1).machine.digest)
})
