/** Captured runs as files. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { capture } from '../../../sim/capture.ts'
import { mixWorkload } from '../../../sim/mix.ts'
import { readScenarioFile, ScenarioFileError, scenarioFileText } from '../../../sim/scenario-file.ts'

test('a file says the same when it is read back, a line for each act, operation and choice', () => {
  const captured = capture(mixWorkload({ nodes: 3 }), 7)

  const text = scenarioFileText(captured)

  const plain = JSON.parse(JSON.stringify(captured)) as typeof captured
  assert.deepEqual(readScenarioFile(text, 'x.json'), { ...plain, invariant: captured.invariant })
  const { acts, operations, decisions } = captured.script
  const lists = [acts, operations, decisions].filter((list) => list.length > 0)
  assert.ok(text.split('\n').length >= lists.reduce((sum, list) => sum + list.length, 0))
})

test('what is no file of ours is refused by name, with what was wanted', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['{"format": 1, ', /x\.json: wanted JSON/],
    ['null', /x\.json: wanted an object, found null/],
    ['{"format": 9}', /x\.json: wanted format 1, found 9/],
    ['{"format": 1}', /x\.json: wanted the name of a scenario and a seed/],
    ['{"format": 1, "scenario": "mix", "seed": 1, "script": {"acts": []}}', /x\.json: wanted a script/],
  ]
  for (const [text, reason] of wrong) {
    assert.throws(
      () => readScenarioFile(text, 'x.json'),
      (error) => error instanceof ScenarioFileError && reason.test(error.message),
    )
  }
})
