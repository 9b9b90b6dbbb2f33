/**
 * Everything that a run of the mixed workload is made of, as data: the cluster, what may go wrong in it, who uses it, how
 * long. It is drawn whole from a seed, or read back from a file.
 */
import type { LessorLimits } from '../actors/lease/lessor-limits.ts'
import { draw } from '../base/draw.ts'
import type { TimedAct } from './act.ts'
import type { Budget } from './atlas.ts'
import type { Decision } from './decisions.ts'
import { drawFaults, type FaultPlan } from './faults.ts'
import type { Recovery } from './liveness.ts'
import type { Operation } from './operation.ts'
import type { SchedulerPlan } from './schedulers/scheduler.ts'
import { drawScheduler, type SchedulerName } from './schedulers/select.ts'
import { drawWorkloads } from './workloads/all.ts'
import type { WorkloadPlan } from './workloads/workload.ts'

export interface RunPlan {
  readonly nodes: number
  /** Executors a node. */
  readonly executors: number
  readonly tickMs: number
  readonly logKeepEntries: number
  readonly faults: FaultPlan
  /** Other bounds of lessors than the usual ones. */
  readonly leases?: Partial<LessorLimits>
  /** How much of the data the faults may destroy. */
  readonly budget: Budget
  readonly recovery: Recovery
  readonly scheduler: SchedulerPlan
  /** Who uses it, at once. */
  readonly workloads: readonly WorkloadPlan[]
  /** How long faults and clients are at work. */
  readonly durationMs: number
}

/** An operation and when its client began it, in milliseconds since the world began. */
export interface TimedOperation {
  readonly atMs: number
  readonly client: string
  readonly operation: Operation
}

/** What happened in a run that could have been otherwise: played back, it is the same run, without the seed. */
export interface Script {
  readonly plan: RunPlan
  readonly acts: readonly TimedAct[]
  readonly operations: readonly TimedOperation[]
  readonly decisions: readonly Decision[]
}

/** What a run should have that would else be drawn. */
export interface PlanWishes {
  readonly scheduler?: SchedulerName | undefined
  readonly budget?: Budget | undefined
  readonly workloads?: readonly WorkloadPlan[] | undefined
}

/** Runs that go deep; the others are small, and there are the more of them. */
const deepShare = 0.15
const unlimitedShare = 0.2
const coreShare = 0.4

/**
 * Time is measured in ticks: a slow world lasts longer, and as many messages pass in it.
 *
 * @param nodes - Undefined: 3 or 5, as drawn.
 */
export function drawPlan(seed: number, nodes: number | undefined, wishes: PlanWishes = {}): RunPlan {
  const roll = (site: string): number => draw(seed, `workload.${site}`, 0)
  const keep = roll('log-keep')
  const deep = roll('deep') < deepShare
  const workloads = wishes.workloads ?? drawWorkloads(seed)
  const tickMs = [10, 20, 50, 100][Math.floor(roll('tick') * 4)] as number
  return {
    nodes: nodes ?? (roll('nodes') < (deep ? 0.5 : 0.9) ? 3 : 5),
    executors: executorsOf(roll('executors')),
    tickMs,
    // So few that whoever was away for a moment needs a snapshot; or some; or more than a run writes.
    logKeepEntries: keep < 0.25 ? 1 + Math.floor(keep * 12) : keep < 0.5 ? 4 + Math.floor(keep * 60) : 10_000,
    leases: {
      // Minutes of a lease's life are tens of ticks here; fewer, and a replica that needs a snapshot for every entry would never
      // catch up.
      checkpointEveryMs: roll('lease-checkpoint') < 0.5 ? tickMs * (5 + 40 * roll('lease-checkpoint.every')) : 300_000,
      auditMs: 30 * tickMs,
      grainMs: 1,
    },
    faults: withChurn(drawFaults(seed, tickMs / 20), workloads),
    budget: wishes.budget ?? (roll('budget') < unlimitedShare ? 'unlimited' : 'recoverable'),
    recovery: drawRecovery(roll),
    scheduler: drawScheduler(seed, wishes.scheduler),
    workloads,
    durationMs: tickMs * (deep ? 90 + 110 * roll('duration') : 25 + 45 * roll('duration')),
  }
}

/** With four of them the groups have threads and disks of their own. */
function executorsOf(share: number): number {
  return share < 0.5 ? 1 : share < 0.9 ? 2 : 4
}

function drawRecovery(roll: (site: string) => number): Recovery {
  if (roll('recovery') >= coreShare) return { type: 'all' }
  const rest = (['dead', 'paused', 'cut'] as const)[Math.floor(roll('recovery.rest') * 3)] ?? 'dead'
  return { type: 'core', choice: roll('recovery.core'), rest }
}

/** Who wants to work while the group changes gets a group that changes. */
function withChurn(faults: FaultPlan, workloads: readonly WorkloadPlan[]): FaultPlan {
  const wanted = faults.membership.everyMs === 0 && workloads.some(({ name }) => name === 'membership')
  return wanted ? { ...faults, membership: { everyMs: 400, lastsMs: 0 } } : faults
}
