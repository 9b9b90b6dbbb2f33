/**
 * The report of a failed simulation, as an error that any test runner prints: what broke, what it took, what happened last,
 * and how to see it again.
 */
import type { Capture } from './capture.ts'
import type { SeedFailure } from './scenario.ts'
import type { Shrunk } from './shrink/shrink.ts'

/** What led to the failing run. */
export type FoundBy =
  | { readonly type: 'seed' }
  /** Going through schedules: no seed leads to it. */
  | { readonly type: 'search'; readonly schedules: number }
  | { readonly type: 'replay' }

export interface HowItFailed {
  readonly found: FoundBy
  /** Undefined when nobody tried to make the run smaller. */
  readonly shrunk: Shrunk | undefined
  /** Where the run was written to; undefined when it was not. */
  readonly file: string | undefined
}

/** A seed broke an invariant, or failed what the scenario asserts. */
export class SimulationFailed extends Error {
  override readonly name = 'SimulationFailed'
  /** Its number or title; the name of the error for what the scenario threw; `I0` for what has none. */
  readonly invariant: string
  readonly seed: number
  // Not fields: whoever prints an error prints its fields as well, and the text says it all.
  readonly #tail: readonly string[]
  readonly #capture: Capture

  constructor(failure: SeedFailure, captured: Capture, how: HowItFailed) {
    super(reportOf(failure, captured, how))
    this.invariant = failure.invariant
    this.seed = captured.seed
    this.#tail = failure.tail
    this.#capture = how.shrunk?.capture ?? captured
  }

  /** What happened last, oldest first. */
  get tail(): readonly string[] {
    return this.#tail
  }

  /** The run as data, made smaller where that went: played back by the option `replay`, without its seed. */
  get capture(): Capture {
    return this.#capture
  }
}

const actsShown = 12

function reportOf({ text, tail }: SeedFailure, captured: Capture, { found, shrunk, file }: HowItFailed): string {
  const { scenario, seed, deliveries, endedMs, digest } = captured
  const where = found.type === 'search' ? `schedule ${found.schedules}` : `seed ${seed}`
  return [
    `simulate '${scenario}': ${where} failed`,
    '',
    text,
    '',
    'what happened last (ms, node.thread, actor ◀ message)',
    ...tail,
    '',
    ...smaller(shrunk),
    `run       ${deliveries} deliveries in ${endedMs.toFixed(1)} ms of virtual time, digest ${digest}`,
    `again     ${againBy(found, seed)}`,
    file === undefined
      ? "artifact  in this error's field `capture`; with save: writeFileSync in the options, a file"
      : `artifact  ${file}: replay: readFileSync('${file}', 'utf8') in the options plays it back`,
  ].join('\n')
}

function againBy(found: FoundBy, seed: number): string {
  switch (found.type) {
    case 'seed':
      return `seed: ${seed} in the options; or ASPEN_SEED=${seed}, where they hold env: process.env`
    case 'search':
      return 'the same search comes to it again; so does the artifact, at once'
    case 'replay':
      return 'this was the replay'
  }
}

/** What it takes to fail: the faults that are left when everything else was left out. */
function smaller(shrunk: Shrunk | undefined): readonly string[] {
  if (shrunk?.faithful !== true) return []
  const { before, after, capture } = shrunk
  const { acts } = capture.script
  const shown = acts
    .slice(0, actsShown)
    .map(({ atMs, act }) => `          at ${atMs.toFixed(3)} ms ${JSON.stringify(act)}`)
  const more = acts.length > actsShown ? [`          and ${acts.length - actsShown} more`] : []
  return [
    `smaller   ${after.acts} of ${before.acts} faults and ${after.decisions} of ${before.decisions} choices are needed; the lines above are of that run`,
    ...shown,
    ...more,
  ]
}
