/**
 * The golden seeds on this Node.js, and on the others that `ASPEN_NODES` names (paths of binaries, separated by colons).
 *
 * When a change is meant to change what happens in a run, `npm run golden` writes the new hashes down.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { goldenFile, goldenSeeds, runGolden } from './seeds.ts'

const program = fileURLToPath(new URL('./main.js', import.meta.url))
const golden = readFileSync(goldenFile, 'utf8').trim().split('\n')
const others = (process.env['ASPEN_NODES'] ?? '').split(':').filter((path) => path !== '')

function assertGolden(hashes: readonly string[]): void {
  const wrong = hashes.filter((line, at) => line !== golden[at])
  const example = wrong
    .slice(0, 3)
    .map((line) => `  found  ${line}\n  wanted ${golden[Number(line.split(' ')[0]) - 1]}`)
  assert.equal(
    wrong.length,
    0,
    `${wrong.length} of ${goldenSeeds} seeds are not what they were:\n${example.join('\n')}\n` +
      'If that is meant, write the new ones down with: npm run golden',
  )
}

test(`${goldenSeeds} golden seeds are what they were, on Node.js ${process.version}`, () => {
  assert.equal(golden.length, goldenSeeds)
  assertGolden(runGolden())
})

const none = others.length === 0 && 'ASPEN_NODES names no other Node.js'
test('golden seeds are the same on other versions of Node.js', { skip: none }, () => {
  for (const node of others) {
    const { stdout, stderr, status } = spawnSync(node, [program], { encoding: 'utf8', maxBuffer: 2 ** 24 })
    assert.equal(status, 0, stderr)
    assertGolden(stdout.trim().split('\n'))
  }
})
