import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { RestoreOptions } from '../../../cli/snapshot.ts'
import { header, run } from './harness.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aspen-test-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const data = Buffer.alloc(100_000, 'aspen ')
const whole = Buffer.concat([data, createHash('sha256').update(data).digest()])

/** A node's stream of `bytes` in pieces that cut the hash in two. */
async function* stream(bytes: Uint8Array, failsAt = Number.POSITIVE_INFINITY): AsyncGenerator<object> {
  for (let at = 0; at < bytes.length; at += 33_371) {
    if (at > failsAt) throw new Error('connection lost')
    const blob = bytes.subarray(at, at + 33_371)
    yield { header, remainingBytes: bytes.length - at - blob.length, blob }
  }
}

const tools = {
  snapshotStatus: () => Promise.resolve({ hash: 0xab, revision: 7, totalKeys: 3, sizeBytes: whole.length }),
  restoreSnapshot: () => Promise.resolve({ memberId: 1, clusterId: 2, revision: 7, totalKeys: 3 }),
}

describe('snapshot save', () => {
  test('writes exactly the bytes of the stream, and leaves nothing else behind', async () => {
    const file = join(dir, 'a.snap')

    const { code, stdout } = await run(['snapshot', 'save', file], { answers: { snapshot: () => stream(whole) } })

    assert.equal(code, 0)
    assert.match(stdout, /^Snapshot saved at .*a\.snap \(100 kB in 0 s\)\n$/)
    assert.deepEqual(readFileSync(file), whole)
    assert.deepEqual(readdirSync(dir), ['a.snap'])
  })

  const damaged = Buffer.from(whole)
  damaged[50_000] = 0
  const refused: readonly [string, () => AsyncGenerator<object>, RegExp][] = [
    ['is damaged', () => stream(damaged), /wanted a snapshot with the SHA-256 .* it is cut short or damaged/],
    ['ends early', () => stream(whole.subarray(0, 90_000)), /it is cut short or damaged/],
    ['is too short for a hash', () => stream(whole.subarray(0, 20)), /ends in a hash of 32 bytes/],
    ['breaks', () => stream(whole, 40_000), /connection lost/],
  ]
  for (const [what, chunks, wanted] of refused) {
    test(`keeps the old file and no part of the new one when the stream ${what}`, async () => {
      const file = join(dir, 'a.snap')
      writeFileSync(file, 'the old one')

      const { code, stderr } = await run(['snapshot', 'save', file], { answers: { snapshot: chunks } })

      assert.equal(code, 1)
      assert.match(stderr, wanted)
      assert.equal(readFileSync(file, 'utf8'), 'the old one')
      assert.deepEqual(readdirSync(dir), ['a.snap'])
    })
  }

  test('wants one endpoint: the data of a node is its own', async () => {
    const { code, stderr } = await run(['snapshot', 'save', join(dir, 'a'), '--endpoints', 'h:1,h:2'])

    assert.equal(code, 2)
    assert.match(stderr, /wanted one endpoint, found 2/)
  })
})

describe('snapshot status', () => {
  test('shows hash, revision, keys and size', async () => {
    const file = join(dir, 'a.snap')
    writeFileSync(file, whole)

    const [line, json] = [
      await run(['snapshot', 'status', file], { tools }),
      await run(['snapshot', 'status', file, '--json'], { tools }),
    ]

    assert.equal(line.stdout, '000000ab, 7, 3, 100 kB\n')
    assert.deepEqual(JSON.parse(json.stdout), { hash: 0xab, revision: 7, totalKeys: 3, sizeBytes: whole.length })
  })

  test('refuses a file with one byte changed, and one that is not there', async () => {
    const file = join(dir, 'a.snap')
    const changed = Buffer.from(whole)
    changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1
    writeFileSync(file, changed)

    const [bad, none] = [
      await run(['snapshot', 'status', file], { tools }),
      await run(['snapshot', 'status', join(dir, 'b')], { tools }),
    ]

    assert.deepEqual([bad.code, none.code], [1, 1])
    assert.match(bad.stderr, /cut short or damaged/)
    assert.match(none.stderr, /wanted a snapshot, found no file at/)
  })
})

describe('snapshot restore', () => {
  test('gives the node what a founding member is started with', async () => {
    const file = join(dir, 'a.snap')
    writeFileSync(file, whole)
    let asked: Omit<RestoreOptions, 'onProgress'> | undefined
    const restoreSnapshot = (given: RestoreOptions): ReturnType<typeof tools.restoreSnapshot> => {
      const { onProgress, ...options } = given
      onProgress(1, 2)
      asked = options
      return tools.restoreSnapshot()
    }
    const urls = 'http://10.0.0.1:2380'
    const flags = [
      '--name',
      'm1',
      '--data-dir',
      join(dir, 'm1'),
      '--initial-advertise-peer-urls',
      urls,
      '--initial-cluster-token',
      't',
    ]

    const { code, stdout } = await run(
      ['snapshot', 'restore', file, ...flags, '--initial-cluster', `m1=${urls},m2=http://10.0.0.2:2380`],
      {
        tools: { ...tools, restoreSnapshot },
      },
    )

    assert.equal(code, 0)
    assert.match(stdout, /^Restored 3 keys at revision 7 to /)
    assert.deepEqual(asked, {
      file,
      dataDir: join(dir, 'm1'),
      name: 'm1',
      initialCluster: [
        { name: 'm1', peerUrls: [urls] },
        { name: 'm2', peerUrls: ['http://10.0.0.2:2380'] },
      ],
      initialClusterToken: 't',
      initialAdvertisePeerUrls: [urls],
    })
  })

  test('refuses founding settings that do not fit each other, before it reads anything', async () => {
    const { code, stderr } = await run(
      ['snapshot', 'restore', join(dir, 'none'), '--initial-cluster', 'x=http://10.0.0.1:2380'],
      { tools },
    )

    assert.equal(code, 2)
    assert.match(stderr, /--initial-cluster must name this member/)
  })
})
