import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Client, credentials, type MethodDefinition, status } from '@grpc/grpc-js'
import { aspenServices } from '../../../client/etcd-proto.ts'
import { AspenError } from '../../../client/interface.ts'
import { openSnapshot } from '../../../client/snapshot-seal.ts'
import { memberId } from './fake-node.ts'
import { bytes, openGateway } from './opened.ts'
import { rawCall } from './raw-call.ts'

test('members are listed, added, updated, promoted and removed', async (t) => {
  const { connect, node } = await openGateway(t)
  const connection = connect()

  const added = await connection.memberAdd({ peerUrls: ['http://127.0.0.1:3380'], learner: true })
  const updated = await connection.memberUpdate({ id: 77, peerUrls: ['http://[::1]:3381'] })
  const promoted = await connection.memberPromote({ id: 77 })
  const listed = await connection.memberList({ linearizable: true })
  const removed = await connection.memberRemove({ id: 77 })

  assert.deepEqual(added.member, {
    id: 77,
    name: '',
    peerUrls: ['http://127.0.0.1:3380'],
    clientUrls: [],
    learner: true,
  })
  assert.deepEqual(updated.members[1]?.peerUrls, ['http://[::1]:3381'])
  assert.equal(promoted.members[1]?.learner, false)
  assert.deepEqual(
    listed.members.map(({ id }) => id),
    [memberId, 77],
  )
  const asked = node.calls.find(({ method }) => method === 'memberList')
  assert.ok(asked?.options !== undefined && 'linearizable' in asked.options && asked.options.linearizable === true)
  assert.deepEqual(
    removed.members.map(({ id }) => id),
    [memberId],
  )
  await assert.rejects(connection.memberRemove({ id: 78 }), { code: 'memberNotFound' })
})

test('peer addresses that no peer can have are refused before anything is proposed', async (t) => {
  const { host, node } = await openGateway(t)
  const wrong = [
    '',
    'n1:2380',
    'http://n1',
    'http://n1:0',
    'http://n1:99999',
    'ftp://n1:2380',
    'http://n1:2380/path',
    'http://a b:1',
  ]

  const cases = [[], ...wrong.map((url) => [url]), ['http://n1:2380', 'nonsense']]
  for (const peerURLs of cases) {
    for (const method of ['MemberAdd', 'MemberUpdate']) {
      const { code, details } = await rawCall(host, 'cluster', method, { peerURLs, ID: 1 })
      assert.deepEqual(
        [code, details],
        [status.INVALID_ARGUMENT, 'etcdserver: given member URLs are invalid'],
        String(peerURLs),
      )
    }
  }
  assert.deepEqual(node.calls, [])
})

test('a member id beyond ours belongs to nobody', async (t) => {
  const { host } = await openGateway(t)

  const { code, details } = await rawCall(host, 'cluster', 'MemberRemove', { ID: '18446744073709551615' })

  assert.deepEqual([code, details], [status.NOT_FOUND, 'etcdserver: member not found'])
})

test('status, hashes, defragmentation and leadership', async (t) => {
  const { connect } = await openGateway(t)
  const connection = connect()
  await connection.put({ key: bytes('k'), value: bytes('v') })

  const { header, ...answered } = await connection.status()
  assert.equal(header.revision, 2)
  assert.deepEqual(answered, {
    version: '3.5.21',
    dbSizeBytes: 20_480,
    dbSizeInUseBytes: 8_192,
    leader: memberId,
    raftIndex: 41,
    raftTerm: 3,
    raftAppliedIndex: 40,
    learner: false,
    errors: [],
  })
  assert.equal((await connection.hash()).hash, 0xfeed_beef)
  const { header: _, ...hashed } = await connection.hashKv({ revision: 1 })
  assert.deepEqual(hashed, { hash: 0xdead_beef, compactRevision: 0, hashRevision: 1 })
  assert.equal((await connection.defragment()).header.memberId, memberId)
  assert.equal((await connection.moveLeader({ target: memberId })).header.memberId, memberId)
  for (const target of [0, 5]) await assert.rejects(connection.moveLeader({ target }), { code: 'badLeaderTransferee' })
})

test('alarms are raised, listed by kind, and disarmed', async (t) => {
  const { connect, host } = await openGateway(t)
  const connection = connect()

  assert.deepEqual((await connection.alarms()).alarms, [])
  await connection.alarm({ action: 'activate', member: memberId, alarm: 'nospace' })
  const listed = await connection.alarms()
  const corrupt = await rawCall(host, 'maintenance', 'Alarm', { action: 'GET', alarm: 'CORRUPT' })
  const nothing = await rawCall(host, 'maintenance', 'Alarm', { action: 'ACTIVATE', alarm: 'NONE', memberID: 1 })
  await connection.alarm({ action: 'deactivate', member: memberId, alarm: 'nospace' })

  assert.deepEqual(listed.alarms, [{ member: memberId, alarm: 'nospace' }])
  assert.deepEqual(corrupt.response['alarms'], [])
  assert.equal((nothing.response['alarms'] as unknown[]).length, 1, 'an alarm of no kind changes nothing')
  assert.deepEqual((await connection.alarms()).alarms, [])
})

test('a snapshot arrives whole, in messages any client takes, and ends in its SHA-256', async (t) => {
  const { connect, node } = await openGateway(t)
  node.snapshotBytes = randomBytes(7_000_001)

  const blobs: Uint8Array[] = []
  const remaining: number[] = []
  for await (const { blob, remainingBytes } of connect().snapshot()) {
    blobs.push(blob)
    remaining.push(remainingBytes)
  }

  const file = Buffer.concat(blobs)
  assert.ok(blobs.every((blob) => blob.length <= 1_048_576))
  assert.deepEqual(
    remaining,
    [...remaining].sort((a, b) => b - a),
  )
  assert.equal(remaining.at(-1), 0)
  assert.ok(createHash('sha256').update(file.subarray(0, -32)).digest().equals(file.subarray(-32)))
  assert.ok(openSnapshot(file).every((byte, at) => byte === node.snapshotBytes[at]))
  assert.equal(openSnapshot(file).length, 7_000_001)
})

test('a snapshot that nobody reads any more is let go inside', async (t) => {
  const { connect, node } = await openGateway(t)
  node.snapshotBytes = randomBytes(24_000_000)

  for await (const { blob } of connect().snapshot()) {
    assert.ok(blob.length > 0)
    break
  }

  while (node.snapshotEnded === 0) await new Promise((resolve) => setTimeout(resolve, 2))
})

test('a snapshot that fails says why', async (t) => {
  const { connect, node } = await openGateway(t)
  node.failure = new AspenError('corrupt')

  await assert.rejects(
    async () => {
      for await (const _ of connect().snapshot()) assert.fail('there is nothing to read')
    },
    { code: 'corrupt' },
  )
})

test('keyspaces, actors and the versions come over Aspen service', async (t) => {
  const { connect } = await openGateway(t)
  const connection = connect()

  const made = await connection.keyspaceCreate({ name: 'orders' })

  assert.deepEqual(made, { name: 'orders', id: 1, leader: memberId, term: 3, revision: 1, executor: 1 })
  assert.deepEqual(await connection.keyspaceList(), [made])
  await assert.rejects(connection.keyspaceCreate({ name: 'orders' }), { code: 'keyspaceExists' })
  await connection.keyspaceDrop({ name: 'orders' })
  await assert.rejects(connection.keyspaceDrop({ name: 'orders' }), { code: 'keyspaceNotFound' })
  assert.deepEqual(await connection.actors(), [
    {
      name: 'raft/1',
      definition: 'raft-group',
      executor: 1,
      mailboxDepth: 4,
      messagesTotal: 12_345,
      restarts: 1,
      state: 'parked',
    },
  ])
  assert.deepEqual(await connection.serverStatus(), {
    aspenVersion: '0.1.0',
    etcdVersion: '3.5.21',
    healthy: true,
    reason: '',
  })
})

test('the health service answers for the server and each service, and tells changes', async (t) => {
  const { connect, host, node, gateway } = await openGateway(t)
  const connection = connect()

  assert.equal(await connection.healthCheck(), 'serving')
  assert.equal(await connection.healthCheck('etcdserverpb.KV'), 'serving')
  const unknown = await rawCall(host, 'health', 'Check', { service: 'nobody' })
  assert.equal(unknown.code, status.NOT_FOUND)

  const client = new Client(host, credentials.createInsecure())
  t.after(() => client.close())
  const { path, requestSerialize, responseDeserialize } = aspenServices().health['Watch'] as MethodDefinition<
    object,
    { status: string }
  >
  const told: string[] = []
  const ended = new Promise<unknown>((resolve) => {
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: '' })
    call.on('data', ({ status: now }: { status: string }) => {
      told.push(now)
      // The end of the gateway is also the end of watches, which otherwise have none.
      if (told.length === 1) node.verdict = () => ({ healthy: false, reason: 'tired' })
      else void gateway.close(5_000)
    })
    call.on('error', resolve)
    call.on('end', () => resolve(undefined))
  })
  await ended
  assert.deepEqual(told, ['SERVING', 'NOT_SERVING'])
})
