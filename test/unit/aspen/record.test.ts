// Users' actors on real threads: recorded by name from the embedding process, wherever they live.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AspenNode } from '../../../aspen/node.ts'
import { Aspen } from '../../../aspen/open.ts'
import { readRecording } from '../../../runtime/kernel/flight/recording.ts'
import { replayActor } from '../../../sim/replay-actor.ts'
import { gambler, oracle, table } from '../flight/recorded-actors.ts'

type Play = { readonly ask: { readonly play: (name: string) => Promise<number> } }

describe('a node records its users’ actors', () => {
  const dir = mkdtempSync(join(tmpdir(), 'aspen-record-'))
  const failures: { readonly actor?: unknown; readonly recent?: unknown }[] = []
  let node: AspenNode

  before(async () => {
    const log = (_level: string, fields: Record<string, unknown>, text: string): void => {
      if (text.startsWith('an actor failed')) failures.push(fields)
    }
    node = await Aspen.open({ dir, workers: 1, log })
    await node.spawn(table, { stake: 3 }, { name: 'table', supervise: { restart: 'permanent' } })
    // The module of a supervisor is loaded on its thread before its children live.
    await until(async () => (await node.actors()).some(({ name }) => name === 'oracle'))
  })
  after(async () => {
    await node.close()
    rmSync(dir, { recursive: true })
  })

  async function until(holds: () => Promise<boolean>): Promise<void> {
    for (const endMs = performance.now() + 10_000; !(await holds()); await sleep(5))
      assert.ok(performance.now() < endMs, 'it did not come about')
  }

  async function restarts(name: string): Promise<number> {
    return (await node.actors()).find((actor) => actor.name === name)?.restarts ?? 0
  }

  /** Records while `use` runs. */
  async function record(name: string, use: () => Promise<unknown>): Promise<Uint8Array> {
    const before = await restarts(name)
    const done = new AbortController()
    const recorded = node.record(name, { forMs: 30_000, signal: done.signal })
    const begun = until(async () => (await restarts(name)) > before)
    await Promise.race([begun, recorded])
    await use()
    done.abort()
    return recorded
  }

  test('on a worker thread, with its asks to others and its store', async () => {
    const player = node.actor('gambler') as unknown as Play

    const file = await record('gambler', async () => {
      await player.ask.play('ann')
      ;(node.actor('gambler') as unknown as { tell: { consult(to: unknown): void } }).tell.consult({
        type: 'named',
        node: node.memberId,
        name: 'oracle',
      })
      await player.ask.play('ben')
    })
    const recording = readRecording(file)

    assert.equal(recording.header.self.type === 'local' ? recording.header.self.executor : 0, 1)
    assert.deepEqual(replayActor(recording, gambler).outcome, { type: 'same' })
    assert.ok(recording.end.deliveries >= 4)
    assert.equal(await player.ask.play('cat').then((won) => typeof won), 'number')
  })

  test('the log of a failure tells what the actor had received', () => {
    const failure = failures.find(({ actor }) => actor === 'gambler')

    assert.ok(Array.isArray(failure?.recent))
  })

  test('what it received last is told in words', async () => {
    const lines = await node.recentDeliveries('gambler', 3)

    assert.equal(lines.length, 3)
    assert.match(lines.join('\n'), /gambler {2}play from executor 0/)
    await assert.rejects(node.recentDeliveries('nobody'), { name: 'NotRecordable' })
  })

  test('what nobody would start again is refused, and lives on', async () => {
    await node.spawn(oracle, { wisdom: 1 }, { name: 'alone', place: { type: 'executor', executor: 1 } })
    await node.spawn(oracle, { wisdom: 1 }, { name: 'brief', supervise: { restart: 'temporary' } })

    await assert.rejects(node.record('alone', { forMs: 10 }), /'alone' has no supervisor/)
    await assert.rejects(node.record('brief', { forMs: 10 }), /'brief' is temporary/)
    await assert.rejects(node.record('nobody', { forMs: 10 }), /no actor 'nobody'/)
    await assert.rejects(node.record('gambler', { forMs: 0 }), { name: 'RangeError' })
    const actors = await node.actors()
    for (const name of ['alone', 'brief']) {
      assert.equal(actors.find((actor) => actor.name === name)?.restarts, 0, name)
    }
  })

  test('a supervisor is recorded like any other, its children start with it; bounds are kept', async () => {
    const recording = readRecording(await node.record('table', { forMs: 10 }))

    assert.equal(recording.end.ending, 'asked')
    assert.deepEqual(replayActor(recording, table).outcome, { type: 'same' })
    await assert.rejects(node.record('table', { forMs: 10, bytesMax: 100 }), { name: 'RangeError' })
  })
})
