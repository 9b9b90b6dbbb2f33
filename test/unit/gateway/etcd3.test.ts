import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Etcd3, GRPCInvalidArgumentError, GRPCOutOfRangeError, GRPCUnavailableError, GRPCUnknownError } from 'etcd3'
import { AspenError } from '../../../client/interface.ts'
import { clusterId } from './fake-node.ts'
import { openGateway } from './opened.ts'

test('the etcd3 client of npm works unchanged', async (t) => {
  const { url, node } = await openGateway(t)
  const client = new Etcd3({ hosts: url })
  t.after(() => client.close())

  await client.put('a/1').value('one')
  await client.put('a/2').value('two')
  await client.put('b').value('three')
  const put = await client.put('b').value('drei').getPrevious()
  const swapped = await client
    .if('a/1', 'Value', '==', 'one')
    .then(client.put('a/1').value('uno'))
    .else(client.get('a/1'))
    .commit()
  const all = await client.getAll().prefix('a/').strings()
  const newest = await client.getAll().prefix('').sort('Key', 'Descend').limit(1).keys()
  const missing = await client.get('nobody').string()
  const deleted = await client.delete().prefix('a/')
  const { members } = await client.cluster.memberList({ linearizable: true })
  const { version, header } = await client.maintenance.status()

  assert.equal(put.value.toString(), 'three')
  assert.equal(swapped.succeeded, true)
  assert.deepEqual(all, { 'a/1': 'uno', 'a/2': 'two' })
  assert.deepEqual(newest, ['b'])
  assert.equal(missing, null)
  assert.equal(deleted.deleted, '2')
  assert.deepEqual(
    members.map(({ name }) => name),
    ['n1'],
  )
  assert.deepEqual([version, header.cluster_id], ['3.5.21', String(clusterId)])
  assert.equal(node.records.length, 1)
})

test('its error classes are the ones etcd would cause', async (t) => {
  const { url, node } = await openGateway(t)
  const cases = [
    [new AspenError('noLeader'), GRPCUnavailableError],
    [new AspenError('keyNotFound'), GRPCInvalidArgumentError],
    [new AspenError('compacted'), GRPCOutOfRangeError],
    [new AspenError('internal', 'bees'), GRPCUnknownError],
  ] as const

  for (const [failure, errorClass] of cases) {
    node.failure = failure
    // One each: a client that has seen a failure stops asking for a while.
    const client = new Etcd3({ hosts: url })
    t.after(() => client.close())
    await assert.rejects(client.put('k').value('v').exec(), errorClass)
  }
})
