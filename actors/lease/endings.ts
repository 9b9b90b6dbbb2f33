/**
 * The ends of leases whose time is up: said through the log, as a command that counts only in this term (J1).
 *
 *   due ──▶ ending ──▶ a command of at most 64 ──applied──▶ gone
 *             ▲                  ├──unknown──▶ said again, until it is known
 *             │                  └──certainly without effect──▶ said again; or counted on, where somebody wants to keep it
 *
 *   J9   every lease that is due ends: what was lost is said again, for as long as this node leads
 *   J10  ends are spread: so many a second at most
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import { endCommands, endLater, endsPerCommand, endsPerSecond } from './fault-sites.ts'
import type { CountedLease, LessorEffect, LessorState, ProposeOutcome, Tenure } from './lessor-state.ts'
import { drop } from './lessor-table.ts'
import { endRetried, expired, secondChance } from './probes.ts'

/** How much longer a lease lives that somebody wanted to keep when its end was refused: time for a proof. */
const secondChanceMs = 1_000

/** Says the ends of what is due, as far as the pace allows. */
export function endDue(state: LessorState, tenure: Tenure, nowMs: number, out: LessorEffect[]): void {
  const rate = limit(endsPerSecond, state.limits.endsPerSecond, 10)
  const batchMax = limit(endsPerCommand, state.limits.endsPerCommandMax, 1)
  const earned = ((nowMs - tenure.allowanceMs) * rate) / 1_000
  tenure.allowance = Math.min(batchMax, tenure.allowance + earned)
  tenure.allowanceMs = nowMs
  while (tenure.endings.size < limit(endCommands, state.limits.endCommandsMax, 1)) {
    const leases = nextBatch(tenure, Math.min(batchMax, Math.floor(tenure.allowance)), nowMs)
    if (leases.length === 0) return
    tenure.allowance -= leases.length
    const ticket = state.nextTicket++
    tenure.endings.set(ticket, { leases })
    const marks = leases.map(({ id, granted }) => ({ id, granted }))
    out.push({ type: 'propose', ticket, command: { type: 'leaseExpire', leases: marks, term: tenure.term } })
  }
}

/** When there is something to end; undefined: not before something else happens. */
export function nextEndMs(state: LessorState, tenure: Tenure, nowMs: number): number | undefined {
  if (tenure.endings.size >= limit(endCommands, state.limits.endCommandsMax, 1)) return undefined
  const { grainMs } = state.limits
  const again = tenure.unended.length > 0 ? tenure.endAtMs : undefined
  const due = tenure.dues.nextMs
  const soonest = Math.min(again ?? Number.POSITIVE_INFINITY, due ?? Number.POSITIVE_INFINITY)
  if (soonest === Number.POSITIVE_INFINITY) return undefined
  const atMs = Math.ceil(soonest / grainMs) * grainMs
  // What is due already waits for its turn in the pace.
  return atMs > nowMs ? atMs : nowMs + grainMs
}

/** What became of the command `ticket`; false: it is no end of ours. */
export function onEnded(
  state: LessorState,
  tenure: Tenure,
  ticket: number,
  outcome: ProposeOutcome,
  nowMs: number,
  out: LessorEffect[],
): boolean {
  const ending = tenure.endings.get(ticket)
  if (ending === undefined) return false
  tenure.endings.delete(ticket)
  const done = outcome.type === 'applied' && outcome.term === tenure.term
  for (const lease of ending.leases) {
    if (lease.stage === 'gone') continue
    if (done) {
      sometimes(expired)
      drop(tenure, lease, out)
    } else if (outcome.type === 'dropped' && lease.wishes.length > 0) spare(tenure, lease, nowMs)
    else {
      sometimes(endRetried)
      tenure.unended.push(lease)
      tenure.endAtMs = nowMs + state.limits.retryMs
    }
  }
  return true
}

/** The end certainly never happens, and somebody waits to keep the lease alive: that needs a proof of now. */
function spare(tenure: Tenure, lease: CountedLease, nowMs: number): void {
  sometimes(secondChance)
  lease.stage = 'counting'
  lease.dueMs = Math.max(lease.dueMs, nowMs + secondChanceMs)
  tenure.dues.push(lease, lease.dueMs)
  tenure.waiting.push(...lease.wishes)
  lease.wishes = []
}

function nextBatch(tenure: Tenure, most: number, nowMs: number): CountedLease[] {
  const batch: CountedLease[] = []
  while (batch.length < most) {
    const lease = nextDue(tenure, nowMs)
    if (lease === undefined) break
    lease.stage = 'ending'
    batch.push(lease)
  }
  return batch
}

function nextDue(tenure: Tenure, nowMs: number): CountedLease | undefined {
  while (tenure.unended.length > 0 && nowMs >= tenure.endAtMs) {
    const lease = tenure.unended.pop() as CountedLease
    if (lease.stage === 'ending') return lease
  }
  for (let lease = tenure.dues.pop(nowMs); lease !== undefined; lease = tenure.dues.pop(nowMs)) {
    if (lease.stage !== 'counting') continue
    // Kept alive since it was put there, which cost nothing then.
    if (lease.dueMs > nowMs) tenure.dues.push(lease, lease.dueMs)
    else if (buggify(endLater)) tenure.dues.push(lease, nowMs + 1)
    else return lease
  }
  return undefined
}
