/**
 * A place in a line: the part that locks, read-write locks, semaphores and elections share. Whoever wants something puts a key
 * of its own, on its own lease; the keyspace's revisions put all of them in order.
 *
 *   G1  who stands first holds; nobody else does
 *   G6  first come, first served: a place is taken once and for all, by the revision that created its key
 *   G7  who gives up takes its key away; who dies loses it with its lease; who waits never waits for one who is gone
 *
 * A waiter watches the one that stands right before it, so that an end wakes one and not all.
 */
import type { KeyValue } from '../../../actors/keyspace/messages.ts'
import type { Grant } from './fence.ts'
import { createdAt, type KeyRange } from './keys.ts'
import { awaitChange, type LeaseGone, type Recipe, rangeIn, transact, transactUnleased } from './step.ts'

export interface Place extends Grant {
  /** What the key held when the place was taken: another value than was asked for where it had been taken before. */
  readonly value: Uint8Array
  readonly revision: number
}

/** Takes a place; the old one where there is one of this key already. */
export function* takePlace(key: Uint8Array, lease: string, value: Uint8Array): Recipe<Place | LeaseGone> {
  for (;;) {
    const done = yield* transact([createdAt(key, 0)], [{ type: 'put', key, value, lease }], [{ type: 'range', key }])
    if (done.type === 'leaseGone') return done
    const { revision } = done
    if (done.succeeded) return { key, token: revision, value, revision }
    const [kv] = rangeIn(done, 0).kvs
    if (kv !== undefined) return { key, token: kv.createRevision, value: kv.value, revision }
  }
}

export type Turn =
  | { readonly type: 'turn'; readonly revision: number }
  /** Others stand before, and the caller does not wait. */
  | { readonly type: 'busy' }
  | { readonly type: 'stopped' }
  | LeaseGone

/** Waits until nobody in `before` has an earlier place. Leaves the place as it is, whatever comes of it. */
export function* awaitTurn(place: Grant, before: KeyRange, wait: boolean): Recipe<Turn> {
  for (;;) {
    // One moment: that the place is still there, and that nobody stands before it.
    const seen = yield* transactUnleased(
      [createdAt(place.key, place.token)],
      [
        {
          type: 'range',
          ...before,
          maxCreateRevision: place.token - 1,
          sortTarget: 'create',
          sortOrder: 'descend',
          limit: 1,
          keysOnly: true,
        },
      ],
    )
    if (!seen.succeeded) return { type: 'leaseGone' }
    const [neighbour] = rangeIn(seen, 0).kvs
    if (neighbour === undefined) return { type: 'turn', revision: seen.revision }
    if (!wait) return { type: 'busy' }
    const woken = yield* awaitChange({ key: neighbour.key, fromRevision: seen.revision + 1, kind: 'delete' })
    if (woken === 'stopped') return { type: 'stopped' }
  }
}

/** Gives up a place, or what it came to hold. False: it was gone already. */
export function* leavePlace({ key, token }: Grant): Recipe<boolean> {
  const done = yield* transactUnleased([createdAt(key, token)], [{ type: 'deleteRange', key }])
  return done.succeeded
}

/** Of several keys the one that came first. */
export function* firstOf(line: KeyRange): Recipe<{ readonly kv: KeyValue | undefined; readonly revision: number }> {
  const done = yield* transactUnleased(
    [],
    [{ type: 'range', ...line, sortTarget: 'create', sortOrder: 'ascend', limit: 1 }],
  )
  return { kv: rangeIn(done, 0).kvs[0], revision: done.revision }
}
