// A real process on worker threads, under writes: what its own actors did is recorded, and played back elsewhere.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { utf8 } from '../../base/bytes.ts'
import { Cluster } from './cluster.ts'
import { aspen, type CommandResult } from './commands.ts'

interface Replayed {
  readonly deliveries: number
  readonly digest: string
  readonly state: { readonly type: string; readonly value: number }
  readonly expected: { readonly deliveries: number; readonly digest: string; readonly state: object }
  readonly outcome: { readonly type: string; readonly delivery?: { readonly kind: string; readonly message: string } }
  readonly steps?: readonly { readonly kind: string; readonly calls: readonly string[] }[]
}

describe('the flight recorder', () => {
  let cluster: Cluster
  let writes = 0
  let writing = true
  let writer: Promise<void> = Promise.resolve()

  before(async () => {
    cluster = await Cluster.create({ nodes: 1, flags: ['--workers=2'] })
    await cluster.start()
    writer = write()
  })
  after(async () => {
    writing = false
    await writer
    await cluster.close()
  })

  /** Writes that may fail while an actor starts anew, and go on. */
  async function write(): Promise<void> {
    const client = cluster.client(cluster.member(0))
    for (let i = 0; writing; i++) {
      const put = client.put({ key: utf8(`key/${i % 50}`), value: utf8(`value ${i}`) }, { deadlineMs: 2_000 })
      writes += await put.then(
        () => 1,
        () => 0,
      )
      await sleep(5)
    }
  }

  async function record(name: string, file: string): Promise<CommandResult> {
    const { endpoint } = cluster.member(0)
    return aspen(['record', name, '--for', '2s', '--out', file, '--endpoints', endpoint, '--command-timeout', '10s'])
  }

  async function replay(file: string, ...flags: string[]): Promise<CommandResult & { readonly json: Replayed }> {
    const result = await aspen(['replay', file, '--json', ...flags], { timeoutMs: 60_000 })
    return { ...result, json: JSON.parse(result.stdout || '{}') as Replayed }
  }

  for (const name of ['raft/default', 'replica/default', 'keeper']) {
    test(`${name} is recorded under writes and played back to the same digest and state`, async () => {
      const file = join(cluster.dir, `${name.replace('/', '-')}.recording`)
      const writesBefore = writes

      const recorded = await record(name, file)
      const played = await replay(file, '--step')

      assert.equal(recorded.code, 0, recorded.stderr)
      assert.match(recorded.stdout, /^Recording saved at .* \(\d+ deliveries, /)
      assert.equal(played.code, 0, `${played.stderr}${JSON.stringify(played.json.outcome)}`)
      assert.equal(played.json.outcome.type, 'same')
      assert.equal(played.json.digest, played.json.expected.digest)
      assert.deepEqual(played.json.state, played.json.expected.state)
      assert.ok(played.json.deliveries > 20, `only ${played.json.deliveries} deliveries`)
      assert.equal(played.json.steps?.[0]?.kind, 'start')
      assert.ok(writes > writesBefore, 'nothing was written meanwhile')
    })
  }

  test('what the group did with its log and the replica with its store is in the recordings', async () => {
    const calls = async (name: string): Promise<ReadonlySet<string>> => {
      const { json } = await replay(join(cluster.dir, `${name}.recording`), '--step')
      return new Set(json.steps?.flatMap((step) => step.calls))
    }

    const [group, replica] = [await calls('raft-default'), await calls('replica-default')]

    for (const call of ['random', 'now', 'log.append', 'store.put', 'tell']) assert.ok(group.has(call), call)
    for (const call of ['store.get', 'store.put', 'wallNow', 'replyTo', 'defer']) assert.ok(replica.has(call), call)
  })

  test('changed code is found, with the first delivery that differs', async () => {
    const changed = join(cluster.dir, 'changed.mjs')
    const group = new URL('../../actors/raft/group.js', import.meta.url).href
    writeFileSync(
      changed,
      `import { raftGroup as original } from ${JSON.stringify(group)}\n` +
        'let ticks = 0\n' +
        'export const raftGroup = { ...original, receive: (state, message, ctx) =>\n' +
        "  message.type === 'tick' && ++ticks === 3 ? undefined : original.receive(state, message, ctx) }\n",
    )

    const played = await replay(join(cluster.dir, 'raft-default.recording'), '--module', changed)

    assert.equal(played.code, 1)
    assert.equal(played.json.outcome.type, 'differs')
    assert.equal(played.json.outcome.delivery?.kind, 'timer')
    assert.equal(played.json.outcome.delivery?.message, 'tick')
    assert.match(played.stderr, /does otherwise than recorded, first at delivery \d+/)
  })

  test('a file that was changed, one that is none, and a module that is not there are refused in words', async () => {
    const file = join(cluster.dir, 'keeper.recording')
    const damaged = join(cluster.dir, 'damaged.recording')
    const bytes = readFileSync(file)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
    writeFileSync(damaged, bytes)

    const refused = async (...words: string[]): Promise<string> => {
      const { code, stderr } = await aspen(['replay', ...words])
      assert.equal(code, 1)
      return stderr
    }

    assert.match(await refused(damaged), /changed since it was written/)
    assert.match(await refused(join(cluster.dir, 'changed.mjs')), /does not begin like one/)
    assert.match(
      await refused(file, '--module', '/nowhere/at/all.mjs'),
      /cannot be loaded.*name the file with --module/,
    )
    assert.match(await refused(file, '--export', 'nobody'), /exports no actor definition 'nobody'/)
  })

  test('actors that nobody would start again are refused and go on; what they received last is told', async () => {
    const { endpoint } = cluster.member(0)

    const nobody = await record('nobody', join(cluster.dir, 'nobody.recording'))
    const root = await record('node', join(cluster.dir, 'node.recording'))
    const recent = await aspen(['actors', '--recent', 'raft/default', '--top', '5', '--endpoints', endpoint])

    assert.equal(nobody.code, 1)
    assert.match(nobody.stderr, /this node has no actor 'nobody'/)
    assert.match(root.stderr, /'node' has no supervisor/)
    assert.equal(recent.stdout.trimEnd().split('\n').length, 5)
    assert.match(recent.stdout, /^-[\d.]+ ms {2}raft\/default {2}\w+/m)
  })
})
