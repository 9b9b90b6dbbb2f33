/** Runs a seed, or plays a script, with a recorder beside it. */
import type { SimCluster } from '../cluster.ts'
import type { Script } from '../run-plan.ts'
import { runSeed, type Scenario, type SeedResult } from '../scenario.ts'
import type { RunTrace } from './record.ts'
import { Recorder } from './recorder.ts'

export interface Recording {
  readonly result: SeedResult
  readonly trace: RunTrace
  /** As it stood at the end. */
  readonly cluster: SimCluster
}

export interface RecordHow {
  /** Played instead of what the seed would draw. */
  readonly script?: Script
  /** The run ends with this delivery; what it stopped is then no failure. */
  readonly stopAfter?: number
}

export function recordRun(scenario: Scenario, seed: number, { script, stopAfter }: RecordHow = {}): Recording {
  let recorder: Recorder | undefined
  let cluster: SimCluster | undefined
  const result = runSeed(scenario, seed, {
    ...(script === undefined ? {} : { script }),
    opened: (opened) => {
      cluster = opened
      recorder = new Recorder(opened.world, stopAfter)
    },
  })
  if (recorder === undefined || cluster === undefined)
    throw new RangeError(`scenario ${scenario.name}: its world did not open: ${result.failure?.text}`)
  const stopped = stopAfter !== undefined && result.deliveries >= stopAfter && result.failure?.text.includes('Stopped')
  const failure = stopped === true ? undefined : result.failure
  return {
    result: { ...result, failure },
    trace: recorder.finish(scenario.name, failure, cluster.history.notes),
    cluster,
  }
}
