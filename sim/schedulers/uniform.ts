/** Each of the actors that could run is as likely to be the next one. */
import type { Runnable } from '../../runtime/kernel/executor.ts'
import { type Decisions, decisionSite } from '../decisions.ts'
import type { Lane, Scheduler, Ties } from './scheduler.ts'

const pickSite = decisionSite('schedule.pick')

export class Uniform implements Scheduler {
  readonly messagesInRow: number
  readonly ties: Ties = { type: 'drawn' }
  readonly #decisions: Decisions

  constructor(decisions: Decisions, messagesInRow: number) {
    this.#decisions = decisions
    this.messagesInRow = messagesInRow
  }

  pick(lane: Lane, runnable: Runnable): number {
    if (runnable.length <= 1) return 0
    lane.choices += 1
    return this.#decisions.pick(pickSite, runnable.length, lane.key, lane.incarnation, lane.choices)
  }
}
