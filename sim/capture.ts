/**
 * A run as one file: what went wrong, and everything that could have been otherwise. It is played back without its seed,
 * and after changes to the code that leave the named choices what they were.
 */
import type { SimCluster } from './cluster.ts'
import { drawPlan, type RunPlan, type Script } from './run-plan.ts'
import { runSeed, type Scenario, type SeedResult } from './scenario.ts'
import { workerPrefix } from './worker.ts'

export interface Capture {
  readonly format: 1
  readonly scenario: string
  readonly seed: number
  /** Undefined: the run went well. */
  readonly invariant: string | undefined
  readonly text: string
  readonly deliveries: number
  /** Virtual milliseconds until it ended or failed. */
  readonly endedMs: number
  readonly digest: string
  readonly script: Script
}

/** Runs a seed and writes it down. */
export function capture(scenario: Scenario, seed: number): Capture {
  return recorded(scenario, seed, undefined)
}

/** Plays a script and writes down what came of it: what the script had and did not matter is gone from it. */
export function captureScript(scenario: Scenario, seed: number, script: Script): Capture {
  return recorded(scenario, seed, script)
}

export function replay(scenario: Scenario, { seed, script }: Capture): SeedResult {
  return runSeed(scenario, seed, { script })
}

function recorded(scenario: Scenario, seed: number, script: Script | undefined): Capture {
  let cluster: SimCluster | undefined
  const result = runSeed(scenario, seed, {
    ...(script === undefined ? {} : { script }),
    record: true,
    opened: (opened) => {
      cluster = opened
    },
  })
  const { failure, deliveries, digest, simulatedMs } = result
  return {
    format: 1,
    scenario: scenario.name,
    seed,
    invariant: failure?.invariant,
    text: failure?.text ?? '',
    deliveries,
    endedMs: simulatedMs,
    digest,
    script:
      script === undefined
        ? scriptOf(cluster, scenario.plan?.(seed) ?? drawPlan(seed, cluster?.founders))
        : { ...script, decisions: cluster?.world.decisions.recorded ?? script.decisions },
  }
}

function scriptOf(cluster: SimCluster | undefined, plan: RunPlan): Script {
  const notes = cluster?.history.notes ?? []
  return {
    plan,
    acts: cluster?.acts ?? [],
    operations: notes
      .filter(({ client }) => client.startsWith(workerPrefix))
      .map(({ beganMs, client, operation }) => ({ atMs: beganMs, client, operation })),
    decisions: cluster?.world.decisions.recorded ?? [],
  }
}
