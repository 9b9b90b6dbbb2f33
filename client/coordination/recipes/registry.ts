/**
 * A registry of services: each instance under `name/<instance>`, on its lease, so that what died is gone by itself. Beside that,
 * an instance says how it is: a lease tells whether a process lives, not whether it is well.
 *
 *   G17  an instance is listed from `register` until it leaves or its lease ends, under one token; only the holder of that
 *        token changes what is said of it
 */
import type { KeyValue } from '../../../actors/keyspace/messages.ts'
import type { Grant } from './fence.ts'
import { absent, createdAt, partOf, under } from './keys.ts'
import { awaitChange, type LeaseGone, type Recipe, range, rangeIn, tell, transact, transactUnleased } from './step.ts'

export interface RegisterRequest {
  readonly name: Uint8Array
  /** Unique in the service; no `/` in it. */
  readonly instance: string
  readonly lease: string
  readonly value: Uint8Array
  /** Takes the place of an earlier life of the instance, which still has its lease. */
  readonly replace: boolean
}

export type Registered =
  | { readonly type: 'registered'; readonly grant: Grant }
  /** Somebody else is registered under that id. */
  | { readonly type: 'taken' }
  | LeaseGone

export function* register({ name, instance, lease, value, replace }: RegisterRequest): Recipe<Registered> {
  const key = partOf(name, instance)
  for (;;) {
    const done = yield* transact(
      [absent(key)],
      [
        { type: 'put', key, value, lease },
        { type: 'range', key },
      ],
      [{ type: 'range', key }],
    )
    if (done.type === 'leaseGone') return done
    const [kv] = rangeIn(done, done.succeeded ? 1 : 0).kvs
    if (kv === undefined) continue
    const { createRevision: token } = kv
    if (done.succeeded || kv.lease === lease) return { type: 'registered', grant: { key, token } }
    if (!replace) return { type: 'taken' }
    // Deleted and put anew, so that the token is another: the earlier life may still be writing.
    yield* transactUnleased([createdAt(key, token)], [{ type: 'deleteRange', key }])
  }
}

/** Says something else of an instance. `gone`: it is not registered under that token any more. */
export function* report(grant: Grant, value: Uint8Array): Recipe<'reported' | 'gone'> {
  const { key, token } = grant
  const done = yield* transactUnleased([createdAt(key, token)], [{ type: 'put', key, value, ignoreLease: true }])
  return done.succeeded ? 'reported' : 'gone'
}

export interface Listing {
  readonly instances: readonly KeyValue[]
  readonly revision: number
}

export function* list(name: Uint8Array): Recipe<Listing> {
  const { kvs, revision } = yield* range(under(name))
  return { instances: kvs, revision }
}

/** Tells a `Listing` now and whenever something in it has changed, until it is stopped. */
export function* follow(name: Uint8Array): Recipe<void> {
  let told: Listing | undefined
  for (;;) {
    const listing = yield* list(name)
    if (told === undefined || changed(told, listing)) {
      told = listing
      if ((yield* tell(listing)) === 'stopped') return
    }
    const woken = yield* awaitChange({ ...under(name), fromRevision: listing.revision + 1, kind: 'any' })
    if (woken === 'stopped') return
  }
}

/** Either one is in order of keys. Of another key, or the same written anew, the revision differs. */
function changed(before: Listing, after: Listing): boolean {
  if (before.instances.length !== after.instances.length) return true
  return after.instances.some(({ modRevision }, at) => modRevision !== before.instances[at]?.modRevision)
}
