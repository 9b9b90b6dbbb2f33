/**
 * Handing leadership over (thesis §3.10): the heir is brought up to date while new proposals are refused, then told to
 * stand at once. If it does not come within an election timeout, the leader goes on as before (R19).
 */
import { buggify, sometimes } from '../../base/fault-points.ts'
import { abortTransfer, hastyTransfer, ignoreTransfer } from './fault-sites.ts'
import { isVoter } from './membership.ts'
import type { NodeId, RaftEffect } from './messages.ts'
import { heirTold, transferLate } from './probes.ts'
import { replicate } from './replication.ts'
import { type RaftState, send } from './state.ts'

export function onTransferLeadership(state: RaftState, to: NodeId, out: RaftEffect[]): void {
  const progress = state.progress.get(to)
  if (state.role !== 'leader' || progress === undefined || state.transfer?.to === to) return
  if (!isVoter(state.membership.current, to) || buggify(ignoreTransfer, 0.5)) return
  state.transfer = { to, ticks: 0, told: false }
  replicate(state, to, progress, out)
}

/** Leader, after every step: tells the heir as soon as it holds everything. */
export function continueTransfer(state: RaftState, out: RaftEffect[]): void {
  const { transfer, self: from, term } = state
  if (transfer === undefined || transfer.told) return
  if (state.progress.get(transfer.to)?.match !== state.log.last && !buggify(hastyTransfer, 0.5)) return
  sometimes(heirTold)
  transfer.told = true
  send(out, transfer.to, { type: 'timeoutNow', from, term }, 'now')
}

export function tickTransfer(state: RaftState): void {
  const { transfer } = state
  if (transfer === undefined) return
  const late = ++transfer.ticks >= state.config.electionTicks
  sometimes(transferLate, late)
  if (late || buggify(abortTransfer, 0.5)) state.transfer = undefined
}
