/**
 * Everything that a run of the mixed workload is made of, as data: the cluster, what may go wrong in it, who uses it, how
 * long. It is drawn whole from a seed, or read back from a file.
 */
import { draw } from '../base/draw.ts'
import type { TimedAct } from './acts.ts'
import type { Decision } from './decisions.ts'
import { drawFaults, type FaultPlan } from './faults.ts'
import type { Operation } from './operation.ts'

export interface RunPlan {
  readonly nodes: number
  /** Executors a node. */
  readonly executors: number
  readonly tickMs: number
  readonly logKeepEntries: number
  readonly faults: FaultPlan
  readonly clients: number
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

/** @param nodes - Undefined: 3 or 5, as drawn. */
export function drawPlan(seed: number, nodes: number | undefined): RunPlan {
  const roll = (site: string): number => draw(seed, `workload.${site}`, 0)
  const keep = roll('log-keep')
  return {
    nodes: nodes ?? (roll('nodes') < 0.75 ? 3 : 5),
    executors: roll('executors') < 0.5 ? 1 : 2,
    tickMs: [10, 20, 50][Math.floor(roll('tick') * 3)] as number,
    logKeepEntries: keep < 0.5 ? 4 + Math.floor(keep * 60) : 10_000,
    faults: drawFaults(seed),
    clients: 2 + Math.floor(roll('clients') * 4),
    durationMs: 1_500 + 2_500 * roll('duration'),
  }
}
