/**
 * As many seeds of the default mix as fit into a few minutes, on both cores, from the first one on: none may fail, and between
 * them they reach every fault site and every probe. `ASPEN_SIM_SECONDS` says how long.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

interface Summary {
  readonly seeds: number
  readonly failures: readonly { readonly seed: number; readonly invariant: string; readonly text: string }[]
}

const program = fileURLToPath(new URL('../../cli/sim.js', import.meta.url))
const seconds = process.env['ASPEN_SIM_SECONDS'] ?? (process.env['CI'] === undefined ? '60' : '300')
/** Enough for every site and probe; fewer say nothing about coverage. They begin with the first, so more reach no less. */
const seedsForCoverage = 6_000

test(`${seconds} s of seeds: no failure, and nothing that is never reached`, () => {
  const out = mkdtempSync(join(tmpdir(), 'aspen-seeds-'))
  const jobs = String(Math.min(4, availableParallelism()))

  const words = ['--for', seconds, '--jobs', jobs, '--json', '--out', out]
  const { stdout, stderr } = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8', maxBuffer: 2 ** 26 })

  const last = stdout.trimEnd().split('\n').at(-1) ?? ''
  assert.ok(last.startsWith('{'), `${stdout.slice(-2_000)}\n${stderr.slice(-2_000)}`)
  const summary = JSON.parse(last) as Summary & {
    readonly sites: Reached
    readonly probes: Reached
    readonly dead: string[]
  }
  assert.deepEqual(summary.failures, [], stdout.slice(-8_000))
  assert.ok(summary.seeds > 0)
  if (summary.seeds >= seedsForCoverage) assert.deepEqual(summary.dead, [])
  process.stdout.write(`${summary.seeds} seeds, sites ${textOf(summary.sites)}, probes ${textOf(summary.probes)}\n`)
  rmSync(out, { recursive: true })
})

interface Reached {
  readonly total: number
  readonly reached: number
}

function textOf({ total, reached }: Reached): string {
  return `${reached} of ${total}`
}
