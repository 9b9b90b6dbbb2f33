/**
 * Keeping leases alive, and saying how long they have: never through the log, but never on the word of a leader that was
 * replaced without knowing it either. All ids that wait share one proof.
 *
 *   asked ─▶ waiting ──a read of our own replica begins──▶ proving ──answered in our term──▶ begun anew, answered
 *               ▲                                             └──refused, lost──▶ waiting
 *
 *   J6  a lease is begun anew, and said to be, only after a proof that was begun after the request came: the replica was
 *       read, linearizably, in the term in which this node leads
 *   J7  a lease whose end was proposed is not begun anew: who asks waits for the outcome
 *   J8  a lease of which the table holds less than the whole TTL is said to be begun anew only when the table holds the whole
 *       again, for a next leader would count what it finds there
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { ReplyHandle } from '../../runtime/kernel/actor.ts'
import { idsWaiting, proveAgain, requestTime } from './fault-sites.ts'
import {
  type Asked,
  type LessorEffect,
  type LessorState,
  remainingMs,
  type TableAnswer,
  type Tenure,
  type Wish,
} from './lessor-state.ts'
import { count, drop, renew } from './lessor-table.ts'
import type { LeaseRecord, LessorReply, LessorRequest } from './messages.ts'
import { adoptedByProof, checkpointUndone, keptWhileEnding, proofLost } from './probes.ts'
import { resolve } from './resolve.ts'

/** Ids of one proof. */
const provenMax = 16_384

export function onAsked(
  state: LessorState,
  request: LessorRequest,
  handle: ReplyHandle,
  nowMs: number,
  out: LessorEffect[],
): void {
  const { tenure, limits } = state
  const refusal = refusalOf(state, request)
  if (refusal !== undefined || tenure === undefined) {
    out.push({ type: 'reply', handle, reply: refusal ?? { type: 'busy' } })
    return
  }
  const { type: kind, ids } = request
  if (tenure.ids + ids.length > limit(idsWaiting, limits.idsMax, limits.idsPerRequestMax)) {
    out.push({ type: 'reply', handle, reply: { type: 'busy' } })
    return
  }
  const asked: Asked = { kind, handle, cameMs: nowMs, answers: [], granted: [], missing: ids.length }
  tenure.open.add(asked)
  tenure.ids += ids.length
  for (const [slot, id] of ids.entries()) tenure.waiting.push({ asked, slot, id })
}

/** Everybody who waits is told that this is the wrong place. */
export function refuseAll(state: LessorState, tenure: Tenure, out: LessorEffect[]): void {
  for (const { handle } of tenure.open) out.push({ type: 'reply', handle, reply: elsewhere(state) })
  tenure.open.clear()
}

/** Begins the next proof, when somebody waits and none is under way; gives up what waited too long. */
export function prove(state: LessorState, tenure: Tenure, nowMs: number, out: LessorEffect[]): void {
  for (const asked of tenure.open) {
    if (nowMs < deadlineOf(state, asked)) break
    tenure.open.delete(asked)
    tenure.ids -= asked.missing
    out.push({ type: 'reply', handle: asked.handle, reply: { type: 'busy' } })
  }
  if (tenure.phase !== 'counting' || tenure.proving !== undefined) return
  if (tenure.waiting.length === 0 || nowMs < tenure.proveAtMs) return
  tenure.waiting = tenure.waiting.filter(({ asked }) => tenure.open.has(asked))
  if (tenure.waiting.length === 0) return
  const wishes = tenure.waiting.splice(0, provenMax)
  const ticket = state.nextTicket++
  tenure.proving = { ticket, wishes }
  out.push({ type: 'read', ticket, query: { type: 'leasesOf', ids: [...new Set(wishes.map(({ id }) => id))] } })
}

/** When the oldest request is given up; undefined: none waits. */
export function oldestDeadlineMs(state: LessorState, tenure: Tenure): number | undefined {
  for (const asked of tenure.open) return deadlineOf(state, asked)
  return undefined
}

export function onProof(
  state: LessorState,
  tenure: Tenure,
  answer: TableAnswer | undefined,
  nowMs: number,
  out: LessorEffect[],
): void {
  const { wishes } = tenure.proving as { wishes: Wish[] }
  tenure.proving = undefined
  if (answer === undefined || answer.term !== tenure.term || buggify(proveAgain)) {
    sometimes(proofLost)
    tenure.waiting = [...wishes, ...tenure.waiting]
    tenure.proveAtMs = nowMs + state.limits.retryMs
    return
  }
  tenure.provenIndex = answer.index
  tenure.revision = answer.revision
  const there = new Map(answer.leases.map((record) => [record.id, record]))
  for (const wish of wishes)
    if (tenure.open.has(wish.asked)) grantWish(state, tenure, wish, there.get(wish.id), nowMs, out)
}

/** `record`: what the table holds of it, as of the proof. */
function grantWish(
  state: LessorState,
  tenure: Tenure,
  wish: Wish,
  record: LeaseRecord | undefined,
  nowMs: number,
  out: LessorEffect[],
): void {
  let lease = tenure.leases.get(wish.id)
  if (record === undefined) {
    // The feed will tell of its end, or was lost. A lease of later than the proof is another matter.
    if (lease !== undefined && lease.granted <= tenure.provenIndex) {
      drop(tenure, lease, out)
      lease = undefined
    }
  } else if (lease === undefined ? mayMiss(tenure) : lease.granted < record.granted) {
    sometimes(adoptedByProof)
    lease = count(state, tenure, record, nowMs, out)
  }
  if (record?.remainingSeconds !== undefined && lease?.granted === record.granted) lease.noted = true
  if (lease === undefined) resolve(tenure, wish, undefined, out)
  else if (lease.stage === 'ending') {
    sometimes(keptWhileEnding)
    lease.wishes.push(wish)
  } else if (wish.asked.kind === 'timeToLive') {
    resolve(tenure, wish, { ttlSeconds: lease.ttlSeconds, remainingMs: remainingMs(state, lease, nowMs) }, out)
  } else {
    renew(state, lease, nowMs)
    if (lease.noted) {
      sometimes(checkpointUndone)
      lease.wishes.push(wish)
      tenure.undo.add(lease)
    } else resolve(tenure, wish, { ttlSeconds: lease.ttlSeconds, remainingMs: 0 }, out)
  }
}

/** Whether a lease that the proof found may be unknown here because we have not heard of it, and not because it ended since. */
function mayMiss({ upTo, provenIndex, tableWanted, tableTicket }: Tenure): boolean {
  return upTo < provenIndex || tableWanted || tableTicket !== undefined
}

function refusalOf(state: LessorState, { ids }: LessorRequest): LessorReply | undefined {
  const wellFormed =
    Array.isArray(ids) &&
    ids.length > 0 &&
    ids.length <= state.limits.idsPerRequestMax &&
    ids.every((id: unknown) => typeof id === 'string' && id.length <= 20)
  if (!wellFormed) return { type: 'badRequest' }
  return state.tenure === undefined ? elsewhere(state) : undefined
}

function elsewhere({ role, leader }: LessorState): LessorReply {
  return { type: 'notLeading', role, leader }
}

function deadlineOf({ limits }: LessorState, { cameMs }: Asked): number {
  return cameMs + limit(requestTime, limits.requestMs, 1)
}
