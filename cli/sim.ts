#!/usr/bin/env node
/**
 * `npm run sim`: runs seeds of the simulated world and says which failed, each with the line that runs it again.
 *
 *   --seeds N --first K --for SECONDS   how many, from where, or as many as there is time for
 *   --seed K                            one seed, twice, with what was delivered last when it fails
 *   --jobs N                            threads
 *   --scenario S                        `mix` (clients of all kinds under drawn faults) or a scenario of test/scenarios
 *   --nodes --budget --scheduler        for `mix`: instead of what is drawn
 *   --coverage                          fails when a fault site or probe was never reached
 *   --json                              the last line of the output is one JSON document
 *   --replay FILE --html FILE --export FORMAT --cone --step --save FILE     explain one run: see sim/explain.ts
 *
 * Exit code 0: all passed; 1: a seed failed, or something was never reached; 2: asked wrongly. A failing seed is made smaller
 * and written to `--out`, where the report of the whole run goes as well.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommanderError } from 'commander'
import { coverageReport, deadPlaces, type Reached, reachedOf, renderCoverage } from '../sim/coverage-report.ts'
import { addCoverage } from '../sim/fault-firing.ts'
import type { MixOptions } from '../sim/mix.ts'
import { addResult, newTotals, runInto, type Totals } from '../sim/run.ts'
import type { Scenario } from '../sim/scenario.ts'
import { exitCodes, reasonOf, UsageError } from './failure.ts'
import { outputTo } from './output.ts'
import { explain, explains, openReplay } from './sim/explain.ts'
import { Failures } from './sim/failures.ts'
import { runJobs } from './sim/jobs.ts'
import { parseSimOptions, type SimOptions } from './sim/options.ts'
import { reportPage } from './sim/report.ts'
import { scenarioOf } from './sim/scenarios.ts'
import { withTripwires } from './tripwires.ts'

const progressEveryMs = 200
const output = outputTo(process.stdout, process.stderr)
process.exitCode = await main(process.argv.slice(2))

async function main(words: readonly string[]): Promise<number> {
  try {
    const options = parseSimOptions(words)
    const played = openReplay(options)
    const scenario = await scenarioOf(played?.scenario ?? options.scenario, mixOf(options))
    if (explains(options)) return await explain(scenario, played, options, output)
    const failures = new Failures(scenario, options.out, options.shrink, output)
    const startedMs = performance.now()
    const totals = newTotals()
    if (options.seed === undefined) await runMany(options, totals, failures)
    else runOne(scenario, options.seed, totals, failures)
    return finish(totals, failures, (performance.now() - startedMs) / 1_000, options)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    output.problem(reasonOf(error))
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failed
  }
}

function mixOf({ nodes, budget, scheduler }: SimOptions): MixOptions {
  return { nodes, budget, scheduler }
}

function runOne(scenario: Scenario, seed: number, totals: Totals, failures: Failures): void {
  const result = withTripwires(() => runInto(totals, scenario, seed, true))
  if (result.failure === undefined) return
  output.line(result.failure.tail.join('\n'))
  failures.keep(result)
}

async function runMany(options: SimOptions, totals: Totals, failures: Failures): Promise<void> {
  const startedMs = performance.now()
  const endMs = startedMs + (options.for ?? Number.POSITIVE_INFINITY) * 1_000
  const seeds = options.for === undefined ? options.seeds : Number.MAX_SAFE_INTEGER - options.first
  let shownMs = startedMs
  const goOn = (): boolean => performance.now() < endMs
  const { scenario, first, jobs } = options
  await runJobs({ scenario, mix: mixOf(options), first, seeds, jobs, goOn }, ({ results, coverage }) => {
    addCoverage(totals.coverage, coverage)
    for (const result of results) {
      addResult(totals, result)
      if (result.failure === undefined) continue
      clearProgress()
      failures.keep(result)
    }
    const nowMs = performance.now()
    if (nowMs - shownMs < progressEveryMs) return
    shownMs = nowMs
    showProgress(totals, options, (nowMs - startedMs) / 1_000)
  })
  clearProgress()
}

function showProgress(totals: Totals, options: SimOptions, wallSeconds: number): void {
  if (process.stderr.isTTY !== true) return
  const { sites, probes } = reachedOf(coverageReport(totals.coverage, totals.seeds))
  const of = options.for === undefined ? `of ${options.seeds} ` : ''
  const words = [
    `${totals.seeds} ${of}seeds`,
    `${(totals.seeds / wallSeconds).toFixed(1)} a second`,
    `${(totals.simulatedMs / 1_000).toFixed(0)} s simulated`,
    `sites ${textOf(sites)}`,
    `probes ${textOf(probes)}`,
    `${totals.failures.length} failed`,
  ]
  process.stderr.write(`\r\u001b[K${words.join(', ')}`)
}

function clearProgress(): void {
  if (process.stderr.isTTY === true) process.stderr.write('\r\u001b[K')
}

function textOf({ reached, total }: Reached): string {
  return `${reached}/${total}`
}

function finish(totals: Totals, { kept }: Failures, wallSeconds: number, options: SimOptions): number {
  const simulatedSeconds = totals.simulatedMs / 1_000
  const { seeds, deliveries } = totals
  const deliveriesPerSecond = Math.round(deliveries / wallSeconds)
  const coverage = coverageReport(totals.coverage, seeds)
  const { sites, probes } = reachedOf(coverage)
  const dead = deadPlaces(coverage)
  const hash = totals.digest.text()
  const { scenario, out } = options
  const report = join(out, 'report.html')
  const facts = { scenario, seeds, deliveries, simulatedSeconds, wallSeconds, hash, failures: kept, coverage }
  mkdirSync(out, { recursive: true })
  writeFileSync(report, reportPage(facts))
  writeFileSync(join(out, 'coverage.txt'), `${renderCoverage(coverage)}\n`)
  output.line(
    `${seeds} seeds, ${totals.failures.length} failed; ${deliveries} deliveries (${deliveriesPerSecond} a second), ` +
      `${simulatedSeconds.toFixed(0)} s simulated in ${wallSeconds.toFixed(1)} s, ` +
      `sites ${textOf(sites)}, probes ${textOf(probes)}, hash ${hash}; see ${report}`,
  )
  const lacking = options.coverage === true && dead.length > 0
  if (lacking) output.problem(`never reached: ${dead.join(', ')}`)
  if (options.json === true) {
    const failures = kept.map(({ seed, invariant, text, file }) => ({ seed, scenario, invariant, text, file }))
    output.event({
      ...{ seeds, failures, deliveries, deliveriesPerSecond, simulatedSeconds, wallSeconds },
      ...{ sites, probes, dead, hash },
    })
  }
  return totals.failures.length > 0 || lacking ? exitCodes.failed : exitCodes.done
}
