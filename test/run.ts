/**
 * Runs the compiled suites: each file in a process of its own, two at a time, folder after folder, cheap before costly.
 *
 *   npm test                      everything
 *   npm test -- unit/raft e2e     files whose path below test/ contains one of the words
 *
 * A file that outlives its limit is killed with all it started, and has failed; so has a file that holds no test. What a
 * passing file printed is dropped, what a failing one printed is shown whole. The last line is the verdict:
 *
 *   N passed, N failed[, N skipped]
 */
import { spawn } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Counts, countsOf, verdict } from './report.ts'

interface Suite {
  readonly folder: string
  readonly concurrency: number
  /** For one file, on a slow and busy machine. */
  readonly limitMs: number
}

interface FileResult {
  readonly counts: Counts
  readonly output: string
  readonly tookMs: number
}

const suites: readonly Suite[] = [
  { folder: 'tidy', concurrency: 2, limitMs: 60_000 },
  { folder: 'unit', concurrency: 2, limitMs: 120_000 },
  { folder: 'contract', concurrency: 2, limitMs: 120_000 },
  { folder: 'scenarios', concurrency: 2, limitMs: 300_000 },
  { folder: 'traces', concurrency: 2, limitMs: 120_000 },
  { folder: 'examples', concurrency: 1, limitMs: 300_000 },
  { folder: 'golden', concurrency: 1, limitMs: 600_000 },
  { folder: 'regressions', concurrency: 1, limitMs: 300_000 },
  // Each of these starts nodes of its own, which share the machine's cores and want ports for themselves.
  { folder: 'e2e', concurrency: 1, limitMs: 600_000 },
  { folder: 'soak', concurrency: 1, limitMs: 300_000 },
  // Runs as long as it is told to, and makes a failing seed small afterwards.
  { folder: 'seeds', concurrency: 1, limitMs: 1_200_000 },
]

/** A machine under a debugger, or a test of this file, may want another limit for every file. */
const limitOverrideMs = Number(process.env['ASPEN_TEST_LIMIT_MS'] ?? 0)

/** Longest output kept of one file: a test gone mad must not fill the memory of the one that watches it. */
const outputCharsMax = 4_000_000

/** A file slower than this gets a line of its own, so that a long run is seen to move. */
const tellSlowerThanMs = 3_000

/** Process groups under way, so that an interrupted run leaves none behind. */
const running = new Set<number>()

const testRoot = fileURLToPath(new URL('.', import.meta.url))

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const group of running) killGroup(group)
    process.exit(1)
  })
}

process.exitCode = await runAll(process.argv.slice(2))

async function runAll(filters: readonly string[]): Promise<number> {
  const startedAt = performance.now()
  const total: Counts = { passed: 0, failed: 0, skipped: 0 }
  for (const suite of suitesPresent()) {
    const files = testFilesBelow(suite.folder).filter((path) => matches(path, filters))
    if (files.length > 0) add(total, await runSuite(suite, files))
  }
  const ran = total.passed + total.failed
  if (ran === 0) {
    print(filters.length > 0 ? `no test ran: nothing below test/ matches ${filters.join(' ')}` : 'no test ran')
  }
  print(`\nall suites took ${seconds(performance.now() - startedAt)}`)
  print(verdict(total))
  return total.failed > 0 || ran === 0 ? 1 : 0
}

/** The known suites in their order, then folders nobody thought of: a test is never skipped because of where it lies. */
function suitesPresent(): readonly Suite[] {
  const present = readdirSync(testRoot, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const folders = new Set(present.map((entry) => entry.name))
  const known = suites.filter((suite) => folders.has(suite.folder))
  const others = [...folders].filter((folder) => !suites.some((suite) => suite.folder === folder)).sort()
  return [...known, ...others.map((folder) => ({ folder, concurrency: 1, limitMs: 300_000 }))]
}

function testFilesBelow(folder: string): readonly string[] {
  const found: string[] = []
  for (const entry of readdirSync(join(testRoot, folder)).sort()) {
    const path = `${folder}/${entry}`
    if (statSync(join(testRoot, path)).isDirectory()) found.push(...testFilesBelow(path))
    else if (path.endsWith('.test.js')) found.push(path)
  }
  return found
}

function matches(path: string, filters: readonly string[]): boolean {
  const source = path.replace(/\.js$/, '.ts')
  return filters.length === 0 || filters.some((word) => source.includes(word.replace(/^test\//, '')))
}

async function runSuite(suite: Suite, files: readonly string[]): Promise<Counts> {
  const startedAt = performance.now()
  const total: Counts = { passed: 0, failed: 0, skipped: 0 }
  const waiting = [...files]
  const lane = async (): Promise<void> => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      const result = await runFile(path, limitOverrideMs > 0 ? limitOverrideMs : suite.limitMs)
      add(total, result.counts)
      if (result.counts.failed > 0) showFailure(path, result)
      else if (result.tookMs > tellSlowerThanMs)
        print(`  ${path}: ${verdict(result.counts)} in ${seconds(result.tookMs)}`)
    }
  }
  await Promise.all(Array.from({ length: suite.concurrency }, lane))
  print(`${suite.folder}: ${files.length} files, ${verdict(total)} in ${seconds(performance.now() - startedAt)}`)
  return total
}

function runFile(path: string, limitMs: number): Promise<FileResult> {
  return new Promise((resolve) => {
    const startedAt = performance.now()
    const child = spawn(
      process.execPath,
      ['--enable-source-maps', '--test-reporter=spec', '--test-reporter-destination=stdout', join(testRoot, path)],
      // A group of its own: what the test started dies with it.
      { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: plainEnvironment() },
    )
    const group = child.pid
    if (group !== undefined) running.add(group)
    let output = ''
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-outputCharsMax)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    let verdictLine = ''
    const timer = setTimeout(() => {
      verdictLine = `killed: it ran longer than ${seconds(limitMs)}`
      if (group !== undefined) killGroup(group)
    }, limitMs)
    const finish = (exitCode: number | null, reason: string): void => {
      clearTimeout(timer)
      if (group !== undefined) {
        running.delete(group)
        killGroup(group)
      }
      resolve({ ...judge(exitCode, output, reason), tookMs: performance.now() - startedAt })
    }
    child.on('error', (error) => finish(null, `it could not be started: ${error.message}`))
    // `exit`, not `close`: a grandchild that holds the pipe open must not hold the run. A moment later the rest is read.
    child.on('exit', (code, signal) => {
      setTimeout(() => finish(code, verdictLine === '' && signal !== null ? `ended by ${signal}` : verdictLine), 20)
    })
  })
}

function judge(exitCode: number | null, output: string, reason: string): { counts: Counts; output: string } {
  const counts = countsOf(output)
  const why = reason !== '' ? reason : counts.passed + counts.failed + counts.skipped === 0 ? 'it holds no test' : ''
  // Whatever else goes wrong with the file (an exit code, a signal, silence) is one failure more.
  if (why !== '' || (exitCode !== 0 && counts.failed === 0)) {
    counts.failed += 1
    return { counts, output: `${output}\n${why !== '' ? why : `exit code ${exitCode}, though every test passed`}` }
  }
  return { counts, output }
}

/** Tests compare what programs print: colours and the reporter of an outer run have no place in that. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const { FORCE_COLOR: _colour, NODE_TEST_CONTEXT: _context, ...rest } = process.env
  return { ...rest, NO_COLOR: '1' }
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // Nothing of it is left, which is what was wanted.
  }
}

function showFailure(path: string, result: FileResult): void {
  const source = `test/${path.replace(/\.js$/, '.ts')}`
  print(`\n──── ${source}: failed after ${seconds(result.tookMs)}\n${result.output.trimEnd()}\n────\n`)
}

function add(total: Counts, more: Counts): void {
  total.passed += more.passed
  total.failed += more.failed
  total.skipped += more.skipped
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
