/**
 * Tries one mutant, in a process of its own: `node trial.js '{"mutant":"vote-not-persisted","seeds":300}'`. It runs seed
 * after seed until one fails that passes while the mutant sleeps, and says so line by line, one JSON document each:
 *
 *   {"type":"seed","seed":7}              about to be run
 *   {"type":"killed","seed":7,…}          the end
 *   {"type":"survived","seeds":300}       the end
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withTripwires } from '../../cli/tripwires.ts'
import { mixWorkload } from '../../sim/mix.ts'
import { runSeed, type Scenario, type SeedResult } from '../../sim/scenario.ts'

export interface TrialOrder {
  readonly mutant: string
  /** `mix` or the name of a scenario of test/scenarios. */
  readonly scenario: string
  readonly first: number
  readonly seeds: number
}

export type TrialNews =
  | { readonly type: 'seed'; readonly seed: number }
  | {
      readonly type: 'killed'
      readonly seed: number
      readonly invariant: string
      readonly text: string
      /** Seeds that fail without the mutant as well: they prove nothing. */
      readonly unsound: number
    }
  | { readonly type: 'survived'; readonly seeds: number; readonly unsound: number }

const [, , order] = process.argv
if (order !== undefined) await tryOut(JSON.parse(order) as TrialOrder)

async function tryOut({ mutant, scenario: name, first, seeds }: TrialOrder): Promise<void> {
  const scenario = await scenarioOf(name)
  let unsound = 0
  for (let seed = first; seed < first + seeds; seed++) {
    say({ type: 'seed', seed })
    const { failure } = run(scenario, seed, mutant)
    if (failure === undefined) continue
    // What fails anyway says nothing about the mutant.
    if (run(scenario, seed, undefined).failure !== undefined) {
      unsound += 1
      continue
    }
    const { invariant, text } = failure
    say({ type: 'killed', seed, invariant, text: text.slice(0, 600), unsound })
    return
  }
  say({ type: 'survived', seeds, unsound })
}

function run(scenario: Scenario, seed: number, mutant: string | undefined): SeedResult {
  const world = globalThis as { aspenMutant?: string | undefined }
  world.aspenMutant = mutant
  try {
    return withTripwires(() => runSeed(scenario, seed))
  } finally {
    world.aspenMutant = undefined
  }
}

async function scenarioOf(name: string): Promise<Scenario> {
  if (name === 'mix') return mixWorkload({ nodes: undefined })
  const known = await collectScenarios()
  const found = known.find((each) => each.name === name)
  if (found === undefined) throw new RangeError(`trial: there is no scenario ${name}`)
  return found
}

/** Scenarios live with the tests that run them, and hand themselves over when they are loaded for it. */
async function collectScenarios(): Promise<readonly Scenario[]> {
  const collected: Scenario[] = []
  const folder = new URL('../scenarios/', import.meta.url)
  ;(globalThis as { aspenScenarios?: Scenario[] }).aspenScenarios = collected
  for (const file of readdirSync(fileURLToPath(folder)).sort())
    if (file.endsWith('.test.js')) await import(new URL(file, folder).href)
  return collected
}

function say(news: TrialNews): void {
  process.stdout.write(`${JSON.stringify(news)}\n`)
}
