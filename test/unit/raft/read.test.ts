import assert from 'node:assert/strict'
import test from 'node:test'
import { Cluster } from './cluster.ts'

const read = (cluster: Cluster, at: number, id: number): void => void cluster.step(at, { type: 'read', id })
const ready = (cluster: Cluster, at: number): (readonly [readonly number[], number])[] =>
  cluster.seen(at, 'readReady').map(({ ids, index }) => [ids, index] as const)

test('R18: a read is answered with the commit index once a quorum acknowledged a round begun after it', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.propose(1, 'a')
  cluster.settle()

  read(cluster, 1, 7)
  assert.deepEqual(ready(cluster, 1), [])
  cluster.settle()

  assert.deepEqual(ready(cluster, 1), [[[7], 2]])
})

test('R18: an acknowledgement that was under way before the read says nothing about it', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  read(cluster, 1, 1)
  const heartbeats = cluster.bag.splice(0)
  for (const envelope of heartbeats) cluster.deliver(envelope)
  const acks = cluster.bag.splice(0)

  read(cluster, 1, 2)
  for (const envelope of acks) cluster.deliver(envelope)
  assert.deepEqual(ready(cluster, 1), [[[1], 1]])

  cluster.settle()
  assert.deepEqual(ready(cluster, 1), [
    [[1], 1],
    [[2], 1],
  ])
})

test('R18: acknowledgements of an earlier round, come late or twice, confirm no later one', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(1)
  read(cluster, 1, 1)

  cluster.step(1, { type: 'heartbeatAck', from: 2, term: 1, round: 0 })
  cluster.step(1, { type: 'heartbeatAck', from: 2, term: 1, round: 99 })
  assert.deepEqual(ready(cluster, 1), [])

  cluster.step(1, { type: 'heartbeatAck', from: 2, term: 1, round: 1 })
  assert.deepEqual(ready(cluster, 1), [[[1], 1]])
})

test('R18: reads that arrive during a round share the next', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)

  for (let id = 1; id <= 5; id++) read(cluster, 1, id)
  const heartbeats = cluster.under('heartbeat').length
  cluster.settle()

  assert.equal(heartbeats, 2)
  assert.deepEqual(
    ready(cluster, 1).map(([ids]) => ids),
    [[1], [2, 3, 4, 5]],
  )
})

test('R18: a leader answers no read before it committed in its own term, then all at once', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.step(1, { type: 'campaign' })
  while (cluster.state(1).role !== 'leader') {
    for (const id of cluster.ids) while (cluster.flush(id));
    const envelope = cluster.bag.shift()
    if (envelope !== undefined) cluster.deliver(envelope)
  }

  read(cluster, 1, 3)
  assert.equal(cluster.under('heartbeat').length, 0)
  cluster.settle()

  assert.deepEqual(ready(cluster, 1), [[[3], 1]])
})

test('R18: a leader that was replaced unknowingly answers nothing', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(1)
  cluster.run(9)
  read(cluster, 1, 4)
  cluster.run(20)

  assert.deepEqual(ready(cluster, 1), [])
  assert.deepEqual(cluster.seen(1, 'readDropped'), [{ type: 'readDropped', ids: [4], reason: 'leaderChanged' }])
})

test('R18: a round needs both majorities of a joint configuration', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], spares: [4, 5] })
  cluster.elect(1)
  cluster.step(1, { type: 'changeConfiguration', id: 9, wanted: { voters: [1, 4, 5], learners: [] } })
  cluster.bag = []

  read(cluster, 1, 1)
  for (const from of [2, 3]) cluster.step(1, { type: 'heartbeatAck', from, term: 1, round: 1 })
  assert.deepEqual(ready(cluster, 1), [])
  cluster.step(1, { type: 'heartbeatAck', from: 4, term: 1, round: 1 })

  assert.deepEqual(ready(cluster, 1), [[[1], 1]])
})

test('R18: an append’s acknowledgement confirms a round as well as a heartbeat’s', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  read(cluster, 1, 1)
  cluster.bag = []

  cluster.propose(1, 'a')
  cluster.settle()

  assert.deepEqual(ready(cluster, 1), [[[1], 1]])
})

test('a follower asks the leader, one question for many reads', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.propose(1, 'a')
  cluster.settle()

  for (let id = 1; id <= 4; id++) read(cluster, 3, id)
  assert.equal(cluster.under('askReadIndex').length, 1)
  cluster.settle()

  assert.deepEqual(ready(cluster, 3), [
    [[1], 2],
    [[2, 3, 4], 2],
  ])
})

test('a question or an answer that is lost is asked again', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  read(cluster, 2, 1)
  cluster.bag = []

  cluster.run(2)

  assert.deepEqual(ready(cluster, 2), [[[1], 1]])
})

test('a follower without a leader refuses reads, and drops them when the leader changes', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  read(cluster, 2, 1)
  cluster.elect(1)
  cluster.isolate(1)
  read(cluster, 2, 2)
  cluster.run(40)

  assert.deepEqual(cluster.seen(2, 'readDropped'), [
    { type: 'readDropped', ids: [1], reason: 'noLeader' },
    { type: 'readDropped', ids: [2], reason: 'leaderChanged' },
  ])
})

test('R18: an answer to a question of an earlier life is none', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  read(cluster, 2, 1)
  for (const envelope of cluster.under('askReadIndex')) cluster.deliver(envelope)
  cluster.bag = cluster.bag.filter(({ message }) => message.type !== 'askReadIndex')
  cluster.settle()
  const question = cluster.state(2).reads.question
  cluster.restart(2)
  cluster.run(1)
  cluster.bag = []
  read(cluster, 2, 1)

  cluster.step(2, { type: 'readIndex', from: 1, term: 1, id: question, index: 1 })

  assert.deepEqual(ready(cluster, 2).length, 1)
})

test('R22: waiting reads are bounded', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)

  for (let id = 0; id <= 8_192; id++) read(cluster, 1, id)

  assert.deepEqual(cluster.seen(1, 'readDropped'), [{ type: 'readDropped', ids: [8_192], reason: 'overloaded' }])
})
