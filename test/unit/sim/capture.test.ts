/** A run that was written down is the same run again, without its seed. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { capture, captureScript, replay } from '../../../sim/capture.ts'
import { mixWorkload } from '../../../sim/mix.ts'

const mix = mixWorkload({ nodes: 3 })

test('a captured run is played back from its script alone, step by step the same', () => {
  for (const seed of [2, 3, 4]) {
    const captured = capture(mix, seed)
    assert.equal(captured.invariant, undefined, captured.text)
    const file = JSON.parse(JSON.stringify(captured)) as typeof captured

    const again = replay(mix, { ...file, seed: 0 })

    assert.deepEqual([again.deliveries, again.digest], [captured.deliveries, captured.digest])
  }
})

test('a script that is played while it is written down loses what did not matter and stays the same run', () => {
  const { script, digest } = capture(mix, 5)
  const more = { ...script, decisions: [...script.decisions, ['net.loss', 1, 2, 3, 1] as const] }

  const again = captureScript(mix, 0, more)

  assert.equal(again.digest, digest)
  assert.equal(again.script.decisions.length, script.decisions.length)
})
