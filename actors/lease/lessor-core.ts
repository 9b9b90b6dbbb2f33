/**
 * The lessor of one keyspace on one node, as a pure state machine: who counts the time of leases, where the replica leads.
 *
 *   replica ──role, feed──▶ step ──read, propose──▶ replica
 *   clients ──keepAlive, timeToLive──▶   ──reply──▶ clients
 *
 * Time arrives with every input, read from the monotonic clock, which neither a step of the wall clock nor a summer time
 * moves. A node that is suspended counts nothing meanwhile, and whoever leads instead does.
 *
 * The rules (J1 to J11) stand in README.md, and each beside the code that keeps it:
 *   table.ts J1 to J3 · lessor-table.ts J4, J5 · keepalives.ts J6 to J8 · endings.ts J9, J10 · here J11
 *
 *   J11  a lessor that starts where one may have worked before in the same term begins only when everything that one said is
 *        settled: an end that is still on its way would come after a keepalive was answered
 */
import { unreachable } from '../../base/assert.ts'
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { NodeId, Role, Term } from '../raft/messages.ts'
import { checkpointDue, nextCheckpointMs, onNoted } from './checkpoints.ts'
import { endDue, nextEndMs, onEnded } from './endings.ts'
import { auditEvery, loseRole, readAgain } from './fault-sites.ts'
import { oldestDeadlineMs, onAsked, onProof, prove, refuseAll } from './keepalives.ts'
import {
  createTenure,
  type LessorEffect,
  type LessorInput,
  type LessorState,
  type ProposeOutcome,
  type TableAnswer,
  type Tenure,
} from './lessor-state.ts'
import { onAudited, onFeed, onTable } from './lessor-table.ts'
import { lessorRestarted } from './probes.ts'

/** Takes one input at `nowMs`, changes `state`, and tells in `out` what to do. */
export function step(state: LessorState, input: LessorInput, nowMs: number, out: LessorEffect[]): void {
  const { tenure } = state
  switch (input.type) {
    case 'role':
      if (!buggify(loseRole, 0.2)) onRole(state, input, nowMs, out)
      break
    case 'standing':
      // A replica that has just started knows less than we do, or the same.
      if (input.term >= state.term) onRole(state, input, nowMs, out)
      break
    case 'feed':
      if (tenure !== undefined) onFeed(state, tenure, input, nowMs, out)
      break
    case 'asked':
      onAsked(state, input.request, input.handle, nowMs, out)
      break
    case 'read':
      onRead(state, input.ticket, input.answer, nowMs, out)
      break
    case 'proposed':
      onProposed(state, input.ticket, input.outcome, nowMs, out)
      break
    case 'audited':
      if (tenure !== undefined) onAudited(tenure, input)
      askIfNewer(state, input.term, out)
      break
    case 'wake':
      state.wakeAtMs = Number.POSITIVE_INFINITY
      break
    default:
      unreachable(input)
  }
  goOn(state, nowMs, out)
}

function onRole(
  state: LessorState,
  { role, term, leader }: { readonly role: Role; readonly term: Term; readonly leader: NodeId | undefined },
  nowMs: number,
  out: LessorEffect[],
): void {
  if (term < state.term) return
  state.role = role
  state.term = term
  state.leader = leader
  const { tenure } = state
  if (role === 'leader' && tenure?.term === term) return
  if (tenure !== undefined) refuseAll(state, tenure, out)
  state.tenure = undefined
  if (role !== 'leader') return
  // J11: in a term that is new to a lessor that lived through its beginning, nobody of this node has said anything yet.
  const settled = state.ledIn !== undefined && state.ledIn !== term
  sometimes(lessorRestarted, !settled)
  state.ledIn = term
  state.tenure = createTenure(term, settled ? 'reading' : 'settling', nowMs)
}

function onRead(
  state: LessorState,
  ticket: number,
  answer: TableAnswer | undefined,
  nowMs: number,
  out: LessorEffect[],
): void {
  const { tenure } = state
  if (answer !== undefined) askIfNewer(state, answer.term, out)
  if (tenure === undefined) return
  if (tenure.proving?.ticket === ticket) onProof(state, tenure, answer, nowMs, out)
  else if (tenure.tableTicket === ticket) onTable(state, tenure, answer, nowMs, out)
}

function onProposed(
  state: LessorState,
  ticket: number,
  outcome: ProposeOutcome,
  nowMs: number,
  out: LessorEffect[],
): void {
  const { tenure } = state
  if (outcome.type === 'applied') askIfNewer(state, outcome.term, out)
  if (tenure === undefined) return
  if (tenure.phase === 'settling' && tenure.tableTicket === ticket) {
    tenure.tableTicket = undefined
    tenure.tableWanted = true
    if (outcome.type === 'applied' && outcome.term === tenure.term) tenure.phase = 'reading'
    else tenure.tableAtMs = nowMs + state.limits.retryMs
    return
  }
  if (!onEnded(state, tenure, ticket, outcome, nowMs, out)) onNoted(state, tenure, ticket, outcome, nowMs, out)
}

/** There is a term that we have not heard of: the notice of it may have found our mailbox full. */
function askIfNewer(state: LessorState, term: Term, out: LessorEffect[]): void {
  if (term > state.term) out.push({ type: 'askStanding' })
}

/** Everything that time, or what was just heard, makes possible. */
function goOn(state: LessorState, nowMs: number, out: LessorEffect[]): void {
  const { tenure } = state
  if (nowMs >= state.auditAtMs) {
    state.auditAtMs = nowMs + limit(auditEvery, state.limits.auditMs, 100)
    out.push({ type: tenure?.phase === 'counting' ? 'audit' : 'askStanding' })
    if (tenure !== undefined && buggify(readAgain)) tenure.tableWanted = true
  }
  if (tenure !== undefined) {
    askTable(state, tenure, nowMs, out)
    prove(state, tenure, nowMs, out)
    if (tenure.phase === 'counting') {
      endDue(state, tenure, nowMs, out)
      checkpointDue(state, tenure, nowMs, out)
    }
  }
  const atMs = nextMs(state, nowMs)
  if (atMs >= state.wakeAtMs && state.wakeAtMs > nowMs) return
  state.wakeAtMs = atMs
  out.push({ type: 'wake', inMs: Math.max(1, atMs - nowMs) })
}

/** The question that the phase wants answered: is everything settled, or what is in the table. */
function askTable(state: LessorState, tenure: Tenure, nowMs: number, out: LessorEffect[]): void {
  if (!tenure.tableWanted || tenure.tableTicket !== undefined || nowMs < tenure.tableAtMs) return
  const ticket = state.nextTicket++
  tenure.tableTicket = ticket
  tenure.tableWanted = false
  if (tenure.phase !== 'settling') out.push({ type: 'read', ticket, query: { type: 'leases' } })
  else out.push({ type: 'propose', ticket, command: { type: 'leaseExpire', leases: [], term: tenure.term } })
}

/** When time alone gives us something to do. */
function nextMs(state: LessorState, nowMs: number): number {
  const { tenure } = state
  let atMs = state.auditAtMs
  if (tenure === undefined) return atMs
  const soonest = (other: number | undefined): void => {
    if (other !== undefined && other < atMs) atMs = other
  }
  if (tenure.tableWanted && tenure.tableTicket === undefined) soonest(tenure.tableAtMs)
  soonest(oldestDeadlineMs(state, tenure))
  if (tenure.phase !== 'counting') return atMs
  if (tenure.waiting.length > 0 && tenure.proving === undefined) soonest(tenure.proveAtMs)
  soonest(nextEndMs(state, tenure, nowMs))
  soonest(nextCheckpointMs(tenure))
  return atMs
}
