import assert from 'node:assert/strict'
import test from 'node:test'
import { Cluster } from './cluster.ts'

const sleeping = (): Cluster => {
  const cluster = new Cluster({ voters: [1, 2, 3], config: { quiesceAfterTicks: 5 } })
  cluster.elect(1)
  cluster.propose(1, 'a')
  cluster.run(8)
  return cluster
}
const asleep = (cluster: Cluster): boolean[] => cluster.states.map((state) => state.quiesced)

test('R23: an idle group falls asleep, sends nothing and elects nobody', () => {
  const cluster = sleeping()
  assert.deepEqual(asleep(cluster), [true, true, true])
  const { steps } = cluster

  cluster.run(200)

  assert.equal(cluster.steps - steps, 600)
  assert.equal(cluster.leader?.term, 1)
})

test('R23: a proposal wakes the group, from the leader or from a follower', () => {
  for (const at of [1, 2]) {
    const cluster = sleeping()

    cluster.propose(at, 'b')
    cluster.settle()

    assert.deepEqual(asleep(cluster), [false, false, false])
    assert.deepEqual(
      cluster.states.map((state) => state.commit),
      [3, 3, 3],
    )
  }
})

test('R23: a read wakes the group and is answered', () => {
  for (const at of [1, 3]) {
    const cluster = sleeping()

    cluster.step(at, { type: 'read', id: 9 })
    cluster.settle()

    assert.deepEqual(cluster.seen(at, 'readReady'), [{ type: 'readReady', ids: [9], index: 2 }])
  }
})

test('R23: word that the leader’s node is gone wakes a follower, which then replaces it', () => {
  const cluster = sleeping()
  cluster.crash(1)

  cluster.run(50)
  assert.equal(cluster.leader, undefined)
  for (const id of [2, 3]) cluster.step(id, { type: 'peerLink', node: 1, up: false })
  cluster.run(60)

  assert.ok(cluster.leader !== undefined)
})

test('R23: word of another node leaves a sleeping follower asleep', () => {
  const cluster = sleeping()

  cluster.step(2, { type: 'peerLink', node: 3, up: false })
  cluster.step(2, { type: 'peerLink', node: 1, up: true })

  assert.equal(cluster.state(2).quiesced, true)
})

test('R23: a follower that missed the good night wakes the others, and they sleep again', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], config: { quiesceAfterTicks: 5 } })
  cluster.elect(1)
  cluster.run(4)
  cluster.cut(1, 3)
  cluster.run(1)
  cluster.heal()
  assert.deepEqual(asleep(cluster), [true, true, false])

  cluster.run(40)

  assert.deepEqual(asleep(cluster), [true, true, true])
  assert.equal(cluster.leader?.term, 1)
})

test('R23: nobody sleeps while a follower that should be there lags', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], config: { quiesceAfterTicks: 5 } })
  cluster.elect(1)
  cluster.isolate(3)
  cluster.propose(1, 'a')

  cluster.run(30)

  assert.deepEqual([cluster.state(1).quiesced, cluster.state(2).quiesced], [false, false])
})

test('R23: one node that is known to be down does not keep the others awake, and its return wakes them', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], config: { quiesceAfterTicks: 5 } })
  cluster.elect(1)
  cluster.crash(3)
  cluster.step(1, { type: 'peerLink', node: 3, up: false })
  cluster.propose(1, 'a')
  cluster.run(10)
  assert.deepEqual(asleep(cluster), [true, true])

  cluster.restart(3)
  cluster.step(1, { type: 'peerLink', node: 3, up: true })
  cluster.run(10)

  assert.equal(cluster.state(3).commit, 2)
  assert.deepEqual(asleep(cluster), [true, true, true])
})

test('R15, R23: a leader cut off in its sleep cannot answer a read, and steps down when it wakes', () => {
  const cluster = sleeping()
  cluster.isolate(1)
  cluster.step(2, { type: 'peerLink', node: 1, up: false })
  cluster.run(60)
  assert.equal(cluster.state(1).role, 'leader')
  assert.ok((cluster.leader?.term ?? 0) > 1)

  cluster.step(1, { type: 'read', id: 1 })
  cluster.run(11)

  assert.deepEqual(cluster.seen(1, 'readReady'), [])
  assert.equal(cluster.state(1).role, 'follower')
})
