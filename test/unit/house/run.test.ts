// The runner is what tells us that all is well, so it must not say so of a test that hangs, crashes or is not there.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { countsOf, verdict } from '../../report.ts'

const compiled = fileURLToPath(new URL('../..', import.meta.url))
const passing = "import { test } from 'node:test'\ntest('fine', () => {})\n"
const failing = "import { test } from 'node:test'\ntest('bad', () => { throw new Error('the reason') })\n"

/** Runs a tree of compiled suites of its own. */
function runSuites(
  tree: Readonly<Record<string, string>>,
  words: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): { readonly status: number | null; readonly lines: readonly string[] } {
  const root = mkdtempSync(join(tmpdir(), 'aspen-run-'))
  try {
    writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
    for (const name of ['run.js', 'report.js']) cpSync(join(compiled, name), join(root, 'test', name))
    for (const [path, text] of Object.entries(tree)) {
      mkdirSync(dirname(join(root, 'test', path)), { recursive: true })
      writeFileSync(join(root, 'test', path), text)
    }
    const { status, stdout } = spawnSync(process.execPath, [join(root, 'test', 'run.js'), ...words], {
      encoding: 'utf8',
      env: { ...process.env, ...environment },
      timeout: 60_000,
    })
    return { status, lines: stdout.trimEnd().split('\n') }
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('suites run in their order, cheap before costly, unknown folders last', () => {
  const { status, lines } = runSuites({
    'e2e/a.test.js': passing,
    'unit/deep/b.test.js': passing,
    'other/c.test.js': passing,
    'unit/no-test.js': 'process.exit(1)\n',
  })

  assert.equal(status, 0)
  assert.deepEqual(
    lines.filter((line) => / files, /.test(line)).map((line) => line.split(':')[0]),
    ['unit', 'e2e', 'other'],
  )
  assert.equal(lines.at(-1), '3 passed, 0 failed')
})

test('a failure is shown with its reason and decides the exit code', () => {
  const { status, lines } = runSuites({ 'unit/a.test.js': passing, 'unit/b.test.js': failing })

  assert.equal(status, 1)
  assert.ok(lines.some((line) => line.includes('test/unit/b.test.ts: failed')))
  assert.ok(lines.some((line) => line.includes('the reason')))
  assert.equal(lines.at(-1), '1 passed, 1 failed')
})

test('skipped tests are counted apart', () => {
  const { status, lines } = runSuites({
    'unit/a.test.js': `${passing}test('later', { skip: 'no etcdctl here' }, () => {})\n`,
  })

  assert.equal(status, 0)
  assert.equal(lines.at(-1), '1 passed, 0 failed, 1 skipped')
})

test('a file that hangs is killed and has failed', () => {
  const { status, lines } = runSuites(
    {
      'unit/a.test.js':
        "import { test } from 'node:test'\ntest('never', () => new Promise(() => setInterval(() => {}, 1_000)))\n",
    },
    [],
    { ASPEN_TEST_LIMIT_MS: '1000' },
  )

  assert.equal(status, 1)
  assert.ok(lines.some((line) => line.startsWith('killed: it ran longer than 1.0 s')))
  assert.equal(lines.at(-1), '0 passed, 1 failed')
})

test('a file without tests, one that dies, and one that exits badly after its tests have each failed', () => {
  const { status, lines } = runSuites({
    'unit/a.test.js': 'export {}\n',
    'unit/b.test.js': "process.kill(process.pid, 'SIGKILL')\n",
    'unit/c.test.js': `${passing}process.on('exit', () => { process.exitCode = 3 })\n`,
  })

  assert.equal(status, 1)
  assert.ok(lines.includes('it holds no test'))
  assert.ok(lines.includes('ended by SIGKILL'))
  assert.equal(lines.at(-1), '1 passed, 3 failed')
})

test('words choose files by path, and choosing nothing is no success', () => {
  const tree = { 'unit/raft/a.test.js': passing, 'unit/base/b.test.js': failing }

  assert.equal(runSuites(tree, ['unit/raft']).lines.at(-1), '1 passed, 0 failed')
  assert.equal(runSuites(tree, ['test/unit/raft/a.test.ts']).lines.at(-1), '1 passed, 0 failed')
  assert.deepEqual({ ...runSuites(tree, ['nothing']), lines: [] }, { status: 1, lines: [] })
})

test('the last summary of an output counts, not one that a test printed', () => {
  const output = 'ℹ pass 40\nℹ fail 2\n✔ a\nℹ tests 3\nℹ pass 2\nℹ fail 0\nℹ cancelled 1\nℹ skipped 0\nℹ todo 1\n'

  const counts = countsOf(output)

  assert.deepEqual(counts, { passed: 2, failed: 1, skipped: 1 })
  assert.equal(verdict(counts), '2 passed, 1 failed, 1 skipped')
})
