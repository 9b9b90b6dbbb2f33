/**
 * A fair lock, with the layout of etcd's: the holder is who has the lowest create revision under `name/`.
 *
 *   G1  one holder at a time: its key is there and no other under the name was created before it
 *   G2  the token of every grant is greater than those of all grants before
 *
 * What the lock protects is safe only where writes carry the token (fence.ts): the lease of a holder may end while it is not
 * looking.
 */
import { emptyBytes } from '../../../base/bytes.ts'
import type { Grant } from './fence.ts'
import { leaseKey, under } from './keys.ts'
import { awaitTurn, leavePlace, takePlace } from './place.ts'
import type { LeaseGone, Recipe } from './step.ts'

export interface LockRequest {
  readonly name: Uint8Array
  /** The holder's: two holders of one lease are one. */
  readonly lease: string
  /** False: `busy` at once where somebody else holds it. */
  readonly wait: boolean
}

export type Granted<G extends Grant = Grant> =
  /** `revision` is of the moment it was seen to be held. */
  | { readonly type: 'held'; readonly grant: G; readonly revision: number }
  | { readonly type: 'busy' }
  /** The caller gave up; its key is away again. */
  | { readonly type: 'stopped' }
  /** The lease ended meanwhile. */
  | LeaseGone

export function* lock({ name, lease, wait }: LockRequest): Recipe<Granted> {
  const place = yield* takePlace(leaseKey(name, lease), lease, emptyBytes)
  if ('type' in place) return place
  const { key, token } = place
  const turn = yield* awaitTurn(place, under(name), wait)
  if (turn.type === 'turn') return { type: 'held', grant: { key, token }, revision: turn.revision }
  if (turn.type !== 'leaseGone') yield* leavePlace(place)
  return turn
}

/** False: it was not held any more. */
export function unlock(grant: Grant): Recipe<boolean> {
  return leavePlace(grant)
}
