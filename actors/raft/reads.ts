/**
 * Linearizable reads of a replica, pure: reads that wait together share one ReadIndex (thesis §6.4).
 *
 *   askRead ─▶ waiting ──none asked──▶ asked ──readReady(index)──▶ confirmed ──applied ≥ index──▶ served
 *                                        └──dropped──▶ refused
 *
 * One ReadIndex is under way at a time; what arrives meanwhile is the next batch, because an index that was asked for
 * before a read arrived proves nothing about it. A question that got lost (with its leader, or on the way) is asked again
 * under a new id: reads change nothing, so only their deadline ends them.
 *
 *   A7  a read is served at an index that was confirmed for a question asked after the read arrived
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { ReplyHandle } from '../../runtime/kernel/actor.ts'
import type { DropReason, Index } from './messages.ts'
import { loseBatch, readMs, refuseReader, repeatMs } from './replica-fault-sites.ts'
import { questionLost, readExpired } from './replica-probes.ts'

export interface ReadLimits {
  readonly askersMax: number
  readonly timeoutMs: number
  /** A question without an answer is repeated after this long. */
  readonly repeatMs: number
}

export const readLimits: ReadLimits = { askersMax: 65_536, timeoutMs: 7_000, repeatMs: 500 }

export interface WaitingRead {
  readonly handle: ReplyHandle
  readonly query: unknown
  readonly deadlineMs: number
}

interface AskedBatch {
  id: number
  askedMs: number
  reads: WaitingRead[]
}

export interface Reads {
  readonly limits: ReadLimits
  nextId: number
  waiting: WaitingRead[]
  asked: AskedBatch | undefined
  /** Confirmed, waiting for the state machine; indexes ascend. */
  confirmed: { readonly index: Index; reads: WaitingRead[] }[]
  askers: number
}

export function createReads(limits: ReadLimits = readLimits): Reads {
  return { limits, nextId: 1, waiting: [], asked: undefined, confirmed: [], askers: 0 }
}

/** False when there is no room. */
export function collectRead(reads: Reads, handle: ReplyHandle, query: unknown, nowMs: number): boolean {
  if (reads.askers >= reads.limits.askersMax || buggify(refuseReader, 0.1)) return false
  reads.askers += 1
  reads.waiting.push({ handle, query, deadlineMs: nowMs + limit(readMs, reads.limits.timeoutMs, 1) })
  return true
}

/** The id of a question to put to Raft now; undefined when one is under way or nobody waits. */
export function nextQuestion(reads: Reads, nowMs: number): number | undefined {
  if (reads.asked !== undefined || reads.waiting.length === 0) return undefined
  const id = reads.nextId++
  reads.asked = { id, askedMs: nowMs, reads: reads.waiting }
  reads.waiting = []
  return id
}

/** Questions `ids` were answered with `index`. */
export function onReadReady(reads: Reads, ids: readonly number[], index: Index): void {
  const asked = reads.asked
  if (asked === undefined || !ids.includes(asked.id)) return
  reads.asked = undefined
  reads.confirmed.push({ index, reads: asked.reads })
}

/** What may be served now that everything up to `applied` is in. */
export function takeServable(reads: Reads, applied: Index): WaitingRead[] {
  if (reads.confirmed.length === 0) return []
  const served: WaitingRead[] = []
  reads.confirmed = reads.confirmed.filter((batch) => {
    if (batch.index > applied) return true
    for (const read of batch.reads) served.push(read)
    return false
  })
  reads.askers -= served.length
  return served
}

/** Raft refused questions `ids`. A leader that just changed is asked again; for the rest the reads are returned. */
export function onReadDropped(reads: Reads, ids: readonly number[], reason: DropReason): WaitingRead[] {
  const asked = reads.asked
  if (asked === undefined || !ids.includes(asked.id)) return []
  reads.asked = undefined
  if (reason === 'leaderChanged') {
    reads.waiting = [...asked.reads, ...reads.waiting]
    return []
  }
  reads.askers -= asked.reads.length
  return asked.reads
}

/** The question under way will not be answered: those who wait for it join the next one. */
export function onQuestionLost(reads: Reads): void {
  if (reads.asked === undefined) return
  sometimes(questionLost)
  reads.waiting = [...reads.asked.reads, ...reads.waiting]
  reads.asked = undefined
}

/** Takes out the reads whose time is up; gives up a question that took too long, so that it is put again. */
export function expireReads(reads: Reads, nowMs: number): WaitingRead[] {
  const late: WaitingRead[] = []
  const inTime = (read: WaitingRead): boolean => {
    if (nowMs < read.deadlineMs) return true
    sometimes(readExpired)
    late.push(read)
    return false
  }
  reads.waiting = reads.waiting.filter(inTime)
  for (const batch of reads.confirmed) batch.reads = batch.reads.filter(inTime)
  reads.confirmed = reads.confirmed.filter((batch) => batch.reads.length > 0)
  if (reads.asked !== undefined) {
    reads.asked.reads = reads.asked.reads.filter(inTime)
    const waits = limit(repeatMs, reads.limits.repeatMs, 1)
    if (nowMs - reads.asked.askedMs >= waits || buggify(loseBatch)) onQuestionLost(reads)
  }
  reads.askers -= late.length
  return late
}
