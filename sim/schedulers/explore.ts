/**
 * All schedules of a small world, depth first: a run, then the same run with the last choice that still has an untried
 * answer changed, until none is left. Between two runs nothing is kept but the choices themselves.
 *
 *   run ─▶ choices 0 0 0 ─▶ run 0 0 1 ─▶ … ─▶ run 0 1 ─▶ … ─▶ no untried answer: complete
 *
 * Nothing is pruned. States that look alike are not told apart by a hash here: what a world will do also depends on the
 * events that wait, and those are closures. A search that took two different worlds for one would claim what it did not
 * check; this one says `complete` only when every schedule was run.
 */
import type { Decision } from '../decisions.ts'
import type { Choice } from './systematic.ts'

export interface Bounds {
  readonly schedulesMax: number
  /** Only the first so many choices of a run are varied. */
  readonly choicesMax: number
}

export interface Exploration {
  /** How many were run. */
  readonly schedules: number
  /** There is no other schedule. */
  readonly complete: boolean
  /** The schedule that failed, as decisions that play it back; undefined when none did. */
  readonly failed: readonly Decision[] | undefined
}

/** One schedule: given what is decided (all else is the first answer), says what was asked and whether it went well. */
export type RunSchedule = (decided: readonly Decision[]) => {
  readonly choices: readonly Choice[]
  readonly ok: boolean
}

/** Runs schedules until one fails, all were run, or the bound is reached. */
export function explore(run: RunSchedule, { schedulesMax, choicesMax }: Bounds): Exploration {
  let decided: readonly Decision[] = []
  let truncated = false
  for (let schedules = 1; ; schedules++) {
    const { choices, ok } = run(decided)
    if (!ok) return { schedules, complete: false, failed: choices.filter(isTaken).map(decisionOf) }
    truncated ||= choices.slice(choicesMax).some(({ answers }) => answers > 1)
    const next = following(choices.slice(0, choicesMax))
    if (next === undefined) return { schedules, complete: !truncated, failed: undefined }
    if (schedules >= schedulesMax) return { schedules, complete: false, failed: undefined }
    decided = next
  }
}

/** The choices up to the last that has an untried answer, with that answer. */
function following(choices: readonly Choice[]): readonly Decision[] | undefined {
  for (let last = choices.length - 1; last >= 0; last--) {
    const choice = choices[last] as Choice
    if (choice.taken + 1 >= choice.answers) continue
    return [...choices.slice(0, last).filter(isTaken), { ...choice, taken: choice.taken + 1 }].map(decisionOf)
  }
  return undefined
}

function isTaken({ taken }: Choice): boolean {
  return taken > 0
}

function decisionOf({ site, a, b, c, taken }: Choice): Decision {
  return [site, a, b, c, taken]
}
