import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../../base/bytes.ts'
import { Committer, type CommitterOptions } from '../../../runtime/node/lmdb/committer.ts'
import type { Step } from '../../../runtime/node/lmdb/environment.ts'
import type { CommitOutcome } from '../../../runtime/ports/store.ts'

const steps: readonly Step[] = [{ space: 'kv', key: utf8('k'), sealed: utf8('sealed') }]

/** As LMDB fails: a general error that carries a promise of the real one. */
function failure(code: number, message: string): Error {
  const commitError = Promise.reject(Object.assign(new Error(message), { code }))
  commitError.catch(() => {})
  return Object.assign(new Error('Commit failed'), { commitError })
}

function committer(write: CommitterOptions['write'], more: Partial<CommitterOptions> = {}): Committer {
  return new Committer({ write, freeBytes: () => 1e12, watchdogMs: 5_000, ...more })
}

function run(committer: Committer): Promise<CommitOutcome> {
  return new Promise((resolve) => committer.run(steps, 100, resolve))
}

test('a bad transaction is tried once more with the same batch', async () => {
  const seen: unknown[] = []
  const subject = committer(async (batch) => {
    seen.push(batch)
    if (seen.length === 1) throw failure(-30_782, 'MDB_BAD_TXN')
    return true
  })

  assert.deepEqual(await run(subject), { type: 'durable' })

  assert.deepEqual(seen, [steps, steps])
  assert.equal(subject.retries, 1)
})

test('a second bad transaction breaks the store, and nothing is written any more', async () => {
  let writes = 0
  const subject = committer(async () => {
    writes += 1
    throw failure(-30_782, 'MDB_BAD_TXN')
  })

  const first = await run(subject)
  const second = await run(subject)

  assert.equal(first.type, 'broken')
  assert.match(first.type === 'broken' ? first.reason : '', /MDB_BAD_TXN/)
  assert.deepEqual(second, first)
  assert.equal(writes, 2)
})

test('an I/O error is a full disk only where little is free; a failed flush is never repeated', async () => {
  let writes = 0
  const fail = async (): Promise<boolean> => {
    writes += 1
    throw failure(5, 'Input/output error')
  }

  assert.equal((await run(committer(fail, { freeBytes: () => 4_096 }))).type, 'full')
  assert.equal((await run(committer(fail, { freeBytes: () => 1e9 }))).type, 'broken')

  assert.equal(writes, 2)
})

test('no space and no quota are full whatever the disk says; the same store goes on afterwards', async () => {
  const answers: (Error | true)[] = [failure(28, 'ENOSPC'), failure(122, 'EDQUOT'), true]
  const subject = committer(async () => {
    const answer = answers.shift()
    if (answer instanceof Error) throw answer
    return true
  })

  const outcomes = [await run(subject), await run(subject), await run(subject)]

  assert.deepEqual(
    outcomes.map(({ type }) => type),
    ['full', 'full', 'durable'],
  )
})

test('S4: a commit that never ends is broken after the watchdog, and its late end is not heard', async () => {
  let finish: (done: boolean) => void = () => {}
  const subject = committer(() => new Promise((resolve) => (finish = resolve)), { watchdogMs: 20 })
  const outcomes: CommitOutcome[] = []

  await new Promise<void>((resolve) => {
    subject.run(steps, 100, (outcome) => {
      outcomes.push(outcome)
      resolve()
    })
  })
  finish(true)
  await new Promise(setImmediate)

  assert.equal(outcomes.length, 1)
  assert.match(outcomes[0]?.type === 'broken' ? outcomes[0].reason : '', /did not end within 20 ms/)
  assert.equal(subject.stuck, true)
})

test('a write that throws at once, or is applied in part, is broken', async () => {
  const thrower = committer(() => {
    throw new Error('closed')
  })

  assert.equal((await run(thrower)).type, 'broken')
  assert.equal((await run(committer(async () => false))).type, 'broken')
})
