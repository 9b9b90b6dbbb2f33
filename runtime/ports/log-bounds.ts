/**
 * What each log write does to the bounds of a log: the one place where every store implementation looks it up, so that
 * a log means the same on a disk and in a simulation.
 *
 *      base        first            last
 *   ────┼───────────┼────────────────┼────      base = first - 1; its term outlives its entry
 *   compacted       entries, without a gap
 *
 * While a commit is in flight nobody can say which side of it the disk is on. A view then shows what both sides share:
 * a cut hides at once what it cuts, an append appears with `durable` (S5).
 */
import { unreachable } from '../../base/assert.ts'
import type { Write } from './store.ts'

export type LogWrite = Extract<Write, { readonly log: string }>

export interface LogBounds {
  readonly first: number
  /** `first - 1` when there is no entry. */
  readonly last: number
  /** The term of index `first - 1`. */
  readonly baseTerm: number
}

export const emptyLog: LogBounds = { first: 1, last: 0, baseTerm: 0 }

export interface LogChange {
  /** Undefined: the log is gone. */
  readonly after: LogBounds | undefined
  /** Entries to remove, both ends included; none when `removeFrom > removeTo`. What an append overwrites is not listed. */
  readonly removeFrom: number
  readonly removeTo: number
}

/** What a commit does to one log. */
export interface PlannedLog {
  /** Bounds when the commit is durable; undefined: the log is gone. */
  readonly after: LogBounds | undefined
  /** What may be shown until then (S5). */
  readonly shared: LogBounds
}

/** Follows the logs through the writes of one commit. */
export class LogPlan {
  readonly #present: (log: string) => LogBounds | undefined
  readonly logs: Map<string, PlannedLog> = new Map()

  constructor(present: (log: string) => LogBounds | undefined) {
    this.#present = present
  }

  /**
   * Takes the next write. `before` is the log as the writes up to here leave it.
   *
   * @throws {RangeError} As `changeLog`.
   */
  next(write: LogWrite): LogChange & { readonly before: LogBounds | undefined } {
    const planned = this.logs.get(write.log)
    const present = this.#present(write.log)
    const before = planned === undefined ? present : planned.after
    const change = changeLog(before ?? emptyLog, write)
    // What finds no log and makes none leaves none: an empty append, a compaction of nothing.
    const nothing = before === undefined && change.removeFrom > change.removeTo && change.after?.last === 0
    const after = nothing && write.type !== 'logReset' ? undefined : change.after
    this.logs.set(write.log, { after, shared: shareLog(planned?.shared ?? present ?? emptyLog, write) })
    return { after, removeFrom: change.removeFrom, removeTo: change.removeTo, before }
  }
}

/**
 * The change `write` makes to a log that stands at `before`.
 *
 * @throws {RangeError} The write would leave a gap, or reaches below what was compacted or above what exists.
 */
export function changeLog(before: LogBounds, write: LogWrite): LogChange {
  switch (write.type) {
    case 'logAppend':
      return append(before, write)
    case 'logCompact':
      if (write.index < before.first) return { after: before, removeFrom: 1, removeTo: 0 }
      if (write.index > before.last) {
        throw new RangeError(`compact log '${write.log}': index must be at most ${before.last}, not ${write.index}`)
      }
      return {
        after: { first: write.index + 1, last: before.last, baseTerm: write.term },
        removeFrom: before.first,
        removeTo: write.index,
      }
    case 'logReset':
      return {
        after: { first: write.index + 1, last: write.index, baseTerm: write.term },
        removeFrom: before.first,
        removeTo: before.last,
      }
    case 'logDrop':
      return { after: undefined, removeFrom: before.first, removeTo: before.last }
    default:
      return unreachable(write)
  }
}

/** The part of `shared` that `write` leaves alone (S5). `shared` starts as the bounds before the whole commit. */
export function shareLog(shared: LogBounds, write: LogWrite): LogBounds {
  switch (write.type) {
    case 'logAppend': {
      const from = write.entries[0]?.index ?? Number.POSITIVE_INFINITY
      if (from > shared.last) return shared
      return from < shared.first ? emptyLog : { first: shared.first, last: from - 1, baseTerm: shared.baseTerm }
    }
    case 'logCompact':
      if (write.index < shared.first) return shared
      return write.index > shared.last ? emptyLog : { first: write.index + 1, last: shared.last, baseTerm: write.term }
    case 'logReset':
    case 'logDrop':
      return emptyLog
    default:
      return unreachable(write)
  }
}

function append(before: LogBounds, write: Extract<LogWrite, { readonly type: 'logAppend' }>): LogChange {
  const { entries, log } = write
  const from = entries[0]?.index
  if (from === undefined) return { after: before, removeFrom: 1, removeTo: 0 }
  if (from < before.first || from > before.last + 1) {
    throw new RangeError(
      `append to log '${log}': the first index must be ${before.first} to ${before.last + 1}, not ${from}`,
    )
  }
  for (let i = 1; i < entries.length; i++) {
    const index = entries[i]?.index
    if (index !== from + i) {
      throw new RangeError(`append to log '${log}': indexes must follow each other; wanted ${from + i}, not ${index}`)
    }
  }
  const last = from + entries.length - 1
  const after = { first: before.first, last, baseTerm: before.baseTerm }
  return { after, removeFrom: last + 1, removeTo: before.last }
}
