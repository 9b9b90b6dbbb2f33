import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checkStores } from '../../../runtime/node/lmdb/check.ts'
import { openLmdbStore } from '../../../runtime/node/lmdb/store.ts'
import { closed, identity, newStore, tempDir } from './lab.ts'

const rounds = 8

/** Runs the writer until it has acknowledged `enough` commits and `graceMs` passed; returns the last acknowledged. */
function writeUntilKilled(dir: string, first: number, enough: number, graceMs: number): Promise<number> {
  const script = fileURLToPath(new URL('./kill-writer.js', import.meta.url))
  const child = spawn(process.execPath, [script, dir, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const before = output.length
      output += text
      if (before === 0 || output.split('\n').length > enough) setTimeout(() => child.kill('SIGKILL'), graceMs)
    })
    child.on('close', (_code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself: ${output}`))
      // The last line may be cut short by the kill; what stands before it was acknowledged.
      else resolve(Number(output.split('\n').at(-2) ?? first - 1))
    })
  })
}

test('S1, S2: kill -9 under load loses nothing acknowledged and leaves no half batch', async (t) => {
  const dir = join(tempDir(t), 'store')
  await closed(await newStore(dir))
  let last = 0
  let acknowledged = 0

  for (let round = 0; round < rounds; round++) {
    const before = last
    acknowledged = await writeUntilKilled(dir, last + 1, 20 + 15 * round, round * 7)
    const [verdict] = await checkStores([dir], { depth: 'full' })
    assert.equal(verdict?.type, 'sound')
    const store = openLmdbStore({ dir, identity })
    last = Number(Buffer.from(store.get(Buffer.from('count')) ?? []).toString())
    const rows = [...store.range({ from: Buffer.from('row'), to: Buffer.from('rox') })].map(([, value]) =>
      Buffer.from(value).toString(),
    )
    const log = store.log('raft')

    // One commit may have reached the disk unacknowledged; none beyond.
    assert.ok(last === acknowledged || last === acknowledged + 1, `S1: acknowledged ${acknowledged}, found ${last}`)
    assert.ok(acknowledged > before, `round ${round} wrote nothing`)
    assert.deepEqual(
      rows,
      Array.from({ length: 1 + (last % 40) }, () => String(last).repeat(1 + (last % 50))),
      'S2',
    )
    assert.equal(log.lastIndex, last)
    const entries = log.entries(log.firstIndex, log.lastIndex, 1e9)
    assert.deepEqual(
      entries.map(({ term }) => term),
      entries.map(({ index }) => index),
    )
    await closed(store)
  }
})
