/**
 * One run of a user's scenario: the world it is run in, the storms of faults around it, the user's invariants, the verdict.
 */
import { Chaos } from './chaos.ts'
import { Violation } from './checkers/violation.ts'
import { SimCluster } from './cluster.ts'
import { endFaults, recoveryElections } from './liveness.ts'
import type { SimNode } from './node.ts'
import { Player } from './player.ts'
import type { RunPlan, Script } from './run-plan.ts'
import type { Scenario } from './scenario.ts'
import { SimulatedCluster } from './simulate-cluster.ts'
import type { SimulateOptions, Wanted } from './simulate-options.ts'

/** The scenario as everything that runs scenarios takes it: by seed, by script, to be written down and made smaller. */
export function scenarioOf(
  name: string,
  options: SimulateOptions,
  { planOf, bare }: Wanted,
  scenario: (cluster: SimulatedCluster) => unknown,
): Scenario {
  const runs = new WeakMap<SimCluster, Run>()
  return {
    name,
    title: name,
    seeds: [],
    plan: planOf,
    open: (seed, decisions, script) => {
      const { nodes, executors, tickMs, logKeepEntries, faults, budget, scheduler } = script?.plan ?? planOf(seed)
      const early: SimNode[] = []
      let run: Run | undefined
      const cluster = new SimCluster({
        ...{ seed, decisions, nodes, executors, tickMs, logKeepEntries, faults, budget, scheduler, bare },
        definitions: options.actors ?? [],
        machines: options.machines ?? [],
        started: (node) => {
          if (run === undefined) early.push(node)
          else run.cluster.started(node, options.boot)
        },
      })
      run = new Run(cluster, options)
      runs.set(cluster, run)
      for (const node of early) run.cluster.started(node, options.boot)
      return cluster
    },
    body: (cluster, script) => {
      const run = runs.get(cluster)
      run?.begin(script?.plan ?? planOf(cluster.world.seed), script)
      run?.run(scenario)
    },
  }
}

/** Of virtual time between two storms: enough for elections, and for a disk that was lost to be filled again. */
const lullMs = 5_000

/** One run: the faults of the seed, the user's invariants, the verdict. */
class Run {
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

/**
 * What a scenario throws is known by its kind, and a refusal by its words: a smaller run that fails in another way is another
 * failure.
 */
function ofScenario(error: Error): Violation {
  const { name, message, stack = '' } = error
  const refusal = name === 'RangeError' || name === 'TypeError'
  const violation = new Violation(refusal ? `${name}: ${message.replaceAll(/\d+/g, '#')}` : name, message)
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
  violation.message = [`${name}: ${message}`, ...own].join('\n')
  return violation
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
