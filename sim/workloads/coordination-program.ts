/**
 * Pieces of work that clients coordinate, as data and as what becomes of them: each is a recipe of `client/coordination/recipes`,
 * the very one that the product runs, with something to do for whoever was granted what it asked for.
 *
 * A program tells what it saw. What it does while it holds something is guarded by its token and leaves a mark under
 * `<name>!inside/`, on the lease of its grant and in one transaction with a look at the marks of others: so if two who must not
 * be there together ever were, by the store's own account, one of them saw it.
 */
import type { KeyValue, TxnOperation } from '../../actors/keyspace/messages.ts'
import { unreachable } from '../../base/assert.ts'
import { concatBytes, equalBytes, fromUtf8, prefixEnd, utf8 } from '../../base/bytes.ts'
import { campaign, leader } from '../../client/coordination/recipes/election.ts'
import { type Grant, heldBy } from '../../client/coordination/recipes/fence.ts'
import { partOf } from '../../client/coordination/recipes/keys.ts'
import { lock, unlock } from '../../client/coordination/recipes/lock.ts'
import { addTo, takeNumbers } from '../../client/coordination/recipes/numbers.ts'
import { type Delivery, extend, finish, giveBack, receive, send } from '../../client/coordination/recipes/queue.ts'
import { rwLock } from '../../client/coordination/recipes/rw-lock.ts'
import { acquirePermit } from '../../client/coordination/recipes/semaphore.ts'
import { lease, type Recipe, rangeIn, sleep, tell, transact } from '../../client/coordination/recipes/step.ts'
import { type LimitObservation, type LimitProgram, limit } from './limit-program.ts'
import { type GateProgram, gate, type MeetingObservation, type MeetProgram, meet } from './meeting-program.ts'
import {
  type FollowProgram,
  followServices,
  type ServeProgram,
  type ServiceObservation,
  serve,
} from './service-program.ts'

/** All that programs write lies under it; no other workload looks there. */
export const coordinationPrefix = 'co/'

export type Program =
  | HoldProgram
  | LookProgram
  | SendProgram
  | WorkProgram
  | CountProgram
  | NumberProgram
  | GateProgram
  | MeetProgram
  | LimitProgram
  | ServeProgram
  | FollowProgram

/** Waits for something, does some writes while it has it, and lets go. */
export interface HoldProgram {
  readonly use: 'lock' | 'read' | 'write' | 'permit' | 'lead'
  readonly name: string
  readonly lease: string
  readonly ttlMs: number
  readonly writes: number
  /** Before each write. */
  readonly pauseMs: number
  /** False: the lease is left to itself, and may end in the middle. */
  readonly keepAlive: boolean
  /** False: it dies with what it has, and nobody lets go but the end of its lease. */
  readonly letsGo: boolean
}

/** Asks who leads. */
export interface LookProgram {
  readonly use: 'look'
  readonly name: string
}

export interface SendProgram {
  readonly use: 'send'
  readonly name: string
  readonly id: string
  readonly priority: number
}

/** Takes a message, has it for a while, and does something with it. */
export interface WorkProgram {
  readonly use: 'work'
  readonly name: string
  /** Of the visibility timeout; a second one has the next number. */
  readonly lease: string
  readonly ttlMs: number
  readonly pauseMs: number
  readonly finally: 'finish' | 'giveBack' | 'extend' | 'forget'
}

export interface CountProgram {
  readonly use: 'count'
  readonly name: string
  readonly amount: number
}

export interface NumberProgram {
  readonly use: 'number'
  readonly name: string
  readonly count: number
  /** Written beside the numbers. */
  readonly by: string
}

/** Something that a program saw, in the order it did. */
export type Observation =
  /** The store says, at `revision`, that it holds. */
  | { readonly type: 'granted'; readonly token: number; readonly revision: number }
  /** It left its mark; `others` had theirs there at that moment. */
  | { readonly type: 'entered'; readonly token: number; readonly revision: number; readonly others: readonly string[] }
  | { readonly type: 'wrote'; readonly token: number; readonly revision: number }
  /** It holds no more, and nor does its lease live. */
  | { readonly type: 'refused'; readonly token: number }
  /** It holds no more, though its lease lives. */
  | { readonly type: 'robbed'; readonly token: number }
  | { readonly type: 'leads'; readonly token: number; readonly revision: number }
  | { readonly type: 'sent'; readonly place: string }
  | { readonly type: 'delivered'; readonly place: string; readonly token: number; readonly deliveries: number }
  | { readonly type: 'finishing'; readonly place: string; readonly token: number }
  | { readonly type: 'finished'; readonly place: string; readonly token: number }
  | { readonly type: 'counted'; readonly value: number }
  | { readonly type: 'taken'; readonly first: number; readonly count: number }
  | MeetingObservation
  | LimitObservation
  | ServiceObservation

/** Permits of every semaphore, and deliveries of every message. */
export const permits = 2
export const deliveriesMax = 3

/** The program as a recipe that tells `Observation`s. */
export function stepsOf(program: Program): Recipe<void> {
  switch (program.use) {
    case 'lock':
    case 'read':
    case 'write':
    case 'permit':
    case 'lead':
      return hold(program)
    case 'look':
      return look(program)
    case 'send':
      return sendOne(program)
    case 'work':
      return work(program)
    case 'count':
      return count(program)
    case 'number':
      return take(program)
    case 'gate':
      return gate(program)
    case 'meet':
      return meet(program)
    case 'limit':
      return limit(program)
    case 'serve':
      return serve(program)
    case 'follow':
      return followServices(program)
    default:
      return unreachable(program)
  }
}

function* hold(program: HoldProgram): Recipe<void> {
  const { lease: id, ttlMs, writes, pauseMs } = program
  yield* lease({ type: 'leaseGrant', id, ttlSeconds: ttlMs / 1_000 })
  const granted = yield* ask(program)
  if (granted.type === 'held') {
    const { grant, revision } = granted
    yield* observed({ type: 'granted', token: grant.token, revision })
    if (yield* enter(program, grant, program.use)) {
      for (let at = 0; at < writes; at++) {
        yield* sleep(pauseMs)
        if (!(yield* write(program, grant, `${grant.token}|${id}.${at}`))) break
      }
      if (program.letsGo) yield* leave(program, grant)
    }
    if (!program.letsGo) return
    yield* unlock(grant)
  }
  yield* lease({ type: 'leaseRevoke', id })
}

function ask({ use, name, lease: id }: HoldProgram): ReturnType<typeof acquirePermit> | ReturnType<typeof lock> {
  const request = { name: utf8(name), lease: id, wait: true }
  switch (use) {
    case 'lock':
      return lock(request)
    case 'permit':
      return acquirePermit({ ...request, permits })
    case 'lead':
      return campaign({ ...request, value: utf8(id) })
    default:
      return rwLock({ ...request, mode: use })
  }
}

interface Held {
  readonly name: string
  readonly lease: string
}

/** Where the guarded writes of all who hold `name` land. */
export function rowOf(name: string): Uint8Array {
  return utf8(`${name}!row`)
}

function markOf(name: string, token: number): Uint8Array {
  return utf8(`${name}!inside/${token}`)
}

/** Comes in, and looks who else is there, in one step. False: the token is worth nothing any more. */
function* enter({ name, lease: id }: Held, grant: Grant, as: string): Recipe<boolean> {
  const own = markOf(name, grant.token)
  const inside = utf8(`${name}!inside/`)
  const done = yield* transact(
    [heldBy(grant)],
    [
      { type: 'put', key: own, value: utf8(as), lease: id },
      { type: 'range', key: inside, rangeEnd: prefixEnd(inside) ?? inside },
    ],
  )
  if (done.type === 'leaseGone' || !done.succeeded) return yield* refused({ name, lease: id }, grant)
  const marks = rangeIn(done, 1).kvs.filter(({ key }) => !equalBytes(key, own))
  const others = marks.map(({ value }: KeyValue) => fromUtf8(value))
  yield* observed({ type: 'entered', token: grant.token, revision: done.revision, others })
  return true
}

/** A write that nothing but the token guards. */
function* write(held: Held, grant: Grant, value: string): Recipe<boolean> {
  const done = yield* transact([heldBy(grant)], [{ type: 'put', key: rowOf(held.name), value: utf8(value) }])
  if (done.type === 'leaseGone' || !done.succeeded) return yield* refused(held, grant)
  yield* observed({ type: 'wrote', token: grant.token, revision: done.revision })
  return true
}

/** Why: its lease is gone, as may be; or it is there, and somebody took away what hung on it. */
function* refused({ name, lease: id }: Held, { token }: Grant): Recipe<false> {
  const key = markOf(name, token)
  const put: TxnOperation = { type: 'put', key, value: utf8('robbed'), lease: id }
  const alive = (yield* transact([], [put])).type === 'done'
  if (alive) yield* transact([], [{ type: 'deleteRange', key }])
  yield* observed({ type: alive ? 'robbed' : 'refused', token })
  return false
}

function* leave({ name }: Held, grant: Grant): Recipe<void> {
  yield* transact([heldBy(grant)], [{ type: 'deleteRange', key: markOf(name, grant.token) }])
}

function* look({ name }: LookProgram): Recipe<void> {
  const { kv, revision } = yield* leader(utf8(name))
  if (kv !== undefined) yield* observed({ type: 'leads', token: kv.createRevision, revision })
}

function* sendOne({ name, id, priority }: SendProgram): Recipe<void> {
  const place = yield* send({ name: utf8(name), id, value: utf8(id), priority })
  yield* observed({ type: 'sent', place })
}

function* work({ name, ttlMs, pauseMs, finally: last, ...program }: WorkProgram): Recipe<void> {
  const queue = utf8(name)
  const got = yield* receive({ name: queue, visibilitySeconds: ttlMs / 1_000, deliveriesMax, wait: true })
  if (got.type !== 'delivered') return
  const { delivery } = got
  const { place, token, deliveries } = delivery
  yield* observed({ type: 'delivered', place, token, deliveries })
  yield* sleep(pauseMs)
  const grant: Grant = { key: partOf(queue, 'taken', place), token }
  const at = { name: `${name}!${place}`, lease: delivery.lease }
  yield* enter(at, grant, program.use)
  yield* sleep(pauseMs)
  yield* leave(at, grant)
  if (last === 'extend') yield* extend(delivery)
  if (last === 'giveBack') yield* giveBack(queue, delivery)
  if (last === 'finish' || last === 'extend') yield* end(queue, delivery)
}

function* end(queue: Uint8Array, delivery: Delivery): Recipe<void> {
  const { place, token } = delivery
  yield* observed({ type: 'finishing', place, token })
  if (yield* finish(queue, delivery)) yield* observed({ type: 'finished', place, token })
}

function* count({ name, amount }: CountProgram): Recipe<void> {
  const counted = yield* addTo(utf8(name), amount)
  if (counted.type === 'counted') yield* observed({ type: 'counted', value: counted.value })
}

function* take({ name, count: wanted, by }: NumberProgram): Recipe<void> {
  const taken = yield* takeNumbers({
    name: utf8(name),
    count: wanted,
    use: (first) => [
      { type: 'put', key: concatBytes(usedOf(name), utf8(String(first))), value: utf8(`${wanted}|${by}`) },
    ],
  })
  if (taken.type === 'taken') yield* observed({ type: 'taken', first: taken.first, count: taken.count })
}

/** Where the numbers of a sequence are written down by who took them. */
export function usedOf(name: string): Uint8Array {
  return utf8(`${name}!used/`)
}

function* observed(observation: Observation): Recipe<void> {
  yield* tell(observation)
}
