import assert from 'node:assert/strict'
import test from 'node:test'
import { utf8 } from '../../../base/bytes.ts'
import { Cluster } from './cluster.ts'

const voters = [1, 2, 3]

/** 1 leads, and `lost` came back with an empty disk; nobody has told it anything yet. */
function withLoss(lost: number, config: ConstructorParameters<typeof Cluster>[0]['config'] = {}): Cluster {
  const cluster = new Cluster({ voters, config })
  cluster.elect(1)
  cluster.propose(1, 'a')
  cluster.settle()
  cluster.wipe(lost)
  cluster.restart(lost)
  return cluster
}

// Without the rule, 2 would vote for 3, whose empty log is as good as its own, and what 1 and 2 committed would be gone.
test('R25: who lost his store elects nobody who lacks what it had acknowledged', () => {
  const cluster = new Cluster({ voters })
  cluster.elect(1)
  cluster.isolate(3)
  cluster.propose(1, 'committed by 1 and 2')
  cluster.settle()
  assert.equal(cluster.state(1).commit, 2)

  cluster.heal()
  cluster.crash(1)
  cluster.wipe(2)
  cluster.restart(2)
  cluster.run(100)
  assert.equal(cluster.states.filter(({ role }) => role === 'leader').length, 0)

  cluster.restart(1)
  cluster.run(100)
  assert.equal(cluster.leader?.self, 1)
  assert.equal(cluster.state(3).commit, cluster.state(1).commit)
  assert.equal(cluster.state(2).forgetful, false)
})

test('R25: no vote, no pre-vote, no candidacy, not even when the leader asks', () => {
  const cluster = withLoss(2)
  cluster.bag = []
  cluster.tick(2, 50)
  cluster.bag = []
  const ask = { from: 3, term: 9, lastIndex: 99, lastTerm: 8 } as const

  cluster.step(2, { type: 'askVote', pre: true, transfer: false, ...ask })
  cluster.step(2, { type: 'askVote', pre: false, transfer: false, ...ask })
  cluster.step(2, { type: 'askVote', pre: false, transfer: true, ...ask })
  cluster.step(2, { type: 'campaign' })
  assert.deepEqual(cluster.bag, [])

  cluster.step(2, { type: 'heartbeat', from: 1, term: 1, commit: 0, round: 0, quiesce: false })
  cluster.step(2, { type: 'timeoutNow', from: 1, term: 1 })
  assert.equal(cluster.state(2).role, 'follower')
  assert.equal(cluster.state(2).votedFor, undefined)
})

// 2 voted for 3 in term 2 and forgot it: 1, who was not told, must not win back its acknowledgement.
test('R25: a leader that was voted out does not commit, read or stay by the word of who forgot it', () => {
  const cluster = new Cluster({ voters, config: { preVote: false } })
  cluster.elect(1)
  cluster.settle()
  cluster.isolate(1)
  cluster.elect(3)
  cluster.propose(3, 'committed by 2 and 3')
  cluster.settle()
  assert.equal(cluster.state(3).commit, cluster.state(3).log.last)

  cluster.heal()
  cluster.isolate(3)
  cluster.wipe(2)
  cluster.restart(2)
  const before = cluster.state(1).commit
  cluster.propose(1, 'too late')
  cluster.step(1, { type: 'read', id: 1 })
  for (let n = 0; n < 5; n++) {
    cluster.tick(1)
    cluster.settle()
  }
  assert.ok(cluster.state(2).log.last > before, 'it takes what it is sent')
  assert.equal(cluster.state(1).commit, before)
  assert.deepEqual(cluster.seen(1, 'readReady'), [])
  for (let n = 0; n < 30; n++) {
    cluster.tick(1)
    cluster.settle()
  }
  assert.notEqual(cluster.state(1).role, 'leader')

  cluster.heal()
  cluster.run(60)
  assert.equal(cluster.leader?.self, 3)
  assert.equal(cluster.state(2).forgetful, false)
  assert.equal(cluster.replica(2).machine.digest, cluster.replica(3).machine.digest)
})

test('R25: an entry younger than its return, committed without it and matched by it, makes it count again', () => {
  const cluster = withLoss(2)
  cluster.cut(3, 1)

  cluster.run(3)
  const progress = cluster.state(1).progress.get(2)
  assert.ok((progress?.match ?? 0) > 2, 'it holds all the leader has')
  assert.equal(cluster.state(2).forgetful, true)

  cluster.heal()
  cluster.run(3)
  assert.equal(cluster.state(2).forgetful, false)
  assert.equal(cluster.replica(2).disk.forgetful, false)
  cluster.crash(3)
  cluster.propose(1, 'b')
  cluster.run(2)
  assert.equal(cluster.state(1).commit, cluster.state(1).log.last)
})

test('R25: what was under way from before the loss is not taken for the one who came back', () => {
  const cluster = withLoss(2)
  cluster.cut(3, 1)
  cluster.run(1)
  assert.equal(cluster.state(1).progress.get(2)?.life, cluster.state(2).life)
  const { last } = cluster.state(1).log

  cluster.propose(1, 'b')
  cluster.step(1, { type: 'matched', from: 2, term: 1, index: last + 1, round: 0 })
  cluster.flush(1)

  assert.equal(cluster.state(1).progress.get(2)?.match, last)
  assert.equal(cluster.state(1).commit, 2)
})

test('R25: a commit index that speaks of what was confirmed before the loss is not taken', () => {
  const cluster = new Cluster({ voters })
  cluster.wipe(2)
  cluster.restart(2)
  const entries = [{ index: 1, term: 1, type: 'normal', data: utf8('never committed') } as const]

  cluster.step(2, { type: 'append', from: 3, term: 1, prevIndex: 0, prevTerm: 0, entries, commit: 0, round: 0 })
  cluster.step(2, { type: 'heartbeat', from: 1, term: 2, commit: 1, round: 0, quiesce: true })

  assert.equal(cluster.state(2).log.last, 1)
  assert.equal(cluster.state(2).commit, 0)
  assert.equal(cluster.state(2).quiesced, false)
})

test('R25: a restart before that begins again, a restart after it does not', () => {
  const cluster = withLoss(2)
  cluster.cut(3, 1)
  cluster.run(3)
  const { life } = cluster.state(2)
  cluster.restart(2)
  cluster.run(3)
  assert.equal(cluster.state(2).forgetful, true)
  assert.notEqual(cluster.state(2).life, life)

  cluster.heal()
  cluster.run(3)
  assert.equal(cluster.state(2).forgetful, false)
  cluster.restart(2)
  assert.equal(cluster.state(2).life, 0)
  cluster.run(3)
  cluster.step(1, { type: 'transferLeadership', to: 2 })
  cluster.settle()
  assert.equal(cluster.leader?.self, 2)
})

test('R25: only the leader of this term, for this start, is believed', () => {
  const cluster = withLoss(2)
  const { life } = cluster.state(2)
  cluster.step(2, { type: 'heartbeat', from: 1, term: 1, commit: 0, round: 0, quiesce: false })

  cluster.step(2, { type: 'trusted', from: 3, term: 1, life })
  cluster.step(2, { type: 'trusted', from: 1, term: 1, life: life - 1 })
  cluster.step(2, { type: 'trusted', from: 1, term: 0, life })
  assert.equal(cluster.state(2).forgetful, true)

  cluster.step(2, { type: 'trusted', from: 1, term: 1, life })
  assert.equal(cluster.state(2).forgetful, false)
})

test('R25: a snapshot fills the lost store as well as the log does', () => {
  const cluster = withLoss(2, { logKeepEntries: 1 })
  for (let n = 0; n < 40; n++) cluster.propose(1, `entry ${n}`)
  cluster.cut(1, 2)
  cluster.settle()
  cluster.fold(1)
  cluster.run(700)
  cluster.propose(1, 'one more')
  cluster.settle()
  cluster.fold(1)
  cluster.settle()
  assert.ok(cluster.state(1).log.first > 1)

  cluster.heal()
  cluster.run(40)

  assert.ok(cluster.state(2).log.first > 1, 'a snapshot came')
  assert.equal(cluster.state(2).forgetful, false)
  assert.equal(cluster.replica(2).machine.digest, cluster.replica(1).machine.digest)
})

test('R25: a sleeping group is woken by one who lost his store, and does not sleep before he knows that he is trusted', () => {
  const cluster = new Cluster({ voters, config: { quiesceAfterTicks: 5 } })
  cluster.elect(1)
  cluster.propose(1, 'a')
  cluster.run(20)
  assert.equal(cluster.state(1).quiesced, true)
  const deliver = cluster.deliver.bind(cluster)
  cluster.deliver = (envelope) => {
    if (envelope.message.type !== 'trusted') deliver(envelope)
  }

  cluster.wipe(2)
  cluster.restart(2)
  cluster.run(60)
  assert.equal(cluster.replica(2).machine.digest, cluster.replica(1).machine.digest)
  assert.equal(cluster.state(2).forgetful, true)
  assert.equal(cluster.leader?.quiesced, false)

  cluster.deliver = deliver
  cluster.run(60)
  assert.equal(cluster.state(2).forgetful, false)
  assert.equal(cluster.states.filter(({ quiesced }) => quiesced).length, 3)
})

test('R25: no configuration is entered that would have no quorum without it', () => {
  const cluster = withLoss(2)
  cluster.cut(3, 1)
  cluster.run(2)

  cluster.step(1, { type: 'changeConfiguration', id: 7, wanted: { voters: [1, 2], learners: [] } })
  assert.deepEqual(cluster.seen(1, 'configurationChanged'), [
    { type: 'configurationChanged', id: 7, error: 'configurationPending' },
  ])

  cluster.heal()
  cluster.run(3)
  cluster.step(1, { type: 'changeConfiguration', id: 8, wanted: { voters: [1, 2], learners: [] } })
  cluster.settle()
  assert.deepEqual(cluster.state(2).membership.current.voters, [1, 2])
})

test('R25: where a majority lost its stores nobody is ever trusted', () => {
  const cluster = new Cluster({ voters })
  cluster.elect(1)
  for (const id of [2, 3]) {
    cluster.wipe(id)
    cluster.restart(id)
  }

  cluster.run(100)

  assert.equal(cluster.leader, undefined)
  assert.deepEqual([cluster.state(2).forgetful, cluster.state(3).forgetful], [true, true])
})
