/**
 * Every choice of a run as a question with a number of answers: which actor goes, which event of a moment comes first. It
 * notes the questions, so that whoever runs a world again and again can go through all answers.
 */
import type { Runnable } from '../../runtime/kernel/executor.ts'
import { type DecisionSite, type Decisions, decisionSite } from '../decisions.ts'
import type { Lane, Scheduler, Ties } from './scheduler.ts'

/** A question that a run asked: by which name, how many answers there were, and which was given. */
export interface Choice {
  readonly site: string
  readonly a: number
  readonly b: number
  readonly c: number
  readonly answers: number
  readonly taken: number
}

const pickSite = decisionSite('schedule.pick')
const tieSite = decisionSite('schedule.tie')

export class Systematic implements Scheduler {
  readonly messagesInRow: number
  readonly ties: Ties
  /** In the order in which they were made. */
  readonly choices: Choice[] = []
  readonly #decisions: Decisions
  #ties = 0

  constructor(decisions: Decisions, messagesInRow: number) {
    this.#decisions = decisions
    this.messagesInRow = messagesInRow
    this.ties = {
      type: 'chosen',
      choose: (due) => {
        this.#ties += 1
        return this.#choose(tieSite, due, this.#ties, 0, 0)
      },
    }
  }

  pick(lane: Lane, runnable: Runnable): number {
    if (runnable.length <= 1) return 0
    lane.choices += 1
    return this.#choose(pickSite, runnable.length, lane.key, lane.incarnation, lane.choices)
  }

  #choose(site: DecisionSite, answers: number, a: number, b: number, c: number): number {
    const taken = this.#decisions.pick(site, answers, a, b, c)
    this.choices.push({ site: site.name, a, b, c, answers, taken })
    return taken
  }
}
