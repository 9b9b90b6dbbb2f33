/**
 * A registry of services, as programs: one that registers and says now and then how it is, and one that asks who is there. What is
 * said names the lease of whoever says it, so every pair tells whose words it holds.
 */
import type { KeyValue } from '../../actors/keyspace/messages.ts'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import type { Grant } from '../../client/coordination/recipes/fence.ts'
import { leavePlace } from '../../client/coordination/recipes/place.ts'
import { follow, type Listing, register, report } from '../../client/coordination/recipes/registry.ts'
import { lease, type Recipe, range, sleep, tell, transact } from '../../client/coordination/recipes/step.ts'

export interface ServeProgram {
  readonly use: 'serve'
  readonly name: string
  readonly instance: string
  readonly lease: string
  readonly ttlMs: number
  readonly reports: number
  /** Before each report. */
  readonly pauseMs: number
  readonly replace: boolean
  readonly keepAlive: boolean
  /** False: it dies registered. */
  readonly letsGo: boolean
}

/** Asks who is there, and follows it until it was told so often. */
export interface FollowProgram {
  readonly use: 'follow'
  readonly name: string
  readonly times: number
}

export interface ListedInstance {
  readonly instance: string
  readonly token: number
  readonly value: string
}

export type ServiceObservation =
  | { readonly type: 'registered'; readonly token: number }
  | { readonly type: 'reported'; readonly token: number }
  /** Registered under that token still, at `revision`. */
  | { readonly type: 'there'; readonly token: number; readonly revision: number }
  /** Not registered any more, though its lease lives. */
  | { readonly type: 'displaced'; readonly token: number }
  | { readonly type: 'left'; readonly token: number }
  | { readonly type: 'listed'; readonly revision: number; readonly instances: readonly ListedInstance[] }

export function* serve(program: ServeProgram): Recipe<void> {
  const { name, instance, lease: id, ttlMs, reports, pauseMs, replace, letsGo } = program
  yield* lease({ type: 'leaseGrant', id, ttlSeconds: ttlMs / 1_000 })
  const done = yield* register({ name: utf8(name), instance, lease: id, value: wordsOf(id, 0), replace })
  if (done.type === 'leaseGone') return
  if (done.type === 'registered') {
    const { grant } = done
    yield* observed({ type: 'registered', token: grant.token })
    for (let at = 1; at <= reports; at++) {
      yield* sleep(pauseMs)
      if ((yield* report(grant, wordsOf(id, at))) === 'gone') break
      yield* observed({ type: 'reported', token: grant.token })
    }
    yield* lookAt(program, grant)
    if (!letsGo) return
    yield* leavePlace(grant)
    yield* observed({ type: 'left', token: grant.token })
  }
  yield* lease({ type: 'leaseRevoke', id })
}

function* lookAt({ name, lease: id }: ServeProgram, { key, token }: Grant): Recipe<void> {
  const { kvs, revision } = yield* range({ key })
  if (kvs[0]?.createRevision === token) {
    yield* observed({ type: 'there', token, revision })
    return
  }
  // Whoever can hang something on the lease has it still.
  const put = { type: 'put', key: utf8(`${name}!alive/${id}`), value: utf8(id), lease: id } as const
  if ((yield* transact([], [put])).type === 'done') yield* observed({ type: 'displaced', token })
}

/** What an instance says of itself for the `at`-th time; 0: as it registers. */
function wordsOf(id: string, at: number): Uint8Array {
  return utf8(`${id}|${at}`)
}

export function* followServices({ name, times }: FollowProgram): Recipe<void> {
  const steps = follow(utf8(name))
  let told = 0
  for (let next = steps.next(); next.done !== true; ) {
    const step = next.value
    if (step.type !== 'tell') {
      next = steps.next(yield step)
      continue
    }
    const { instances, revision } = step.told as Listing
    yield* observed({ type: 'listed', revision, instances: instances.map(shown) })
    told += 1
    next = steps.next({ type: told < times ? 'woken' : 'stopped' })
  }
}

function shown({ key, value, createRevision }: KeyValue): ListedInstance {
  const path = fromUtf8(key)
  return { instance: path.slice(path.lastIndexOf('/') + 1), token: createRevision, value: fromUtf8(value) }
}

function* observed(observation: ServiceObservation): Recipe<void> {
  yield* tell(observation)
}
