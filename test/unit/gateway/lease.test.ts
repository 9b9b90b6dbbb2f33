import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { AspenError } from '../../../client/interface.ts'
import { clusterId, memberId } from './fake-node.ts'
import { bytes, openGateway } from './opened.ts'
import { rawCall } from './raw-call.ts'
import { rawStream } from './raw-stream.ts'

test('leases are granted, looked at, listed and revoked', async (t) => {
  const { host, node } = await openGateway(t)
  const call = (method: string, message: object) => rawCall(host, 'lease', method, message)

  const chosen = await call('LeaseGrant', { TTL: 60, ID: '9223372036854775807' })
  const raised = await call('LeaseGrant', { TTL: -5 })
  await node.put({ key: bytes('k'), value: bytes('v'), lease: '9223372036854775807' })
  const left = await call('LeaseTimeToLive', { ID: '9223372036854775807', keys: true })
  const without = await call('LeaseTimeToLive', { ID: '9223372036854775807' })
  const listed = await call('LeaseLeases', {})
  const revoked = await call('LeaseRevoke', { ID: '9223372036854775807' })

  assert.deepEqual(
    [chosen.response['ID'], chosen.response['TTL'], chosen.response['error']],
    ['9223372036854775807', '60', ''],
  )
  assert.deepEqual([raised.response['ID'], raised.response['TTL']], ['7587822882194966551', '2'])
  const { header, ...facts } = left.response
  assert.deepEqual(header, {
    cluster_id: String(clusterId),
    member_id: String(memberId),
    revision: '2',
    raft_term: '3',
  })
  assert.deepEqual(facts, { ID: '9223372036854775807', TTL: '59', grantedTTL: '60', keys: [Buffer.from('k')] })
  assert.deepEqual(without.response['keys'], [])
  assert.deepEqual(listed.response['leases'], [{ ID: '9223372036854775807' }, { ID: '7587822882194966551' }])
  assert.deepEqual([revoked.code, (revoked.response['header'] as { revision: string }).revision], [status.OK, '3'])
})

test('what is wrong with a lease is said in the words of etcd', async (t) => {
  const { host } = await openGateway(t)
  const call = async (method: string, message: object): Promise<[status, string]> => {
    const { code, details } = await rawCall(host, 'lease', method, message)
    return [code, details]
  }
  await call('LeaseGrant', { TTL: 60, ID: 7 })

  assert.deepEqual(await call('LeaseGrant', { TTL: 60, ID: 7 }), [
    status.FAILED_PRECONDITION,
    'etcdserver: lease already exists',
  ])
  assert.deepEqual(await call('LeaseGrant', { TTL: '9000000001' }), [
    status.OUT_OF_RANGE,
    'etcdserver: too large lease TTL',
  ])
  assert.deepEqual(await call('LeaseRevoke', { ID: 8 }), [status.NOT_FOUND, 'etcdserver: requested lease not found'])
  const gone = await rawCall(host, 'lease', 'LeaseTimeToLive', { ID: 8 })
  assert.deepEqual([gone.code, gone.response['TTL'], gone.response['grantedTTL']], [status.OK, '-1', '0'])
})

test('keep-alives are answered in order, of what is gone with 0, until the client has no more', async (t) => {
  const { host, node } = await openGateway(t)
  node.leases.set('7', { ttlSeconds: 60 })
  node.leases.set('-8', { ttlSeconds: 5 })
  const stream = rawStream(t, host, 'lease', 'LeaseKeepAlive')

  for (const ID of [7, -8, 9, 7]) stream.send({ ID })
  const answers = await stream.take(4)
  stream.endRequests()

  assert.deepEqual(
    answers.map(({ ID, TTL }) => [ID, TTL]),
    [
      ['7', '60'],
      ['-8', '5'],
      ['9', '0'],
      ['7', '60'],
    ],
  )
  assert.deepEqual(await stream.ended, { code: status.OK, details: 'OK' })
})

test('a keep-alive that nobody can answer ends the stream at once, though the client says no more', async (t) => {
  const { host, node } = await openGateway(t)
  const stream = rawStream(t, host, 'lease', 'LeaseKeepAlive')
  node.leases.set('7', { ttlSeconds: 60 })
  stream.send({ ID: 7 })
  await stream.next()

  node.failure = new AspenError('noLeader')
  stream.send({ ID: 7 })

  assert.deepEqual(await stream.ended, { code: status.UNAVAILABLE, details: 'etcdserver: no leader' })
})

test('many leases of one client are kept together: one that hangs holds up answers, not questions', async (t) => {
  const { host, node } = await openGateway(t)
  let open = (): void => undefined
  const stream = rawStream(t, host, 'lease', 'LeaseKeepAlive')
  node.gate = new Promise((resolve) => {
    open = resolve
  })
  for (let ID = 1; ID <= 200; ID++) stream.send({ ID })

  const asked = (): number => node.calls.filter(({ method }) => method === 'leaseKeepAlive').length
  for (let before = -1; before !== asked() || before === 0; await new Promise((resolve) => setTimeout(resolve, 50))) {
    before = asked()
  }
  const together = asked()
  open()
  const answers = await stream.take(200)

  assert.ok(together > 1 && together < 200, `${together} were asked together`)
  assert.deepEqual(
    answers.map(({ ID }) => Number(ID)),
    Array.from({ length: 200 }, (_, at) => at + 1),
  )
})
