import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packBatch, unpackBatch } from '../../../actors/watch/batch.ts'
import type { WatchResponse } from '../../../actors/watch/messages.ts'
import { put, tellings } from './parts.ts'

test('an event of many watchers travels once, and what arrives is what left', () => {
  const [one, two] = tellings(5, put('a', '1', 5), put('b', '1', 5)).map(({ plain }) => plain)
  assert.ok(one !== undefined && two !== undefined)
  const responses: WatchResponse[] = [
    { type: 'created', watchId: 1, revision: 4 },
    { type: 'events', watchId: 1, revision: 5, events: [one, two], more: false },
    { type: 'events', watchId: 2, revision: 5, events: [two], more: true },
    { type: 'progress', watchId: -1, revision: 5 },
  ]

  const batch = packBatch(responses)

  assert.equal(batch.events.length, 2)
  assert.deepEqual(unpackBatch(batch), responses)
})
