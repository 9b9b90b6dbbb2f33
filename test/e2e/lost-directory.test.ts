// A data directory disappears, and its member is started again with the flags it was founded with.
import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { askMembers } from '../../aspen/returning.ts'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import type { DirIdentity } from '../../runtime/node/data-dir.ts'
import { type Cluster, eventually, withCluster } from './cluster.ts'
import type { Member } from './process.ts'

const key = utf8('a')

/** Which stores are marked as lost. */
function lostStores(member: Member): readonly boolean[] {
  const identity = JSON.parse(readFileSync(join(member.dir, 'identity.json'), 'utf8')) as DirIdentity
  return identity.stores.map(({ wiped }) => wiped)
}

async function split(cluster: Cluster): Promise<{ leader: Member; lost: Member; behind: Member }> {
  const leader = await cluster.leader()
  const [lost, behind] = cluster.members.filter((member) => member !== leader) as [Member, Member]
  return { leader, lost, behind }
}

test('R25: a founder without its directory comes back as who lost it, not as a second founder, and is filled again', () =>
  withCluster({ nodes: 3 }, async (cluster) => {
    const { leader, lost } = await split(cluster)
    await cluster.client(leader).put({ key, value: utf8('1') })
    await lost.kill()
    rmSync(lost.dir, { recursive: true })

    await cluster.start([lost])

    assert.match(lost.output, /knows this member already/)
    await eventually('the loss is settled', async () => (lostStores(lost).includes(true) ? undefined : true))
    const { kvs } = await cluster.client(lost).range({ key, serializable: true })
    assert.equal(fromUtf8(kvs[0]?.value ?? new Uint8Array(0)), '1')
    assert.equal(new Set(await cluster.hashes()).size, 1)
    await lost.stop()
    const said = lost.output.length
    await cluster.start([lost])
    assert.doesNotMatch(lost.output.slice(said), /knows this member already/)
  }))

// Two of three hold the write; one of them loses its directory while the other is down. The third knows nothing of it.
test('R25: what two of three acknowledged is not lost with the directory of one of them', () =>
  withCluster({ nodes: 3 }, async (cluster) => {
    const { leader, lost, behind } = await split(cluster)
    await behind.kill()
    await cluster.client(leader).put({ key, value: utf8('on two disks') })
    behind.start()
    // Before the third can be told, its leader is gone.
    await leader.kill()
    await lost.kill()
    rmSync(lost.dir, { recursive: true })
    await eventually('the third is up', async () =>
      typeof (await askMembers(behind.peerUrl, 1_000)) === 'object' ? true : undefined,
    )

    lost.start()
    await eventually('the lost one asked', async () =>
      /knows this member already/.test(lost.output) ? true : undefined,
    )
    await sleep(4_000)
    const early = await cluster
      .client(behind)
      .range({ key }, { deadlineMs: 1_000 })
      .catch(() => undefined)
    assert.ok(early === undefined || early.kvs.length === 1, 'without the write nobody may answer')

    await cluster.start([leader])
    await cluster.leader()
    const { kvs } = await cluster.client(behind).range({ key })
    assert.equal(fromUtf8(kvs[0]?.value ?? new Uint8Array(0)), 'on two disks')
    await eventually('the loss is settled', async () => (lostStores(lost).includes(true) ? undefined : true))
  }))

test('a member that was removed is refused when it comes to found the cluster again', () =>
  withCluster({ nodes: 3 }, async (cluster) => {
    const { leader, lost } = await split(cluster)
    const { members } = await cluster.client(leader).memberList()
    const id = members.find(({ name }) => name === lost.name)?.id
    assert.ok(id !== undefined)
    await cluster.client(leader).memberRemove({ id })
    await lost.exited()
    rmSync(lost.dir, { recursive: true })

    lost.start()

    const exit = await lost.exited()
    assert.equal(exit.code, 1, lost.tail())
    assert.match(lost.output, /was removed from cluster/)
  }))
