/**
 * A process to be killed: commits without end, and says on standard output what was acknowledged. Arguments: the store's
 * directory and the number of the first commit.
 */
import { writeSync } from 'node:fs'
import { openLmdbStore } from '../../../runtime/node/lmdb/store.ts'
import type { Write } from '../../../runtime/ports/store.ts'
import { identity } from './lab.ts'

const [dir = '', first = '1'] = process.argv.slice(2)
const store = openLmdbStore({ dir, identity })

/** Commit `n`: rows and a counter that must all say `n`, and one log entry, compacted now and then. */
export function batchFor(n: number): Write[] {
  const data = Buffer.from(String(n).repeat(1 + (n % 50)))
  const rows = Array.from(
    { length: 1 + (n % 40) },
    (_, i): Write => ({ type: 'put', key: Buffer.from(`row-${i}`), value: data }),
  )
  const writes: Write[] = [
    { type: 'deleteRange', from: Buffer.from('row'), to: Buffer.from('rox') },
    ...rows,
    { type: 'put', key: Buffer.from('count'), value: Buffer.from(String(n)) },
    { type: 'logAppend', log: 'raft', entries: [{ index: n, term: n, type: 'normal', data }] },
  ]
  if (n % 16 === 0) writes.push({ type: 'logCompact', log: 'raft', index: n - 8, term: n - 8 })
  return writes
}

function next(n: number): void {
  store.commit(batchFor(n), (outcome) => {
    if (outcome.type !== 'durable') throw new Error(`commit ${n}: ${JSON.stringify(outcome)}`)
    writeSync(1, `${n}\n`)
    next(n + 1)
  })
}

next(Number(first))
