import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Telling } from '../../../actors/watch/hub-messages.ts'
import type { WatchResponse } from '../../../actors/watch/messages.ts'
import { type Outlet, OutQueue } from '../../../actors/watch/out-queue.ts'
import { put, tellings } from './parts.ts'

function outlet(id: number, fields: Partial<Outlet> = {}): Outlet {
  return { id, prevKv: false, dropped: false, newest: undefined, placed: false, drainedMs: 0, ...fields }
}

/** A revision of `count` keys. */
function many(revision: number, count: number): Telling[] {
  return tellings(revision, ...Array.from({ length: count }, (_, i) => put(`k${i}`, 'value', revision)))
}

function shape(responses: readonly WatchResponse[]): string[] {
  return responses.map((each) =>
    each.type === 'events'
      ? `${each.watchId}: ${each.events.map(({ kv }) => kv.modRevision).join(' ')}${each.more ? ' …' : ''}`
      : `${each.type} ${each.watchId}`,
  )
}

test('W4: revisions leave whole: what does not fit waits for the next pull', () => {
  const queue = new OutQueue(100_000, 1_000)
  const one = outlet(1)
  for (const revision of [5, 6, 7]) queue.offer(one, revision, many(revision, 2))
  const bytes = queue.bytes / 3

  const first = queue.pull(bytes * 2.5, 0)
  const second = queue.pull(bytes * 2.5, 0)

  assert.deepEqual(shape(first), ['1: 5 5 6 6'])
  assert.deepEqual(shape(second), ['1: 7 7'])
  assert.ok(queue.isEmpty && queue.bytes === 0)
})

test('W4: a revision that is too big for a response leaves in parts, each with an event, and the last one says so', () => {
  const queue = new OutQueue(100_000, 1_000)
  const one = outlet(1)
  queue.offer(one, 5, many(5, 5))
  queue.offer(one, 6, many(6, 1))
  const each = queue.bytes / 6

  const pulls = [queue.pull(each * 2, 0), queue.pull(1, 0), queue.pull(each * 2, 0), queue.pull(each * 9, 0)]

  assert.deepEqual(pulls.map(shape), [['1: 5 5 …'], ['1: 5 …'], ['1: 5 5'], ['1: 6']])
})

test('W5: what does not fit is not taken in part; what is alone may be of any size', () => {
  const queue = new OutQueue(300, 10)
  const one = outlet(1)

  const big = queue.offer(one, 5, many(5, 9))
  const more = queue.offer(one, 6, many(6, 1))
  queue.pull(1_000_000, 0)
  const then = queue.offer(one, 6, many(6, 2))
  const tooMany = queue.offer(one, 7, many(7, 9))

  assert.deepEqual([big, more, then, tooMany], [true, false, true, false])
  assert.deepEqual(shape(queue.pull(1_000_000, 0)), ['1: 6 6'])
})

test('responses keep their place among the events of all watchers', () => {
  const queue = new OutQueue(100_000, 1_000)
  queue.respond({ type: 'created', watchId: 1, revision: 4 })
  queue.offer(outlet(1), 5, many(5, 1))
  queue.offer(outlet(2), 5, many(5, 1))
  queue.respond({ type: 'progress', watchId: -1, revision: 5 })
  queue.offer(outlet(2), 6, many(6, 1))

  assert.deepEqual(shape(queue.pull(100_000, 0)), ['created 1', '1: 5', '2: 5', 'progress -1', '2: 6'])
})

test('of the newest of each key, a pull is told what is newest when it comes, in the order of history', () => {
  const queue = new OutQueue(100_000, 1_000)
  const newest = outlet(1, { newest: new Map() })
  queue.offer(newest, 5, tellings(5, put('a', '1', 5), put('b', '1', 5)))
  queue.place(newest)
  queue.offer(newest, 6, tellings(6, put('a', '2', 6)))
  queue.offer(newest, 7, tellings(7, put('c', '1', 7)))

  const responses = queue.pull(100_000, 12)
  queue.offer(newest, 8, tellings(8, put('a', '3', 8)))
  queue.place(newest)

  assert.deepEqual(shape(responses), ['1: 5 6 7'])
  assert.equal(newest.drainedMs, 12)
  assert.deepEqual(shape(queue.pull(100_000, 13)), ['1: 8'])
  assert.equal(queue.bytes, 0)
})

test('W10: what stands before a bookmark does not grow newer than it', () => {
  const queue = new OutQueue(100_000, 1_000)
  const newest = outlet(1, { newest: new Map() })
  queue.offer(newest, 5, many(5, 1))
  queue.place(newest)

  queue.settle()
  queue.respond({ type: 'progress', watchId: -1, revision: 5 })
  queue.offer(newest, 6, many(6, 1))
  queue.place(newest)

  assert.deepEqual(shape(queue.pull(100_000, 0)), ['1: 5', 'progress -1', '1: 6'])
})

test('W10: what is dropped leaves no trace, and takes the bookmarks along that would not be true without it', () => {
  const queue = new OutQueue(100_000, 1_000)
  const gone = outlet(1)
  queue.offer(gone, 5, many(5, 3))
  queue.respond({ type: 'progress', watchId: -1, revision: 5 })
  queue.respond({ type: 'created', watchId: 2, revision: 5 })

  gone.dropped = true
  const ofAll = queue.retractBookmarks()

  assert.ok(ofAll)
  assert.deepEqual(shape(queue.pull(1, 0)), ['created 2'])
  assert.equal(queue.bytes, 0)
})
