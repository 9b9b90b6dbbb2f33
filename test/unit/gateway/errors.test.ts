import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { EtcdCallError } from '../../../client/etcd-errors.ts'
import { AspenError, type AspenErrorCode } from '../../../client/interface.ts'
import { statusOf } from '../../../gateway/etcd/errors.ts'
import { bytes, openGateway } from './opened.ts'
import { rawCall } from './raw-call.ts'

// Written out and not taken from the product's own table: clients compare these letter by letter.
const expected: readonly [AspenErrorCode, status, string][] = [
  ['emptyKey', status.INVALID_ARGUMENT, 'etcdserver: key is not provided'],
  ['keyNotFound', status.INVALID_ARGUMENT, 'etcdserver: key not found'],
  ['valueProvided', status.INVALID_ARGUMENT, 'etcdserver: value is provided'],
  ['leaseProvided', status.INVALID_ARGUMENT, 'etcdserver: lease is provided'],
  ['tooManyOperations', status.INVALID_ARGUMENT, 'etcdserver: too many operations in txn request'],
  ['duplicateKey', status.INVALID_ARGUMENT, 'etcdserver: duplicate key given in txn request'],
  ['invalidSortOption', status.INVALID_ARGUMENT, 'etcdserver: invalid sort option'],
  ['invalidPeerUrls', status.INVALID_ARGUMENT, 'etcdserver: given member URLs are invalid'],
  ['requestTooLarge', status.INVALID_ARGUMENT, 'etcdserver: request is too large'],
  ['compacted', status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted'],
  ['futureRevision', status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision is a future revision'],
  ['noSpace', status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded'],
  ['tooManyRequests', status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests'],
  ['leaseNotFound', status.NOT_FOUND, 'etcdserver: requested lease not found'],
  ['memberNotFound', status.NOT_FOUND, 'etcdserver: member not found'],
  ['memberExists', status.FAILED_PRECONDITION, 'etcdserver: member ID already exist'],
  ['peerUrlExists', status.FAILED_PRECONDITION, 'etcdserver: Peer URLs already exists'],
  [
    'notEnoughStartedMembers',
    status.FAILED_PRECONDITION,
    'etcdserver: re-configuration failed due to not enough started members',
  ],
  ['memberNotLearner', status.FAILED_PRECONDITION, 'etcdserver: can only promote a learner member'],
  [
    'learnerNotReady',
    status.FAILED_PRECONDITION,
    'etcdserver: can only promote a learner member which is in sync with leader',
  ],
  ['tooManyLearners', status.FAILED_PRECONDITION, 'etcdserver: too many learner members in cluster'],
  ['learnerUnsupported', status.FAILED_PRECONDITION, 'etcdserver: rpc not supported for learner'],
  ['notLeader', status.FAILED_PRECONDITION, 'etcdserver: not leader'],
  ['badLeaderTransferee', status.FAILED_PRECONDITION, 'etcdserver: bad leader transferee'],
  ['corrupt', status.DATA_LOSS, 'etcdserver: corrupt cluster'],
  ['canceled', status.CANCELLED, 'etcdserver: request canceled'],
  ['noLeader', status.UNAVAILABLE, 'etcdserver: no leader'],
  ['leaderChanged', status.UNAVAILABLE, 'etcdserver: leader changed'],
  ['stopped', status.UNAVAILABLE, 'etcdserver: server stopped'],
  ['timeout', status.UNAVAILABLE, 'etcdserver: request timed out'],
  ['timeoutLeaderFail', status.UNAVAILABLE, 'etcdserver: request timed out, possibly due to previous leader failure'],
  ['unhealthy', status.UNAVAILABLE, 'etcdserver: unhealthy cluster'],
  ['keyspaceNotFound', status.NOT_FOUND, 'aspen: keyspace not found'],
  ['keyspaceExists', status.ALREADY_EXISTS, 'aspen: keyspace already exists'],
  ['invalidKeyspaceName', status.INVALID_ARGUMENT, 'aspen: invalid keyspace name'],
]

test('what a refusal looks like on the wire', async (t) => {
  const opened = await openGateway(t)
  const connection = opened.connect()

  for (const [code, grpcCode, details] of expected) {
    await t.test(`${code} is ${status[grpcCode]} "${details}", and comes back as ${code}`, async () => {
      opened.node.failure = new AspenError(code)

      const raw = await rawCall(opened.host, 'kv', 'Put', { key: bytes('k') })
      const thrown = await connection.put({ key: bytes('k'), value: bytes('v') }).catch((error: unknown) => error)

      assert.deepEqual({ code: raw.code, details: raw.details }, { code: grpcCode, details })
      assert.ok(thrown instanceof AspenError)
      assert.deepEqual({ code: thrown.code, message: thrown.message }, { code, message: details })
    })
  }

  await t.test(
    'an internal error, or one that is none of ours, is UNKNOWN with its reason, without a stack, and logged',
    async () => {
      for (const failure of [
        new AspenError('internal', 'the log is full of bees'),
        new Error('the log is full of bees'),
      ]) {
        opened.node.failure = failure
        opened.logged.length = 0

        const raw = await rawCall(opened.host, 'kv', 'Range', { key: bytes('k') })
        const thrown = await connection.range({ key: bytes('k') }).catch((error: unknown) => error)

        assert.deepEqual(
          { code: raw.code, details: raw.details },
          { code: status.UNKNOWN, details: 'aspen: the log is full of bees' },
        )
        assert.ok(thrown instanceof EtcdCallError && thrown.grpcCode === status.UNKNOWN)
        assert.deepEqual(
          opened.logged.map(({ level }) => level),
          ['error', 'error'],
        )
      }
    },
  )

  await t.test('refusals are not logged: they are the callers', async () => {
    opened.node.failure = new AspenError('compacted')
    opened.logged.length = 0

    await rawCall(opened.host, 'kv', 'Range', { key: bytes('k') })

    assert.deepEqual(opened.logged, [])
  })
})

test('a timeout after the caller has stopped waiting is the caller: context deadline exceeded', () => {
  assert.deepEqual(statusOf(new AspenError('timeout'), true), {
    code: status.DEADLINE_EXCEEDED,
    details: 'context deadline exceeded',
  })
  assert.deepEqual(statusOf(new AspenError('compacted'), true).code, status.OUT_OF_RANGE)
})

test('whatever is thrown has a status', () => {
  for (const thrown of [undefined, null, 7, 'text', new Error(''), {}]) {
    const { code, details } = statusOf(thrown, false)

    assert.equal(code, status.UNKNOWN)
    assert.match(details, /^aspen: ./)
  }
})
