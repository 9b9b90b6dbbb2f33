/**
 * Proposals, on the leader and on the way to it. What cannot be taken is refused at once with the reason: nothing queues
 * here without a limit (R22).
 *
 * `leaderChanged` says that the fate is open: the old leader may have taken the proposal. Every other reason says that
 * this replica did not take it.
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import {
  forgetForwarded,
  forwardTwice,
  quotaBytes,
  refuseForward,
  refuseProposal,
  splitForward,
  uncommittedBytes,
} from './fault-sites.ts'
import type { DropReason, NodeId, PeerMessage, Proposal, RaftEffect } from './messages.ts'
import { forwardedWrong, overQuota, proposedInTransfer } from './probes.ts'
import { appendOwn, replicateAll } from './replication.ts'
import { forwardedMax, type RaftState, send } from './state.ts'

type ForwardPropose = Extract<PeerMessage, { type: 'forwardPropose' }>
type ForwardDropped = Extract<PeerMessage, { type: 'forwardDropped' }>
type Refusals = Map<DropReason, number[]>

export function onPropose(state: RaftState, proposals: readonly Proposal[], out: RaftEffect[]): void {
  const refusals: Refusals = new Map()
  if (state.role === 'leader') take(state, proposals, refusals, out)
  else forward(state, proposals, refusals, out)
  for (const [reason, ids] of refusals) out.push({ type: 'proposalsDropped', ids, reason })
}

export function onForwardPropose(state: RaftState, { from: to, proposals }: ForwardPropose, out: RaftEffect[]): void {
  const refusals: Refusals = new Map()
  // Not passed on a second time: two replicas that each take the other for the leader would never stop.
  sometimes(forwardedWrong, state.role !== 'leader')
  if (state.role === 'leader') take(state, proposals, refusals, out)
  else for (const { id } of proposals) refuse(refusals, 'notLeader', id)
  for (const [reason, ids] of refusals) sendDropped(state, to, ids, reason, out)
}

/** Only what is still awaited: the answer may come twice, or after the leader changed. */
export function onForwardDropped(state: RaftState, { ids, reason }: ForwardDropped, out: RaftEffect[]): void {
  const dropped = new Set(ids)
  const known = state.forwarded.filter((each) => dropped.has(each.id))
  if (known.length === 0) return
  state.forwarded = state.forwarded.filter((each) => !dropped.has(each.id))
  out.push({ type: 'proposalsDropped', ids: known.map((each) => each.id), reason })
}

export function sendDropped(
  state: RaftState,
  to: NodeId,
  ids: readonly number[],
  reason: DropReason,
  out: RaftEffect[],
): void {
  send(out, to, { type: 'forwardDropped', from: state.self, term: state.term, ids, reason }, 'now')
}

/** The log tells nobody which of its entries came from whom, so what was passed on is forgotten after a while. */
export function tickForwarded(state: RaftState): void {
  state.forwardedBytes = 0
  const { forwarded, ticks, config } = state
  let gone = buggify(forgetForwarded, 0.05) ? forwarded.length : 0
  while (gone < forwarded.length && (forwarded[gone] as { tick: number }).tick + 2 * config.electionTicks <= ticks)
    gone++
  if (gone > 0) forwarded.splice(0, gone)
}

function take(state: RaftState, proposals: readonly Proposal[], refusals: Refusals, out: RaftEffect[]): void {
  const datas: Uint8Array[] = []
  for (const { id, data } of proposals) {
    const reason = refusal(state, data.length)
    if (reason !== undefined) {
      refuse(refusals, reason, id)
      continue
    }
    state.uncommittedBytes += data.length
    state.quotaBytes += data.length
    datas.push(data)
  }
  if (datas.length === 0) return
  appendOwn(state, 'normal', datas, out)
  replicateAll(state, out)
}

function refusal(state: RaftState, bytes: number): DropReason | undefined {
  const proposalQuotaBytes = limit(quotaBytes, state.config.proposalQuotaBytes, 1)
  // Not below what a single command may need: that would be refused for ever.
  const uncommittedBytesMax = limit(uncommittedBytes, state.config.uncommittedBytesMax, 65_536)
  if (bytes > uncommittedBytesMax) return 'tooLarge'
  sometimes(proposedInTransfer, state.transfer !== undefined)
  if (state.transfer !== undefined) return 'transferring'
  if (buggify(refuseProposal, 0.1)) return 'overloaded'
  sometimes(overQuota, state.quotaBytes > 0 && state.quotaBytes + bytes > proposalQuotaBytes)
  // One is always taken when nothing is outstanding, or an entry above the limit could never be written.
  if (state.quotaBytes > 0 && state.quotaBytes + bytes > proposalQuotaBytes) return 'overloaded'
  if (state.uncommittedBytes > 0 && state.uncommittedBytes + bytes > uncommittedBytesMax) return 'overloaded'
  return undefined
}

function forward(state: RaftState, proposals: readonly Proposal[], refusals: Refusals, out: RaftEffect[]): void {
  const { self: from, term, leader, config, ticks } = state
  let batch: Proposal[] = []
  let batchBytes = 0
  const flush = (to: NodeId): void => {
    const message = { type: 'forwardPropose', from, term, proposals: batch } as const
    if (batch.length > 0) send(out, to, message, 'now')
    if (batch.length > 0 && buggify(forwardTwice)) send(out, to, message, 'now')
    batch = []
    batchBytes = 0
  }
  for (const proposal of proposals) {
    const bytes = proposal.data.length
    const full =
      state.forwarded.length >= forwardedMax ||
      buggify(refuseForward, 0.1) ||
      (state.forwardedBytes > 0 && state.forwardedBytes + bytes > config.proposalQuotaBytes)
    if (leader === undefined || full) {
      refuse(refusals, leader === undefined ? 'noLeader' : 'overloaded', proposal.id)
      continue
    }
    if (batchBytes + bytes > config.maxEntriesBytes || buggify(splitForward)) flush(leader)
    batch.push(proposal)
    batchBytes += bytes
    state.forwardedBytes += bytes
    state.forwarded.push({ id: proposal.id, tick: ticks })
  }
  if (leader !== undefined) flush(leader)
}

function refuse(refusals: Refusals, reason: DropReason, id: number): void {
  const ids = refusals.get(reason)
  if (ids === undefined) refusals.set(reason, [id])
  else ids.push(id)
}
