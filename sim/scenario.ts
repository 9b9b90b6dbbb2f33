/**
 * What can be run by seed: a name, the seeds that are always run, and a body that acts on a cluster. Bodies are
 * synchronous; what they find wrong they throw.
 *
 * A title begins with the name it is called by: `D1: a retried write is applied once` is scenario `D1`.
 */

import { Violation } from './checkers/violation.ts'
import { type ClusterOptions, SimCluster } from './cluster.ts'
import { Decisions } from './decisions.ts'
import { firstDifference, StepHashes } from './determinism.ts'
import type { RunPlan, Script } from './run-plan.ts'

export interface ScenarioOptions extends Omit<ClusterOptions, 'seed'> {
  /** Those that ever failed, and a few more. */
  readonly seeds: readonly number[]
}

export interface Scenario {
  readonly name: string
  readonly title: string
  readonly seeds: readonly number[]
  /** What the command line was told besides its name: without it a seed would be another run. */
  readonly words?: readonly string[]
  /** What the world of a seed is made of, where that is drawn; the plan of the mixed workload when absent. */
  readonly plan?: (seed: number) => RunPlan
  /** Makes the world of a seed, or of a script. */
  readonly open: (seed: number, decisions: Decisions, script?: Script) => SimCluster
  readonly body: (cluster: SimCluster, script?: Script) => void
}

export interface SeedResult {
  readonly scenario: string
  readonly seed: number
  readonly digest: string
  readonly deliveries: number
  readonly simulatedMs: number
  /** Undefined: all went well. */
  readonly failure: SeedFailure | undefined
}

export interface SeedFailure {
  /** The number of the rule that was broken. */
  readonly invariant: string
  readonly text: string
  /** What was delivered last, oldest first. */
  readonly tail: readonly string[]
}

export function defineScenario(title: string, options: ScenarioOptions, body: (cluster: SimCluster) => void): Scenario {
  const { seeds, ...cluster } = options
  const open = (seed: number, decisions: Decisions): SimCluster => new SimCluster({ ...cluster, seed, decisions })
  return { name: nameOf(title), title, seeds, open, body }
}

/** How a seed is run, when not as always. */
export interface RunHow {
  /** Plays this back; the seed is only a name then. */
  readonly script?: Script
  /** Called with the world before anything happens in it. */
  readonly opened?: (cluster: SimCluster) => void
  /** Writes down every choice that was not harmless. */
  readonly record?: boolean
}

/** Runs one seed to its end or its first failure. */
export function runSeed(scenario: Scenario, seed: number, { script, opened, record = false }: RunHow = {}): SeedResult {
  let cluster: SimCluster | undefined
  let failure: SeedFailure | undefined
  try {
    const decisions = script === undefined ? Decisions.drawn(seed) : Decisions.scripted(script.decisions)
    if (record) decisions.record()
    cluster = scenario.open(seed, decisions, script)
    opened?.(cluster)
    scenario.body(cluster, script)
  } catch (error) {
    failure = failureOf(error, cluster)
  }
  const trace = cluster?.world.trace
  return {
    scenario: scenario.name,
    seed,
    digest: trace?.digest.text() ?? '',
    deliveries: trace?.deliveries ?? 0,
    simulatedMs: cluster?.world.nowMs ?? 0,
    failure,
  }
}

/**
 * Runs a seed twice: the second run must be the first one again, or the first step that differs is named.
 *
 * @param first - What the first run came to, where there was one.
 */
export function runSeedTwice(
  scenario: Scenario,
  seed: number,
  first: SeedResult = runSeed(scenario, seed),
): SeedResult {
  const second = runSeed(scenario, seed)
  if (first.digest === second.digest && first.deliveries === second.deliveries) return first
  const text = `two runs differ: digest ${first.digest} after ${first.deliveries} deliveries, ${second.digest} after ${second.deliveries}`
  const where = differenceOf(scenario, seed)
  return { ...first, failure: { invariant: 'I0', text: `I0: ${text}\n${where}`, tail: first.failure?.tail ?? [] } }
}

/** Runs it three times more: twice to see where, once to look at who was at work there. */
function differenceOf(scenario: Scenario, seed: number): string {
  const watch = (stopAt?: number): StepHashes => {
    const steps = new StepHashes()
    if (stopAt !== undefined) steps.stopAt = stopAt
    runSeed(scenario, seed, { opened: (cluster) => steps.listen(cluster) })
    return steps
  }
  const step = firstDifference(watch(), watch())
  if (step === undefined) return 'two further runs were equal: something outside of the seed changed in between'
  return `the first step that differs is ${step + 1}, between\n${watch(step + 1).stoppedAt.join('\n')}`
}

/** The line that runs a seed again. */
export function reproduction({ name, words = [] }: Scenario, seed: number): string {
  return ['npm run sim -- --scenario', name, ...words, '--seed', seed].join(' ')
}

const tailLines = 40

function failureOf(error: unknown, cluster: SimCluster | undefined): SeedFailure {
  const tail = cluster?.world.trace.tail(tailLines) ?? []
  if (error instanceof Violation) return { invariant: error.invariant, text: error.message, tail }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { invariant: 'I0', text, tail }
}

function nameOf(title: string): string {
  const end = title.indexOf(':')
  if (end < 1)
    throw new RangeError(`scenario: wanted a title that begins with a name and a colon, not ${JSON.stringify(title)}`)
  return title.slice(0, end)
}
