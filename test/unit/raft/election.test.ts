import assert from 'node:assert/strict'
import test from 'node:test'
import type { PeerMessage } from '../../../actors/raft/messages.ts'
import { Cluster } from './cluster.ts'

const askVote = (
  from: number,
  term: number,
  more: Partial<Extract<PeerMessage, { type: 'askVote' }>> = {},
): PeerMessage => ({
  type: 'askVote',
  from,
  term,
  pre: false,
  lastIndex: 100,
  lastTerm: term - 1,
  transfer: false,
  ...more,
})

test('R3: silence makes exactly one leader, and everybody follows it', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })

  cluster.run(60)

  const leader = cluster.leader
  assert.ok(leader !== undefined)
  assert.deepEqual(
    cluster.states.map((state) => state.leader),
    [leader.self, leader.self, leader.self],
  )
  assert.deepEqual(
    cluster.states.map((state) => state.commit),
    [1, 1, 1],
  )
})

test('timeouts are drawn from E to 2E, anew for each election, differently on each replica', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], config: { electionTicks: 100 } })
  const timeouts = cluster.states.map((state) => state.electionTimeout)

  cluster.step(1, { type: 'campaign' })

  assert.ok(timeouts.every((timeout) => timeout >= 100 && timeout < 200))
  assert.equal(new Set(timeouts).size, 3)
  assert.notEqual(cluster.state(1).electionTimeout, timeouts[0])
})

test('R2: a voter gives one vote a term, to whom asks first, and repeats it to the same alone', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })

  cluster.step(1, askVote(2, 5))
  cluster.step(1, askVote(3, 5))
  cluster.step(1, askVote(2, 5))
  cluster.settle()

  assert.equal(cluster.state(1).votedFor, 2)
})

test('R2: a vote survives a crash, and leaves only when it does', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], config: { voteBanTicks: 0 } })

  cluster.step(1, askVote(2, 5))
  assert.equal(cluster.under('vote').length, 0)
  cluster.crash(1)
  cluster.restart(1)
  cluster.step(1, askVote(3, 5))
  cluster.flush(1)
  assert.deepEqual(
    cluster.under('vote').map(({ to, message }) => [to, message.granted]),
    [[3, true]],
  )

  cluster.crash(1)
  cluster.restart(1)
  cluster.step(1, askVote(2, 5))
  cluster.flush(1)
  assert.deepEqual(
    cluster.under('vote').map(({ to, message }) => [to, message.granted]),
    [
      [3, true],
      [2, false],
    ],
  )
})

test('R2: a candidate asks for votes only when its own is on disk; a pre-vote asks at once', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })

  cluster.step(1, { type: 'campaign' })
  assert.deepEqual(
    cluster.under('askVote').map(({ message }) => message.pre),
    [true, true],
  )
  for (const envelope of cluster.bag.splice(0)) cluster.deliver(envelope)
  for (const envelope of cluster.bag.splice(0)) cluster.deliver(envelope)
  assert.equal(cluster.state(1).role, 'candidate')
  assert.equal(cluster.under('askVote').length, 0)

  cluster.flush(1)
  assert.deepEqual(
    cluster.under('askVote').map(({ message }) => message.pre),
    [false, false],
  )
})

test('R7: a voter refuses a candidate whose log is behind its own, by term first, then by length', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.propose(1, 'a')
  cluster.settle()
  cluster.isolate(1)
  for (const id of [2, 3]) cluster.tick(id, 10)
  const asked = (lastIndex: number, lastTerm: number, term: number): boolean | undefined => {
    cluster.bag = []
    cluster.step(2, askVote(3, term, { lastIndex, lastTerm }))
    cluster.flush(2)
    return cluster.under('vote')[0]?.message.granted
  }

  assert.equal(asked(9, 0, 50), false)
  assert.equal(asked(1, 1, 51), false)
  assert.equal(asked(2, 1, 52), true)
  assert.equal(asked(1, 2, 53), true)
})

test('R11: a pre-vote changes neither term nor vote, of nobody', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.isolate(1)

  cluster.tick(1, 200)
  cluster.settle()

  assert.equal(cluster.state(1).role, 'preCandidate')
  assert.deepEqual(
    cluster.states.map((state) => state.term),
    [0, 0, 0],
  )
})

test('R11: a replica that comes back from isolation with pre-vote does not unseat the leader', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(3)
  cluster.run(100)

  cluster.heal()
  cluster.run(30)

  assert.equal(cluster.leader?.self, 1)
  assert.equal(cluster.leader?.term, 1)
  assert.equal(cluster.state(3).leader, 1)
})

test('R16: who hears a leader answers no candidate, whatever its term', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)

  cluster.step(2, askVote(3, 9))
  cluster.step(2, askVote(3, 9, { pre: true }))
  cluster.step(1, askVote(3, 9))
  cluster.settle()

  assert.deepEqual(
    cluster.states.map((state) => state.term),
    [1, 1, 1],
  )
})

test('R16: an election the leader asked for is exempt', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)

  cluster.step(2, askVote(3, 9, { transfer: true }))

  assert.equal(cluster.state(2).votedFor, 3)
})

test('R15: a leader that hears no quorum for an election timeout steps down', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(1)

  cluster.tick(1, 20)

  assert.equal(cluster.state(1).role, 'follower')
  assert.equal(cluster.state(1).leader, undefined)
})

test('R15: one follower of two is a quorum', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(3)

  cluster.run(50)

  assert.equal(cluster.state(1).role, 'leader')
})

test('a candidate of the same term that hears of the winner follows it', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], config: { preVote: false } })
  cluster.step(1, { type: 'campaign' })
  assert.equal(cluster.state(1).role, 'candidate')

  cluster.step(1, { type: 'heartbeat', from: 2, term: 1, commit: 0, round: 0, quiesce: false })

  assert.equal(cluster.state(1).role, 'follower')
  assert.equal(cluster.state(1).leader, 2)
})

test('R1: a leader left behind hears of the higher term from whom it writes to, and the two meet again', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(3)
  cluster.run(30)
  // It stood for election before pre-votes were agreed on, say: its term is ahead and its log behind.
  cluster.step(3, { type: 'vote', from: 2, term: 7, pre: false, granted: false })

  cluster.heal()
  cluster.run(60)

  assert.ok((cluster.leader?.term ?? 0) > 7)
  assert.deepEqual(new Set(cluster.states.map((state) => state.term)).size, 1)
})

test('a candidate of an earlier term hears of the present one', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.step(2, { type: 'heartbeat', from: 1, term: 4, commit: 0, round: 0, quiesce: false })

  cluster.step(2, askVote(3, 2))
  cluster.settle()

  assert.equal(cluster.state(3).term, 4)
})

test('a group of one leads at its first tick and commits alone', () => {
  const cluster = new Cluster({ voters: [1] })

  cluster.tick(1)
  assert.equal(cluster.state(1).role, 'leader')
  assert.equal(cluster.state(1).commit, 0)
  cluster.settle()

  assert.equal(cluster.state(1).commit, 1)
})

test('R2: a lone voter says nothing of a term that a crash could make it live through twice', () => {
  const cluster = new Cluster({ voters: [1], learners: [2] })

  cluster.tick(1)
  cluster.propose(1, 'first life')
  assert.equal(cluster.under('append').length, 0)
  cluster.crash(1)
  cluster.restart(1)
  cluster.tick(1)
  cluster.propose(1, 'second life')
  cluster.settle()
  cluster.run(3)

  assert.equal(cluster.state(1).term, 1)
  assert.equal(cluster.state(2).commit, 2)
  cluster.check()
})

test('R14: a learner neither stands for election nor is asked for its vote', () => {
  const cluster = new Cluster({ voters: [1, 2], learners: [3] })

  cluster.tick(3, 100)
  cluster.step(3, { type: 'campaign' })
  cluster.step(1, { type: 'campaign' })

  assert.equal(cluster.state(3).role, 'follower')
  assert.deepEqual(
    cluster.under('askVote').map(({ to }) => to),
    [2],
  )
})

test('R14: a vote from outside the voters is not counted', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], learners: [4], config: { preVote: false } })
  cluster.step(1, { type: 'campaign' })

  cluster.step(1, { type: 'vote', from: 4, term: 1, pre: false, granted: true })
  cluster.step(1, { type: 'vote', from: 9, term: 1, pre: false, granted: true })
  assert.equal(cluster.state(1).role, 'candidate')

  cluster.step(1, { type: 'vote', from: 3, term: 1, pre: false, granted: true })
  assert.equal(cluster.state(1).role, 'leader')
})

test('R14: a replica that does not yet know it was promoted still answers who counts on its vote', () => {
  const cluster = new Cluster({ voters: [1], learners: [2] })
  cluster.elect(1)
  cluster.isolate(2)
  cluster.step(1, { type: 'changeConfiguration', id: 1, wanted: { voters: [1, 2], learners: [] } })
  cluster.flush(1)
  cluster.crash(1)
  cluster.restart(1)
  cluster.heal()

  cluster.run(80)

  assert.equal(cluster.leader?.self, 1)
  assert.equal(cluster.leader?.commit, cluster.leader?.log.last)
})

test('R24: what no correct replica sends changes nothing', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  const entry = { index: 9, term: 1, type: 'normal' as const, data: new Uint8Array(1) }
  const append = {
    type: 'append' as const,
    from: 1,
    term: 1,
    prevIndex: 1,
    prevTerm: 1,
    entries: [],
    commit: 1,
    round: 0,
  }
  const before = JSON.stringify(cluster.state(2))
  const odd: PeerMessage[] = [
    askVote(3, Number.NaN),
    askVote(3, 2 ** 53),
    askVote(3, 2 ** 40, { transfer: true }),
    askVote(3, 7, { lastIndex: -1, transfer: true }),
    askVote(0, 7, { transfer: true }),
    askVote(2, 7, { transfer: true }),
    { ...append, prevIndex: 0.5 },
    { ...append, entries: [entry] },
    { ...append, entries: [{ ...entry, index: 2, term: 8 }] },
    { ...append, entries: [{ ...entry, index: 2, type: 'config' }] },
    { ...append, commit: Number.POSITIVE_INFINITY },
  ]

  for (const message of odd) assert.deepEqual(cluster.step(2, message), [])

  assert.equal(JSON.stringify(cluster.state(2)), before)
})
