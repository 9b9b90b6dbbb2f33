/**
 * Runs that once failed, as files that a person can read: each is played back, twice, and nothing may be wrong with it any more.
 * `npm run sim` writes such a file for every failing seed; copied into this folder it is a test.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { scenarioOf } from '../../cli/sim/scenarios.ts'
import { withTripwires } from '../../cli/tripwires.ts'
import { replay } from '../../sim/capture.ts'
import { readScenarioFile } from '../../sim/scenario-file.ts'

// The files are no code and stay where they are written down: beside the source of this test.
const compiled = dirname(fileURLToPath(import.meta.url))
const folder = compiled.replace(/([/\\])dist\1/, '$1')
const files = readdirSync(folder).filter((name) => name.endsWith('.json'))

test('there is a run to play back', () => assert.ok(files.length > 0, `no file in ${folder}`))

for (const file of files) {
  test(`${file} is well`, async () => {
    const captured = readScenarioFile(readFileSync(join(folder, file), 'utf8'), file)
    const scenario = await scenarioOf(captured.scenario, { nodes: captured.script.plan.nodes })

    const [first, second] = [0, 1].map(() => withTripwires(() => replay(scenario, captured)))

    assert.equal(first?.failure, undefined, first?.failure?.text)
    assert.equal(first?.digest, second?.digest)
  })
}
