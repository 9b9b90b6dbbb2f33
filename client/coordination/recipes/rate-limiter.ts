/**
 * A rate limiter: a bucket of permits that fills evenly, as one key that holds when it would be full again (GCRA).
 *
 * Whose clock? Not the callers': one whose clock runs ahead would fill the bucket for all. The one clock that everybody sees alike
 * is the leader's, and what can be read of it is the remaining time of a lease. So each limiter has a lease of its own, very long,
 * that is never kept alive; what is gone of it is the time. It never runs ahead, since no lease ends early; a change of leaders
 * may set it back, and then the limiter counts on from there.
 *
 *   G16  in any span of s seconds of the leader's clock at most `capacity + perSecond × (s + 1)` permits are given out
 *
 * The clock shows whole seconds, hence the `+ 1`; and a capacity of less than a second's worth would never be refilled in full.
 */
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { absent, unchangedSince } from './keys.ts'
import { lease, type Recipe, range, transactUnleased } from './step.ts'

export interface PermitRequest {
  readonly name: Uint8Array
  readonly perSecond: number
  /** Permits that a full bucket holds: `perSecond` at least. */
  readonly capacity: number
  /** How many are wanted, all or none; 1 to `capacity`. */
  readonly permits: number
  readonly wait: boolean
}

export type Permitted =
  | { readonly type: 'permitted' }
  /** Not now: in so many milliseconds there may be enough, if nobody else takes them. */
  | { readonly type: 'limited'; readonly retryAfterMs: number }
  | { readonly type: 'stopped' }

/** What the key holds, as JSON. */
interface Bucket {
  readonly clock: string
  /** What the clock showed last, in seconds. */
  readonly reading: number
  /** Seconds that have passed for this limiter. */
  readonly now: number
  /** When the bucket would be full. */
  readonly fullAt: number
}

/** Ten years; whoever asks after that begins with a full bucket. */
const clockTtlSeconds = 315_360_000

export function* takePermits(request: PermitRequest): Recipe<Permitted> {
  const { name, perSecond, capacity, permits, wait } = request
  for (;;) {
    const [kv] = (yield* range({ key: name })).kvs
    const stored = kv === undefined ? undefined : (JSON.parse(fromUtf8(kv.value)) as Bucket)
    const bucket = yield* atPresent(stored)
    const fullAt = Math.max(bucket.fullAt, bucket.now) + permits / perSecond
    const lateBy = fullAt - bucket.now - capacity / perSecond
    // Binary fractions: a permit is not refused for the last bit of a sum.
    const enough = lateBy <= 1e-9
    if (enough || bucket.reading !== stored?.reading) {
      const next: Bucket = enough ? { ...bucket, fullAt } : bucket
      const seen = kv === undefined ? absent(name) : unchangedSince(name, kv.modRevision)
      const done = yield* transactUnleased([seen], [{ type: 'put', key: name, value: utf8(JSON.stringify(next)) }])
      if (!done.succeeded) {
        if (bucket.clock !== stored?.clock) yield* lease({ type: 'leaseRevoke', id: bucket.clock })
        continue
      }
    }
    if (enough) return { type: 'permitted' }
    const retryAfterMs = Math.max(1, Math.ceil(lateBy) * 1_000)
    if (!wait) return { type: 'limited', retryAfterMs }
    const answer = yield { type: 'sleep', ms: Math.min(retryAfterMs, 1_000) }
    if (answer.type === 'stopped') return answer
  }
}

function* atPresent(stored: Bucket | undefined): Recipe<Bucket> {
  const left = stored === undefined ? -1 : (yield* lease({ type: 'leaseTimeToLive', id: stored.clock })).ttlSeconds
  if (stored === undefined || left < 0) {
    const { id } = yield* lease({ type: 'leaseGrant', ttlSeconds: clockTtlSeconds })
    return { clock: id, reading: 0, now: stored?.now ?? 0, fullAt: stored?.fullAt ?? 0 }
  }
  const reading = clockTtlSeconds - left
  return { ...stored, reading, now: stored.now + Math.max(0, reading - stored.reading) }
}
