/**
 * Election of a leader, with the layout of etcd's: candidates stand under `name/`, each with the value it proclaims; the one with
 * the lowest create revision leads.
 *
 *   G10  one leader at a time: no candidate of an earlier revision is left when one is told that it leads
 *   G2   the token of every leadership, its term, is greater than those of all before
 *   G3   what a leader proclaims is written only while it leads
 */
import type { KeyValue } from '../../../actors/keyspace/messages.ts'
import { equalBytes } from '../../../base/bytes.ts'
import type { Grant } from './fence.ts'
import { createdAt, leaseKey, under } from './keys.ts'
import type { Granted } from './lock.ts'
import { awaitTurn, firstOf, leavePlace, takePlace } from './place.ts'
import { awaitChange, type LeaseGone, type Recipe, tell, transact, transactUnleased } from './step.ts'

export interface CampaignRequest {
  readonly name: Uint8Array
  readonly lease: string
  /** What the candidate proclaims, from the moment it leads. */
  readonly value: Uint8Array
  readonly wait: boolean
}

export function* campaign({ name, lease, value, wait }: CampaignRequest): Recipe<Granted> {
  const place = yield* takePlace(leaseKey(name, lease), lease, value)
  if ('type' in place) return place
  const { key, token } = place
  if (!equalBytes(place.value, value)) {
    // It stood before, with something else to say.
    const proclaimed = yield* proclaim({ key, token }, lease, value)
    if (proclaimed.type !== 'proclaimed') return { type: 'leaseGone' }
  }
  const turn = yield* awaitTurn(place, under(name), wait)
  if (turn.type === 'turn') return { type: 'held', grant: { key, token }, revision: turn.revision }
  if (turn.type !== 'leaseGone') yield* leavePlace(place)
  return turn
}

export type Proclaimed =
  | { readonly type: 'proclaimed'; readonly revision: number }
  /** Somebody else leads, or nobody. */
  | { readonly type: 'notLeader'; readonly revision: number }
  | LeaseGone

/** Says something new as leader. */
export function* proclaim({ key, token }: Grant, lease: string, value: Uint8Array): Recipe<Proclaimed> {
  const done = yield* transact([createdAt(key, token)], [{ type: 'put', key, value, lease }])
  if (done.type === 'leaseGone') return done
  return { type: done.succeeded ? 'proclaimed' : 'notLeader', revision: done.revision }
}

/** Ends a leadership, or a candidacy. `resigned` false: it had ended. */
export function* resign({ key, token }: Grant): Recipe<{ readonly resigned: boolean; readonly revision: number }> {
  const { succeeded, revision } = yield* transactUnleased([createdAt(key, token)], [{ type: 'deleteRange', key }])
  return { resigned: succeeded, revision }
}

export interface Leadership {
  /** The leader's key and what it proclaims. */
  readonly kv: KeyValue
  readonly revision: number
}

/** Who leads; undefined: nobody. */
export function* leader(name: Uint8Array): Recipe<{ readonly kv: KeyValue | undefined; readonly revision: number }> {
  return yield* firstOf(under(name))
}

/**
 * Tells every leader and what it proclaims, as `Leadership`, from the present one on, until it is stopped. In order; of what is
 * proclaimed in quick succession the newest.
 */
export function* observe(name: Uint8Array): Recipe<void> {
  const line = under(name)
  // By the revision of what was told: what a new leader proclaims may be older than the last word of the one before.
  let told = 0
  for (;;) {
    const { kv, revision } = yield* firstOf(line)
    if (kv !== undefined && kv.modRevision !== told) {
      told = kv.modRevision
      if ((yield* tell({ kv, revision } satisfies Leadership)) === 'stopped') return
    }
    const woken = yield* awaitChange({ ...line, fromRevision: revision + 1, kind: 'any' })
    if (woken === 'stopped') return
  }
}
