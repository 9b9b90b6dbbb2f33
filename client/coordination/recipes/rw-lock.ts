/**
 * A fair read-write lock: readers lie under `name/read/`, writers under `name/write/`, all in one order of create revisions.
 *
 *   G4  a reader holds when no writer came before it; a writer holds when nobody did: so no writer holds beside anybody
 *   G6  a reader that comes after a waiting writer waits behind it: writers do not starve
 */
import { emptyBytes } from '../../../base/bytes.ts'
import { leaseKey, partOf, under } from './keys.ts'
import type { Granted, LockRequest } from './lock.ts'
import { awaitTurn, leavePlace, takePlace } from './place.ts'
import type { Recipe } from './step.ts'

export interface RwLockRequest extends LockRequest {
  readonly mode: 'read' | 'write'
}

/** Let go with `unlock`. */
export function* rwLock({ name, lease, mode, wait }: RwLockRequest): Recipe<Granted> {
  const place = yield* takePlace(leaseKey(partOf(name, mode), lease), lease, emptyBytes)
  if ('type' in place) return place
  const { key, token } = place
  const turn = yield* awaitTurn(place, mode === 'read' ? under(name, 'write') : under(name), wait)
  if (turn.type === 'turn') return { type: 'held', grant: { key, token }, revision: turn.revision }
  if (turn.type !== 'leaseGone') yield* leavePlace(place)
  return turn
}
