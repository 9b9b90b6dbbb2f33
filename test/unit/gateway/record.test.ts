import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { openGateway } from './opened.ts'

test('a recording crosses in pieces and arrives whole', async (t) => {
  const { connect } = await openGateway(t)
  const bytesMax = 5 * 1024 * 1024 + 3

  const file = await connect().record({ name: 'recorded', forMs: 10, bytesMax })

  assert.equal(file.length, bytesMax)
  assert.ok(file.every((byte) => byte === 7))
})

test('why an actor is not recorded is told in words', async (t) => {
  const { connect } = await openGateway(t)

  await assert.rejects(connect().record({ name: 'other', forMs: 10 }), {
    grpcCode: status.FAILED_PRECONDITION,
    message: "record: this node has no actor 'other'",
  })
  await assert.rejects(connect().record({ name: 'recorded', forMs: 700_000 }), {
    grpcCode: status.INVALID_ARGUMENT,
    message: 'record: forMs is too long',
  })
})

test('the last deliveries of an actor are asked for by name, 50 unless it is said', async (t) => {
  const { connect } = await openGateway(t)

  assert.deepEqual(await connect().recentDeliveries('raft/1', 7), ['raft/1 7'])
  assert.deepEqual(await connect().recentDeliveries('raft/1', 0), ['raft/1 50'])
})
