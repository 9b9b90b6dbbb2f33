import assert from 'node:assert/strict'
import test from 'node:test'
import type { PeerMessage } from '../../../actors/raft/messages.ts'
import { utf8 } from '../../../base/bytes.ts'
import type { LogEntry } from '../../../runtime/ports/store.ts'
import { Cluster } from './cluster.ts'

const entry = (index: number, term: number): LogEntry => ({
  index,
  term,
  type: 'normal',
  data: utf8(`${index}@${term}`),
})
const append = (
  from: number,
  term: number,
  prevIndex: number,
  prevTerm: number,
  entries: LogEntry[],
  commit: number = 0,
): PeerMessage => ({
  type: 'append',
  from,
  term,
  prevIndex,
  prevTerm,
  entries,
  commit,
  round: 0,
})
const terms = (cluster: Cluster, id: number): (number | undefined)[] =>
  Array.from({ length: cluster.state(id).log.last }, (_, n) => cluster.state(id).log.term(n + 1))

test('R8: an entry is committed when a majority has it on disk, the leader being one of them or not', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.propose(1, 'a')
  const [to2, to3] = cluster.bag.splice(0)
  assert.ok(to2 !== undefined && to3 !== undefined)

  cluster.deliver(to2)
  cluster.flush(2)
  cluster.deliver(cluster.bag.pop() as typeof to2)
  assert.equal(cluster.state(1).commit, 1)

  cluster.deliver(to3)
  cluster.flush(3)
  cluster.deliver(cluster.bag.pop() as typeof to2)
  assert.equal(cluster.replica(1).disk.log.lastIndex, 1)
  assert.equal(cluster.state(1).commit, 2)
})

test('R10: a follower acknowledges nothing that a crash could take from it', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.propose(1, 'a')

  for (const envelope of cluster.bag.splice(0)) cluster.deliver(envelope)
  assert.equal(cluster.under('matched').length, 0)

  cluster.flush(2)
  assert.deepEqual(
    cluster.under('matched').map(({ from, message }) => [from, message.index]),
    [[2, 2]],
  )
})

test('R8: a leader does not count entries of earlier terms (thesis, figure 3.7)', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(1)
  cluster.propose(1, 'old')
  cluster.flush(1)
  cluster.crash(1)
  cluster.restart(1)
  cluster.heal()
  cluster.isolate(3)
  cluster.elect(1)
  // Only its own entry, after the old one, committed both.
  assert.deepEqual(terms(cluster, 1), [1, 1, cluster.state(1).term])

  const fresh = new Cluster({ voters: [1, 2, 3] })
  fresh.elect(1)
  fresh.isolate(1)
  fresh.propose(1, 'old')
  fresh.flush(1)
  fresh.heal()
  fresh.step(1, { type: 'heartbeatAck', from: 3, term: 5, round: 0 })
  fresh.flush(1)
  fresh.tick(2, 20)
  fresh.tick(3, 20)
  fresh.bag = []
  fresh.step(1, { type: 'campaign' })
  for (const kind of ['askVote', 'vote', 'askVote', 'vote'] as const) {
    for (const id of fresh.ids) while (fresh.flush(id));
    for (const envelope of fresh.under(kind)) fresh.deliver(envelope)
    fresh.bag = fresh.bag.filter(({ message }) => message.type !== kind)
  }
  assert.equal(fresh.state(1).role, 'leader')
  fresh.step(1, { type: 'matched', from: 2, term: 6, index: 2, round: 0 })
  fresh.step(1, { type: 'matched', from: 3, term: 6, index: 2, round: 0 })
  assert.equal(fresh.state(1).commit, 1)
})

test('R6: a follower with other entries at its end gets the leader’s, and only those', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.step(2, append(1, 2, 0, 0, [entry(1, 1), entry(2, 1), entry(3, 2)]))
  cluster.step(2, append(3, 4, 2, 1, [entry(3, 3), entry(4, 4)]))

  assert.deepEqual(terms(cluster, 2), [1, 1, 3, 4])
})

test('R6: an older append that arrives late takes nothing away', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.step(2, append(1, 2, 0, 0, [entry(1, 1), entry(2, 1), entry(3, 2)]))

  cluster.step(2, append(1, 2, 0, 0, [entry(1, 1)]))

  assert.deepEqual(terms(cluster, 2), [1, 1, 2])
})

test('R6: an append that does not fit is answered with where the logs may meet, whole terms back', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.step(2, append(1, 3, 0, 0, [entry(1, 1), entry(2, 1), entry(3, 3), entry(4, 3), entry(5, 3)]))
  cluster.settle()
  cluster.bag = []

  cluster.step(2, append(3, 4, 9, 2, []))
  cluster.flush(2)

  const [answer] = cluster.under('mismatched')
  assert.deepEqual([answer?.message.prevIndex, answer?.message.hintIndex, answer?.message.hintTerm], [9, 2, 1])
})

test('R6: a long divergence is bridged in few exchanges', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(3)
  cluster.isolate(3)
  for (let n = 0; n < 80; n++) cluster.propose(3, `lost ${n}`)
  cluster.run(25)
  cluster.elect(1)
  for (let n = 0; n < 50; n++) cluster.propose(1, `good ${n}`)
  cluster.settle()
  assert.equal(cluster.state(3).log.last, 81)
  cluster.heal()
  const before = cluster.steps

  cluster.run(4)

  assert.equal(cluster.state(3).log.last, cluster.state(1).log.last)
  assert.equal(cluster.state(3).commit, cluster.state(1).commit)
  assert.ok(cluster.steps - before < 100, `${cluster.steps - before} steps`)
  cluster.check()
})

test('R8: a follower commits only what it knows to be equal to the leader’s log', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.step(2, append(1, 1, 0, 0, [entry(1, 1), entry(2, 1), entry(3, 1)]))

  // The leader of term 2 vouches for entry 1 alone: what follows here may differ from what it committed.
  cluster.step(2, append(3, 2, 0, 0, [entry(1, 1)], 3))

  assert.equal(cluster.state(2).commit, 1)
})

test('R8: a heartbeat tells each follower no more than it is known to hold', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.isolate(3)
  cluster.propose(1, 'a')
  cluster.settle()

  cluster.tick(1)

  assert.deepEqual(
    cluster.under('heartbeat').map(({ to, message }) => [to, message.commit]),
    [
      [2, 2],
      [3, 1],
    ],
  )
})

test('R5, R8: a committed entry is never replaced: a message that would is our own mistake', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.step(2, append(1, 1, 0, 0, [entry(1, 1), entry(2, 1)], 2))

  cluster.step(2, append(3, 2, 0, 0, [entry(1, 2), entry(2, 2)]))

  assert.deepEqual(terms(cluster, 2), [1, 1])
})

test('R22: replication sends ahead until the window of messages is full', () => {
  const cluster = new Cluster({ voters: [1, 2], config: { inflightMessagesMax: 3 } })
  cluster.elect(1)

  for (let n = 0; n < 10; n++) cluster.propose(1, `${n}`)
  assert.equal(cluster.under('append').length, 3)

  cluster.settle()
  assert.equal(cluster.state(2).commit, 11)
})

test('R22: replication sends ahead until the window of bytes is full', () => {
  const cluster = new Cluster({ voters: [1, 2], config: { inflightBytesMax: 1_000 } })
  cluster.elect(1)

  for (let n = 0; n < 10; n++) cluster.propose(1, 'x'.repeat(400))
  assert.equal(cluster.under('append').length, 3)

  cluster.settle()
  assert.equal(cluster.state(2).commit, 11)
})

test('R22: one append holds no more than its limit, and a larger entry goes alone', () => {
  const cluster = new Cluster({ voters: [1, 2], config: { maxEntriesBytes: 100 } })
  cluster.elect(1)

  cluster.step(1, {
    type: 'propose',
    proposals: ['x'.repeat(40), 'y'.repeat(20), 'z'.repeat(500)].map((text, id) => ({ id, data: utf8(text) })),
  })

  assert.deepEqual(
    cluster.under('append').map(({ message }) => message.entries.length),
    [2, 1],
  )
})

test('lost appends are found by the next heartbeats and sent again', () => {
  const cluster = new Cluster({ voters: [1, 2] })
  cluster.elect(1)
  cluster.isolate(2)
  for (let n = 0; n < 5; n++) cluster.propose(1, `${n}`)
  cluster.settle()
  assert.equal(cluster.state(1).commit, 1)

  cluster.heal()
  cluster.run(3)

  assert.equal(cluster.state(1).commit, 6)
})

test('a follower learns at once what was committed, not with the next heartbeat', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)

  cluster.propose(1, 'a')
  cluster.settle()

  assert.deepEqual(
    cluster.states.map((state) => state.commit),
    [2, 2, 2],
  )
})

test('each proposal of a batch becomes an entry, in order, in one write and one message', () => {
  const cluster = new Cluster({ voters: [1, 2] })
  cluster.elect(1)

  const out = cluster.step(1, {
    type: 'propose',
    proposals: ['a', 'b', 'c'].map((text, id) => ({ id, data: utf8(text) })),
  })

  assert.deepEqual(
    out.map((effect) => effect.type),
    ['append', 'send', 'persistHardState'],
  )
  assert.equal(cluster.state(1).log.last, 4)
})

test('R22: beyond its quota a leader refuses, and takes again what a commit made room for', () => {
  const cluster = new Cluster({ voters: [1, 2], config: { proposalQuotaBytes: 100 } })
  cluster.elect(1)

  cluster.propose(1, 'x'.repeat(200), 1)
  cluster.propose(1, 'y', 2)
  assert.deepEqual(cluster.seen(1, 'proposalsDropped'), [{ type: 'proposalsDropped', ids: [2], reason: 'overloaded' }])

  cluster.settle()
  cluster.propose(1, 'z', 3)
  cluster.settle()
  assert.equal(cluster.state(1).commit, 3)
  assert.equal(cluster.state(1).quotaBytes, 0)
  assert.equal(cluster.state(1).uncommittedBytes, 0)
})

test('R22: the uncommitted tail of earlier leaders counts towards its limit', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], config: { uncommittedBytesMax: 100 } })
  cluster.elect(1)
  cluster.propose(1, 'x'.repeat(90))
  for (const envelope of cluster.bag.splice(0)) cluster.deliver(envelope)
  for (const id of cluster.ids) while (cluster.flush(id));
  cluster.crash(1)
  cluster.bag = []
  cluster.step(2, { type: 'timeoutNow', from: 1, term: 1 })
  for (let n = 0; n < 8 && cluster.state(2).role !== 'leader'; n++) {
    for (const id of [2, 3]) while (cluster.flush(id));
    for (const envelope of cluster.bag.splice(0)) if (cluster.state(2).role !== 'leader') cluster.deliver(envelope)
  }
  assert.equal(cluster.state(2).uncommittedBytes, 90)

  cluster.propose(2, 'y'.repeat(20), 7)

  assert.deepEqual(cluster.seen(2, 'proposalsDropped').at(-1), {
    type: 'proposalsDropped',
    ids: [7],
    reason: 'overloaded',
  })
})

test('R22: what could never be written is refused as too large', () => {
  const cluster = new Cluster({ voters: [1], config: { uncommittedBytesMax: 100 } })
  cluster.elect(1)

  cluster.propose(1, 'x'.repeat(101), 5)

  assert.deepEqual(cluster.seen(1, 'proposalsDropped'), [{ type: 'proposalsDropped', ids: [5], reason: 'tooLarge' }])
})

test('a follower passes proposals on; without a leader it refuses them', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.propose(2, 'early', 1)
  assert.deepEqual(cluster.seen(2, 'proposalsDropped'), [{ type: 'proposalsDropped', ids: [1], reason: 'noLeader' }])

  cluster.elect(1)
  cluster.propose(2, 'later', 2)
  cluster.settle()

  assert.equal(cluster.state(3).commit, 2)
})

test('what was passed on ends open when the leader changes, and refused when the leader refuses', () => {
  const cluster = new Cluster({ voters: [1, 2, 3], config: { proposalQuotaBytes: 10 } })
  cluster.elect(1)
  cluster.propose(1, 'x'.repeat(9))
  cluster.propose(2, 'y'.repeat(9), 4)
  for (const envelope of cluster.under('forwardPropose')) cluster.deliver(envelope)
  cluster.settle()
  assert.deepEqual(cluster.seen(2, 'proposalsDropped'), [{ type: 'proposalsDropped', ids: [4], reason: 'overloaded' }])

  cluster.tick(2)
  cluster.propose(2, 'z', 5)
  cluster.tick(2, 25)
  assert.deepEqual(cluster.seen(2, 'proposalsDropped')[1], {
    type: 'proposalsDropped',
    ids: [5],
    reason: 'leaderChanged',
  })
})

test('R9: what is handed to the state machine and not applied is bounded', () => {
  const cluster = new Cluster({ voters: [1] })
  cluster.elect(1)
  cluster.settle()

  for (let n = 0; n < 20; n++) {
    cluster.propose(1, 'x'.repeat(1024 * 1024))
    while (cluster.flush(1));
  }

  assert.equal(cluster.state(1).commit, 21)
  assert.ok(cluster.state(1).applying < 12)
  cluster.settle()
  assert.equal(cluster.state(1).applied, 21)
})

test('R6: a late report of the disk does not count entries that were replaced meanwhile', () => {
  const cluster = new Cluster({ voters: [1, 2, 3] })
  cluster.elect(1)
  cluster.settle()
  cluster.isolate(1)
  cluster.propose(1, 'lost')
  cluster.step(1, append(2, 5, 1, 1, [entry(2, 5)]))
  const state = cluster.state(1)

  cluster.step(1, { type: 'persisted', index: 2, term: 1 })

  assert.equal(state.log.stable, 1)
  assert.equal(state.termDurable, false)
})
