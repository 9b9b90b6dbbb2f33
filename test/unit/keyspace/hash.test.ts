import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compactStep } from '../../../actors/keyspace/compact.ts'
import type { KeyspaceCommand } from '../../../actors/keyspace/messages.ts'
import { assertRefused, del, put, Replica, responseOf } from './replica.ts'

const history: readonly KeyspaceCommand[] = [
  put('a', '1'),
  put('b', '1'),
  put('a', '2'),
  del('b'),
  put('b', '2'),
  put('c', '1'),
  del('a'),
  put('c', '2'),
]

function played(commands: readonly KeyspaceCommand[] = history): Replica {
  const replica = new Replica()
  for (const command of commands) replica.apply(command)
  return replica
}

test('K13: replicas with the same history have the same hash at every revision', () => {
  const [one, two] = [played(), played()]

  const hashes = [2, 3, 4, 5, 6, 7, 8, 9].map((revision) => one.hashKv(revision))

  assert.deepEqual(
    hashes,
    [2, 3, 4, 5, 6, 7, 8, 9].map((revision) => two.hashKv(revision)),
  )
  assert.equal(new Set(hashes).size, hashes.length)
  assert.equal(one.hashKv(0), one.hashKv(9))
})

test('K13: the hash at a revision stays as it was when more is written', () => {
  const replica = played(history.slice(0, 4))
  const then = replica.hashKv()

  for (const command of history.slice(4)) replica.apply(command)

  assert.equal(replica.hashKv(5), then)
  assert.notEqual(replica.hashKv(), then)
})

test('K13: how far a replica is with removing what was dropped shows in no hash', () => {
  const replicas = [played(), played(), played(), played()]
  for (const replica of replicas) replica.apply({ type: 'compact', revision: 7 })

  const [, some, every, restarted] = replicas
  if (some !== undefined) compactStep(some.state, 2)
  every?.removeDropped()
  if (restarted !== undefined) compactStep(restarted.state, 3)
  restarted?.restart()

  for (const revision of [7, 8, 9]) assert.equal(new Set(replicas.map((each) => each.hashKv(revision))).size, 1)
  assert.equal(new Set(replicas.map((each) => each.digest)).size, 1)
  assert.ok(new Set(replicas.map((each) => each.store.size)).size > 1)
})

test('one bit of difference in any part of a record is another hash', () => {
  const variants = [
    played([put('a', '1')]),
    played([put('a', '2')]),
    played([put('b', '1')]),
    played([put('a', '1'), put('a', '1')]),
    played([put('a', '1'), del('a')]),
    played([put('a', '')]),
    played([put('a', '\0')]),
    played([put('a1')]),
  ]
  const leased = new Replica()
  leased.state.leaseExists = () => true
  leased.apply(put('a', '1', { lease: '7' }))
  variants.push(leased)

  assert.equal(new Set(variants.map((each) => each.hashKv())).size, variants.length)
  assert.equal(new Set(variants.map((each) => each.digest)).size, variants.length)
})

test('hashKv refuses revisions that are compacted or to come, and tells which it is of', () => {
  const replica = played()
  replica.apply({ type: 'compact', revision: 6 })

  assertRefused(replica.query({ type: 'hashKv', revision: 5 }), 'compacted')
  assertRefused(replica.query({ type: 'hashKv', revision: 10 }), 'futureRevision')
  const told = responseOf<'hashKv'>(replica.query({ type: 'hashKv', revision: 8 }))
  assert.deepEqual([told.compactRevision, told.hashRevision], [6, 8])
  assert.ok(Number.isInteger(told.hash) && told.hash >= 0 && told.hash <= 0xffff_ffff)
})

test('the hash of the state moves with what hashKv leaves out: compactions and alarms', () => {
  const replica = played()
  const hashes = [replica.digest]

  replica.apply({ type: 'compact', revision: 3 })
  hashes.push(replica.digest)
  replica.apply({ type: 'alarm', action: 'activate', member: 1, alarm: 'nospace' })
  hashes.push(replica.digest)
  replica.apply({ type: 'alarm', action: 'deactivate', member: 1, alarm: 'nospace' })

  assert.equal(new Set(hashes).size, 3)
  assert.equal(replica.digest, hashes[1])
  assert.deepEqual(responseOf<'hash'>(replica.query({ type: 'hash' })), { type: 'hash', hash: hashes[1] })
})
