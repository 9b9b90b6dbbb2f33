/**
 * Barriers and meetings, as programs. Who passes a barrier looks at it before and after: one that is the same both times, by the
 * revision that created it, was never lifted. Who has left a meeting looks whether its sign is gone.
 */
import { utf8 } from '../../base/bytes.ts'
import {
  awaitBarrier,
  enterBarrier,
  leaveBarrier,
  liftBarrier,
  raiseBarrier,
} from '../../client/coordination/recipes/barrier.ts'
import { partOf } from '../../client/coordination/recipes/keys.ts'
import { lease, type Recipe, range, sleep, tell } from '../../client/coordination/recipes/step.ts'

/** Raises a barrier for a while, lifts it, or passes it. */
export interface GateProgram {
  readonly use: 'gate'
  readonly act: 'raise' | 'lift' | 'pass'
  readonly name: string
  /** It falls with that lease; undefined: it stands until somebody lifts it. */
  readonly lease: string | undefined
  readonly ttlMs: number
  /** How long it stands; undefined: who raised it dies. */
  readonly pauseMs: number | undefined
}

/** Begins together with others, and ends together with them. */
export interface MeetProgram {
  readonly use: 'meet'
  readonly name: string
  readonly lease: string
  readonly ttlMs: number
  readonly parties: number
  readonly pauseMs: number
  readonly keepAlive: boolean
  /** False: it dies in the middle. */
  readonly letsGo: boolean
}

export type MeetingObservation =
  | { readonly type: 'raised'; readonly now: boolean }
  | { readonly type: 'lifted'; readonly stood: boolean }
  /** Create revisions of the barrier before and after; 0: it did not stand. */
  | { readonly type: 'passed'; readonly before: number; readonly after: number }
  | { readonly type: 'met'; readonly token: number; readonly round: number }
  /** `sign` is the round that is under way now; 0: none. */
  | { readonly type: 'parted'; readonly round: number; readonly sign: number }
  /** It gave up. */
  | { readonly type: 'heldUp' }

export function* gate(program: GateProgram): Recipe<void> {
  const name = utf8(program.name)
  if (program.act === 'raise') yield* raise(name, program)
  else if (program.act === 'lift') yield* lift(name)
  else {
    const before = yield* createdIn(name)
    const came = yield* awaitBarrier(name)
    if (came === 'stopped') yield* observed({ type: 'heldUp' })
    else yield* observed({ type: 'passed', before, after: yield* createdIn(name) })
  }
}

function* raise(name: Uint8Array, { lease: id, ttlMs, pauseMs }: GateProgram): Recipe<void> {
  if (id !== undefined) yield* lease({ type: 'leaseGrant', id, ttlSeconds: ttlMs / 1_000 })
  const now = yield* raiseBarrier(name, id)
  if (typeof now !== 'boolean') return
  yield* observed({ type: 'raised', now })
  if (!now || pauseMs === undefined) return
  yield* sleep(pauseMs)
  yield* lift(name)
}

function* lift(name: Uint8Array): Recipe<void> {
  yield* observed({ type: 'lifted', stood: yield* liftBarrier(name) })
}

export function* meet({ lease: id, ttlMs, parties, pauseMs, letsGo, ...program }: MeetProgram): Recipe<void> {
  const name = utf8(program.name)
  yield* lease({ type: 'leaseGrant', id, ttlSeconds: ttlMs / 1_000 })
  const came = yield* enterBarrier({ name, lease: id, parties })
  if (came.type === 'entered') {
    const { grant, round } = came
    yield* observed({ type: 'met', token: grant.token, round })
    yield* sleep(pauseMs)
    if (!letsGo) return
    const left = yield* leaveBarrier(name, grant, round)
    if (left === 'stopped') yield* observed({ type: 'heldUp' })
    else yield* observed({ type: 'parted', round, sign: yield* createdIn(partOf(name, 'ready')) })
  } else if (came.type === 'stopped') yield* observed({ type: 'heldUp' })
  yield* lease({ type: 'leaseRevoke', id })
}

function* createdIn(key: Uint8Array): Recipe<number> {
  const [kv] = (yield* range({ key, keysOnly: true })).kvs
  return kv?.createRevision ?? 0
}

function* observed(observation: MeetingObservation): Recipe<void> {
  yield* tell(observation)
}
