#!/usr/bin/env node
/**
 * `npm run sim -- --seeds N`: runs seeds of the simulated world and says which failed, each with the line that runs it again.
 *
 *   --seeds N        how many, from --first on (default 100)
 *   --seed K         one seed, twice, with what was delivered last when it fails
 *   --scenario S     `mix` (the default: clients of all kinds under drawn faults) or a scenario of test/scenarios
 *   --nodes 3        for `mix`: 3, 5, or as drawn when left out
 *   --json           the last line of the output is one JSON document
 *
 * Exit code 0: all passed; 1: a seed failed; 2: asked wrongly.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { mixWorkload } from '../sim/mix.ts'
import { newTotals, runInto, type Totals } from '../sim/run.ts'
import { reproduction, runSeedTwice, type Scenario, type SeedResult } from '../sim/scenario.ts'
import { exitCodes, reasonOf, UsageError } from './failure.ts'
import { type Output, outputTo } from './output.ts'
import { withTripwires } from './tripwires.ts'

interface SimOptions {
  readonly seeds: number
  readonly first: number
  readonly seed?: number
  readonly scenario: string
  readonly nodes?: number
  readonly json?: boolean
}

const progressEveryMs = 200
const output = outputTo(process.stdout, process.stderr)
process.exitCode = await main(process.argv.slice(2))

async function main(words: readonly string[]): Promise<number> {
  try {
    const options = parse(words)
    const scenario = await scenarioOf(options)
    return options.seed === undefined ? runMany(scenario, options) : runOne(scenario, options.seed, options)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    output.problem(reasonOf(error))
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failed
  }
}

function parse(words: readonly string[]): SimOptions {
  const program = new Command('sim')
    .description('Runs seeds of the simulated world.')
    .option('--seeds <n>', 'how many seeds', wholeNumber, 100)
    .option('--first <k>', 'the first of them', wholeNumber, 1)
    .option('--seed <k>', 'this seed alone, twice', wholeNumber)
    .option('--scenario <name>', 'what to run', 'mix')
    .option('--nodes <n>', 'nodes of a cluster, for mix', wholeNumber)
    .option('--json', 'end with one JSON document')
    .exitOverride()
  program.parse([...words], { from: 'user' })
  return program.opts<SimOptions>()
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('wanted a whole number of at least 1')
  return value
}

async function scenarioOf({ scenario, nodes }: SimOptions): Promise<Scenario> {
  if (nodes !== undefined && nodes > 9) throw new UsageError(`--nodes: wanted 1 to 9, found ${nodes}`)
  if (scenario === 'mix') return mixWorkload({ nodes })
  const known = await collectScenarios()
  const found = known.find(({ name }) => name === scenario)
  if (found !== undefined) return found
  const names = ['mix', ...known.map(({ name }) => name)].join(', ')
  throw new UsageError(`--scenario: wanted one of ${names}, found ${JSON.stringify(scenario)}`)
}

/** Scenarios live with the tests that run them, and hand themselves over when they are loaded for it. */
async function collectScenarios(): Promise<readonly Scenario[]> {
  const collected: Scenario[] = []
  const folder = new URL('../test/scenarios/', import.meta.url)
  ;(globalThis as { aspenScenarios?: Scenario[] }).aspenScenarios = collected
  for (const file of scenarioFiles(folder)) await import(new URL(file, folder).href)
  return collected
}

function scenarioFiles(folder: URL): readonly string[] {
  try {
    return readdirSync(fileURLToPath(folder))
      .filter((file) => file.endsWith('.test.js'))
      .sort()
  } catch {
    // A published package comes without its tests.
    return []
  }
}

function runOne(scenario: Scenario, seed: number, options: SimOptions): number {
  const startedMs = performance.now()
  const totals = newTotals()
  const result = withTripwires(() => runSeedTwice(scenario, seed))
  totals.seeds = 1
  totals.deliveries = result.deliveries
  totals.simulatedMs = result.simulatedMs
  totals.digest.addText(result.digest)
  if (result.failure !== undefined) {
    totals.failures.push(result)
    output.line(result.failure.tail.join('\n'))
    showFailure(output, result)
  }
  finish(totals, (performance.now() - startedMs) / 1_000, options)
  return totals.failures.length === 0 ? exitCodes.done : exitCodes.failed
}

function runMany(scenario: Scenario, options: SimOptions): number {
  const startedMs = performance.now()
  const totals = newTotals()
  let shownMs = startedMs
  for (let seed = options.first; seed < options.first + options.seeds; seed++) {
    const result = withTripwires(() => runInto(totals, scenario, seed))
    if (result.failure !== undefined) {
      clearProgress()
      showFailure(output, result)
    }
    const nowMs = performance.now()
    if (nowMs - shownMs < progressEveryMs) continue
    shownMs = nowMs
    showProgress(totals, options.seeds, (nowMs - startedMs) / 1_000)
  }
  clearProgress()
  finish(totals, (performance.now() - startedMs) / 1_000, options)
  return totals.failures.length === 0 ? exitCodes.done : exitCodes.failed
}

function showProgress(totals: Totals, seeds: number, wallSeconds: number): void {
  if (process.stderr.isTTY !== true) return
  const rate = (totals.seeds / wallSeconds).toFixed(1)
  const simulated = (totals.simulatedMs / 1_000).toFixed(0)
  process.stderr.write(
    `\r\u001b[K${totals.seeds} of ${seeds} seeds, ${rate} a second, ${simulated} s simulated, ${totals.failures.length} failed`,
  )
}

function clearProgress(): void {
  if (process.stderr.isTTY === true) process.stderr.write('\r\u001b[K')
}

function showFailure(to: Output, { scenario, seed, failure }: SeedResult): void {
  to.line(`seed ${seed} failed: ${failure?.text}`)
  to.line(`  ${reproduction(scenario, seed)}`)
}

function finish(totals: Totals, wallSeconds: number, { json }: SimOptions): void {
  const simulatedSeconds = totals.simulatedMs / 1_000
  const deliveriesPerSecond = Math.round(totals.deliveries / wallSeconds)
  output.line(
    `${totals.seeds} seeds, ${totals.failures.length} failed; ${totals.deliveries} deliveries (${deliveriesPerSecond} a second), ` +
      `${simulatedSeconds.toFixed(0)} s simulated in ${wallSeconds.toFixed(1)} s, digest ${totals.digest.text()}`,
  )
  if (json !== true) return
  const failures = totals.failures.map(({ seed, scenario, failure }) => ({
    seed,
    scenario,
    invariant: failure?.invariant,
    text: failure?.text,
  }))
  const { seeds, deliveries } = totals
  output.event({
    seeds,
    failures,
    deliveries,
    deliveriesPerSecond,
    simulatedSeconds,
    wallSeconds,
    hash: totals.digest.text(),
  })
}
