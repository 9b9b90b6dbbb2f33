import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readHistory } from '../../../actors/keyspace/history.ts'
import type { ChangesItem, HistoryRequest, HistoryResponse } from '../../../actors/keyspace/messages.ts'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { Replica } from '../keyspace/replica.ts'

const all = { key: utf8('\0'), rangeEnd: utf8('\0') }

function ask(replica: Replica, from: number, more: Partial<HistoryRequest> = {}): HistoryResponse | 'compacted' {
  return readHistory(replica.state, {
    type: 'history',
    ranges: [all],
    from,
    eventsMax: 1_000,
    bytesMax: 1_000_000,
    scanMax: 1_000,
    prevKv: true,
    ...more,
  })
}

function page(replica: Replica, from: number, more: Partial<HistoryRequest> = {}): HistoryResponse {
  const answer = ask(replica, from, more)
  assert.ok(answer !== 'compacted')
  return answer
}

function texts(items: readonly ChangesItem[]): string[] {
  return items.map(
    ({ revision, changes }) =>
      `${revision}: ${changes
        .map(({ kv, deleted, previous }) => {
          const was = previous === undefined ? '' : `(${fromUtf8(previous.value)})`
          return `${fromUtf8(kv.key)}${deleted ? '-' : `=${fromUtf8(kv.value)}`}${was}`
        })
        .join(' ')}`,
  )
}

function filled(): Replica {
  const replica = new Replica()
  replica.apply({ type: 'put', key: utf8('a'), value: utf8('1') })
  replica.apply({ type: 'put', key: utf8('b'), value: utf8('1') })
  replica.apply({
    type: 'txn',
    compare: [],
    success: [
      { type: 'put', key: utf8('a'), value: utf8('2') },
      { type: 'deleteRange', key: utf8('b') },
    ],
    failure: [],
  })
  replica.apply({ type: 'put', key: utf8('c'), value: utf8('1') })
  return replica
}

test('K15: history is told whole revisions in order, with what came before', () => {
  const replica = filled()

  const { items, upTo } = page(replica, 2)
  const single = page(replica, 2, { ranges: [{ key: utf8('b') }] })

  assert.deepEqual(texts(items), ['2: a=1', '3: b=1', '4: a=2(1) b-(1)', '5: c=1'])
  assert.equal(upTo, 5)
  assert.deepEqual(texts(single.items), ['3: b=1', '4: b-(1)'])
})

test('K15: of the future there is nothing yet; a revision below the compaction is refused', () => {
  const replica = filled()
  replica.apply({ type: 'compact', revision: 4 })

  assert.deepEqual(page(replica, 9), { type: 'history', items: [], upTo: 8 })
  assert.equal(ask(replica, 3), 'compacted')
  assert.deepEqual(texts(page(replica, 4).items), ['4: a=2 b-', '5: c=1'])
})

const key = fc.constantFrom('a', 'b', 'c', 'd')
const command = fc.oneof(
  fc.record({ type: fc.constant('put' as const), key }),
  fc.record({ type: fc.constant('delete' as const), key }),
  fc.record({ type: fc.constant('many' as const), keys: fc.uniqueArray(key, { minLength: 1, maxLength: 4 }) }),
  fc.record({ type: fc.constant('compact' as const), back: fc.nat(6) }),
)

test('K15, K16: page by page, from the index or record by record, history is what happened, whatever the pages hold', () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 6 }),
      fc.boolean(),
      (commands, eventsMax, scanMax, wide) => {
        const replica = new Replica()
        // Enough keys make it read record by record.
        for (let i = 0; wide && i < 70; i++) replica.apply({ type: 'put', key: utf8(`x${i}`), value: utf8('x') })
        const told: ChangesItem[] = []
        for (const [at, each] of commands.entries()) {
          const before = replica.state.revision
          replica.state.changes = []
          carryOut(replica, each, at)
          const { changes } = replica.state
          replica.state.changes = undefined
          if (replica.state.revision > before) told.push({ type: 'changes', revision: replica.state.revision, changes })
        }
        const { compactRevision } = replica.state.facts
        const first = Math.max(compactRevision + 1, wide ? 72 : 2)

        const read: ChangesItem[] = []
        for (let from = first; from <= replica.state.revision; ) {
          const { items, upTo } = page(replica, from, { eventsMax, scanMax })
          assert.ok(upTo >= from, 'every page covers something')
          read.push(...items)
          from = upTo + 1
        }

        assert.deepEqual(texts(read), texts(told.filter(({ revision }) => revision >= first)))
      },
    ),
    { numRuns: 200 },
  )
})

type Command =
  | { readonly type: 'put' | 'delete'; readonly key: string }
  | { readonly type: 'many'; readonly keys: readonly string[] }
  | { readonly type: 'compact'; readonly back: number }

function carryOut(replica: Replica, command: Command, at: number): void {
  switch (command.type) {
    case 'put':
      replica.apply({ type: 'put', key: utf8(command.key), value: utf8(`v${at}`) })
      break
    case 'delete':
      replica.apply({ type: 'deleteRange', key: utf8(command.key) })
      break
    case 'many': {
      const success = command.keys.map((each, i) =>
        i % 2 === 0
          ? ({ type: 'put', key: utf8(each), value: utf8(`m${at}`) } as const)
          : ({ type: 'deleteRange', key: utf8(each) } as const),
      )
      replica.apply({ type: 'txn', compare: [], success, failure: [] })
      break
    }
    case 'compact':
      replica.apply({ type: 'compact', revision: replica.state.revision - command.back })
      break
  }
}
