/**
 * Runs seeds of a scenario, each in a world of its own, and sums up. A failing seed, and one in twenty of the others, is run
 * twice: both runs must be the same.
 */
import { RollingDigest } from '../base/digest.ts'
import type { SimCluster } from './cluster.ts'
import { addCoverage, type Coverage, newCoverage } from './fault-firing.ts'
import { runSeed, runSeedTwice, type Scenario, type SeedResult } from './scenario.ts'

export interface Totals {
  seeds: number
  deliveries: number
  simulatedMs: number
  readonly failures: SeedResult[]
  readonly coverage: Coverage
  /** Over the digests of all seeds, in their order. */
  readonly digest: RollingDigest
}

export function newTotals(): Totals {
  return {
    seeds: 0,
    deliveries: 0,
    simulatedMs: 0,
    failures: [],
    coverage: newCoverage(),
    digest: new RollingDigest(),
  }
}

/** One seed in so many is run twice even when it passes. */
const twiceEvery = 20

/**
 * @param covered - Hears which sites and probes the run reached.
 * @param twice - Whether to run it twice even when it passes.
 */
export function runOnce(
  scenario: Scenario,
  seed: number,
  covered: (coverage: Coverage) => void,
  twice: boolean = seed % twiceEvery === 0,
): SeedResult {
  let cluster: SimCluster | undefined
  const once = runSeed(scenario, seed, {
    opened: (opened) => {
      cluster = opened
    },
  })
  if (cluster !== undefined) covered(cluster.world.points.coverage)
  return once.failure === undefined && !twice ? once : runSeedTwice(scenario, seed, once)
}

/** Adds results in the order of their seeds. */
export function addResult(totals: Totals, result: SeedResult): void {
  totals.seeds += 1
  totals.deliveries += result.deliveries
  totals.simulatedMs += result.simulatedMs
  totals.digest.addText(result.digest)
  if (result.failure !== undefined) totals.failures.push(result)
}

/** Runs `seed` and adds what came of it. */
export function runInto(totals: Totals, scenario: Scenario, seed: number, twice?: boolean): SeedResult {
  const result = runOnce(scenario, seed, (coverage) => addCoverage(totals.coverage, coverage), twice)
  addResult(totals, result)
  return result
}
