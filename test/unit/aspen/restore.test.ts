// Snapshots of a real node, restored into real directories, opened by real nodes.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { AspenNode } from '../../../aspen/node.ts'
import { Aspen } from '../../../aspen/open.ts'
import { type RestoreOptions, restoreSnapshot, snapshotStatus } from '../../../aspen/restore.ts'
import { readSnapshotBlob, snapshotEnd, snapshotFrame, snapshotHead } from '../../../aspen/snapshot-blob.ts'
import { utf8 } from '../../../base/bytes.ts'
import { createSnapshotSealer, openSnapshot } from '../../../client/snapshot-seal.ts'

const folder = mkdtempSync(join(tmpdir(), 'aspen-restore-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const file = join(folder, 'saved.snap')
const once = { client: 'writer', number: 1 } as const
let original = { revision: 0, hash: 0 }

/** The file that a front door would send. */
async function save(node: AspenNode, to: string): Promise<void> {
  const sealer = createSnapshotSealer()
  const parts: Uint8Array[] = []
  for await (const { blob } of node.client.snapshot()) {
    sealer.update(blob)
    parts.push(blob)
  }
  writeFileSync(to, Buffer.concat([...parts, sealer.seal()]))
}

before(async () => {
  const node = await Aspen.open({ dir: join(folder, 'old'), workers: 1, heartbeatIntervalMs: 20 })
  const { client } = node
  for (let n = 0; n < 300; n++) await client.put({ key: utf8(`key/${n % 120}`), value: new Uint8Array(5_000).fill(n) })
  await client.deleteRange({ key: utf8('key/7') })
  await client.compact({ revision: 100 })
  await client.put({ key: utf8('once'), value: utf8('first') }, { request: once })
  const { hash, hashRevision } = await client.hashKv({ revision: 0 })
  original = { revision: hashRevision, hash }
  await save(node, file)
  await client.put({ key: utf8('later'), value: utf8('lost') })
  await node.close()
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function optionsOf(dataDir: string, name: string, members: RestoreOptions['initialCluster']): RestoreOptions {
  const initialAdvertisePeerUrls = members.find((member) => member.name === name)?.peerUrls ?? []
  const common = { file, initialClusterToken: 'restored', workers: 1, onProgress: () => {} }
  return { ...common, dataDir, name, initialCluster: members, initialAdvertisePeerUrls }
}

const alone = [{ name: 'n1', peerUrls: ['http://127.0.0.1:2380'] }]

test('the status of a snapshot is that of the keyspace it was taken of', async () => {
  const status = await snapshotStatus(file)

  assert.deepEqual(status, { ...original, totalKeys: 120, sizeBytes: readFileSync(file).length })
})

test('restored to one member, a keyspace goes on where the snapshot was taken, and so after a restart', async () => {
  const dir = join(folder, 'alone')
  const seen: [number, number][] = []

  const restored = await restoreSnapshot({
    ...optionsOf(dir, 'n1', alone),
    onProgress: (done, total) => seen.push([done, total]),
  })

  assert.deepEqual([restored.revision, restored.totalKeys], [original.revision, 120])
  assert.deepEqual(readdirSync(dir).sort(), ['identity.json', 'store-0', 'store-1'])
  const [last] = seen.slice(-1)
  assert.ok(seen.length > 1 && last !== undefined && last[0] === last[1], `progress was told: ${JSON.stringify(seen)}`)
  for (const round of [1, 2]) {
    const node = await Aspen.open({ dir, workers: 1, heartbeatIntervalMs: 20 })
    assert.deepEqual([node.memberId, node.clusterId], [restored.memberId, restored.clusterId])
    const { client } = node
    const { hash } = await client.hashKv({ revision: original.revision })
    assert.equal(hash, original.hash, `round ${round}`)
    assert.equal((await client.range({ key: utf8('later') })).count, 0)
    await assert.rejects(client.range({ key: utf8('once'), revision: 50 }), { code: 'compacted' })
    const { header } = await client.put({ key: utf8(`round/${round}`), value: utf8('x') })
    assert.equal(header.revision, original.revision + round)
    const { members } = await client.memberList()
    assert.deepEqual(
      members.map(({ id }) => id),
      [restored.memberId],
    )
    await node.close()
  }
})

test('a request that the old cluster answered is not applied again by the new one', async () => {
  const dir = join(folder, 'again')
  await restoreSnapshot(optionsOf(dir, 'n1', alone))
  const node = await Aspen.open({ dir, workers: 1, heartbeatIntervalMs: 20 })

  await node.client.put({ key: utf8('once'), value: utf8('second') }, { request: once })

  const { kvs } = await node.client.range({ key: utf8('once') })
  assert.deepEqual(kvs[0]?.value, utf8('first'))
  await node.close()
})

test('three members restored from one file are one cluster that holds it', async () => {
  const names = ['n1', 'n2', 'n3']
  const members = await Promise.all(
    names.map(async (name) => ({ name, peerUrls: [`http://127.0.0.1:${await freePort()}`] })),
  )
  const restored = []
  for (const name of names)
    restored.push(await restoreSnapshot(optionsOf(join(folder, `three-${name}`), name, members)))
  assert.equal(new Set(restored.map(({ memberId }) => memberId)).size, 3)
  assert.equal(new Set(restored.map(({ clusterId }) => clusterId)).size, 1)

  const listed = members.map(({ name, peerUrls: [peerUrl] }) => ({ name, peerUrl: peerUrl as string }))
  const nodes = await Promise.all(
    listed.map(({ name, peerUrl }) =>
      Aspen.open({
        dir: join(folder, `three-${name}`),
        name,
        workers: 1,
        heartbeatIntervalMs: 20,
        cluster: { listenPeerUrl: peerUrl, members: listed, token: 'restored' },
      }),
    ),
  )

  const [one, two] = nodes as [AspenNode, AspenNode, AspenNode]
  const { header } = await one.client.put({ key: utf8('new'), value: utf8('life') })
  assert.equal(header.revision, original.revision + 1)
  const { kvs } = await two.client.range({ key: utf8('new') })
  assert.deepEqual(kvs[0]?.value, utf8('life'))
  for (const { client } of nodes) {
    await client.range({ key: utf8('new') })
    const { hash } = await client.hashKv({ revision: original.revision })
    assert.equal(hash, original.hash)
  }
  const { members: found } = await two.client.memberList()
  assert.deepEqual(found.map(({ id }) => id).sort(), restored.map(({ memberId }) => memberId).sort())
  await Promise.all(nodes.map((node) => node.close()))
})

test('nothing is restored over what is there, and a restore that was cut short is begun anew', async () => {
  const dir = join(folder, 'taken')
  mkdirSync(dir)
  writeFileSync(join(dir, 'precious'), 'x')
  await assert.rejects(restoreSnapshot(optionsOf(dir, 'n1', alone)), /wanted an empty directory, found precious in it/)
  assert.deepEqual(readdirSync(dir), ['precious'])

  rmSync(join(dir, 'precious'))
  mkdirSync(join(dir, 'restoring', 'store-0'), { recursive: true })
  const restored = await restoreSnapshot(optionsOf(dir, 'n1', alone))

  assert.equal(restored.totalKeys, 120)
  assert.deepEqual(readdirSync(dir).sort(), ['identity.json', 'store-0', 'store-1'])
  await assert.rejects(restoreSnapshot(optionsOf(dir, 'n1', alone)), /wanted an empty directory/)
})

test('a file that is none, one that is damaged and a list without this member are refused, and leave no member behind', async () => {
  const dir = join(folder, 'none')
  const damaged = join(folder, 'damaged')
  const bytes = readFileSync(file)
  bytes[1_000] = (bytes[1_000] as number) ^ 1
  writeFileSync(damaged, bytes)
  const options = optionsOf(dir, 'n1', alone)

  await assert.rejects(restoreSnapshot({ ...options, file: damaged }), /SHA-256 .* does not match/)
  await assert.rejects(snapshotStatus(damaged), /SHA-256 .* does not match/)
  await assert.rejects(restoreSnapshot({ ...options, file: join(folder, 'missing') }), /ENOENT/)
  await assert.rejects(
    restoreSnapshot({ ...options, name: 'n9' }),
    /wanted member 'n9' in the list of founders, found n1/,
  )
  await assert.rejects(
    restoreSnapshot({ ...options, initialAdvertisePeerUrls: ['http://127.0.0.1:9'] }),
    /wanted 'n1' to be reached at http:\/\/127.0.0.1:2380, as the list of founders has it, found http:\/\/127.0.0.1:9/,
  )
  assert.throws(() => readdirSync(dir), /ENOENT/)
})

test('a snapshot of something that is no keyspace is told from one, and nothing comes of it', async () => {
  const dir = join(folder, 'other')
  const other = join(folder, 'other.snap')
  const { manifest } = readSnapshotBlob(openSnapshot(readFileSync(file)))
  const blob = Buffer.concat([
    snapshotHead(manifest),
    snapshotFrame({ part: 'machine', bytes: utf8('no keyspace at all') }),
    snapshotEnd(),
  ])
  const sealer = createSnapshotSealer()
  sealer.update(blob)
  writeFileSync(other, Buffer.concat([blob, sealer.seal()]))

  await assert.rejects(snapshotStatus(other), /RangeError: read snapshot: wanted the state of a keyspace/)
  await assert.rejects(
    restoreSnapshot({ ...optionsOf(dir, 'n1', alone), file: other }),
    /RangeError: .*wanted the state of a keyspace.*K14/,
  )
  assert.deepEqual(readdirSync(dir), [])
})
