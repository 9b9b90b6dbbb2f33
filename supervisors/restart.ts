/**
 * The arithmetic of restarting: how often, how late, and who with whom. Plain functions; time and chance are arguments.
 *
 * Rules of a supervisor, cited by the checks and the tests of this folder:
 *   U1  within any `restartsWindowMs` at most `restartsMax` failures are answered by a restart; one more is passed up
 *   U2  the loss of a thread counts once, however many children it took
 *   U3  oneForOne restarts the failed child, oneForAll all of them, restForOne it and those started after it
 *   U4  stopping goes in reverse start order; with an order to keep, the next is stopped only when the one before is gone
 *   U5  starting goes in start order, and only when nothing is left to be stopped; a child that has to wait holds up
 *       those after it; with oneForAll it holds up all, with oneForOne nobody
 *   U6  permanent children always restart, transient ones unless they ended in order, temporary ones never
 *   U7  a delay lies between half of and the whole of min(maxMs, baseMs * 2^(failures in a row - 1))
 *   U8  a child that failed but is still there keeps its ref and mailbox; one that is gone is spawned anew, same name
 *   U9  every stop has a deadline: past it, an orderly shutdown goes on without the child, and a restart fails the
 *       supervisor, because two actors under one name would be worse
 *   U10 children on a lost thread start again only when its replacement is ready
 *   U11 a supervisor of dynamic children never holds more than `childrenMax`
 */
import { invariant } from '../base/assert.ts'
import type { DownReason } from '../runtime/kernel/actor.ts'
import type { Backoff, RestartKind, Strategy } from './spec.ts'

/** Times of the restarts of late, oldest first. */
export interface RestartWindow {
  readonly times: number[]
  /** Index of the oldest time that still counts. What lies before it is dropped before it outgrows the rest. */
  head: number
}

export function createRestartWindow(): RestartWindow {
  return { times: [], head: 0 }
}

/**
 * Notes one failure that asks for a restart (U1).
 *
 * @param nowMs - Monotonic milliseconds, never less than in the call before.
 * @returns `restart`, or `escalate` when `restartsMax` restarts already lie within the last `windowMs`.
 */
export function noteFailure(
  window: RestartWindow,
  nowMs: number,
  restartsMax: number,
  windowMs: number,
): 'restart' | 'escalate' {
  const newest = window.times.at(-1)
  invariant(newest === undefined || nowMs >= newest, () => `U1: time must not go back, from ${newest} to ${nowMs}`)
  while (window.head < window.times.length && (window.times[window.head] as number) <= nowMs - windowMs)
    window.head += 1
  if (window.times.length - window.head >= restartsMax) return 'escalate'
  // Dropping one by one would cost the length each time; dropping half at once costs a constant on average.
  if (window.head > 32 && window.head * 2 > window.times.length) {
    window.times.splice(0, window.head)
    window.head = 0
  }
  window.times.push(nowMs)
  return 'restart'
}

/** Failures of one child in a row: fewer than `windowMs` apart. */
export function failuresInARow(before: number, lastFailedMs: number, nowMs: number, windowMs: number): number {
  return nowMs - lastFailedMs < windowMs ? before + 1 : 1
}

/**
 * The pause before a restart (U7).
 *
 * @param failures - Failures in a row, this one included: 1 or more.
 * @param draw - 0 (included) to 1 (excluded).
 */
export function restartDelayMs(backoff: Backoff, failures: number, draw: number): number {
  invariant(failures >= 1, () => `U7: a restart follows a failure, not ${failures} failures`)
  // Beyond 2^40 any base has passed any cap, and an infinite power times a base of 0 would be no number.
  const ceiling = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(failures - 1, 40))
  return ceiling * (0.5 + 0.5 * draw)
}

/** Whether a child that ended for `reason` starts again (U6). */
export function wantsRestart(restart: RestartKind, reason: DownReason): boolean {
  switch (restart) {
    case 'permanent':
      return true
    case 'transient':
      return reason.type !== 'normal'
    case 'temporary':
      return false
  }
}

/** Whether the sibling at `sibling` (a place in the start order) restarts with the child at `failed` (U3). */
export function restartsWith(strategy: Strategy, failed: number, sibling: number): boolean {
  switch (strategy) {
    case 'oneForOne':
      return sibling === failed
    case 'oneForAll':
      return true
    case 'restForOne':
      return sibling >= failed
  }
}
