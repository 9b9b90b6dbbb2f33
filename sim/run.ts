/**
 * Runs many seeds of a scenario, one after the other, and sums up. Each run of a seed is a world of its own.
 */
import { RollingDigest } from '../base/digest.ts'
import { runSeed, runSeedTwice, type Scenario, type SeedResult } from './scenario.ts'

export interface Totals {
  seeds: number
  deliveries: number
  simulatedMs: number
  readonly failures: SeedResult[]
  /** Over the digests of all seeds, in order. */
  readonly digest: RollingDigest
}

export function newTotals(): Totals {
  return { seeds: 0, deliveries: 0, simulatedMs: 0, failures: [], digest: new RollingDigest() }
}

/** One seed in so many is run twice even when it passes. */
const twiceEvery = 20

/** Runs `seed`; a failing seed, and some of the others, twice, which must be the same run both times. */
export function runInto(totals: Totals, scenario: Scenario, seed: number): SeedResult {
  const once = seed % twiceEvery === 0 ? runSeedTwice(scenario, seed) : runSeed(scenario, seed)
  const result = once.failure === undefined ? once : runSeedTwice(scenario, seed)
  totals.seeds += 1
  totals.deliveries += result.deliveries
  totals.simulatedMs += result.simulatedMs
  totals.digest.addText(result.digest)
  if (result.failure !== undefined) totals.failures.push(result)
  return result
}
