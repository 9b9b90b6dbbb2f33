/**
 * What a user may ask of `simulate`, and the plan of a seed that follows from it.
 */

import type { Budget } from './atlas.ts'
import type { Capture } from './capture.ts'
import type { UsersMachine } from './cluster.ts'
import { calm, drawFaults, type FaultPlan, type Happening } from './faults.ts'
import { drawPlan, type RunPlan } from './run-plan.ts'
import type { SchedulerPlan } from './schedulers/scheduler.ts'
import { drawScheduler, type SchedulerName, schedulerNames } from './schedulers/select.ts'
import type { SimulatedCluster, StartedNode } from './simulate-cluster.ts'
import type { Exported } from './world.ts'

export interface SimulateOptions {
  /** How many seeds, from 1 on; 100 when absent. */
  readonly seeds?: number
  /** This seed alone: to see a failure again. */
  readonly seed?: number
  /** Where `ASPEN_SEED` and `ASPEN_SEEDS` are looked up, which then count more than `seed` and `seeds`: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>

  /** 1 to 9; 3 where there is something replicated, otherwise 1. */
  readonly nodes?: number
  /** Threads of a node, 1 to 8, the host's included; 1 or 2, as drawn, when absent. */
  readonly executors?: number
  /** The definitions of all actors that will be spawned, by the scenario or by other actors. */
  readonly actors?: readonly Exported[]
  /** The state machines that groups will be made of. */
  readonly machines?: readonly UsersMachine[]
  /** Whether nodes hold the default keyspace too. Where there are machines they do; bare nodes are much cheaper. */
  readonly keyspace?: boolean
  /** What the program on a node does whenever it starts: at first, and after each crash. No time passes in it. */
  readonly boot?: (node: StartedNode) => void

  /**
   * What the seed may bring besides delays and orders. It comes in storms of up to 5 s of virtual time, with lulls of 5 s in
   * between, so that whoever waits for long enough is served in the end.
   *   none         nothing: what goes wrong is the scenario's own doing
   *   recoverable  lost, late and doubled messages, partitions, crashes, pauses, slow and full disks, clocks that drift and
   *                jump; where there are machines and no actors also lost and damaged disks, a minority at a time. All of it
   *                ends, and then everything must be well (when absent)
   *   unlimited    also a majority of the disks, with whatever only they held; so it need not end well, and only what must
   *                never happen is checked: who waits in vain (I23) has found nothing
   * or a plan of one's own, which must end well.
   */
  readonly faults?: FaultBudget | FaultPlan
  /**
   * Who goes next; another one for every seed when absent. `exhaustive`: no seeds, but every schedule there is, for small
   * scenarios without faults, in which delays are the shortest and every `random` is 0.
   */
  readonly scheduler?: SchedulerName | SchedulerPlan | Exhaustive

  /**
   * What must always hold, checked after every delivery and at the end: by a title, which may begin with a number of one's
   * own (`M1: …`). False or a throw is a violation.
   */
  readonly invariants?: Readonly<Record<string, (cluster: SimulatedCluster) => unknown>>
  /** Which failures of actors are part of the scenario; any other fails the run. None when absent. */
  readonly mayFail?: (error: string) => boolean

  /** Called with the name and the text of a file that holds a failed run: `writeFileSync`. */
  readonly save?: (file: string, text: string) => void
  /** Whether a failing run is made smaller before it is told of; true when absent. Takes up to some hundred runs more. */
  readonly shrink?: boolean
  /** Plays such a file back instead of running seeds: its text, or what it holds. */
  readonly replay?: string | Capture
}

export type FaultBudget = 'none' | 'recoverable' | 'unlimited'

export interface Exhaustive {
  readonly type: 'exhaustive'
  /** After so many the search ends without a verdict; 100_000 when absent. */
  readonly schedulesMax?: number
  /** Only the first so many choices of a run are varied; 10_000 when absent. */
  readonly choicesMax?: number
}

/** Options with nothing left open. */
export interface Wanted {
  readonly first: number
  readonly seeds: number
  readonly nodes: number
  readonly bare: boolean
  readonly exhaustive: Required<Exhaustive> | undefined
  readonly planOf: (seed: number) => RunPlan
}

/** @throws {RangeError} An option is out of its bounds, or two of them contradict each other. */
export function readOptions(name: string, options: SimulateOptions): Wanted {
  const fault = (text: string): RangeError => new RangeError(`simulate '${name}': ${text}`)
  const whole = (what: string, value: number, least: number, most: number): number => {
    if (!Number.isSafeInteger(value) || value < least || value > most)
      throw fault(`${what} must be a whole number of ${least} to ${most}, not ${value}`)
    return value
  }
  const { env = {}, machines = [], faults = 'recoverable' } = options
  const bare = machines.length === 0 && options.keyspace !== true
  if (machines.length > 0 && options.keyspace === false) throw fault('machines want nodes with a keyspace, not without')
  const nodes = whole('nodes', options.nodes ?? (bare ? 1 : 3), 1, 9)
  const executors = options.executors === undefined ? undefined : whole('executors', options.executors, 1, 8)
  const seed = fromEnv(env['ASPEN_SEED']) ?? options.seed
  const seeds = fromEnv(env['ASPEN_SEEDS']) ?? options.seeds ?? 100
  const { scheduler } = options
  const exhaustive = isExhaustive(scheduler) ? { schedulesMax: 100_000, choicesMax: 10_000, ...scheduler } : undefined
  if (exhaustive !== undefined && faults !== 'none')
    throw fault("an exhaustive scheduler wants faults: 'none'; faults come from seeds")
  if (typeof scheduler === 'string' && !schedulerNames.includes(scheduler))
    throw fault(`scheduler must be one of ${schedulerNames.join(', ')}, or a plan, not '${scheduler}'`)
  return {
    first: seed === undefined ? 1 : whole('seed', seed, 0, Number.MAX_SAFE_INTEGER),
    seeds: seed === undefined ? whole('seeds', seeds, 1, 1_000_000_000) : 1,
    nodes,
    bare,
    exhaustive,
    planOf: (of) => {
      const drawn = drawPlan(of, nodes)
      return {
        ...drawn,
        executors: executors ?? drawn.executors,
        // Drawn ones would make bounds of time that a scenario names too short for some seeds.
        tickMs: 20,
        faults: faultsOf(faults, of, options),
        budget: budgetOf(faults),
        recovery: { type: 'all' },
        scheduler: schedulerPlan(scheduler, of),
        workloads: [],
        // Of a storm.
        durationMs: 600 + (drawn.durationMs % stormMs),
      }
    },
  }
}

const stormMs = 4_400

function budgetOf(faults: FaultBudget | FaultPlan): Budget {
  return faults === 'unlimited' ? 'unlimited' : 'recoverable'
}

const never: Happening = { everyMs: 0, lastsMs: 0 }

function faultsOf(
  faults: FaultBudget | FaultPlan,
  seed: number,
  { actors = [], machines = [], keyspace }: SimulateOptions,
): FaultPlan {
  if (typeof faults === 'object') return faults
  if (faults === 'none') return calm
  // Nodes stay those that the scenario counts on, and no store forgets unnoticed: that nothing replicated can bear.
  const drawn = { ...drawFaults(seed), joining: never, lie: never, staleReads: never, restore: never, silent: 0 }
  // The alarm that a full disk raises in a keyspace is an operator's to lower, and there is none.
  const full = keyspace === true ? { ...drawn, diskFull: never } : drawn
  // Of the rows of actors, and of all that a bare node holds, there is one copy.
  const single = actors.length > 0 || (machines.length === 0 && keyspace !== true)
  return faults === 'unlimited' || !single ? full : { ...full, rot: never, misdirectedWrite: never, diskLoss: never }
}

function schedulerPlan(scheduler: SimulateOptions['scheduler'], seed: number): SchedulerPlan {
  if (isExhaustive(scheduler)) return { type: 'systematic', messagesInRow: 1 }
  return typeof scheduler === 'object' ? scheduler : drawScheduler(seed, scheduler)
}

function isExhaustive(scheduler: SimulateOptions['scheduler']): scheduler is Exhaustive {
  return typeof scheduler === 'object' && scheduler.type === 'exhaustive'
}

function fromEnv(text: string | undefined): number | undefined {
  return text === undefined || text === '' ? undefined : Number(text)
}
