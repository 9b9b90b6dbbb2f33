/** The table of mutants: on the screen, as a page of the documentation, and as data for whoever compares runs. */
import Table from 'cli-table3'
import { areas } from './all.ts'
import type { Mutation } from './mutation.ts'
import type { Verdict } from './race.ts'

export interface Summary {
  readonly mutants: number
  readonly killed: number
  readonly alive: readonly string[]
}

export function summaryOf(verdicts: readonly Verdict[]): Summary {
  const alive = verdicts.filter(({ killedBy }) => killedBy === undefined).map(({ name }) => name)
  return { mutants: verdicts.length, killed: verdicts.length - alive.length, alive }
}

export function screenTable(verdicts: readonly Verdict[]): string {
  const table = new Table({ head: ['mutant', 'area', 'killed by', 'in', 'at seed', 'seeds', 'seconds'] })
  for (const { area, mutation, verdict } of rowsOf(verdicts)) {
    const { killedBy, scenario, seed, seeds, seconds } = verdict
    table.push([mutation.name, area, killedBy ?? 'ALIVE', scenario, seed ?? '', seeds, seconds.toFixed(1)])
  }
  return table.toString()
}

/** @param seedsMax - How many seeds each was given at most. */
export function markdownPage(verdicts: readonly Verdict[], seedsMax: number): string {
  const { mutants, killed, alive } = summaryOf(verdicts)
  const lines = [
    '# Planted bugs',
    '',
    'What the simulator finds is worth as much as what it would find. Each row is a bug put into a build made for it, under a',
    'switch, and the first seed that found it; seeds begin with 1, and a seed counts only if it passes while the switch is off.',
    'The tables of the bugs, with the lines they bend, lie in `test/mutations/`; `npm run mutants` makes this page, and',
    '`npm run mutants -- --only NAME` tries one. “In” names the default mix or a scenario of `test/scenarios`; numbers of',
    'rules are those of the README files beside the code and of `sim/checkers/violation.ts`.',
    '',
    `**${killed} of ${mutants} are found** within ${seedsMax} seeds each.${alive.length === 0 ? '' : ` Alive: ${alive.join(', ')}.`}`,
    `${byMix(verdicts)} of them fall to the default mix; each of the others is tried with a scenario that brings its situation about.`,
    '',
  ]
  for (const { area, mutations } of areas) {
    lines.push(
      `## ${area}`,
      '',
      '| bug | what it is | found by | in | at seed | seconds |',
      '| --- | --- | --- | --- | --- | --- |',
    )
    for (const mutation of mutations) {
      const verdict = verdicts.find(({ name }) => name === mutation.name)
      const cells =
        verdict === undefined
          ? ['not tried', '', '', '']
          : [
              verdict.killedBy ?? `alive after ${verdict.seeds}`,
              verdict.scenario,
              String(verdict.seed ?? ''),
              verdict.seconds.toFixed(1),
            ]
      lines.push(`| \`${mutation.name}\` | ${mutation.history} | ${cells.join(' | ')} |`)
    }
    lines.push('')
  }
  return lines.join('\n')
}

function byMix(verdicts: readonly Verdict[]): number {
  return verdicts.filter(({ killedBy, scenario }) => killedBy !== undefined && scenario === 'mix').length
}

interface Row {
  readonly area: string
  readonly mutation: Mutation
  readonly verdict: Verdict
}

function rowsOf(verdicts: readonly Verdict[]): Row[] {
  const rows: Row[] = []
  for (const { area, mutations } of areas) {
    for (const mutation of mutations) {
      const verdict = verdicts.find(({ name }) => name === mutation.name)
      if (verdict !== undefined) rows.push({ area, mutation, verdict })
    }
  }
  return rows
}
