/**
 * Barriers. A simple one stands while its key is there: whoever comes waits until it is lifted. A double one lets `parties`
 * begin together, and lets nobody go on before all of them have left.
 *
 *   G8  who waits at a barrier passes when it is lifted, and not before
 *   G9  nobody is past `enter` before `parties` have entered, and nobody is past `leave` before all that entered have left
 *
 *   name           the simple barrier
 *   name/in/<id>   one that entered the double barrier, on its lease
 *   name/ready     enough have: set by the last to enter, taken away by the last to leave
 */
import { emptyBytes } from '../../../base/bytes.ts'
import type { Grant } from './fence.ts'
import { absent, createdAt, leaseKey, partOf, under } from './keys.ts'
import { leavePlace } from './place.ts'
import { awaitChange, type LeaseGone, type Recipe, range, rangeIn, transact, transactUnleased } from './step.ts'

/** False: it stood already. Given a lease, it falls with that at the latest. */
export function* raiseBarrier(name: Uint8Array, lease: string | undefined): Recipe<boolean | LeaseGone> {
  const put = { type: 'put', key: name, value: emptyBytes, ...(lease === undefined ? {} : { lease }) } as const
  const done = yield* transact([absent(name)], [put])
  return done.type === 'leaseGone' ? done : done.succeeded
}

/** False: it did not stand. */
export function* liftBarrier(name: Uint8Array): Recipe<boolean> {
  const done = yield* transactUnleased([], [{ type: 'deleteRange', key: name }])
  const [deleted] = done.responses
  return deleted?.type === 'deleteRange' && deleted.deleted > 0
}

export function* awaitBarrier(name: Uint8Array): Recipe<'passed' | 'stopped'> {
  for (;;) {
    const { kvs, revision } = yield* range({ key: name, keysOnly: true })
    if (kvs.length === 0) return 'passed'
    const woken = yield* awaitChange({ key: name, fromRevision: revision + 1, kind: 'delete' })
    if (woken === 'stopped') return 'stopped'
  }
}

export interface EnterRequest {
  readonly name: Uint8Array
  readonly lease: string
  /** 1 and up; all must mean the same. */
  readonly parties: number
}

export type Entered =
  /** `round` tells this meeting from the next of the same name. */
  { readonly type: 'entered'; readonly grant: Grant; readonly round: number } | { readonly type: 'stopped' } | LeaseGone

export function* enterBarrier({ name, lease, parties }: EnterRequest): Recipe<Entered> {
  const ready = partOf(name, 'ready')
  const inside = under(name, 'in')
  const key = leaseKey(partOf(name, 'in'), lease)
  const grant = yield* comeIn(name, key, lease)
  if ('type' in grant) return grant
  for (;;) {
    const seen = yield* transactUnleased(
      [createdAt(key, grant.token)],
      [
        { type: 'range', ...inside, countOnly: true },
        { type: 'range', key: ready },
      ],
    )
    if (!seen.succeeded) return { type: 'leaseGone' }
    const [sign] = rangeIn(seen, 1).kvs
    if (sign !== undefined) return { type: 'entered', grant, round: sign.createRevision }
    if (rangeIn(seen, 0).count >= parties) {
      yield* transactUnleased([createdAt(key, grant.token)], [{ type: 'put', key: ready, value: emptyBytes }])
      continue
    }
    const woken = yield* awaitChange({ ...under(name), fromRevision: seen.revision + 1, kind: 'any' })
    if (woken === 'stopped') {
      yield* leavePlace(grant)
      return { type: 'stopped' }
    }
  }
}

/** Waits for the round before to be over, where one is. */
function* comeIn(
  name: Uint8Array,
  key: Uint8Array,
  lease: string,
): Recipe<Grant | { readonly type: 'stopped' } | LeaseGone> {
  const ready = partOf(name, 'ready')
  for (;;) {
    const put = { type: 'put', key, value: emptyBytes, lease } as const
    const done = yield* transact([absent(ready)], [put, { type: 'range', key }])
    if (done.type === 'leaseGone') return done
    if (done.succeeded) {
      return { key, token: rangeIn(done, 1).kvs[0]?.createRevision ?? done.revision }
    }
    yield* endRound(name)
    const woken = yield* awaitChange({ key: ready, fromRevision: done.revision + 1, kind: 'delete' })
    if (woken === 'stopped') return { type: 'stopped' }
  }
}

/** Waits until everybody of the round has left. */
export function* leaveBarrier(name: Uint8Array, grant: Grant, round: number): Recipe<'left' | 'stopped'> {
  yield* leavePlace(grant)
  const inside = under(name, 'in')
  for (;;) {
    // The round is over when its sign is gone, though those of the next may be inside already.
    const seen = yield* transactUnleased(
      [createdAt(partOf(name, 'ready'), round)],
      [{ type: 'range', ...inside, countOnly: true }],
    )
    if (!seen.succeeded) return 'left'
    if (rangeIn(seen, 0).count === 0) yield* endRound(name)
    else {
      const woken = yield* awaitChange({ ...inside, fromRevision: seen.revision + 1, kind: 'delete' })
      if (woken === 'stopped') return 'stopped'
    }
  }
}

/** Whoever finds the round over takes its sign away: the last to leave, or, where that one died, the first to come. */
function* endRound(name: Uint8Array): Recipe<void> {
  const { key, rangeEnd } = under(name, 'in')
  yield* transactUnleased([absent(key, rangeEnd)], [{ type: 'deleteRange', key: partOf(name, 'ready') }])
}
