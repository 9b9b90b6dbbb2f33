import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Alarm, KeyspaceCommand } from '../../../actors/keyspace/messages.ts'
import { stampQuota } from '../../../actors/keyspace/quota.ts'
import { assertRefused, del, put, Replica, range, responseOf, txn } from './replica.ts'

const quota = { bytes: 1_000, member: 3 }
const kilo = 'x'.repeat(300)

function alarmsOf(replica: Replica): readonly Alarm[] {
  return responseOf<'alarms'>(replica.query({ type: 'alarms' })).alarms
}

/** Fills a keyspace until a put is refused. */
function full(): Replica {
  const replica = new Replica()
  for (let i = 0; i < 4; i++) replica.apply(put('a', kilo, { quota }))
  return replica
}

test('K12: a put that could exceed the quota of its proposer is refused, and raises its alarm', () => {
  const replica = new Replica()

  for (const expected of ['done', 'done', 'done', 'refused'])
    assert.equal(replica.apply(put('a', kilo, { quota })).type, expected)

  assert.deepEqual(alarmsOf(replica), [{ member: 3, alarm: 'nospace' }])
  assert.equal(replica.state.revision, 4)
  assert.ok(replica.status.bytes <= quota.bytes)
})

test('K12: replicas decide alike by the stamp, whatever they went through', () => {
  const calm = new Replica()
  const busy = new Replica()
  const commands = [put('a', kilo, { quota }), put('a', kilo, { quota }), del('a'), put('a', kilo, { quota })]

  for (const command of commands) {
    const reply = calm.apply(command)
    assert.deepEqual(busy.apply(command), reply)
    busy.restart()
    busy.removeDropped()
  }
  assert.equal(busy.digest, calm.digest)
})

test('K12: a transaction is held against its quota with the puts of the path it takes', () => {
  const replica = new Replica()
  const heavy = txn([], [put('a', kilo), txn([], [put('b', kilo), put('c', kilo)])])
  const light = txn([], [range('a')], [put('a', kilo), put('b', kilo), put('c', kilo), put('d', kilo)])

  assert.equal(replica.apply({ ...light, quota }).type, 'done')
  assertRefused(replica.apply({ ...heavy, quota }), 'noSpace')
  assert.equal(replica.status.keys, 0)
})

test('K12: a put that keeps its value is held against the bytes it copies', () => {
  const replica = new Replica()
  replica.apply(put('a', 'x'.repeat(900)))

  assertRefused(replica.apply(put('a', '', { ignoreValue: true, quota })), 'noSpace')
})

test('K10: under nospace whatever could put is refused; reads, deletes and compaction make room', () => {
  const replica = full()

  assertRefused(replica.apply(put('a')), 'noSpace')
  assertRefused(replica.apply(txn([], [range('a')], [txn([], [put('a')])])), 'noSpace')
  assert.equal(replica.range('a').count, 1)
  assert.equal(replica.apply(txn([], [del('z'), range('a')])).type, 'done')
  assert.equal(replica.run<'deleteRange'>(del('a')).deleted, 1)
  assert.equal(replica.apply({ type: 'compact', revision: replica.state.revision }).type, 'done')
  assert.ok(replica.status.bytes < 100)

  // Room alone does not help: the alarm is lowered by hand.
  assertRefused(replica.apply(put('a', kilo, { quota })), 'noSpace')
  replica.apply({ type: 'alarm', action: 'deactivate', member: 3, alarm: 'nospace' })
  assert.equal(replica.apply(put('a', kilo, { quota })).type, 'done')
})

test('K11: under corrupt keys are neither read nor written, while hashes, alarms and status answer', () => {
  const replica = full()
  replica.apply({ type: 'alarm', action: 'activate', member: 2, alarm: 'corrupt' })
  const commands: readonly KeyspaceCommand[] = [put('a'), del('a'), txn([], []), { type: 'compact', revision: 2 }]

  for (const command of commands) assertRefused(replica.apply(command), 'corrupt')
  assertRefused(replica.query(range('a')), 'corrupt')
  assertRefused(replica.query(txn([], [range('a')])), 'corrupt')
  for (const type of ['hash', 'alarms', 'status'] as const) assert.equal(replica.query({ type }).type, 'done')
  assert.equal(replica.query({ type: 'hashKv', revision: 0 }).type, 'done')
})

test('alarms are raised once, lowered one by one, listed in order, and survive a restart', () => {
  const replica = new Replica()
  const change = (action: 'activate' | 'deactivate', member: number, alarm: Alarm['alarm']): readonly Alarm[] =>
    replica.run<'alarms'>({ type: 'alarm', action, member, alarm }).alarms
  const huge = 2 ** 63

  assert.deepEqual(change('activate', 2, 'nospace'), [{ member: 2, alarm: 'nospace' }])
  assert.deepEqual(change('activate', 2, 'nospace'), [{ member: 2, alarm: 'nospace' }])
  change('activate', 9, 'corrupt')
  change('activate', huge, 'nospace')
  change('activate', 1, 'nospace')

  const raised = alarmsOf(replica)
  assert.deepEqual(raised, [
    { member: 1, alarm: 'nospace' },
    { member: 2, alarm: 'nospace' },
    { member: huge, alarm: 'nospace' },
    { member: 9, alarm: 'corrupt' },
  ])
  replica.restart()
  assert.deepEqual(alarmsOf(replica), raised)
  assert.deepEqual(change('deactivate', 2, 'corrupt'), [])
  assert.deepEqual(change('deactivate', 2, 'nospace'), [{ member: 2, alarm: 'nospace' }])
  assert.deepEqual(alarmsOf(replica), [raised[0], raised[2], raised[3]])
  assert.equal(replica.state.revision, 1)
})

test('a stamp goes on what could put, and on nothing else', () => {
  const stamped = (command: KeyspaceCommand): boolean => 'quota' in stampQuota(command, quota)

  assert.equal(stamped(put('a')), true)
  assert.equal(stamped(txn([], [], [txn([], [put('a')])])), true)
  assert.equal(stamped(txn([], [del('a')])), false)
  assert.equal(stamped(del('a')), false)
  assert.equal(stamped({ type: 'compact', revision: 1 }), false)
  assert.deepEqual(stampQuota(put('a'), { bytes: Number.POSITIVE_INFINITY, member: 1 }), put('a'))
})
