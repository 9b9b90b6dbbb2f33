/**
 * The default scenario: clients of every kind while a fault plan is at work; then the world heals, and what was promised must
 * follow. All of it is drawn from the seed, or played back from a script.
 *
 *   safety     every delivery is checked; anything may fail or take long, nothing may go wrong
 *   liveness   the faults end, for a quorum first or for all at once; within some election timeouts there is a leader, every
 *              client is answered, replicas are equal; or it is shown that too many stores were lost for that
 *   verdict    what clients saw fits one order, each workload's law holds, acknowledged writes are on every replica
 */
import type { Budget } from './atlas.ts'
import { Chaos } from './chaos.ts'
import { Violation } from './checkers/violation.ts'
import type { SimClient } from './client.ts'
import { SimCluster } from './cluster.ts'
import { awaitLeaders, endFaults, recoveryElections, whyHopeless } from './liveness.ts'
import { Player } from './player.ts'
import { drawPlan, type RunPlan, type Script } from './run-plan.ts'
import type { Scenario } from './scenario.ts'
import type { SchedulerName } from './schedulers/select.ts'
import { patienceOf, startWorkers } from './worker.ts'
import { checkWorkloads, expectFailures, lookOnceMore } from './workloads/verdict.ts'
import type { WorkloadPlan } from './workloads/workload.ts'

export interface MixOptions {
  /** Undefined: 3 or 5, as drawn. */
  readonly nodes: number | undefined
  /** Undefined: as drawn. */
  readonly scheduler?: SchedulerName | undefined
  /** Undefined: as drawn. */
  readonly budget?: Budget | undefined
  /** Undefined: as drawn. For scenarios of their own name: no option says it on the command line. */
  readonly workloads?: readonly WorkloadPlan[] | undefined
}

const alarmLagMs = 1_500
/** Members whose alarm may come late, one after the other. */
const alarmsMax = 8

export function mixWorkload({ nodes, workloads, ...wishes }: MixOptions): Scenario {
  const plan = (seed: number): RunPlan => drawPlan(seed, nodes, { ...wishes, workloads })
  return {
    name: 'mix',
    title: 'mix: clients of every kind under whatever the seed brings',
    seeds: [],
    words: Object.entries({ nodes, ...wishes }).flatMap(([option, value]) =>
      value === undefined ? [] : [`--${option}`, String(value)],
    ),
    plan,
    open: (seed, decisions, script) => new SimCluster({ ...(script?.plan ?? plan(seed)), seed, decisions }),
    body: (cluster, script) => runExcused(cluster, script?.plan ?? plan(cluster.world.seed), script),
  }
}

/**
 * A run ends where the atlas shows that it cannot go on: a store was unfaithful, which no protocol can bear, and what it broke
 * was found; or too many were lost for a group to recover, and it did not. Then what clients saw is judged all the same.
 */
function runExcused(cluster: SimCluster, plan: RunPlan, script: Script | undefined): void {
  try {
    runMix(cluster, plan, script)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    const impossible = error.invariant === 'I23' ? whyHopeless(cluster) : undefined
    const reason = impossible ?? cluster.atlas.excuse(error)
    if (reason === undefined) throw error
    cluster.world.trace.event(cluster.world.nowMs, `excused: ${error.invariant}, ${reason}`)
    if (impossible !== undefined) excusing(cluster, () => cluster.history.checkOrder())
  }
}

/** A store may have been unfaithful as well. */
function excusing(cluster: SimCluster, judge: () => void): void {
  try {
    judge()
  } catch (error) {
    if (!(error instanceof Violation) || cluster.atlas.excuse(error) === undefined) throw error
  }
}

/** Makes things happen: by draws, or by a script. */
interface Driver {
  readonly idle: boolean
  stop(): void
}

function runMix(cluster: SimCluster, plan: RunPlan, script: Script | undefined): void {
  expectFailures(cluster)
  const driver = script === undefined ? drawn(cluster, plan) : played(cluster, script)
  cluster.run({ ms: plan.durationMs })
  driver.stop()
  endFaults(cluster, plan.recovery)

  const withinMs = recoveryElections * cluster.electionMs
  awaitLeaders(cluster)
  cluster.await('every client is answered', () => driver.idle, { withinMs: withinMs + patienceOf(cluster).patienceMs })
  cluster.await('members have joined and left', () => cluster.changes.pending === 0, { withinMs })
  writeAtLast(cluster, withinMs)
  lookOnceMore(cluster, plan.workloads, { withinMs })
  cluster.expectConverged({ withinMs })
  cluster.checkHistory()
  checkWorkloads(cluster, plan.workloads)
}

/** A write, when there is room again: whoever watches the disks looks now and then, so the last alarm may come late. */
function writeAtLast(cluster: SimCluster, withinMs: number): void {
  const full = cluster.acts.some(({ act }) => act.type === 'fillDisk')
  const saidFull = cluster.world.points.coverage.fired.has('storage.commit.full')
  if (full || saidFull) cluster.run({ ms: alarmLagMs })
  for (let refused = 0; refused < alarmsMax; refused++) {
    cluster.clearAlarms({ withinMs })
    if (cluster.client('last').tryPut('end', `try ${refused}`, { withinMs }) !== 'refused') break
    cluster.run({ ms: alarmLagMs })
  }
  cluster.client('last').put('end', 'end', { withinMs })
}

function drawn(cluster: SimCluster, plan: RunPlan): Driver {
  const chaos = new Chaos(cluster)
  cluster.acts = chaos.acts
  chaos.start()
  const workers = startWorkers(cluster, plan.workloads)
  return {
    get idle(): boolean {
      return workers.every((worker) => worker.idle)
    },
    stop: () => {
      chaos.stop()
      for (const worker of workers) worker.stop()
    },
  }
}

function played(cluster: SimCluster, script: Script): Driver {
  const player = new Player(cluster, script)
  cluster.acts = script.acts
  const session = (name: string): SimClient => cluster.client(name, patienceOf(cluster)).session
  player.start(session)
  return {
    get idle(): boolean {
      return player.idle
    },
    stop: () => {},
  }
}
