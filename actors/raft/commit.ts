/**
 * What is committed, and handing it to the state machine.
 *
 * A leader commits by counting, and counts only entries of its own term (thesis §3.6.2): an older entry on a majority can
 * still be replaced by a leader that was elected without it (R8). Older entries are committed with the first own one.
 *
 *   commit ≥ applying (handed over) ≥ applied (acknowledged) ≥ folded (durable in the machine)
 */
import { invariant } from '../../base/assert.ts'
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import {
  accountBytes,
  applyBytes,
  compactLater,
  compactSoon,
  logKeep,
  overgrown as takenForOvergrown,
} from './fault-sites.ts'
import type { Index, NodeId, RaftEffect } from './messages.ts'
import { compactedPast, compactionWaits, earlierTermHeld, machineBehind } from './probes.ts'
import { counts } from './progress.ts'
import { quorumIndex } from './quorum.ts'
import { entryBytes } from './raft-log.ts'
import { applyBytesMax, deadAfterTicks, logKeepFactorMax, type RaftState } from './state.ts'

const accountBytesMax = 1024 * 1024

/** Leader: moves the commit index to what a quorum holds. True when it moved. */
export function commitByCounting(state: RaftState): boolean {
  const matchOf = (node: NodeId): Index => {
    if (node === state.self) return state.selfMatch
    const progress = state.progress.get(node)
    return progress !== undefined && counts(progress) ? progress.match : 0
  }
  const index = quorumIndex(state.membership.current, matchOf)
  if (index <= state.commit) return false
  if (state.log.term(index) !== state.term) {
    sometimes(earlierTermHeld)
    return false
  }
  releaseQuota(state, index)
  state.commit = index
  return true
}

/** On another's word: a leader's, as far as the logs are known to be equal, or a snapshot's. */
export function commitTo(state: RaftState, index: Index): void {
  if (index <= state.commit) return
  invariant(index <= state.log.last, () => `R8: commit ${index} beyond the log's end ${state.log.last}`)
  if (state.role === 'leader') releaseQuota(state, index)
  state.commit = index
}

/** Hands committed entries over, in order, as long as the state machine keeps up. */
export function handOver(state: RaftState, out: RaftEffect[]): void {
  const bytesMax = limit(applyBytes, applyBytesMax, 1)
  while (state.applying < state.commit && state.applyBytes < bytesMax) {
    const entries = state.log.slice(state.applying + 1, state.commit, bytesMax - state.applyBytes)
    const first = entries[0]
    const last = entries[entries.length - 1]
    invariant(
      first !== undefined && last !== undefined && first.index === state.applying + 1,
      () => `R9: entry ${state.applying + 1} is read back`,
    )
    let bytes = 0
    for (const entry of entries) bytes += entryBytes(entry)
    state.applying = last.index
    state.applyBytes += bytes
    state.applyQueue.push({ index: last.index, bytes })
    out.push({ type: 'apply', entries, commit: state.commit })
  }
  sometimes(machineBehind, state.applying < state.commit)
}

export function onApplied(state: RaftState, index: Index): void {
  invariant(index <= state.applying, () => `R9: applied ${index}, but only ${state.applying} was handed over`)
  if (index <= state.applied) return
  state.applied = index
  const { applyQueue } = state
  while (applyQueue.length > 0 && (applyQueue[0] as { index: Index }).index <= index) {
    state.applyBytes -= (applyQueue.shift() as { bytes: number }).bytes
  }
}

/** The machine no longer needs the log up to `index`: lets go of what nobody else needs either. */
export function onFolded(state: RaftState, index: Index, out: RaftEffect[]): void {
  invariant(index <= state.applied, () => `R20: folded ${index}, but only ${state.applied} is applied`)
  state.folded = Math.max(state.folded, index)
  const { log } = state
  const keep = limit(logKeep, state.config.logKeepEntries, 1)
  const target = compactionTarget(state, keep)
  // A write of its own for a handful of entries is not worth it.
  if (target - (log.first - 1) < Math.max(1, buggify(compactSoon) ? 0 : keep >> 4) || buggify(compactLater)) return
  const term = log.compact(target)
  state.membership.compact(target)
  out.push({ type: 'compactLog', index: target, term })
}

function compactionTarget(state: RaftState, keepEntries: number): Index {
  const { log, config } = state
  const byCount = log.last - keepEntries
  const byBytes = log.bytes > config.logKeepBytes ? log.keepFrom(config.logKeepBytes) - 1 : 0
  const target = Math.min(state.folded, Math.max(byCount, byBytes))
  const overgrown =
    log.last - log.first + 1 > logKeepFactorMax * keepEntries ||
    log.bytes > logKeepFactorMax * config.logKeepBytes ||
    buggify(takenForOvergrown, 0.3)
  const needed = neededFrom(state, target)
  sometimes(overgrown ? compactedPast : compactionWaits, needed < target)
  return overgrown ? target : needed
}

/** What of `target` followers that are there do without. */
function neededFrom(state: RaftState, target: Index): Index {
  let needed = target
  for (const progress of state.progress.values()) {
    // Who is dead or far gone gets a snapshot when it returns; it must not fill everybody's disk until then.
    if (progress.silentTicks > deadAfterTicks) continue
    needed = Math.min(needed, progress.phase === 'snapshot' ? progress.snapshotIndex : progress.match)
  }
  return needed
}

function releaseQuota(state: RaftState, to: Index): void {
  for (let from = state.commit + 1; from <= to; ) {
    for (const entry of state.log.slice(from, to, limit(accountBytes, accountBytesMax, 1))) {
      from = entry.index + 1
      if (entry.type !== 'normal') continue
      state.uncommittedBytes -= entry.data.length
      if (entry.term === state.term) state.quotaBytes -= entry.data.length
    }
  }
}
