import assert from 'node:assert/strict'
import test from 'node:test'
import { Cluster } from './cluster.ts'

test('R17: after a restart no vote, no pre-vote and no candidacy for the time of the ban', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.restart(2)
  const ask = { from: 3, term: 9, lastIndex: 99, lastTerm: 8, transfer: false } as const

  cluster.tick(2, 19)
  cluster.bag = []
  cluster.step(2, { type: 'askVote', pre: true, ...ask })
  cluster.step(2, { type: 'askVote', pre: false, ...ask })
  cluster.step(2, { type: 'campaign' })
  cluster.flush(2)
  assert.deepEqual(cluster.bag, [])
  assert.equal(cluster.state(2).term, 1)

  cluster.tick(2, 1)
  cluster.step(2, { type: 'askVote', pre: false, ...ask })
  assert.equal(cluster.state(2).votedFor, 3)
})

test('R17: replicas that restart together do not all stand when the ban ends', () => {
  const cluster = new Cluster({ voters: [1, 2, 3, 4, 5] })
  cluster.elect(1)
  for (const id of cluster.ids) cluster.restart(id)

  const stood = cluster.ids.map((id) => {
    let ticks = 0
    while (cluster.state(id).role === 'follower') {
      cluster.tick(id)
      ticks++
    }
    return ticks
  })

  assert.ok(
    stood.every((ticks) => ticks >= 20 && ticks <= 31),
    String(stood),
  )
  assert.ok(new Set(stood).size >= 3, String(stood))
})

test('R17: a replica that never took part promised nothing, and a group of one promised nobody', () => {
  const fresh = new Cluster({ voters: [1, 2, 3] })
  assert.equal(fresh.state(1).voteBanUntil, 0)

  const alone = new Cluster({ voters: [1] })
  alone.elect(1)
  alone.settle()
  alone.restart(1)
  alone.tick(1)
  assert.equal(alone.state(1).role, 'leader')
})

test('R17: one who is to be alone, but may not know that the others are gone, is banned like any other', () => {
  const cluster = new Cluster({ voters: [1, 2] })
  cluster.elect(2)
  cluster.cut(1, 2)
  cluster.step(2, { type: 'changeConfiguration', id: 1, wanted: { voters: [1], learners: [] } })
  cluster.settle()
  cluster.restart(1)

  cluster.tick(1, 5)

  assert.equal(cluster.state(1).role, 'follower')
})

test('R9: after a restart the machine goes on where it was folded, each entry once, in order', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  for (const text of ['a', 'b', 'c', 'd']) cluster.propose(1, text)
  cluster.settle()
  cluster.fold(1)
  cluster.settle()
  cluster.propose(1, 'e')
  cluster.settle()
  assert.equal(cluster.replica(1).disk.machine.index, 5)

  cluster.restart(1)
  assert.equal(cluster.replica(1).machine.index, 5)
  cluster.run(60)

  assert.equal(cluster.replica(1).machine.index, cluster.replica(2).machine.index)
  assert.equal(cluster.replica(1).machine.digest, cluster.replica(2).machine.digest)
})

test('R9: what was known to be committed is applied at once after a restart, without a leader', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.propose(1, 'a')
  cluster.settle()
  // The commit index rides on the next write of the log.
  cluster.propose(1, 'b')
  cluster.settle()

  cluster.restart(2)
  cluster.tick(2)
  cluster.settle()

  assert.equal(cluster.replica(2).machine.index, 2)
})

test('R13: a restart finds the configuration in the log, committed or not', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], spares: [4] })
  cluster.elect(1)
  cluster.isolate(1)
  cluster.step(1, { type: 'changeConfiguration', id: 1, wanted: { voters: [1, 2, 3, 4], learners: [] } })
  cluster.flush(1)
  cluster.flush(1)

  cluster.restart(1)

  assert.deepEqual(cluster.state(1).membership.current.voters, [1, 2, 3, 4])
  assert.ok(cluster.state(1).membership.currentIndex > cluster.state(1).commit)
})

test('the first step after a start tells role and configuration', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })

  cluster.tick(1)
  cluster.tick(1)

  assert.deepEqual(cluster.seen(1, 'role'), [{ type: 'role', role: 'follower', term: 0, leader: undefined }])
  assert.deepEqual(
    cluster.seen(1, 'configuration').map((effect) => effect.configuration.voters),
    [[1, 2, 3]],
  )
})

test('R20: a machine that is ahead of its log, or behind its first entry, is refused at the start', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.replica(1).disk.machine = { index: 9, digest: 0 }

  assert.throws(() => cluster.restart(1), /R20: applied 9 lies in the log 0\.\.1/)
})
