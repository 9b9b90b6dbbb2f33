import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LogEntry } from '../../../runtime/ports/store.ts'
import { closed, commit, newStore, tempDir } from './lab.ts'

test('reads that stop early keep no snapshot: overwriting does not grow the file', async (t) => {
  const store = await newStore(join(tempDir(t), 'store'))
  const value = new Uint8Array(100_000)
  const entries = Array.from(
    { length: 50 },
    (_, i): LogEntry => ({ index: i + 1, term: 1, type: 'normal', data: new Uint8Array(2_000) }),
  )
  await commit(store, [{ type: 'logAppend', log: 'raft', entries }])

  for (let n = 0; n < 200; n++) {
    await commit(store, [{ type: 'put', key: Buffer.from('same'), value }])
    assert.equal(store.log('raft').entries(1, 50, 1).length, 1)
    store
      .range({ from: Buffer.from('a'), to: Buffer.from('z') })
      [Symbol.iterator]()
      .next()
  }

  assert.ok(store.stats().fileBytes < 4_000_000, `${store.stats().fileBytes} bytes`)
  await closed(store)
})
