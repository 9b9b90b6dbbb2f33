// Groups of a user's own machine, in real nodes: one alone, and three that form a cluster over loopback.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { AspenNode } from '../../../aspen/node.ts'
import { Aspen, type OpenOptions } from '../../../aspen/open.ts'
import { bank } from '../../../examples/actors/bank.ts'

const folder = mkdtempSync(join(tmpdir(), 'aspen-group-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const args = { currency: 'EUR' }
const base = { workers: 0, machines: [bank], heartbeatIntervalMs: 20 } as const

test('a group answers on one node, and remembers after the directory was closed', async () => {
  const dir = join(folder, 'alone')
  const before = await Aspen.open({ ...base, dir })
  const made = await before.createGroup({ name: 'savings', machine: bank, args })
  assert.deepEqual(await made.propose({ type: 'deposit', to: 'alice', amount: 5 }), { type: 'done', balance: 5 })
  await before.close()

  const node = await Aspen.open({ ...base, dir })
  const found = await node.createGroup({ name: 'savings', machine: bank, args: { currency: 'USD' } })

  assert.equal(await found.read({ type: 'balance', of: 'alice' }), '5 EUR')
  assert.equal(await found.read({ type: 'balance', of: 'alice' }, { consistency: 'serializable' }), '5 EUR')
  const status = await found.status()
  assert.deepEqual([status.role, status.leader, status.voters], ['leader', node.memberId, [node.memberId]])
  await node.close()
})

test('a group may bear the name of a keyspace, and neither is taken for the other', async () => {
  const node = await Aspen.open({ ...base, dir: join(folder, 'names') })
  const key = new TextEncoder().encode('k')

  const own = await node.createGroup({ name: 'default', machine: bank, args })
  await own.propose({ type: 'deposit', to: 'bob', amount: 3 })
  await node.client.put({ key, value: key })

  assert.equal(await own.read({ type: 'total' }), '3 EUR')
  assert.equal((await node.client.range({ key })).count, 1)
  await assert.rejects(node.client.put({ key, value: key }, { keyspace: 'app/default' }), { code: 'keyspaceNotFound' })
  await assert.rejects(node.client.keyspaceDrop({ name: 'app/default' }), { code: 'keyspaceNotFound' })
  await node.close()
})

test('a group is refused by name, with the reason', async () => {
  const node = await Aspen.open({ ...base, dir: join(folder, 'refused') })

  await assert.rejects(node.createGroup({ name: 'Not/A/Name', machine: bank, args }), { code: 'invalidKeyspaceName' })
  await assert.rejects(
    node.createGroup({ name: 'x', machine: { ...bank, name: 'casino' }, args }),
    /RangeError: create group 'x': this node was not opened with the state machine 'casino'; it has bank/,
  )
  await assert.rejects(node.group('nowhere').read(null), { name: 'AspenError', code: 'keyspaceNotFound' })
  await node.close()
})

test('three embedded nodes are one cluster: a command said at one is read at another, and a minority may be gone', async () => {
  const members = await newMembers()
  const open = (name: string): Promise<AspenNode> => Aspen.open(optionsOf(members, name))
  const [a, b, c] = (await Promise.all(['a', 'b', 'c'].map(open))) as [AspenNode, AspenNode, AspenNode]

  const [here, again] = await Promise.all(
    [a, b].map((node) => node.createGroup({ name: 'savings', machine: bank, args })),
  )
  const request = { client: 'teller', number: 1 }
  const replies = await Promise.all(
    [here, again].map((at) => at?.propose({ type: 'deposit', to: 'bob', amount: 7 }, { request })),
  )

  assert.deepEqual(replies, [
    { type: 'done', balance: 7 },
    { type: 'done', balance: 7 },
  ])
  assert.equal(await c.group<typeof bank>('savings').read({ type: 'total' }), '7 EUR')
  assert.deepEqual((await a.client.memberList()).members.map(({ name }) => name).sort(), ['a', 'b', 'c'])

  await a.close()
  const left = b.group<typeof bank>('savings')
  assert.equal(await left.read({ type: 'total' }, { deadlineMs: 10_000 }), '7 EUR')

  const back = await open('a')
  assert.equal(await back.group<typeof bank>('savings').read({ type: 'total' }, { deadlineMs: 10_000 }), '7 EUR')
  await Promise.all([back, b, c].map((node) => node.close()))

  // What a directory was made with counts: neither another name nor another list opens it.
  const dir = join(folder, 'a')
  await assert.rejects(Aspen.open({ ...optionsOf(members, 'b'), dir }), /RangeError: open .* it holds member/)
  await assert.rejects(
    Aspen.open({ ...optionsOf(members.slice(0, 2), 'a'), dir }),
    /RangeError: open .* it holds member/,
  )
})

test('a keyspace that is dropped at one node shows nothing at another from that moment on', async () => {
  const members = await newMembers('drop-')
  const open = (name: string): Promise<AspenNode> => Aspen.open(optionsOf(members, name))
  const [a, b, c] = (await Promise.all(members.map(({ name }) => open(name)))) as [AspenNode, AspenNode, AspenNode]
  const key = new TextEncoder().encode('k')
  const at = { keyspace: 'orders' }

  for (let round = 0; round < 3; round++) {
    await a.client.keyspaceCreate({ name: 'orders' })
    await a.client.put({ key, value: key }, at)
    assert.equal((await b.client.range({ key }, at)).count, 1)

    await b.client.keyspaceDrop({ name: 'orders' })

    for (const node of [c, a, b]) await assert.rejects(node.client.range({ key }, at), { code: 'keyspaceNotFound' })
  }
  await assert.rejects(a.client.keyspaceDrop({ name: 'orders' }), { code: 'keyspaceNotFound' })
  await Promise.all([a, b, c].map((node) => node.close()))
})

test('a cluster that cannot be is refused before anything is written', async () => {
  const members = [
    { name: 'a', peerUrl: 'http://127.0.0.1:1' },
    { name: 'b', peerUrl: 'http://127.0.0.1:2' },
  ]
  const wrong: readonly (readonly [Partial<OpenOptions> & { members?: typeof members }, RegExp])[] = [
    [{ name: 'z' }, /RangeError: .*must name this node, 'z'; they are a, b/],
    [{ name: 'a', members: [] }, /RangeError: .*must be 1 to 64, not 0/],
    [
      { name: 'a', members: [members[0], members[0]] as typeof members },
      /RangeError: .*must differ in name and in peerUrl/,
    ],
    [
      { name: 'a', members: [{ name: 'a', peerUrl: 'https://127.0.0.1:1' }] },
      /RangeError: .*https URLs want cluster\.tls/,
    ],
  ]

  for (const [{ members: list = members, ...options }, reason] of wrong) {
    const cluster = { listenPeerUrl: 'http://127.0.0.1:1', members: list }
    await assert.rejects(Aspen.open({ ...base, dir: join(folder, 'never'), ...options, cluster }), reason)
  }
})

type Members = readonly { readonly name: string; readonly peerUrl: string }[]

function optionsOf(members: Members, name: string): OpenOptions {
  const listenPeerUrl = members.find((member) => member.name === name)?.peerUrl ?? ''
  return { ...base, dir: join(folder, name), name, cluster: { listenPeerUrl, members, token: 'group-test' } }
}

async function newMembers(prefix = ''): Promise<Members> {
  const names = ['a', 'b', 'c'].map((name) => prefix + name)
  return Promise.all(names.map(async (name) => ({ name, peerUrl: `http://127.0.0.1:${await freePort()}` })))
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
