// Leases as front doors ask for them, in real nodes: one alone, and three that form a cluster over loopback.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { leaseTtlSecondsMax } from '../../../actors/lease/messages.ts'
import type { AspenNode } from '../../../aspen/node.ts'
import { Aspen, type OpenOptions } from '../../../aspen/open.ts'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import type { NodeClient } from '../../../client/interface.ts'

const folder = mkdtempSync(join(tmpdir(), 'aspen-lease-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const base = { workers: 0, heartbeatIntervalMs: 20, electionTimeoutMs: 200 } as const
const value = utf8('v')

test('a lease is granted with an id of the server or of the client, its TTL raised to the least or refused', async () => {
  const node = await Aspen.open({ ...base, dir: join(folder, 'grant') })
  const { client } = node

  const made = await client.leaseGrant({ ttlSeconds: 60 })
  const other = await client.leaseGrant({ ttlSeconds: 60, id: '0' })
  const own = await client.leaseGrant({ ttlSeconds: -5, id: '7' })

  for (const { id } of [made, other]) assert.ok(BigInt(id) > 0n && BigInt(id) < 2n ** 63n, id)
  assert.notEqual(made.id, other.id)
  assert.deepEqual([own.id, own.ttlSeconds, made.ttlSeconds], ['7', 1, 60])
  assert.equal(own.header.memberId, node.memberId)
  await assert.rejects(client.leaseGrant({ ttlSeconds: 60, id: '7' }), { code: 'leaseExists' })
  await assert.rejects(client.leaseGrant({ ttlSeconds: leaseTtlSecondsMax + 1 }), { code: 'leaseTtlTooLarge' })
  const { ids } = await client.leaseList()
  assert.deepEqual([...ids].sort(), [made.id, other.id, '7'].sort())
  await node.close()
})

test('what is left of a lease is told, with its keys; of one that is not there, that it is not', async () => {
  const node = await Aspen.open({ ...base, dir: join(folder, 'look') })
  const { client } = node
  const { id } = await client.leaseGrant({ ttlSeconds: 600 })
  await client.put({ key: utf8('b'), value, lease: id })
  const { header } = await client.put({ key: utf8('a'), value, lease: id })

  const plain = await client.leaseTimeToLive({ id })
  const keys = await client.leaseTimeToLive({ id, keys: true })
  const none = await client.leaseTimeToLive({ id: '12', keys: true })

  assert.ok(plain.ttlSeconds >= 0 && plain.ttlSeconds <= 600, `${plain.ttlSeconds}`)
  assert.deepEqual([plain.grantedTtlSeconds, plain.keys, plain.header.revision], [600, [], header.revision])
  assert.deepEqual(keys.keys.map(fromUtf8), ['a', 'b'])
  assert.deepEqual([none.id, none.ttlSeconds, none.grantedTtlSeconds, none.keys], ['12', -1, 0, []])
  await node.close()
})

test('a revoked lease takes its keys along in one revision, and is kept alive no more', async () => {
  const node = await Aspen.open({ ...base, dir: join(folder, 'revoke') })
  const { client } = node
  const { id } = await client.leaseGrant({ ttlSeconds: 600 })
  for (const key of ['a', 'b', 'c']) await client.put({ key: utf8(key), value, lease: id })
  const before = await client.range({ key: utf8('a') })
  assert.deepEqual((await client.leaseKeepAlive({ id })).ttlSeconds, 600)

  const { header } = await client.leaseRevoke({ id })

  assert.equal(header.revision, before.header.revision + 1)
  assert.equal((await client.range({ key: utf8('a'), rangeEnd: utf8('d') })).count, 0)
  const kept = await client.leaseKeepAlive({ id })
  assert.deepEqual([kept.id, kept.ttlSeconds, kept.header.revision], [id, 0, header.revision])
  await assert.rejects(client.leaseRevoke({ id }), { code: 'leaseNotFound' })
  await assert.rejects(client.put({ key: utf8('a'), value, lease: id }), { code: 'leaseNotFound' })
  await node.close()
})

test('a lease that nobody keeps alive ends with its keys; one that is kept alive does not', async () => {
  const node = await Aspen.open({ ...base, dir: join(folder, 'expire') })
  const { client } = node
  const left = await client.leaseGrant({ ttlSeconds: 1 })
  const kept = await client.leaseGrant({ ttlSeconds: 5 })
  await client.put({ key: utf8('left'), value, lease: left.id })
  await client.put({ key: utf8('kept'), value, lease: kept.id })

  await until(async () => {
    assert.equal((await client.leaseKeepAlive({ id: kept.id })).ttlSeconds, 5)
    return (await client.range({ key: utf8('left') })).count === 0
  })

  assert.deepEqual((await client.leaseList()).ids, [kept.id])
  assert.equal((await client.range({ key: utf8('kept') })).count, 1)
  await node.close()
})

test('leases are there when a node comes back, and end then', async () => {
  const dir = join(folder, 'again')
  const before = await Aspen.open({ ...base, dir })
  const { id } = await before.client.leaseGrant({ ttlSeconds: 1 })
  await before.client.put({ key: utf8('k'), value, lease: id })
  await before.close()

  const node = await Aspen.open({ ...base, dir })

  assert.equal((await node.client.leaseKeepAlive({ id })).ttlSeconds, 1)
  await until(async () => (await node.client.range({ key: utf8('k') })).count === 0)
  await node.close()
})

test('a thousand keepalives of one moment are answered, each for its lease', async () => {
  const node = await Aspen.open({ ...base, dir: join(folder, 'many') })
  const { client } = node
  const ids = Array.from({ length: 1_500 }, (_, at) => `${at + 1}`)
  await Promise.all(ids.map((id) => client.leaseGrant({ ttlSeconds: 100 + Number(id), id })))

  const kept = await Promise.all([...ids, '9999'].map((id) => client.leaseKeepAlive({ id })))

  for (const { id, ttlSeconds } of kept) assert.equal(ttlSeconds, id === '9999' ? 0 : 100 + Number(id))
  await node.close()
})

test('a node that is flooded with writes keeps leases alive, and serves what it took', async () => {
  const node = await Aspen.open({ ...base, dir: join(folder, 'flood') })
  const { client } = node
  const { id } = await client.leaseGrant({ ttlSeconds: 100 })
  // More than a mailbox holds, all at once.
  const flood = Array.from({ length: 20_000 }, (_, at) =>
    client.put({ key: utf8(`k${at % 100}`), value }).then(
      () => 'done',
      ({ code }: { code: string }) => code,
    ),
  )
  const kept = client.leaseKeepAlive({ id })

  assert.equal((await kept).ttlSeconds, 100)
  const outcomes = new Set(await Promise.all(flood))
  assert.deepEqual([...outcomes].sort(), ['done', 'tooManyRequests'])
  await node.close()
})

test('who gives up waiting is told so at once; without a keyspace there is no lease', async () => {
  const node = await Aspen.open({ ...base, dir: join(folder, 'giveup') })
  const { client } = node

  await assert.rejects(client.leaseKeepAlive({ id: '1' }, { signal: AbortSignal.abort() }), { code: 'canceled' })
  await assert.rejects(client.leaseKeepAlive({ id: '1' }, { keyspace: 'nowhere', deadlineMs: 300 }), {
    code: 'keyspaceNotFound',
  })
  await node.close()
})

test('in a cluster every member keeps leases alive, through changes of leaders; without a majority none does', async () => {
  const members = await newMembers()
  const open = (name: string): Promise<AspenNode> => Aspen.open(optionsOf(members, name))
  const nodes = (await Promise.all(members.map(({ name }) => open(name)))) as [AspenNode, AspenNode, AspenNode]
  const clients = nodes.map(({ client }) => client) as [NodeClient, NodeClient, NodeClient]
  const { id } = await clients[0].leaseGrant({ ttlSeconds: 30 })
  await clients[1].put({ key: utf8('k'), value, lease: id })

  for (const client of clients) {
    assert.equal((await client.leaseKeepAlive({ id })).ttlSeconds, 30)
    assert.equal((await client.leaseTimeToLive({ id, keys: true })).keys.length, 1)
  }

  const { leader } = await clients[0].status()
  const old = nodes.find(({ memberId }) => memberId === leader) as AspenNode
  const rest = nodes.filter((node) => node !== old) as [AspenNode, AspenNode]
  const target = rest[0].memberId
  await old.client.moveLeader({ target })
  for (const client of clients) assert.equal((await client.leaseKeepAlive({ id })).ttlSeconds, 30)

  await rest[0].close()
  for (const node of [old, rest[1]])
    assert.equal((await node.client.leaseKeepAlive({ id }, { deadlineMs: 15_000 })).ttlSeconds, 30)

  await old.close()
  const alone = rest[1].client.leaseKeepAlive({ id }, { deadlineMs: 1_500 })
  await assert.rejects(alone, ({ code }: { code: string }) => ['noLeader', 'leaderChanged', 'timeout'].includes(code))
  await rest[1].close()
})

async function until(predicate: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 30_000; !(await predicate()); await sleep(50))
    assert.ok(performance.now() < endMs, 'it never came to pass')
}

type Members = readonly { readonly name: string; readonly peerUrl: string }[]

function optionsOf(members: Members, name: string): OpenOptions {
  const listenPeerUrl = members.find((member) => member.name === name)?.peerUrl ?? ''
  return { ...base, dir: join(folder, name), name, cluster: { listenPeerUrl, members, token: 'lease-test' } }
}

async function newMembers(): Promise<Members> {
  return Promise.all(['a', 'b', 'c'].map(async (name) => ({ name, peerUrl: `http://127.0.0.1:${await freePort()}` })))
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
