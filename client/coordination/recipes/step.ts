/**
 * Recipes of coordination, free of promises and of I/O: each is a generator that asks for one step after another and is told
 * what came of it.
 *
 *   recipe ──step──▶ driver ──▶ keyspace, leases, watches
 *          ◀─answer─
 *
 * The same recipe runs behind the async client, behind the gateway's Lock and Election services, and in the simulator; only
 * the driver differs. What a driver promises:
 *
 *   G20  a step is carried out once: a driver that repeats a request does so under the same request number
 *   G21  an `awaitChange` is answered no later than the change; it may be answered too early, and for no reason
 *   G22  what is not named as an answer below (no leader, no permission, no space) never reaches a recipe: it ends the run
 *   G23  who gives up is told at the next `awaitChange` or `sleep`, by `stopped`; what a recipe asks for after that is its
 *        tidying up, and is carried out
 *
 * A run that is ended in the middle leaves keys behind that hang on a lease; they go when it does.
 */
import type {
  Compare,
  RangeRequest,
  RangeResponse,
  TxnOperation,
  TxnOperationResponse,
  TxnRequest,
  TxnResponse,
} from '../../../actors/keyspace/messages.ts'
import { invariant } from '../../../base/assert.ts'

export type Step =
  /** Linearizable. Answered with `range`. */
  | RangeRequest
  /** Answered with `txn`, or with `leaseGone` when it puts a key on a lease that is no more. */
  | TxnRequest
  /** Answered with `lease`. `id` absent: the server chooses. */
  | { readonly type: 'leaseGrant'; readonly ttlSeconds: number; readonly id?: string }
  /** Answered with `lease` with `ttlSeconds` 0, whether or not there was one. */
  | { readonly type: 'leaseRevoke'; readonly id: string }
  /** Answered with `lease`; `ttlSeconds` 0 when there is no such lease any more. */
  | { readonly type: 'leaseKeepAlive'; readonly id: string }
  /** Answered with `lease`; `ttlSeconds` is what is left, rounded down, -1 when there is no such lease. */
  | { readonly type: 'leaseTimeToLive'; readonly id: string }
  | AwaitChange
  /** Answered with `woken`, or `stopped`. */
  | { readonly type: 'sleep'; readonly ms: number }
  /** Something for whoever follows the run, of recipes that go on and on. Answered with `woken`, or `stopped`. */
  | { readonly type: 'tell'; readonly told: unknown }

/** Answered with `woken` once something of that kind happened at `fromRevision` or later, or with `stopped`. */
export interface AwaitChange {
  readonly type: 'awaitChange'
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
  readonly fromRevision: number
  readonly kind: 'any' | 'delete'
}

export type StepAnswer =
  /** `revision` is the keyspace's after the step. */
  | { readonly type: 'range'; readonly revision: number; readonly response: RangeResponse }
  | { readonly type: 'txn'; readonly revision: number; readonly response: TxnResponse }
  | { readonly type: 'lease'; readonly id: string; readonly ttlSeconds: number }
  | { readonly type: 'leaseGone' }
  | { readonly type: 'woken' }
  | { readonly type: 'stopped' }

export type Recipe<R> = Generator<Step, R, StepAnswer>

export interface RangeSeen extends RangeResponse {
  readonly revision: number
}

export interface TxnDone {
  readonly type: 'done'
  readonly revision: number
  readonly succeeded: boolean
  readonly responses: readonly TxnOperationResponse[]
}

export interface LeaseGone {
  readonly type: 'leaseGone'
}

export function* range(request: Omit<RangeRequest, 'type'>): Recipe<RangeSeen> {
  const answer = yield { type: 'range', ...request }
  invariant(answer.type === 'range', () => `G22: a range was answered with ${answer.type}`)
  return { ...answer.response, revision: answer.revision }
}

/** A transaction that may put keys on a lease. */
export function* transact(
  compare: readonly Compare[],
  success: readonly TxnOperation[],
  failure: readonly TxnOperation[] = [],
): Recipe<TxnDone | LeaseGone> {
  const answer = yield { type: 'txn', compare, success, failure }
  if (answer.type === 'leaseGone') return answer
  invariant(answer.type === 'txn', () => `G22: a transaction was answered with ${answer.type}`)
  const { succeeded, responses } = answer.response
  return { type: 'done', revision: answer.revision, succeeded, responses }
}

/** A transaction that puts no key on a lease. */
export function* transactUnleased(
  compare: readonly Compare[],
  success: readonly TxnOperation[],
  failure: readonly TxnOperation[] = [],
): Recipe<TxnDone> {
  const done = yield* transact(compare, success, failure)
  invariant(done.type === 'done', 'G22: a transaction without leases is not refused for one')
  return done
}

export function* awaitChange(request: Omit<AwaitChange, 'type'>): Recipe<'woken' | 'stopped'> {
  const answer = yield { type: 'awaitChange', ...request }
  invariant(answer.type === 'woken' || answer.type === 'stopped', () => `G22: a wait was answered with ${answer.type}`)
  return answer.type
}

export function* sleep(ms: number): Recipe<'woken' | 'stopped'> {
  const answer = yield { type: 'sleep', ms }
  return answer.type === 'stopped' ? 'stopped' : 'woken'
}

export function* tell(told: unknown): Recipe<'woken' | 'stopped'> {
  const answer = yield { type: 'tell', told }
  return answer.type === 'stopped' ? 'stopped' : 'woken'
}

export type LeaseStep = Extract<Step, { readonly type: `lease${string}` }>

export function* lease(step: LeaseStep): Recipe<{ readonly id: string; readonly ttlSeconds: number }> {
  const answer = yield step
  invariant(answer.type === 'lease', () => `G22: ${step.type} was answered with ${answer.type}`)
  return answer
}

/** The pairs that the `at`-th operation of a transaction read. */
export function rangeIn(done: TxnDone, at: number): RangeResponse {
  const response = done.responses[at]
  invariant(response?.type === 'range', () => `G22: step ${at} of a transaction was answered with ${response?.type}`)
  return response
}
