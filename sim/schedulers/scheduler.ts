/**
 * Who goes next: which of the actors that could run on an executor, and which of several events of one moment. A scheduler is
 * chosen by a plan, which is data and part of a run's; what it leaves to chance goes through `Decisions`, so that a run under
 * any scheduler can be written down, played back and made smaller.
 *
 *   uniform         any of them, each as likely
 *   pct             the one of highest priority; priorities are drawn, and change at a few drawn moments
 *   delay-bounded   the one that waits longest, but for a few drawn moments at which it is put to the back
 *   systematic      any of them, each choice and each tie noted: `explore` goes through all schedules of a small world
 */
import type { Runnable } from '../../runtime/kernel/executor.ts'

/** `messagesInRow`: how many messages an actor handles before others have their turn; more hide orders, and cost less. */
export type SchedulerPlan =
  | { readonly type: 'uniform'; readonly messagesInRow: number }
  /** `depth`: the order bugs it looks for need at most that many constraints. `steps`: how many turns the run is guessed to have. */
  | { readonly type: 'pct'; readonly depth: number; readonly steps: number; readonly messagesInRow: number }
  | { readonly type: 'delay-bounded'; readonly delays: number; readonly steps: number; readonly messagesInRow: number }
  | { readonly type: 'systematic'; readonly messagesInRow: number }

/** One executor in one of its lives: keys for what is drawn there. */
export interface Lane {
  /** Differs from executor to executor. */
  readonly key: number
  readonly incarnation: number
  /** Choices made there so far: a choice more on one lane moves none of another's. */
  choices: number
}

/** How events of one moment are ordered. Those of one key keep the order in which they were scheduled, in any case. */
export type Ties =
  /** Another order at each moment, all of them decided by one draw. */
  | { readonly type: 'drawn' }
  /** The same order at every moment, decided by one draw. */
  | { readonly type: 'steady' }
  | { readonly type: 'asScheduled' }
  /** The heads of all keys that are due, in the order in which they were scheduled; the position of one is returned. */
  | { readonly type: 'chosen'; readonly choose: (due: number) => number }

export interface Scheduler {
  readonly messagesInRow: number
  readonly ties: Ties
  /** The position of the actor that goes next. */
  pick(lane: Lane, runnable: Runnable): number
}
