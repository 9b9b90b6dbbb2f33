/** What compaction may take from a replica, and what not. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Ledger } from '../../../sim/checkers/ledger.ts'

function promised(): Ledger {
  const ledger = new Ledger()
  ledger.acknowledged({ key: 'a', value: 'old', revision: 2 })
  ledger.acknowledged({ key: 'a', value: 'new', revision: 5 })
  return ledger
}
const newest = { key: 'a', value: 'new', revision: 5 }
const none: ReadonlySet<string> = new Set()

test('I21: a compaction takes what was overwritten up to its revision', () => {
  promised().checkAgainst('node 1', [newest], { revision: 5, deletable: none })
  promised().checkAgainst('node 1', [newest, { key: 'b', value: 'x', revision: 7 }], { revision: 6, deletable: none })
})

test('I21: it does not take what was the newest then, nor what came after', () => {
  assert.throws(
    () => promised().checkAgainst('node 1', [newest], { revision: 4, deletable: none }),
    /^Violation: I21: .* a = old/,
  )
  assert.throws(() => promised().checkAgainst('node 1', [], { revision: 9, deletable: none }), /^Violation: I21/)
})

test('I21: of what may have been deleted nothing need be left, up to the revision of the compaction', () => {
  const deletable = new Set(['a'])
  promised().checkAgainst('node 1', [], { revision: 9, deletable })
  assert.throws(() => promised().checkAgainst('node 1', [], { revision: 4, deletable }), /^Violation: I21: .* a = new/)
})

test('I21: a compaction is no excuse for another value', () => {
  const wrong = { ...newest, value: 'other' }
  assert.throws(() => promised().checkAgainst('node 1', [wrong], { revision: 9, deletable: none }), /^Violation: I21/)
})
