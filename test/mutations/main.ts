/**
 * `npm run mutants`: plants every bug of the tables into a build of its own and runs seeds until each is found.
 *
 *   --only NAMES       these mutants, separated by commas
 *   --area AREA        those of one area
 *   --seeds N          at most so many seeds each (default 20,000)
 *   --jobs N           processes at a time (default 2)
 *   --scenario NAME    with this instead of what each mutant names
 *   --alive            only those that the last run left alive, or that were never tried
 *   --page             writes docs/mutations.md from all verdicts known
 *   --json             the last line of the output is one JSON document
 *
 * Verdicts are kept in dist/mutations.json, so runs of some mutants add up. Exit code 0: at least 95 % of those tried were
 * found; 1: fewer; 2: asked wrongly.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { areas } from './all.ts'
import { grow, sourceRoot } from './grow.ts'
import type { Mutation } from './mutation.ts'
import { race, type Verdict } from './race.ts'
import { markdownPage, screenTable, summaryOf } from './report.ts'

interface MutantsOptions {
  readonly only?: string
  readonly area?: string
  readonly seeds: number
  readonly jobs: number
  readonly scenario?: string
  readonly alive?: boolean
  readonly page?: boolean
  readonly json?: boolean
}

/** Of the mutants tried, so many must be found. */
const wantedShare = 0.95
const root = sourceRoot()
const verdictsFile = join(root, 'dist', 'mutations.json')
process.exitCode = await main(process.argv.slice(2))

async function main(words: readonly string[]): Promise<number> {
  try {
    const options = parse(words)
    const mutations = chosen(options)
    const verdicts = await tryAll(mutations, options)
    const known = remember(verdicts)
    if (options.page === true) writePage(known, options.seeds)
    return tell(verdicts, options)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    print(error instanceof Error ? error.message : String(error))
    return error instanceof RangeError ? 2 : 1
  }
}

function parse(words: readonly string[]): MutantsOptions {
  const program = new Command('mutants')
    .description('Plants bugs and runs seeds until each is found.')
    .option('--only <names>', 'these mutants, separated by commas')
    .option('--area <area>', 'those of one area')
    .option('--seeds <n>', 'at most so many seeds each', wholeNumber, 20_000)
    .option('--jobs <n>', 'processes at a time', wholeNumber, 2)
    .option('--scenario <name>', 'mix or a scenario, instead of what each mutant names')
    .option('--alive', 'only those not found yet')
    .option('--page', 'write docs/mutations.md')
    .option('--json', 'end with one JSON document')
    .exitOverride()
  program.parse([...words], { from: 'user' })
  return program.opts<MutantsOptions>()
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('wanted a whole number of at least 1')
  return value
}

function chosen({ only, area, alive }: MutantsOptions): readonly Mutation[] {
  const inArea = areas.filter((each) => area === undefined || each.area === area).flatMap(({ mutations }) => mutations)
  if (inArea.length === 0)
    throw new RangeError(`--area: wanted one of ${areas.map((each) => each.area).join(', ')}, found ${area}`)
  const names = only?.split(',')
  for (const name of names ?? []) {
    if (!inArea.some((each) => each.name === name)) throw new RangeError(`--only: there is no mutant '${name}'`)
  }
  const found = alive === true ? new Set(killed(readVerdicts())) : new Set<string>()
  return inArea.filter(({ name }) => (names === undefined || names.includes(name)) && !found.has(name))
}

async function tryAll(mutations: readonly Mutation[], options: MutantsOptions): Promise<readonly Verdict[]> {
  if (mutations.length === 0) return []
  note('growing the tree with the mutants …')
  const grown = await grow(root)
  const stop = (): void => {
    grown.remove()
    process.exit(1)
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    let done = 0
    return await race(grown, mutations, {
      seeds: options.seeds,
      jobs: options.jobs,
      scenario: options.scenario,
      moved: (running) => showProgress(`${done} of ${mutations.length}`, running),
      judged: (verdict) => {
        done += 1
        clearProgress()
        const { name, killedBy, scenario, seeds, seconds } = verdict
        print(
          `${killedBy === undefined ? 'ALIVE ' : killedBy.padEnd(6)} ${name}: ${seeds} seeds of ${scenario}, ${seconds.toFixed(1)} s`,
        )
        remember([verdict])
      },
    })
  } finally {
    grown.remove()
  }
}

function readVerdicts(): readonly Verdict[] {
  if (!existsSync(verdictsFile)) return []
  return JSON.parse(readFileSync(verdictsFile, 'utf8')) as readonly Verdict[]
}

function killed(verdicts: readonly Verdict[]): readonly string[] {
  return verdicts.filter(({ killedBy }) => killedBy !== undefined).map(({ name }) => name)
}

/** Adds to what earlier runs found; what is no longer in the tables is forgotten. */
function remember(verdicts: readonly Verdict[]): readonly Verdict[] {
  const byName = new Map([...readVerdicts(), ...verdicts].map((verdict) => [verdict.name, verdict]))
  const known = areas
    .flatMap(({ mutations }) => mutations)
    .flatMap(({ name }) => {
      const verdict = byName.get(name)
      return verdict === undefined ? [] : [verdict]
    })
  mkdirSync(dirname(verdictsFile), { recursive: true })
  writeFileSync(verdictsFile, `${JSON.stringify(known, null, 2)}\n`)
  return known
}

function writePage(verdicts: readonly Verdict[], seeds: number): void {
  writeFileSync(join(root, 'docs', 'mutations.md'), markdownPage(verdicts, seeds))
}

function tell(verdicts: readonly Verdict[], { json }: MutantsOptions): number {
  const { mutants, killed: found, alive } = summaryOf(verdicts)
  print(screenTable(verdicts))
  print(`${found} of ${mutants} mutants found${alive.length === 0 ? '' : `; alive: ${alive.join(', ')}`}`)
  if (json === true) print(JSON.stringify({ mutants, killed: found, alive, verdicts }))
  return found >= wantedShare * mutants ? 0 : 1
}

function showProgress(done: string, running: ReadonlyMap<string, number>): void {
  if (process.stderr.isTTY !== true) return
  const now = [...running].map(([name, seed]) => `${name} at seed ${seed}`).join(', ')
  process.stderr.write(`\r\u001b[K${done}; ${now}`.slice(0, 160))
}

function clearProgress(): void {
  if (process.stderr.isTTY === true) process.stderr.write('\r\u001b[K')
}

function note(text: string): void {
  process.stderr.write(`mutants: ${text}\n`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
