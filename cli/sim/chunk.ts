/**
 * Runs a few seeds in a row, on whatever thread it is loaded in: what a job is given at a time. Nothing of the real world can
 * be touched meanwhile.
 */
import { addCoverage, type Coverage, newCoverage } from '../../sim/fault-firing.ts'
import type { MixOptions } from '../../sim/mix.ts'
import { runOnce } from '../../sim/run.ts'
import type { Scenario, SeedResult } from '../../sim/scenario.ts'
import { withTripwires } from '../tripwires.ts'
import { scenarioOf } from './scenarios.ts'

export interface Chunk {
  readonly scenario: string
  readonly mix: MixOptions
  readonly first: number
  readonly seeds: number
}

export interface ChunkResult {
  readonly first: number
  readonly results: readonly SeedResult[]
  readonly coverage: Coverage
}

let loaded: { readonly key: string; readonly scenario: Scenario } | undefined

export async function runChunk(chunk: Chunk): Promise<ChunkResult> {
  const key = JSON.stringify([chunk.scenario, chunk.mix])
  if (loaded?.key !== key) loaded = { key, scenario: await scenarioOf(chunk.scenario, chunk.mix) }
  const { scenario } = loaded
  const results: SeedResult[] = []
  const coverage = newCoverage()
  for (let seed = chunk.first; seed < chunk.first + chunk.seeds; seed++) {
    results.push(withTripwires(() => runOnce(scenario, seed, (covered) => addCoverage(coverage, covered))))
  }
  return { first: chunk.first, results, coverage }
}
