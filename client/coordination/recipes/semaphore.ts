/**
 * A semaphore: `name` holds how many permits there are, `name/` the keys of those who have or want one, in order of coming.
 *
 *   G5  the first `permits` of the line hold one each, nobody else does
 *   G6  first come, first served
 *
 * All must mean the same number: it is written down by the first, and whoever comes with another is refused.
 */
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import type { Grant } from './fence.ts'
import { absent, createdAt, leaseKey, under } from './keys.ts'
import type { Granted, LockRequest } from './lock.ts'
import { leavePlace, takePlace } from './place.ts'
import { awaitChange, type Recipe, rangeIn, transactUnleased } from './step.ts'

export interface SemaphoreRequest extends LockRequest {
  /** 1 and up. */
  readonly permits: number
}

export type SemaphoreGranted =
  | Granted
  /** The semaphore has so many permits, and not as many as asked for. */
  | { readonly type: 'otherPermits'; readonly permits: number }

/** Let go with `unlock`. */
export function* acquirePermit(request: SemaphoreRequest): Recipe<SemaphoreGranted> {
  const { name, lease, permits } = request
  const present = yield* agreeOn(name, permits)
  if (present !== permits) return { type: 'otherPermits', permits: present }
  const place = yield* takePlace(leaseKey(name, lease), lease, utf8('permit'))
  if ('type' in place) return place
  const turn = yield* awaitPermit(place, request)
  if (turn.type === 'busy' || turn.type === 'stopped') yield* leavePlace(place)
  return turn
}

/** How many permits there are, and were before anybody asked for another number. */
function* agreeOn(name: Uint8Array, permits: number): Recipe<number> {
  const write = { type: 'put', key: name, value: utf8(String(permits)) } as const
  const done = yield* transactUnleased([absent(name)], [write], [{ type: 'range', key: name }])
  const kv = done.succeeded ? undefined : rangeIn(done, 0).kvs[0]
  return kv === undefined ? permits : Number(fromUtf8(kv.value))
}

function* awaitPermit({ key, token }: Grant, { name, permits, wait }: SemaphoreRequest): Recipe<Granted> {
  const line = under(name)
  for (;;) {
    const seen = yield* transactUnleased(
      [createdAt(key, token)],
      [{ type: 'range', ...line, sortTarget: 'create', sortOrder: 'ascend', limit: permits, keysOnly: true }],
    )
    if (!seen.succeeded) return { type: 'leaseGone' }
    const { revision } = seen
    const has = rangeIn(seen, 0).kvs.some(({ createRevision }) => createRevision === token)
    if (has) return { type: 'held', grant: { key, token }, revision }
    if (!wait) return { type: 'busy' }
    // Any end before it may be the one: which of the holders goes first is not known.
    const woken = yield* awaitChange({ ...line, fromRevision: revision + 1, kind: 'delete' })
    if (woken === 'stopped') return { type: 'stopped' }
  }
}
