/**
 * Which scheduler a run has: made from its plan, and the plan drawn from the seed.
 */
import { unreachable } from '../../base/assert.ts'
import { byDoublings, draw } from '../../base/draw.ts'
import type { Decisions } from '../decisions.ts'
import { DelayBounded } from './delay-bounded.ts'
import { Pct } from './pct.ts'
import type { Scheduler, SchedulerPlan } from './scheduler.ts'
import { Systematic } from './systematic.ts'
import { Uniform } from './uniform.ts'

export const schedulerNames = ['uniform', 'pct', 'delay-bounded'] as const
/** Those that can be asked for by name; their knobs are drawn. */
export type SchedulerName = (typeof schedulerNames)[number]

/** What an executor does by itself. */
export const usualInRow = 32
export const uniform: SchedulerPlan = { type: 'uniform', messagesInRow: usualInRow }

export function schedulerOf(plan: SchedulerPlan, decisions: Decisions): Scheduler {
  switch (plan.type) {
    case 'uniform':
      return new Uniform(decisions, plan.messagesInRow)
    case 'pct':
      return new Pct(decisions, plan)
    case 'delay-bounded':
      return new DelayBounded(decisions, plan)
    case 'systematic':
      return new Systematic(decisions, plan.messagesInRow)
    default:
      return unreachable(plan)
  }
}

/**
 * Draws a scheduler with all its knobs: another one for every seed.
 *
 * @param name - Undefined: half of the seeds are uniform, the others have one of the rest.
 */
export function drawScheduler(seed: number, name?: SchedulerName): SchedulerPlan {
  const roll = (site: string): number => draw(seed, `scheduler.${site}`, 0)
  const kind = roll('kind')
  const messagesInRow = [1, 2, 5, usualInRow][Math.floor(roll('in-row') * 4)] as number
  // Nobody knows beforehand how long a run will be: every order of magnitude from a small test to a long run is tried.
  const steps = Math.floor(byDoublings(10, 31_622, roll('steps')))
  switch (name ?? (kind < 0.5 ? 'uniform' : kind < 0.8 ? 'pct' : 'delay-bounded')) {
    case 'uniform':
      return { type: 'uniform', messagesInRow }
    case 'pct':
      return { type: 'pct', depth: 1 + Math.floor(5 * roll('depth')), steps, messagesInRow }
    case 'delay-bounded':
      return { type: 'delay-bounded', delays: 1 + Math.floor(8 * roll('delays')), steps, messagesInRow }
  }
}
