// Disks lie. A store that is cut short, overwritten or flipped in a bit is refused or repaired, never served.
import assert from 'node:assert/strict'
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { type Cluster, withCluster } from './cluster.ts'
import type { Member } from './process.ts'

/** The stores of a node that is not running, each a file. */
function dataFiles(member: Member): readonly string[] {
  const stores = readdirSync(member.dir).filter((entry) => /^store-\d+$/.test(entry))
  assert.ok(stores.length > 0, `${member.dir} holds no store`)
  return stores.map((store) => join(member.dir, store, 'data.mdb'))
}

const damages: readonly { readonly name: string; readonly apply: (path: string) => void }[] = [
  { name: 'cut short', apply: (path) => truncateSync(path, Math.floor(statSync(path).size / 2)) },
  { name: 'emptied', apply: (path) => truncateSync(path, 0) },
  { name: 'overwritten with garbage', apply: (path) => writeFileSync(path, Buffer.alloc(statSync(path).size, 0xa7)) },
  { name: 'with flipped bits everywhere', apply: (path) => flipBits(path, 512) },
]

/** One bit in each stretch of `stride` bytes. */
function flipBits(path: string, stride: number): void {
  const file = openSync(path, 'r+')
  const one = Buffer.alloc(1)
  try {
    for (let at = stride >> 1; at < statSync(path).size; at += stride) {
      readSync(file, one, 0, 1, at)
      one[0] = (one[0] ?? 0) ^ (1 << (at % 8))
      writeSync(file, one, 0, 1, at)
    }
  } finally {
    closeSync(file)
  }
}

async function fill(cluster: Cluster, member: Member): Promise<void> {
  const client = cluster.client(member)
  for (let at = 0; at < 60; at++)
    await client.put({ key: utf8(`k/${at}`), value: utf8(`value ${at} ${'.'.repeat(500)}`) })
}

test('a member whose store is damaged says so and is filled again by the others, whatever the damage', () =>
  withCluster({ nodes: 3, flags: ['--snapshot-count=100'] }, async (cluster) => {
    const leader = await cluster.leader()
    const victim = cluster.members.find((member) => member !== leader) as Member
    await fill(cluster, leader)

    for (const { name, apply } of damages) {
      await victim.stop()
      const saidBefore = victim.output.length
      for (const path of dataFiles(victim)) apply(path)
      await cluster.start([victim])

      assert.match(victim.output.slice(saidBefore), /a damaged store was moved aside/, name)
      const { kvs } = await cluster.client(victim).range({ key: utf8('k/59'), serializable: true })
      assert.match(fromUtf8(kvs[0]?.value ?? new Uint8Array(0)), /^value 59/, name)
      assert.equal(new Set(await cluster.hashes()).size, 1, name)
    }
  }))

test('a node on its own whose store is damaged refuses to start, with the reason and a way out', () =>
  withCluster({ nodes: 1 }, async (cluster) => {
    const node = cluster.member(0)
    await fill(cluster, node)
    await node.stop()
    const sound = dataFiles(node).map((path) => ({ path, bytes: readFileSync(path) }))

    for (const { name, apply } of damages) {
      const saidBefore = node.output.length
      for (const { path } of sound) apply(path)
      node.start()

      assert.equal((await node.exited()).code, 1, name)
      assert.match(node.output.slice(saidBefore), /aspen: .*damaged .*restore the directory from a snapshot/, name)
      for (const { path, bytes } of sound) writeFileSync(path, bytes)
    }

    // What was refused was not touched: with its files back, the node has everything.
    await cluster.start()
    assert.equal((await cluster.client(node).range({ key: utf8('k/0'), rangeEnd: utf8('k0') })).count, 60)
  }))

// Whether the bit is noticed at once, at the first use or never depends on where it lies; a wrong answer is no choice.
test('one flipped bit is never a wrong answer', () =>
  withCluster({ nodes: 1 }, async (cluster) => {
    const node = cluster.member(0)
    await fill(cluster, node)
    await node.stop()
    const path = dataFiles(node).at(-1) as string
    const { size } = statSync(path)
    const file = openSync(path, 'r+')
    const sound = Buffer.alloc(size)
    readSync(file, sound, 0, size, 0)

    for (let round = 0; round < 4; round++) {
      const at = Math.floor((size * (round + 0.5)) / 4)
      writeSync(file, sound, 0, size, 0)
      writeSync(file, Buffer.of((sound[at] ?? 0) ^ (1 << round)), 0, 1, at)
      node.start()
      const started = await node.ready(10_000).then(
        () => true,
        () => false,
      )
      if (started) await judge(cluster, node)
      else if (!node.running) assert.equal((await node.exited()).code, 1, `byte ${at}`)
      await node.kill()
    }
    closeSync(file)
  }))

/** Whatever it answers is what was written. */
async function judge(cluster: Cluster, node: Member): Promise<void> {
  const client = cluster.client(node)
  for (let at = 0; at < 60; at++) {
    const answer = await client.range({ key: utf8(`k/${at}`) }, { deadlineMs: 2_000 }).catch(() => undefined)
    if (answer === undefined) continue
    assert.equal(answer.kvs[0] && fromUtf8(answer.kvs[0].value), `value ${at} ${'.'.repeat(500)}`)
  }
}
