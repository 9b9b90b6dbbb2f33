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
import { Chaos } from './chaos.ts'
import { Violation } from './checkers/violation.ts'
import { SimCluster } from './cluster.ts'
import type { Decision } from './decisions.ts'
import { endFaults, recoveryElections } from './liveness.ts'
import type { SimNode } from './node.ts'
import { Player } from './player.ts'
import { newTotals, runInto, type Totals } from './run.ts'
import type { RunPlan, Script } from './run-plan.ts'
import { runSeed, type Scenario, type SeedFailure } from './scenario.ts'
import { readScenarioFile, scenarioFileText } from './scenario-file.ts'
import { type Exploration, explore } from './schedulers/explore.ts'
import { type Choice, Systematic } from './schedulers/systematic.ts'
import { shrink } from './shrink/shrink.ts'
import { SimulatedCluster } from './simulate-cluster.ts'
import { readOptions, type SimulateOptions, type Wanted } from './simulate-options.ts'
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

/** The scenario as everything that runs scenarios takes it: by seed, by script, to be written down and made smaller. */
export function scenarioOf(
  name: string,
  options: SimulateOptions,
  { planOf, bare }: Wanted,
  scenario: (cluster: SimulatedCluster) => unknown,
): Scenario {
  const doors = new WeakMap<SimCluster, Door>()
  return {
    name,
    title: name,
    seeds: [],
    plan: planOf,
    open: (seed, decisions, script) => {
      const { nodes, executors, tickMs, logKeepEntries, faults, budget, scheduler } = script?.plan ?? planOf(seed)
      const early: SimNode[] = []
      let door: Door | undefined
      const cluster = new SimCluster({
        ...{ seed, decisions, nodes, executors, tickMs, logKeepEntries, faults, budget, scheduler, bare },
        definitions: options.actors ?? [],
        machines: options.machines ?? [],
        started: (node) => {
          if (door === undefined) early.push(node)
          else door.cluster.started(node, options.boot)
        },
      })
      door = new Door(cluster, options)
      doors.set(cluster, door)
      for (const node of early) door.cluster.started(node, options.boot)
      return cluster
    },
    body: (cluster, script) => {
      const door = doors.get(cluster)
      door?.begin(script?.plan ?? planOf(cluster.world.seed), script)
      door?.run(scenario)
    },
  }
}

/** Of virtual time between two storms: enough for elections, and for a disk that was lost to be filled again. */
const lullMs = 5_000

/** One run: the faults of the seed, the user's invariants, the verdict. */
class Door {
  readonly cluster: SimulatedCluster
  readonly #inner: SimCluster
  readonly #options: SimulateOptions
  readonly #chaos: Chaos
  readonly #invariants: readonly (readonly [title: string, holds: (cluster: SimulatedCluster) => unknown])[]
  #failuresSeen = 0
  #over = false

  constructor(inner: SimCluster, options: SimulateOptions) {
    const { actors = [], invariants = {}, mayFail = () => false } = options
    this.#inner = inner
    this.#options = options
    this.#chaos = new Chaos(inner)
    this.#invariants = Object.entries(invariants)
    this.cluster = new SimulatedCluster(inner, actors, () => this.#calm())
    const { checkers } = inner.world
    const byFault = checkers.failureExplained
    checkers.failureExplained = (node, error) => byFault(node, error) || mayFail(error)
    inner.world.onStep = () => this.#check()
  }

  /** The faults of the seed begin, or those that are written down. */
  begin(plan: RunPlan, script: Script | undefined): void {
    if (script !== undefined) {
      this.#inner.acts = script.acts
      new Player(this.#inner, { ...script, operations: [] }).start((client) => this.#inner.client(client).session)
    } else if (this.#options.faults !== 'none') {
      this.#inner.acts = this.#chaos.acts
      this.#chaos.start()
    }
    if (this.#options.faults !== 'none') this.#storm(plan)
  }

  /** Storms and lulls, by turns: at the same moments whether faults are drawn or played back. */
  #storm(plan: RunPlan): void {
    const { world } = this.#inner
    const { faults, durationMs } = plan
    world.later(durationMs, () => {
      if (this.#over) return
      this.#chaos.paused = true
      this.cluster.lull()
      world.later(lullMs, () => {
        if (this.#over) return
        world.plan = faults
        world.network.faults = { ...faults.network }
        world.points.enabled = faults.sites
        this.#chaos.paused = false
        this.#storm(plan)
      })
    })
  }

  run(scenario: (cluster: SimulatedCluster) => unknown): void {
    const unlimited = this.#options.faults === 'unlimited'
    try {
      this.#body(scenario)
      // Who was found to sit on a damaged store goes down first, and comes back.
      this.#inner.run({ ms: this.#inner.tickMs })
      if (!unlimited && !this.#inner.bare)
        this.cluster.expectConverged({ withinMs: recoveryElections * this.#inner.electionMs })
    } catch (error) {
      // Where anything may be lost for good, nobody is owed an answer.
      if (!unlimited || !(error instanceof Violation) || error.invariant !== 'I23') throw error
      this.#inner.world.trace.event(this.#inner.world.nowMs, `not asked for: ${error.message}`)
    }
    if (!this.#inner.bare) {
      this.#inner.history.checkOrder()
      if (!unlimited) this.#inner.checkHistory()
    }
    this.#check()
  }

  #body(scenario: (cluster: SimulatedCluster) => unknown): void {
    let returned: unknown
    try {
      returned = scenario(this.cluster)
    } catch (error) {
      throw error instanceof Error && !(error instanceof Violation) ? ofScenario(error) : error
    }
    if (typeof returned === 'object' && returned !== null && 'then' in returned)
      throw new TypeError('the scenario is asynchronous, and promises do not settle in a simulation')
    this.#calm()
  }

  #calm(): void {
    this.#over = true
    this.#chaos.stop()
    endFaults(this.#inner, { type: 'all' })
  }

  #check(): void {
    const { failures } = this.cluster
    const { failureExplained } = this.#inner.world.checkers
    for (; this.#failuresSeen < failures.length; this.#failuresSeen++) {
      const { node, name, error } = failures[this.#failuresSeen] as (typeof failures)[number]
      if (!failureExplained(node, error)) throw new Violation('I0', `actor '${name}' of node ${node} failed: ${error}`)
    }
    for (const [title, holds] of this.#invariants) checkOne(title, () => holds(this.cluster))
  }
}

/** What a scenario throws is known by its kind: a smaller run that fails in another way is another failure. */
function ofScenario(error: Error): Violation {
  const { name, message, stack = '' } = error
  // Where in the scenario, and not where in the simulator.
  const frames = stack
    .slice(Math.max(0, stack.indexOf('\n    at ')))
    .split('\n')
    .slice(1)
  const own = frames.slice(
    0,
    Math.max(
      0,
      frames.findIndex((frame) => frame.includes('#body')),
    ),
  )
  return new Violation(name, [message, ...own].join('\n'))
}

function checkOne(title: string, holds: () => unknown): void {
  const [, number = title, text = 'it does not hold'] = /^([A-Z]\d{1,3}): (.*)$/.exec(title) ?? []
  let found: unknown
  try {
    found = holds()
  } catch (error) {
    throw error instanceof Violation
      ? error
      : new Violation(number, error instanceof Error ? error.message : String(error))
  }
  if (found === false) throw new Violation(number, text)
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
  { save, shrink: wanted = true }: SimulateOptions,
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
  // What happened last is told of the smaller run, where there is one: it is the one that is read.
  const told = shrunk?.faithful === true ? (runSeed(scenario, seed, { script }).failure ?? failure) : failure
  const file = `sim-${scenario.name.replaceAll(/[^a-zA-Z0-9]+/g, '-').slice(0, 60)}-${seed}.json`
  save?.(file, scenarioFileText(shrunk?.capture ?? captured))
  return new SimulationFailed(told, captured, { found, shrunk, file: save === undefined ? undefined : file })
}
