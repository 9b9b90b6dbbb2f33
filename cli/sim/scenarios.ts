/** The scenarios that can be run by name: the mixed workload, and those that live with the tests. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type MixOptions, mixWorkload } from '../../sim/mix.ts'
import type { Scenario } from '../../sim/scenario.ts'
import { UsageError } from '../failure.ts'

/** @throws {UsageError} There is no such scenario. */
export async function scenarioOf(scenario: string, mix: MixOptions): Promise<Scenario> {
  if (mix.nodes !== undefined && mix.nodes > 9) throw new UsageError(`--nodes: wanted 1 to 9, found ${mix.nodes}`)
  if (scenario === 'mix') return mixWorkload(mix)
  const known = await collectScenarios()
  const found = known.find(({ name }) => name === scenario)
  if (found !== undefined) return found
  const names = ['mix', ...known.map(({ name }) => name)].join(', ')
  throw new UsageError(`--scenario: wanted one of ${names}, found ${JSON.stringify(scenario)}`)
}

/** Scenarios live with the tests that run them, and hand themselves over when they are loaded for it. */
async function collectScenarios(): Promise<readonly Scenario[]> {
  const collected: Scenario[] = []
  const folder = new URL('../../test/scenarios/', import.meta.url)
  ;(globalThis as { aspenScenarios?: Scenario[] }).aspenScenarios = collected
  for (const file of scenarioFiles(folder)) await import(new URL(file, folder).href)
  const twice = collected.find(({ name }, at) => collected.findIndex((other) => other.name === name) !== at)
  // Whoever asked for the one would run the other, and a planted bug would live for ever.
  if (twice !== undefined) throw new Error(`two scenarios are called ${twice.name}; the other is '${twice.title}'`)
  return collected
}

function scenarioFiles(folder: URL): readonly string[] {
  try {
    return readdirSync(fileURLToPath(folder))
      .filter((file) => file.endsWith('.test.js'))
      .sort()
  } catch {
    // A published package comes without its tests.
    return []
  }
}
