/**
 * Scenarios as tests: each seed runs twice in a world of its own, with tripwires laid around it, and both runs must be the
 * same. `npm run sim -- --scenario NAME --seed K` loads the same files and collects the scenarios instead.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { withTripwires } from '../../cli/tripwires.ts'
import type { SimCluster } from '../../sim/cluster.ts'
import { defineScenario, reproduction, runSeedTwice, type Scenario, type ScenarioOptions } from '../../sim/scenario.ts'

export function scenario(title: string, options: ScenarioOptions, body: (cluster: SimCluster) => void): void {
  testScenario(defineScenario(title, options, body))
}

/** The same, of one that is defined already. */
export function testScenario(defined: Scenario): void {
  const collected = (globalThis as { aspenScenarios?: Scenario[] }).aspenScenarios
  if (collected !== undefined) {
    collected.push(defined)
    return
  }
  test(defined.title, () => {
    for (const seed of defined.seeds) {
      const { failure } = withTripwires(() => runSeedTwice(defined, seed))
      if (failure === undefined) continue
      assert.fail(`${failure.text}\n\n${failure.tail.join('\n')}\n\n${reproduction(defined, seed)}`)
    }
  })
}
