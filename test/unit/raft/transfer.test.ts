import assert from 'node:assert/strict'
import test from 'node:test'
import { Cluster } from './cluster.ts'

const transfer = (cluster: Cluster, at: number, to: number): void =>
  void cluster.step(at, { type: 'transferLeadership', to })

test('R19: the heir leads the next term without waiting for a timeout', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)

  transfer(cluster, 1, 3)
  cluster.settle()

  assert.equal(cluster.leader?.self, 3)
  assert.equal(cluster.leader?.term, 2)
  assert.equal(cluster.state(1).role, 'follower')
})

test('R19: the heir is brought up to date before it is told', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(3)
  for (let n = 0; n < 5; n++) cluster.propose(1, `${n}`)
  cluster.settle()
  cluster.heal()

  transfer(cluster, 1, 3)
  assert.equal(cluster.under('timeoutNow').length, 0)
  cluster.run(3)

  assert.equal(cluster.leader?.self, 3)
  assert.equal(cluster.leader?.commit, 7)
})

test('R19: meanwhile proposals and changes are refused; afterwards the old leader passes them on', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)

  transfer(cluster, 1, 2)
  cluster.propose(1, 'a', 5)
  cluster.step(1, { type: 'changeConfiguration', id: 6, wanted: { voters: [1, 2], learners: [] } })
  assert.deepEqual(cluster.seen(1, 'proposalsDropped'), [
    { type: 'proposalsDropped', ids: [5], reason: 'transferring' },
  ])
  assert.deepEqual(cluster.seen(1, 'configurationChanged'), [
    { type: 'configurationChanged', id: 6, error: 'transferring' },
  ])

  cluster.settle()
  cluster.propose(1, 'b')
  cluster.settle()
  assert.equal(cluster.state(2).log.last, 3)
})

test('R19: a transfer that does not come about ends after an election timeout', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(3)
  transfer(cluster, 1, 3)

  cluster.run(11)
  cluster.propose(1, 'a', 5)
  cluster.settle()

  assert.equal(cluster.leader?.self, 1)
  assert.deepEqual(cluster.seen(1, 'proposalsDropped'), [])
  assert.equal(cluster.state(1).commit, 2)
})

test('R19: a second wish replaces the first', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(3)
  transfer(cluster, 1, 3)

  transfer(cluster, 1, 2)
  cluster.settle()

  assert.equal(cluster.leader?.self, 2)
})

test('R14: leadership goes to no learner, no stranger, and not to oneself', () => {
  const cluster = new Cluster({ voters: [1, 2], learners: [3] })
  cluster.elect(1)

  for (const to of [1, 3, 9]) transfer(cluster, 1, to)

  assert.equal(cluster.state(1).transfer, undefined)
  assert.equal(cluster.state(1).role, 'leader')
})

test('R19: only the present leader’s word makes a follower stand', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)

  cluster.step(2, { type: 'timeoutNow', from: 3, term: 1 })

  assert.equal(cluster.state(2).role, 'follower')
})
