// A disk without room: writes are refused with etcd's alarm, reads go on, nothing is lost, and room brings it back.
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import type { EtcdConnection } from '../../client/etcd-grpc.ts'
import { noSmallDisk, smallDisk } from '../small-disk.ts'
import { eventually, withCluster } from './cluster.ts'

const noSpace = /etcdserver: mvcc: database space exceeded/
const valueBytes = 100_000
/** Room for the reserve that a node keeps to raise the alarm with, which it takes only where there is plenty. */
const diskMegabytes = 80
const ballastBytes = 40 * 1024 * 1024

interface Filled {
  /** Keys whose write was acknowledged. */
  readonly written: readonly string[]
  readonly refusal: string
}

/** Writes until it is refused. */
async function fillUp(client: EtcdConnection, writesMax: number): Promise<Filled> {
  const written: string[] = []
  for (let at = 0; at < writesMax; at++) {
    const key = `fill/${String(at).padStart(5, '0')}`
    try {
      await client.put(
        { key: utf8(key), value: new Uint8Array(valueBytes).fill(97 + (at % 26)) },
        { deadlineMs: 4_000 },
      )
      written.push(key)
    } catch (error) {
      const refusal = error instanceof Error ? error.message : String(error)
      if (noSpace.test(refusal)) return { written, refusal }
      // The one that met the full disk may have no answer; from the alarm on all have.
      if (at > writesMax - 2) return { written, refusal }
    }
  }
  return { written, refusal: 'none' }
}

async function assertHolds(client: EtcdConnection, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const { kvs } = await client.range({ key: utf8(key) })
    const value = kvs[0]?.value
    assert.equal(value?.length, valueBytes, `${key} was acknowledged`)
    assert.equal(fromUtf8(value.subarray(0, 1)), String.fromCharCode(97 + (Number(key.slice(5)) % 26)), key)
  }
}

/** Deletes, compacts and disarms, until writes are taken again. */
async function makeRoom(client: EtcdConnection): Promise<void> {
  await client.deleteRange({ key: utf8('fill/00002'), rangeEnd: utf8('fill0') })
  const { header } = await client.range({ key: utf8('x') })
  await client.compact({ revision: header.revision, physical: true })
  await eventually(
    'writes after the alarm is disarmed',
    async () => {
      for (const { member, alarm } of (await client.alarms()).alarms) {
        await client.alarm({ action: 'deactivate', member, alarm })
      }
      return client.put({ key: utf8('after'), value: utf8('room') }, { deadlineMs: 3_000 })
    },
    40_000,
  )
}

test('a single node on a full disk', { skip: noSmallDisk }, async () => {
  const disk = smallDisk(diskMegabytes)
  const ballast = join(disk.path, 'ballast')
  try {
    await withCluster({ nodes: 1, dirOf: (name) => join(disk.path, name) }, async (cluster) => {
      const node = cluster.member(0)
      const client = cluster.client(node)
      // Somebody else's file takes most of the room, and is removed in the end: only then is there some again.
      writeFileSync(ballast, Buffer.alloc(ballastBytes))

      const { written, refusal } = await fillUp(client, 800)

      assert.match(refusal, noSpace, node.tail())
      assert.ok(written.length > 10, `${written.length} writes before it was full`)
      await eventually('the alarm is listed', async () =>
        (await client.alarms()).alarms.find(({ alarm }) => alarm === 'nospace'),
      )
      await assertHolds(client, written)
      assert.equal((await node.get('/livez')).code, 200)
      assert.equal((await node.get('/health')).code, 503)

      rmSync(ballast)
      await makeRoom(client)
      await assertHolds(client, written.slice(0, 2))
      await node.stop()
      await cluster.start()
      assert.equal((await client.range({ key: utf8('after') })).count, 1)
    })
  } finally {
    disk.unmount()
  }
})

test('one member of three on a full disk: nothing is lost, the alarm is raised, room brings it back', {
  skip: noSmallDisk,
}, async () => {
  const disk = smallDisk(diskMegabytes)
  const ballast = join(disk.path, 'ballast')
  try {
    await withCluster(
      { nodes: 3, dirOf: (name) => (name === 'n3' ? join(disk.path, name) : undefined) },
      async (cluster) => {
        const client = cluster.client(cluster.member(0))
        writeFileSync(ballast, Buffer.alloc(ballastBytes))

        const { written, refusal } = await fillUp(client, 800)

        assert.match(refusal, noSpace, cluster.member(2).tail())
        await assertHolds(client, written)
        rmSync(ballast)
        await makeRoom(client)
        await eventually('the member with the small disk has it all', async () => {
          const own = await cluster.client(cluster.member(2)).range({ key: utf8('after') })
          return own.count === 1 ? true : undefined
        })
        assert.equal(new Set(await cluster.hashes()).size, 1)
      },
    )
  } finally {
    disk.unmount()
  }
})

test('the quota: the alarm comes before the disk is full, deletes and compaction make room', () =>
  withCluster({ nodes: 1, flags: ['--quota-backend-bytes=2000000'] }, async (cluster) => {
    const client = cluster.client(cluster.member(0))

    const { written, refusal } = await fillUp(client, 60)

    assert.match(refusal, noSpace)
    assert.ok(written.length >= 10 && written.length < 40, `${written.length} writes fitted`)
    assert.ok((await client.alarms()).alarms.some(({ alarm }) => alarm === 'nospace'))
    await assertHolds(client, written)
    await makeRoom(client)
    await assertHolds(client, written.slice(0, 2))
  }))
