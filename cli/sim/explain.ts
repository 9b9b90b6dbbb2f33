/**
 * `npm run sim -- --seed K` or `--replay FILE`, with one of
 *
 *   --html FILE         a page that draws the run
 *   --export FORMAT     ndjson, shiviz, perfetto or tla, to --out or to the standard output
 *   --cone [MODE]       what led to the violation: decisions (default), messages, everything
 *   --step [N]          walk through it; with a number, that step alone
 *   --save FILE         the run as a file that --replay plays
 *
 * Each runs the seed, or plays the file, once more with a recorder beside it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { aspenVersion } from '../../client/version.ts'
import { type Capture, capture } from '../../sim/capture.ts'
import { artifactText, judgeReplay, verdictText } from '../../sim/explain/artifact.ts'
import { type ConeMode, coneOf } from '../../sim/explain/cone.ts'
import { coneLines } from '../../sim/explain/cone-text.ts'
import { htmlOf, type PageParts } from '../../sim/explain/html.ts'
import { ndjsonLines } from '../../sim/explain/ndjson.ts'
import { pageModel } from '../../sim/explain/page-model.ts'
import { chromeTrace } from '../../sim/explain/perfetto.ts'
import { shivizLines, shivizPattern } from '../../sim/explain/shiviz.ts'
import { tlaLines } from '../../sim/explain/tla.ts'
import { reproduction, type Scenario } from '../../sim/scenario.ts'
import { readScenarioFile, ScenarioFileError } from '../../sim/scenario-file.ts'
import type { RunTrace } from '../../sim/trace/record.ts'
import { type Recording, recordRun } from '../../sim/trace/recording.ts'
import { exitCodes, reasonOf, UsageError } from '../failure.ts'
import type { Output } from '../output.ts'
import { withTripwires } from '../tripwires.ts'
import { walk } from './step.ts'

export type ExportFormat = 'ndjson' | 'shiviz' | 'perfetto' | 'tla'
export const exportFormats: readonly ExportFormat[] = ['ndjson', 'shiviz', 'perfetto', 'tla']
export const coneModes: readonly ConeMode[] = ['decisions', 'messages', 'everything']

export interface ExplainOptions {
  readonly seed?: number
  readonly replay?: string
  readonly html?: string
  readonly export?: ExportFormat
  /** Undefined: to the standard output. */
  readonly exportTo?: string | undefined
  readonly cone?: ConeMode | true
  readonly step?: number | true
  readonly save?: string
  readonly hosts: 'nodes' | 'actors'
  readonly group: string
}

/** True where the run of a seed is to be explained rather than judged. */
export function explains({ replay, html, export: format, cone, step, save }: ExplainOptions): boolean {
  return [replay, html, format, cone, step, save].some((one) => one !== undefined)
}

/** The capture in the file that `--replay` names. */
export function openReplay({ replay }: ExplainOptions): Capture | undefined {
  if (replay === undefined) return undefined
  try {
    return readScenarioFile(readFileSync(replay, 'utf8'), replay)
  } catch (error) {
    const reason = error instanceof ScenarioFileError ? error.message : reasonOf(error)
    throw new UsageError(`--replay: ${reason}`)
  }
}

/** @throws {UsageError} There is no run to explain. */
export async function explain(
  scenario: Scenario,
  played: Capture | undefined,
  options: ExplainOptions,
  output: Output,
): Promise<number> {
  const seed = played?.seed ?? options.seed
  if (seed === undefined) throw new UsageError('wanted --seed or --replay: which run is to be explained?')
  const run = (stopAfter?: number): Recording =>
    withTripwires(() =>
      recordRun(scenario, seed, {
        ...(played === undefined ? {} : { script: played.script }),
        ...(stopAfter === undefined ? {} : { stopAfter }),
      }),
    )
  const code = played === undefined ? exitCodes.done : judge(scenario, played, output)
  const { html, export: format, cone, step, save } = options
  if ([html, format, cone, step, save].every((one) => one === undefined)) return code
  const { trace } = run()
  if (trace.broken === null) output.problem('no rule was broken in this run')
  if (html !== undefined) write(html, pageOf(trace, commandOf(scenario, seed, options)), output)
  if (format !== undefined) exported(trace, format, options, output)
  if (cone !== undefined) show(coneLines(trace, coneOf(trace, cone === true ? {} : { mode: cone })), output)
  if (save !== undefined) {
    const failing = played ?? withTripwires(() => capture(scenario, seed))
    const meta = { version: aspenVersion, runtime: process.version, command: reproduction(scenario, seed) }
    write(save, artifactText(failing, meta, coneLines(trace, coneOf(trace), storyMax)), output)
  }
  if (step !== undefined) await walk(trace, step === true ? undefined : step, run, output)
  return code
}

/** Deliveries of the cone that are told in a saved run. */
const storyMax = 40

/** The page that draws a run; its parts lie beside the commands. */
export function pageOf(trace: RunTrace, command: string): string {
  return htmlOf(pageModel(trace, command), pageParts())
}

function pageParts(): PageParts {
  const read = (file: string): string => readFileSync(new URL(`../explain/${file}`, import.meta.url), 'utf8')
  const scripts = ['model.js', 'lanes.js', 'paint.js', 'panels.js', 'control.js'].map(read)
  return { page: read('page.html'), style: read('page.css'), scripts }
}

function judge(scenario: Scenario, played: Capture, output: Output): number {
  const verdict = withTripwires(() => judgeReplay(scenario, played))
  const good = verdict.type === 'same' || verdict.type === 'passedAsRecorded'
  if (good) output.line(verdictText(verdict, played))
  else output.problem(verdictText(verdict, played))
  // A replay that breaks its rule again did what it was asked for; the rule is broken all the same.
  return verdict.result.failure === undefined && good ? exitCodes.done : exitCodes.failed
}

function exported(
  trace: RunTrace,
  format: ExportFormat,
  { exportTo, hosts, group }: ExplainOptions,
  output: Output,
): void {
  const text = exportText(trace, format, hosts, group)
  if (exportTo === undefined) output.line(text)
  else write(exportTo, `${text}\n`, output)
  if (format === 'shiviz' && exportTo !== undefined) output.line(`  parse it in ShiViz with ${shivizPattern}`)
}

function exportText(trace: RunTrace, format: ExportFormat, hosts: 'nodes' | 'actors', group: string): string {
  switch (format) {
    case 'ndjson':
      return ndjsonLines(trace).join('\n')
    case 'shiviz':
      return shivizLines(trace, { hosts }).join('\n')
    case 'perfetto':
      return JSON.stringify(chromeTrace(trace))
    case 'tla':
      return tlaLines(trace, group).join('\n')
  }
}

function commandOf(scenario: Scenario, seed: number, { replay }: ExplainOptions): string {
  return replay === undefined ? reproduction(scenario, seed) : `npm run sim -- --replay ${replay}`
}

function write(file: string, text: string, output: Output): void {
  writeFileSync(file, text)
  output.line(`written: ${file} (${(text.length / 1_024).toFixed(0)} KiB)`)
}

function show(lines: readonly string[], output: Output): void {
  for (const line of lines) output.line(line)
}
