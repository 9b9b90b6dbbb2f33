// The judge of the simulator's watchers has to be able to find each thing that it says cannot happen.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../../base/bytes.ts'
import { CommittedHistory } from '../../../sim/checkers/watch-history.ts'
import { checkWatch } from '../../../sim/checkers/watch-order.ts'
import type { SeenEvent, WatcherWish, WatchOperation, WatchWord } from '../../../sim/operation.ts'
import { Replica } from '../keyspace/replica.ts'

/** 2: a=1, 3: a=2 b=1, 4: a deleted, 5: other=1. */
function committed(compacted: number = -1): CommittedHistory {
  const replica = new Replica()
  const history = new CommittedHistory()
  const look = (): void => history.stands(1, { keyspace: replica.state })
  const put = (key: string, value: string) => ({ type: 'put', key: utf8(key), value: utf8(value) }) as const
  for (const command of [
    put('a', '1'),
    { type: 'txn', compare: [], success: [put('a', '2'), put('b', '1')], failure: [] } as const,
    { type: 'deleteRange', key: utf8('a') } as const,
    put('other', '1'),
  ]) {
    replica.apply(command)
    look()
  }
  if (compacted > 0) replica.apply({ type: 'compact', revision: compacted })
  look()
  return history
}

const wish: WatcherWish = {
  from: 2,
  keys: ['a', 'b'],
  prefixes: [],
  prevKv: true,
  without: [],
  onlyIfChanged: false,
  latestOnly: false,
  cancelAfter: undefined,
}

const first: SeenEvent = { key: 'a', value: '1', revision: 2, create: 2, previous: undefined }
const second: SeenEvent = { key: 'a', value: '2', revision: 3, create: 2, previous: { value: '1', revision: 2 } }
const other: SeenEvent = { key: 'b', value: '1', revision: 3, create: 3, previous: undefined }
const gone: SeenEvent = { key: 'a', value: undefined, revision: 4, create: 0, previous: { value: '2', revision: 3 } }

const created: WatchWord = { type: 'created', watchId: 0, revision: 5 }
const bookmark: WatchWord = { type: 'progress', watchId: -1, revision: 5 }

function told(...events: readonly SeenEvent[]): WatchWord {
  return { type: 'events', watchId: 0, revision: events.at(-1)?.revision ?? 0, events, more: false }
}

function part(...events: readonly SeenEvent[]): WatchWord {
  return { ...told(...events), more: true } as WatchWord
}

function judge(words: readonly WatchWord[], fields: Partial<WatcherWish> = {}, history = committed()): void {
  const operation: WatchOperation = {
    type: 'watch',
    node: 1,
    watchers: [{ ...wish, ...fields }],
    pulls: 1,
    waitMs: 1,
    pauseMs: 0,
    bytesMax: 1,
    bookmark: true,
  }
  checkWatch('somebody', operation, words, history)
}

test('I18: what was committed passes: whole, in parts, filtered, from the middle, cut short', () => {
  judge([created, told(first, second, other, gone), bookmark])
  judge([created, told(first), part(second), told(other), told(gone), bookmark])
  judge([created, told(first), part(second)])
  judge([created, told(second, gone), bookmark], { without: ['create'] })
  judge([created, told(gone), bookmark], { from: 4 })
  judge([created, bookmark], { from: 0 })
  judge([created, told(other, gone), bookmark], { latestOnly: true })
})

test('I18: what is missing, doubled, half, out of order or invented is found', () => {
  const wrong: [string, readonly WatchWord[]][] = [
    ['a gap', [created, told(first), told(gone)]],
    ['missing at the bookmark', [created, told(first, second, other), bookmark]],
    ['twice', [created, told(first), told(first)]],
    ['half a revision', [created, told(first, second), told(gone)]],
    ['a part that is all', [created, told(first), part(second, other)]],
    ['out of order', [created, told(second, other), told(first)]],
    ['invented', [created, told({ ...first, value: 'x' })]],
    ['before a bookmark', [created, told(first, second, other, gone), bookmark, told(gone)]],
    ['before it was created', [told(first)]],
    ['below its start', [{ ...created, revision: 2 } as WatchWord, told(first)]],
  ]

  for (const [what, words] of wrong) {
    const fields = what === 'below its start' ? { from: 0 } : {}
    assert.throws(() => judge(words, fields), /I18/, what)
  }
})

test('I18: what came before is of one revision earlier, and may be missing only where it was compacted', () => {
  const wrong = { ...second, previous: { value: '2', revision: 3 } }
  const without = { ...second, previous: undefined }

  assert.throws(() => judge([created, told(first, wrong, other)]), /I18/)
  assert.throws(() => judge([created, told(first, without, other)]), /I18/)
  judge([created, told(first, without, other)], {}, committed(3))
})

test('I18: of the newest of each key, what is held at a bookmark is the newest', () => {
  assert.throws(() => judge([created, told(other), bookmark], { latestOnly: true }), /I18/)
  assert.throws(() => judge([created, told(first, other), bookmark], { latestOnly: true }), /I18/)
})

test('I18: only what was compacted is said to be', () => {
  const canceled: WatchWord = { type: 'canceled', watchId: 0, cause: 'compacted', compactRevision: 3 }

  judge([created, canceled], {}, committed(3))
  assert.throws(() => judge([created, canceled]), /I18/)
  assert.throws(() => judge([created, told(first, second, other), canceled], {}, committed(3)), /I18/)
})
