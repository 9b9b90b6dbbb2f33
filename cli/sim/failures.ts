/**
 * What becomes of a failing seed: it is written down, made small and kept as a file that plays it again.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Capture, capture } from '../../sim/capture.ts'
import type { Script } from '../../sim/run-plan.ts'
import { reproduction, type Scenario, type SeedResult } from '../../sim/scenario.ts'
import { scenarioFileText } from '../../sim/scenario-file.ts'
import { type ScriptSize, shrink } from '../../sim/shrink/shrink.ts'
import { recordRun } from '../../sim/trace/recording.ts'
import { reasonOf } from '../failure.ts'
import type { Output } from '../output.ts'
import { withTripwires } from '../tripwires.ts'
import { pageOf } from './explain.ts'

export interface KeptFailure {
  readonly seed: number
  readonly invariant: string
  readonly text: string
  /** The scenario file. */
  readonly file: string
}

const shrinkMs = 60_000
const tellEveryMs = 500

/** Two failures of one rule are seldom two bugs: so many of each are made small, the others are only listed. */
const smallPerRule = 1

export class Failures {
  readonly #scenario: Scenario
  readonly #out: string
  readonly #shrinks: boolean
  readonly #output: Output
  readonly #kept: KeptFailure[] = []

  constructor(scenario: Scenario, out: string, shrinks: boolean, output: Output) {
    this.#scenario = scenario
    this.#out = out
    this.#shrinks = shrinks
    this.#output = output
  }

  get kept(): readonly KeptFailure[] {
    return this.#kept
  }

  /** Tells of it, and keeps it. */
  keep({ seed, failure }: SeedResult): void {
    if (failure === undefined) return
    const { invariant, text } = failure
    this.#output.line(`seed ${seed} failed: ${text}`)
    this.#output.line(`  ${reproduction(this.#scenario, seed)}`)
    mkdirSync(this.#out, { recursive: true })
    const file = join(this.#out, `${invariant}-seed-${seed}.json`)
    const failing = withTripwires(() => capture(this.#scenario, seed))
    writeFileSync(file, scenarioFileText(failing))
    const before = this.#kept.filter((kept) => kept.invariant === invariant).length
    this.#kept.push({ seed, invariant, text, file })
    if (before >= smallPerRule || failing.invariant !== invariant) return
    const small = this.#shrinks ? this.#shrink(failing, file) : undefined
    this.#draw(small ?? failing, small?.script, file.replace(/\.json$/, '.html'))
  }

  /** The page that shows why; of the smaller run where there is one. */
  #draw({ seed }: Capture, script: Script | undefined, file: string): void {
    const how = script === undefined ? {} : { script }
    try {
      const { trace } = withTripwires(() => recordRun(this.#scenario, seed, how))
      writeFileSync(file, pageOf(trace, reproduction(this.#scenario, seed)))
      this.#output.line(`  why: open ${file}`)
    } catch (error) {
      // The scenario file is written already, and other seeds wait: a picture is not worth losing them.
      this.#output.problem(`  ${file} could not be drawn: ${reasonOf(error)}`)
    }
  }

  /** The smaller run; undefined where the script alone does not fail. */
  #shrink(failing: Capture, file: string): Capture | undefined {
    // The clock itself is out of reach while a world runs.
    const nowMs = performance.now.bind(performance)
    const untilMs = nowMs() + shrinkMs
    let toldMs = 0
    const progress = (tried: number, best: ScriptSize): void => {
      if (!this.#output.interactive || nowMs() - toldMs < tellEveryMs) return
      toldMs = nowMs()
      process.stderr.write(`\r\u001b[Kshrinking seed ${failing.seed}: ${tried} tried, ${sizeText(best)}`)
    }
    const result = withTripwires(() => shrink(this.#scenario, failing, { goOn: () => nowMs() < untilMs, progress }))
    if (this.#output.interactive) process.stderr.write('\r\u001b[K')
    if (!result.faithful) {
      this.#output.line(`  its script alone does not fail: the seed is needed. Written to ${file}`)
      return undefined
    }
    writeFileSync(file, scenarioFileText(result.capture))
    this.#output.line(`  made smaller in ${result.tried} tries: ${sizeText(result.before)} → ${sizeText(result.after)}`)
    this.#output.line(`  npm run sim -- --replay ${file}`)
    return result.capture
  }
}

function sizeText({ nodes, clients, acts, operations, decisions, deliveries }: ScriptSize): string {
  return `${nodes} nodes, ${clients} clients, ${acts} acts, ${operations} operations, ${decisions} choices, ${deliveries} deliveries`
}
