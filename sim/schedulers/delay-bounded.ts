/**
 * Delay-bounded scheduling (Emmi, Qadeer, Rakamarić: "Delay-Bounded Scheduling", POPL 2011), with the delays drawn: actors go
 * in the order in which they became runnable, as they do in production, but for at most `delays` moments at which whoever
 * would go is put behind all that wait. What it finds differs from the everyday schedule in a few places only, so it is easy
 * to read, and as likely to be seen in production as any bug of order is.
 *
 * Turns are counted over all executors of the world.
 */
import type { Cell } from '../../runtime/kernel/cell.ts'
import type { Runnable } from '../../runtime/kernel/executor.ts'
import { type Decisions, decisionSite } from '../decisions.ts'
import type { Lane, Scheduler, SchedulerPlan, Ties } from './scheduler.ts'

const delaySite = decisionSite('schedule.delay')

export class DelayBounded implements Scheduler {
  readonly messagesInRow: number
  readonly ties: Ties = { type: 'asScheduled' }
  /** How many actors are delayed before a turn, by turn. */
  readonly #delays = new Map<number, number>()
  /** Turns of others that an actor still lets pass, by lane: those that waited when it was delayed. */
  readonly #delayed = new WeakMap<Lane, Map<Cell, number>>()
  #turns = 0

  constructor(decisions: Decisions, { delays, steps, messagesInRow }: SchedulerPlan & { type: 'delay-bounded' }) {
    this.messagesInRow = messagesInRow
    for (let delay = 1; delay <= delays; delay++) {
      const share = decisions.share(delaySite, delay)
      // A delay that is not in a script does not happen.
      if (share === 0) continue
      const turn = 1 + Math.floor(share * steps)
      this.#delays.set(turn, (this.#delays.get(turn) ?? 0) + 1)
    }
  }

  pick(lane: Lane, runnable: Runnable): number {
    this.#turns += 1
    let delayed = this.#delayed.get(lane)
    let position = firstOf(runnable, delayed)
    for (let left = this.#delays.get(this.#turns) ?? 0; left > 0; left--) {
      if (delayed === undefined) {
        delayed = new Map()
        this.#delayed.set(lane, delayed)
      }
      delayed.set(runnable.at(position) as Cell, runnable.length - 1)
      position = firstOf(runnable, delayed)
    }
    if (delayed !== undefined) passed(delayed, runnable.at(position) as Cell)
    return position
  }
}

/** The one that waits longest and is not delayed; of the delayed alone, the one whose delay ends first. */
function firstOf(runnable: Runnable, delayed: ReadonlyMap<Cell, number> | undefined): number {
  if (delayed === undefined || delayed.size === 0) return 0
  let first = 0
  let least = Number.POSITIVE_INFINITY
  for (let position = 0; position < runnable.length; position++) {
    const left = delayed.get(runnable.at(position) as Cell) ?? 0
    if (left === 0) return position
    if (left >= least) continue
    first = position
    least = left
  }
  return first
}

/** `cell` has its turn: every delay is one turn shorter, and its own is over. */
function passed(delayed: Map<Cell, number>, cell: Cell): void {
  delayed.delete(cell)
  for (const [other, left] of delayed) {
    if (left <= 1) delayed.delete(other)
    else delayed.set(other, left - 1)
  }
}
