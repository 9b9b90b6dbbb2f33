/**
 * Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte: "A Randomized Scheduler with Probabilistic
 * Guarantees of Finding Bugs", ASPLOS 2010), with actors in place of threads and turns in place of instructions.
 *
 *   first turn of an actor   it draws a priority, d or more
 *   every turn               the runnable actor of highest priority goes
 *   d - 1 drawn turns        whoever would go now falls to d - i, below all that were drawn, and the choice is made again
 *
 * A bug that needs d things in a certain order (its depth) is found by one run with a probability of at least
 * 1 / (n · k^(d-1)), for n actors and k turns: orders that uniform choice finds only by long luck, such as one actor being
 * late by many turns, are as likely here as any other. The bound holds for turns of one executor, with one message a turn and
 * k no less than there are turns; elsewhere the scheduler is as good as its guess.
 *
 * Turns are counted over all executors of the world.
 */
import { hashText } from '../../base/digest.ts'
import type { Cell } from '../../runtime/kernel/cell.ts'
import type { Runnable } from '../../runtime/kernel/executor.ts'
import { type Decisions, decisionSite } from '../decisions.ts'
import type { Lane, Scheduler, SchedulerPlan, Ties } from './scheduler.ts'

const prioritySite = decisionSite('schedule.pct.priority')
const changeSite = decisionSite('schedule.pct.change')

export class Pct implements Scheduler {
  readonly messagesInRow: number
  readonly ties: Ties = { type: 'steady' }
  readonly #decisions: Decisions
  readonly #depth: number
  /** What a turn lowers the actor to that would have had it, by turn; two changes of one turn lower two actors. */
  readonly #changes = new Map<number, number[]>()
  readonly #priorities = new WeakMap<Cell, number>()
  /** Actors that have borne a name: a new life is another actor. */
  readonly #bearers = new Map<string, number>()
  #turns = 0

  constructor(decisions: Decisions, { depth, steps, messagesInRow }: SchedulerPlan & { type: 'pct' }) {
    this.#decisions = decisions
    this.#depth = depth
    this.messagesInRow = messagesInRow
    for (let change = 1; change < depth; change++) {
      const share = decisions.share(changeSite, change)
      // A change that is not in a script does not happen.
      if (share === 0) continue
      const turn = 1 + Math.floor(share * steps)
      const present = this.#changes.get(turn)
      if (present === undefined) this.#changes.set(turn, [depth - change])
      else present.push(depth - change)
    }
  }

  pick(lane: Lane, runnable: Runnable): number {
    this.#turns += 1
    let highest = this.#highest(lane, runnable)
    for (const lowered of this.#changes.get(this.#turns) ?? []) {
      this.#priorities.set(runnable.at(highest) as Cell, lowered)
      highest = this.#highest(lane, runnable)
    }
    return highest
  }

  #highest(lane: Lane, runnable: Runnable): number {
    let highest = 0
    let priority = Number.NEGATIVE_INFINITY
    for (let position = 0; position < runnable.length; position++) {
      const own = this.#priorityOf(lane, runnable.at(position) as Cell)
      if (own <= priority) continue
      highest = position
      priority = own
    }
    return highest
  }

  /** Keyed by name and not by age: an actor more in the world leaves the others what they were. */
  #priorityOf(lane: Lane, cell: Cell): number {
    const known = this.#priorities.get(cell)
    if (known !== undefined) return known
    const place = `${lane.key} ${cell.name}`
    const bearer = (this.#bearers.get(place) ?? 0) + 1
    this.#bearers.set(place, bearer)
    const drawn = this.#depth + this.#decisions.share(prioritySite, lane.key, hashText(cell.name), bearer)
    this.#priorities.set(cell, drawn)
    return drawn
  }
}
