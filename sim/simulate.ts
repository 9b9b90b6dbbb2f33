/**
 * A scenario of a user's, run by seed in any test runner: a plain function that returns when nothing went wrong, and throws
 * a report when something did.
 *
 *   seed ─▶ plan (nodes, faults, scheduler) ─▶ boot ─▶ scenario, while faults happen ─▶ faults end ─▶ verdict
 *                                                        └─ invariants after every delivery
 *
 *   a seed fails ─▶ run again: the same? ─▶ written down as a script ─▶ made smaller ─▶ report
 */
import { type Capture, capture, captureScript } from './capture.ts'
import type { Decision } from './decisions.ts'
import { newTotals, runInto, type Totals } from './run.ts'
import { runSeed, type Scenario, type SeedFailure } from './scenario.ts'
import { readScenarioFile, scenarioFileText } from './scenario-file.ts'
import { type Exploration, explore } from './schedulers/explore.ts'
import { type Choice, Systematic } from './schedulers/systematic.ts'
import { shrink } from './shrink/shrink.ts'
import type { SimulatedCluster } from './simulate-cluster.ts'
import { readOptions, type SimulateOptions, type Wanted } from './simulate-options.ts'
import { scenarioOf } from './simulate-run.ts'
import { type FoundBy, SimulationFailed } from './simulation-failed.ts'

/** What `simulate` did, when all went well. */
export interface Simulated {
  /** Seeds that were run; under the exhaustive scheduler schedules. */
  readonly runs: number
  readonly deliveries: number
  readonly simulatedMs: number
  /** Over all deliveries of all runs: the same for the same seeds and the same code. */
  readonly hash: string
  /** True: every schedule there is was run. Never with seeds. */
  readonly complete: boolean
}

/**
 * Runs `scenario` in a simulated world of its own for every seed: the production kernel, supervisors, Raft and stores' rules,
 * with clock, disks, threads and network in memory. All that is left to chance is decided by the seed.
 *
 * The scenario is synchronous and asserts with whatever it likes. Besides what it asserts and the invariants it names, every
 * run is checked for what Aspen promises itself: one leader a term, equal replicas, nothing acknowledged lost. When it returns,
 * the faults end and all groups must come to agree, unless the faults are `unlimited`. A failing seed is run twice to see
 * that it fails the same way, and one passing seed in twenty is as well.
 *
 * @throws {SimulationFailed} A seed failed: the text says which, why, what happened last, and how to see it again.
 * @throws {RangeError} An option is out of its bounds.
 *
 * @example
 * const boot = (node: StartedNode) => node.spawn(counter, { start: 0 }, { name: 'hits', supervise: { restart: 'permanent' } })
 * simulate('a count survives crashes', { actors: [counter], boot }, (cluster) => {
 *   let answered = 0
 *   for (let i = 0; i < 10; i++) {
 *     const answer = cluster.actor(counter, 'hits').ask.add(1)
 *     if (answer.type === 'reply') answered = answer.value
 *   }
 *   cluster.calm()
 *   cluster.eventually('it is all there', () => (cluster.stateOf(counter, 'hits')?.n ?? -1) >= answered, { withinMs: 5_000 })
 * })
 */
export function simulate(
  name: string,
  options: SimulateOptions,
  scenario: (cluster: SimulatedCluster) => unknown,
): Simulated {
  const wanted = readOptions(name, options)
  const runnable = scenarioOf(name, options, wanted, scenario)
  if (options.replay !== undefined) return replayed(runnable, options, options.replay)
  if (wanted.exhaustive !== undefined) return explored(runnable, options, wanted)
  const totals = newTotals()
  for (let seed = wanted.first; seed < wanted.first + wanted.seeds; seed++) {
    const { failure } = runInto(totals, runnable, seed)
    if (failure !== undefined) throw failed(runnable, options, failure, capture(runnable, seed), { type: 'seed' })
  }
  return simulated(totals, totals.seeds, false)
}

function explored(scenario: Scenario, options: SimulateOptions, { exhaustive, planOf, first }: Wanted): Simulated {
  const totals = newTotals()
  const script = { plan: planOf(first), acts: [], operations: [] }
  let failure: SeedFailure | undefined
  const run = (decisions: readonly Decision[]): { choices: readonly Choice[]; ok: boolean } => {
    let choices: readonly Choice[] = []
    const result = runSeed(scenario, first, {
      script: { ...script, decisions },
      opened: ({ world }) => {
        if (world.scheduler instanceof Systematic) choices = world.scheduler.choices
      },
    })
    totals.deliveries += result.deliveries
    totals.simulatedMs += result.simulatedMs
    totals.digest.addText(result.digest)
    failure = result.failure
    return { choices, ok: failure === undefined }
  }
  const bounds = { schedulesMax: exhaustive?.schedulesMax ?? 1, choicesMax: exhaustive?.choicesMax ?? 0 }
  const { schedules, complete, failed: decisions }: Exploration = explore(run, bounds)
  if (failure === undefined || decisions === undefined) return simulated(totals, schedules, complete)
  const captured = captureScript(scenario, first, { ...script, decisions })
  throw failed(scenario, options, failure, captured, { type: 'search', schedules })
}

function replayed(scenario: Scenario, options: SimulateOptions, file: string | Capture): Simulated {
  const captured = typeof file === 'string' ? readScenarioFile(file, `simulate '${scenario.name}': replay`) : file
  if (captured.scenario !== scenario.name) {
    throw new RangeError(
      `simulate '${scenario.name}': wanted a run of this scenario to replay, found one of '${captured.scenario}'`,
    )
  }
  const { failure, deliveries, simulatedMs, digest } = runSeed(scenario, captured.seed, { script: captured.script })
  if (failure === undefined) return { runs: 1, deliveries, simulatedMs, hash: digest, complete: false }
  const again = captureScript(scenario, captured.seed, captured.script)
  throw failed(scenario, { ...options, shrink: false }, failure, again, { type: 'replay' })
}

function simulated({ deliveries, simulatedMs, digest }: Totals, runs: number, complete: boolean): Simulated {
  return { runs, deliveries, simulatedMs, hash: digest.text(), complete }
}

/** Deliveries that may be spent on making a run smaller: some seconds. */
const shrinkDeliveries = 1_000_000

function failed(
  scenario: Scenario,
  { save, shrink: wanted = true, invariants = {} }: SimulateOptions,
  failure: SeedFailure,
  captured: Capture,
  found: FoundBy,
): SimulationFailed {
  const triesMax = shrinkDeliveries / (captured.deliveries + 1)
  let tried = 0
  const shrunk = wanted
    ? shrink(scenario, captured, {
        goOn: () => tried < triesMax,
        progress: (tries) => {
          tried = tries
        },
      })
    : undefined
  const { seed, script } = shrunk?.capture ?? captured
  // What happened last is told of the smaller run, where there is one, and of the user's actors, where it is their failure.
  const told = runSeed(scenario, seed, {
    script,
    opened: ({ world }) => {
      if (!isOurs(failure.invariant, invariants)) world.trace.keeps = isUsers
    },
  }).failure
  const file = `sim-${scenario.name.replaceAll(/[^a-zA-Z0-9]+/g, '-').slice(0, 60)}-${seed}.json`
  save?.(file, scenarioFileText(shrunk?.capture ?? captured))
  return new SimulationFailed(told ?? failure, captured, { found, shrunk, file: save === undefined ? undefined : file })
}

/** A rule of Aspen's own, and none that the user numbered alike. */
function isOurs(invariant: string, invariants: object): boolean {
  return (
    /^[A-Z]\d{1,2}$/.test(invariant) && !Object.keys(invariants).some((title) => title.startsWith(`${invariant}: `))
  )
}

const ours = /^(node|groups|users|homes|keeper|compactor|(group|raft|replica|peers|heartbeats|disk-watch)\/.*)$/

function isUsers(actor: string): boolean {
  return !ours.test(actor)
}
