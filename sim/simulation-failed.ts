/**
 * The report of a failed simulation, as an error that any test runner prints: what broke, by which seed, what happened last,
 * and how to see it again.
 */
import type { Capture } from './capture.ts'
import type { SeedFailure } from './scenario.ts'

export interface HowItFailed {
  /** The failing run was the so many-th. */
  readonly runs: number
  /** Where the run was written to; undefined when it was not. */
  readonly file: string | undefined
  /** It was found by going through schedules: no seed leads to it. */
  readonly searched: boolean
}

/** A seed broke an invariant, or failed what the scenario asserts. */
export class SimulationFailed extends Error {
  override readonly name = 'SimulationFailed'
  /** Its number or title; `I0` for what has none, such as an assertion of the scenario. */
  readonly invariant: string
  readonly seed: number
  /** What happened last, oldest first. */
  readonly tail: readonly string[]
  /** The run as data: played back by the option `replay`, without its seed. */
  readonly capture: Capture

  constructor(failure: SeedFailure, capture: Capture, how: HowItFailed) {
    super(reportOf(failure, capture, how))
    this.invariant = failure.invariant
    this.seed = capture.seed
    this.tail = failure.tail
    this.capture = capture
  }
}

function reportOf({ text, tail }: SeedFailure, capture: Capture, { runs, file, searched }: HowItFailed): string {
  const { scenario, seed, deliveries, endedMs, digest } = capture
  const where = searched ? `schedule ${runs}` : `seed ${seed}`
  const again = searched
    ? 'the same search finds it again'
    : `seed: ${seed} in the options, or ASPEN_SEED=${seed} where they hold env: process.env`
  const artifact =
    file === undefined
      ? 'capture of this error; with save: writeFileSync in the options it is written to a file'
      : `${file}; replay: readFileSync('${file}', 'utf8') in the options plays it back`
  return [
    `simulate '${scenario}': ${where} failed`,
    '',
    text,
    '',
    'what happened last (ms, node.thread, actor ◀ message)',
    ...tail,
    '',
    `run       ${deliveries} deliveries in ${endedMs.toFixed(1)} ms of virtual time, digest ${digest}; run twice, the same twice`,
    `again     ${again}`,
    `artifact  ${artifact}`,
  ].join('\n')
}
