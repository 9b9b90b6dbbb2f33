// Disks that run full under whole simulated nodes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../../base/bytes.ts'
import { SimCluster } from '../../../sim/cluster.ts'
import { keyspaceOf, propose, putOf } from './sim-view.ts'

const withinMs = 10_000

function founded(nodes: number): SimCluster {
  const cluster = new SimCluster({ seed: 5, nodes, executors: 2 })
  cluster.awaitLeader({ withinMs })
  cluster.run({ ms: 1_000 })
  return cluster
}

function fill(cluster: SimCluster, node: number, leftBytes: number): void {
  for (const disk of cluster.world.node(node).disks) disk.capacityBytes = disk.usedBytes + leftBytes
}

/** As the runtime does at the first commit that finds no room: what was held in reserve is given back. */
function giveBack(cluster: SimCluster, node: number, bytes: number): void {
  for (const disk of cluster.world.node(node).disks) disk.capacityBytes = disk.usedBytes + bytes
}

const alarmsOf = (cluster: SimCluster, node: number): string =>
  keyspaceOf(cluster, node)
    ?.facts.alarms.map(({ member, alarm }) => `${member} ${alarm}`)
    .join() ?? ''

test('N3: a full disk raises the alarm of its member; puts are refused, deletes are not, until the alarm is lowered', () => {
  const cluster = founded(1)
  assert.notEqual(propose(cluster, 1, putOf('kept')), 'no answer')
  fill(cluster, 1, 1_000)

  const reply = cluster.ask(1, { type: 'propose', command: putOf('large', 100_000) }, { withinMs: 300 })
  assert.equal(reply, undefined, 'it waits for room')
  giveBack(cluster, 1, 1_000_000)

  cluster.await('the alarm', () => alarmsOf(cluster, 1) === '1 nospace', { withinMs })
  assert.deepEqual(refusal(propose(cluster, 1, putOf('more'))), 'noSpace')
  const removed = propose(cluster, 1, { type: 'deleteRange', key: utf8('kept') })
  assert.equal(typeof removed === 'string' ? removed : removed.type, 'done')

  for (const disk of cluster.world.node(1).disks) disk.capacityBytes = Number.POSITIVE_INFINITY
  cluster.run({ ms: 2_000 })
  propose(cluster, 1, { type: 'alarm', action: 'deactivate', member: 1, alarm: 'nospace' })
  cluster.run({ ms: 2_000 })
  assert.equal(alarmsOf(cluster, 1), '', 'lowered by hand, and not raised again while there is room')
  const put = propose(cluster, 1, putOf('more'))
  assert.equal(typeof put === 'string' ? put : put.type, 'done')
})

test('while the disk is full and nothing can be committed, a put is refused at once, and its state is still read', () => {
  const cluster = founded(1)
  propose(cluster, 1, putOf('kept'))
  fill(cluster, 1, 100)
  cluster.ask(1, { type: 'propose', command: putOf('first', 10_000) }, { withinMs: 200 })

  const beganMs = cluster.world.nowMs
  const put = refusal(propose(cluster, 1, putOf('second', 10_000)))
  const txn = {
    type: 'txn',
    compare: [],
    success: [{ type: 'txn', compare: [], success: [putOf('third')], failure: [] }],
    failure: [],
  }
  const nested = refusal(propose(cluster, 1, txn))

  assert.deepEqual([put, nested], ['noSpace', 'noSpace'])
  assert.ok(cluster.world.nowMs - beganMs < 100, 'refused without waiting')
  const read = cluster.ask(
    1,
    { type: 'read', query: { type: 'range', key: utf8('kept') }, consistency: 'serializable' },
    { withinMs: 100 },
  )
  assert.equal(read?.type, 'answer')
})

test('a command with a request id is never refused early: an earlier copy of it may be in the log', () => {
  const cluster = founded(1)
  fill(cluster, 1, 100)
  cluster.ask(1, { type: 'propose', command: putOf('first', 10_000) }, { withinMs: 200 })

  const reply = cluster.ask(
    1,
    { type: 'propose', command: putOf('second'), request: { client: 'c', number: 1 } },
    { withinMs: 200 },
  )

  assert.equal(reply, undefined)
})

test('N3: the disk of one member of three raises the alarm in every keyspace, on all members, also in one made later', () => {
  const cluster = founded(3)
  cluster.change({ type: 'createGroup', name: 'orders', machine: 'keyspace', args: {} }, { withinMs })
  cluster.awaitLeader({ withinMs, group: 'orders' })
  const full = cluster.others(cluster.awaitLeader({ withinMs }))[0] as number

  fill(cluster, full, 0)
  const leader = cluster.awaitLeader({ withinMs })
  propose(cluster, leader, putOf('some', 1_000))

  const alarmed = (group: string): boolean =>
    cluster
      .others(full)
      .every((node) => keyspaceOf(cluster, node, group)?.facts.alarms.some(({ member }) => member === full) === true)
  cluster.await('alarms everywhere', () => alarmed('default') && alarmed('orders'), { withinMs })
  assert.deepEqual(refusal(propose(cluster, leader, putOf('more'))), 'noSpace')
})

function refusal(reply: ReturnType<typeof propose>): string {
  return typeof reply === 'string' ? reply : reply.type === 'refused' ? reply.error : reply.type
}
