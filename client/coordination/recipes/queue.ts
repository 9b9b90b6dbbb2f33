/**
 * A queue whose messages are given out for a time: who takes one and neither finishes it nor asks for more time loses it to the
 * next.
 *
 *   name/item/<priority>/<revision>-<id>    a message; its version counts how often it was given out, plus one
 *   name/taken/<priority>/<revision>-<id>   there while somebody has it, on a lease as long as its visibility timeout
 *   name/dead/<priority>/<revision>-<id>    given out too often
 *
 * The lease is the timeout: no clock of a client is ever read, and a message comes back without anybody doing anything.
 *
 *   G11  a message that was accepted is in the queue, or was finished, or is among the dead letters: one of the three
 *   G12  one at a time has a message; finishing, returning and extending it need the token of that delivery
 *   G13  what was given out `deliveriesMax` times is not given out again: it moves to the dead letters
 *
 * Order: by priority, then by the revision that the keyspace had when the sender began. So what was accepted before another was
 * begun comes before it; what was sent at the same time may come either way. A message that comes back keeps its place.
 */
import type { KeyValue } from '../../../actors/keyspace/messages.ts'
import { invariant } from '../../../base/assert.ts'
import { concatBytes, emptyBytes, fromUtf8 } from '../../../base/bytes.ts'
import { absent, createdAt, partOf, unchangedSince, under } from './keys.ts'
import { awaitChange, lease, type Recipe, range, rangeIn, transact, transactUnleased } from './step.ts'

export interface SendRequest {
  readonly name: Uint8Array
  /** Unique in the queue; no `/` in it. */
  readonly id: string
  readonly value: Uint8Array
  /** 0 to 99; lower ones go first. */
  readonly priority: number
}

/** Adds a message; answers its place, which names it. */
export function* send({ name, id, value, priority }: SendRequest): Recipe<string> {
  const items = under(name, 'item')
  const { revision } = yield* range({ ...items, limit: 1, keysOnly: true })
  const place = `${String(priority).padStart(2, '0')}/${String(revision).padStart(16, '0')}-${id}`
  const key = partOf(name, 'item', place)
  const done = yield* transactUnleased([absent(key)], [{ type: 'put', key, value }])
  invariant(done.succeeded, () => `G11: two messages are called ${place}`)
  return place
}

/** A message that somebody has, for a time. */
export interface Delivery {
  readonly place: string
  readonly value: Uint8Array
  /** This delivery's; greater than those of the deliveries before. */
  readonly token: number
  /** How often the message was given out, this time included. */
  readonly deliveries: number
  /** Whose time is the visibility timeout. */
  readonly lease: string
}

export interface ReceiveRequest {
  readonly name: Uint8Array
  /** For how long a message is given out, by the leader's clock. */
  readonly visibilitySeconds: number
  /** After so many deliveries it is a dead letter; 1 and up. */
  readonly deliveriesMax: number
  readonly wait: boolean
}

export type Received =
  | { readonly type: 'delivered'; readonly delivery: Delivery }
  | { readonly type: 'empty' }
  | { readonly type: 'stopped' }

/** Items looked at in one step. */
const pageItems = 32

export function* receive(request: ReceiveRequest): Recipe<Received> {
  const { name, visibilitySeconds, deliveriesMax, wait } = request
  let granted: string | undefined
  for (;;) {
    const { item, revision } = yield* firstVisible(name)
    if (item === undefined) {
      // Nothing may come for long: a lease that waits would end meanwhile.
      if (granted !== undefined) yield* lease({ type: 'leaseRevoke', id: granted })
      granted = undefined
      if (!wait) return { type: 'empty' }
      const woken = yield* awaitChange({ ...under(name), fromRevision: revision + 1, kind: 'any' })
      if (woken === 'stopped') return { type: 'stopped' }
    } else if (item.version > deliveriesMax) yield* bury(name, item)
    else {
      granted ??= (yield* lease({ type: 'leaseGrant', ttlSeconds: visibilitySeconds })).id
      const delivery = yield* take(name, item, granted)
      if (delivery !== 'leaseGone' && delivery !== undefined) return { type: 'delivered', delivery }
      // The time of a message begins when it is given out.
      if (delivery === 'leaseGone' || !(yield* prolong(granted))) granted = undefined
    }
  }
}

/** The first message that nobody has, and the revision that it was looked for from on. */
function* firstVisible(name: Uint8Array): Recipe<{ readonly item: KeyValue | undefined; readonly revision: number }> {
  const items = under(name, 'item')
  let from = items.key
  let began: number | undefined
  for (;;) {
    const seen = yield* transactUnleased(
      [],
      [
        { type: 'range', key: from, rangeEnd: items.rangeEnd, limit: pageItems, keysOnly: true },
        { type: 'range', ...under(name, 'taken'), keysOnly: true },
      ],
    )
    // Of the first page: while the others were read, a message of the first may have come back.
    began ??= seen.revision
    const { kvs, more } = rangeIn(seen, 0)
    const taken = new Set(rangeIn(seen, 1).kvs.map(({ key }) => placeOf(name, 'taken', key)))
    const item = kvs.find(({ key }) => !taken.has(placeOf(name, 'item', key)))
    const last = kvs[kvs.length - 1]
    if (item !== undefined || !more || last === undefined) return { item, revision: began }
    from = concatBytes(last.key, new Uint8Array(1))
  }
}

/** Undefined: somebody was quicker. */
function* take(name: Uint8Array, item: KeyValue, leaseId: string): Recipe<Delivery | 'leaseGone' | undefined> {
  const place = placeOf(name, 'item', item.key)
  const claim = partOf(name, 'taken', place)
  const done = yield* transact(
    [unchangedSince(item.key, item.modRevision), absent(claim)],
    [
      { type: 'put', key: item.key, value: emptyBytes, ignoreValue: true },
      { type: 'put', key: claim, value: emptyBytes, lease: leaseId },
      { type: 'range', key: item.key },
    ],
  )
  if (done.type === 'leaseGone') return 'leaseGone'
  if (!done.succeeded) return undefined
  const [kv] = rangeIn(done, 2).kvs
  invariant(kv !== undefined, () => `G11: message ${place} was there when it was taken`)
  return { place, value: kv.value, token: kv.modRevision, deliveries: kv.version - 1, lease: leaseId }
}

function* bury(name: Uint8Array, item: KeyValue): Recipe<void> {
  const { kvs } = yield* range({ key: item.key })
  const [kv] = kvs
  if (kv === undefined || kv.modRevision !== item.modRevision) return
  const place = placeOf(name, 'item', item.key)
  yield* transactUnleased(
    [unchangedSince(item.key, item.modRevision), absent(partOf(name, 'taken', place))],
    [
      { type: 'deleteRange', key: item.key },
      { type: 'put', key: partOf(name, 'dead', place), value: kv.value },
    ],
  )
}

/** The message is done with. False: the time was over, and it is, or will be, another's. */
export function* finish(name: Uint8Array, { place, token, lease: id }: Delivery): Recipe<boolean> {
  const claim = partOf(name, 'taken', place)
  const done = yield* transactUnleased(
    [createdAt(claim, token)],
    [
      { type: 'deleteRange', key: partOf(name, 'item', place) },
      { type: 'deleteRange', key: claim },
    ],
  )
  yield* lease({ type: 'leaseRevoke', id })
  return done.succeeded
}

/** Gives the message back for others to have at once. False: the time was over. */
export function* giveBack(name: Uint8Array, { place, token, lease: id }: Delivery): Recipe<boolean> {
  const claim = partOf(name, 'taken', place)
  const done = yield* transactUnleased([createdAt(claim, token)], [{ type: 'deleteRange', key: claim }])
  yield* lease({ type: 'leaseRevoke', id })
  return done.succeeded
}

/** Begins the visibility timeout anew. False: it was over. */
export function extend({ lease: id }: Delivery): Recipe<boolean> {
  return prolong(id)
}

function* prolong(id: string): Recipe<boolean> {
  return (yield* lease({ type: 'leaseKeepAlive', id })).ttlSeconds > 0
}

export interface DeadLetter {
  readonly place: string
  readonly value: Uint8Array
}

export function* deadLetters(name: Uint8Array, limit: number): Recipe<readonly DeadLetter[]> {
  const { kvs } = yield* range({ ...under(name, 'dead'), limit })
  return kvs.map(({ key, value }) => ({ place: placeOf(name, 'dead', key), value }))
}

/** Puts a dead letter back into the queue, to be given out as often as a new one. False: there is none of that place. */
export function* revive(name: Uint8Array, place: string): Recipe<boolean> {
  const key = partOf(name, 'dead', place)
  const [kv] = (yield* range({ key })).kvs
  if (kv === undefined) return false
  const done = yield* transactUnleased(
    [unchangedSince(key, kv.modRevision)],
    [
      { type: 'deleteRange', key },
      { type: 'put', key: partOf(name, 'item', place), value: kv.value },
    ],
  )
  return done.succeeded
}

export interface QueueDepth {
  /** Messages that nobody has. */
  readonly waiting: number
  readonly taken: number
  readonly dead: number
}

export function* depthOf(name: Uint8Array): Recipe<QueueDepth> {
  const parts = ['item', 'taken', 'dead'].map(
    (part) => ({ type: 'range', ...under(name, part), countOnly: true }) as const,
  )
  const done = yield* transactUnleased([], parts)
  const [all = 0, taken = 0, dead = 0] = parts.map((_, at) => rangeIn(done, at).count)
  return { waiting: all - taken, taken, dead }
}

function placeOf(name: Uint8Array, part: string, key: Uint8Array): string {
  return fromUtf8(key.subarray(under(name, part).key.length))
}
