/**
 * Writing down what is left of long leases, so that leaders who come and go do not keep them for ever, and taking it back when
 * such a lease is begun anew. One command is under way at a time, so the table holds what was said last.
 */
import { limit, sometimes } from '../../base/fault-points.ts'
import { checkpointEvery, checkpointsPerCommand } from './fault-sites.ts'
import {
  type CountedLease,
  type LessorEffect,
  type LessorState,
  type Noting,
  type ProposeOutcome,
  remainingMs,
  type Tenure,
} from './lessor-state.ts'
import { checkpointed } from './probes.ts'
import { resolve } from './resolve.ts'

type Item = Noting['items'][number]

export function checkpointDue(state: LessorState, tenure: Tenure, nowMs: number, out: LessorEffect[]): void {
  if (tenure.noting !== undefined || nowMs < tenure.noteAtMs) return
  const most = limit(checkpointsPerCommand, state.limits.checkpointsPerCommandMax, 1)
  const items: Item[] = []
  for (const lease of tenure.undo) {
    if (items.length === most) break
    items.push({ lease, seconds: lease.ttlSeconds })
  }
  noteLongOnes(state, tenure, items, most, nowMs)
  if (items.length === 0) return
  const ticket = state.nextTicket++
  tenure.noting = { ticket, items }
  const remaining = items.map(({ lease: { id, granted }, seconds }) => ({ id, granted, seconds }))
  out.push({ type: 'propose', ticket, command: { type: 'leaseCheckpoint', remaining, term: tenure.term } })
}

/** When there is something to write down; undefined: not before something else happens. */
export function nextCheckpointMs(tenure: Tenure): number | undefined {
  if (tenure.noting !== undefined) return undefined
  const next = tenure.undo.size > 0 ? tenure.noteAtMs : tenure.longOnes.nextMs
  return next === undefined ? undefined : Math.max(next, tenure.noteAtMs)
}

/** What became of the command `ticket`; false: it is no checkpoint of ours. */
export function onNoted(
  state: LessorState,
  tenure: Tenure,
  ticket: number,
  outcome: ProposeOutcome,
  nowMs: number,
  out: LessorEffect[],
): boolean {
  const { noting } = tenure
  if (noting?.ticket !== ticket) return false
  tenure.noting = undefined
  if (outcome.type !== 'applied' || outcome.term !== tenure.term) {
    tenure.noteAtMs = nowMs + state.limits.retryMs
    return true
  }
  for (const { lease, seconds } of noting.items) {
    sometimes(checkpointed, seconds < lease.ttlSeconds)
    if (seconds >= lease.ttlSeconds && tenure.undo.delete(lease)) settle(tenure, lease, out)
  }
  return true
}

/** J8: the table holds the whole TTL again, and nothing that could change it is under way. */
function settle(tenure: Tenure, lease: CountedLease, out: LessorEffect[]): void {
  lease.noted = false
  // Its time may have run out meanwhile: then its end decides.
  if (lease.stage === 'ending') return
  const { wishes } = lease
  lease.wishes = []
  for (const wish of wishes) resolve(tenure, wish, { ttlSeconds: lease.ttlSeconds, remainingMs: 0 }, out)
}

function noteLongOnes(state: LessorState, tenure: Tenure, items: Item[], most: number, nowMs: number): void {
  const everyMs = limit(checkpointEvery, state.limits.checkpointEveryMs, 20)
  while (items.length < most) {
    const lease = tenure.longOnes.pop(nowMs)
    if (lease === undefined) return
    if (lease.stage === 'gone') continue
    const againMs = lease.beganMs + everyMs
    if (againMs > nowMs) {
      tenure.longOnes.push(lease, againMs)
      continue
    }
    tenure.longOnes.push(lease, nowMs + everyMs)
    const leftMs = remainingMs(state, lease, nowMs)
    if (lease.stage !== 'counting' || leftMs <= everyMs || tenure.undo.has(lease)) continue
    // From here on a renewal has to take it back, whether or not it is known to have been written.
    lease.noted = true
    items.push({ lease, seconds: Math.ceil(leftMs) / 1_000 })
  }
}
