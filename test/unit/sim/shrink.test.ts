/** Failing runs are made small, and stay failures of the same rule. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { capture, replay } from '../../../sim/capture.ts'
import { check } from '../../../sim/checkers/violation.ts'
import { mixWorkload } from '../../../sim/mix.ts'
import type { Scenario } from '../../../sim/scenario.ts'
import { ddmin } from '../../../sim/shrink/ddmin.ts'
import { shrink } from '../../../sim/shrink/shrink.ts'

const always = (): boolean => true

test('ddmin finds exactly the items that are needed together', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 80 }), fc.uniqueArray(fc.nat(79), { maxLength: 5 }), (count, wanted) => {
      const items = Array.from({ length: count }, (_, at) => at)
      const needed = wanted.filter((at) => at < count)

      const kept = ddmin(items, (some) => needed.every((at) => some.includes(at)), always)

      assert.deepEqual(
        kept,
        [...needed].sort((a, b) => a - b),
      )
    }),
  )
})

test('ddmin stops when time is up, with a list that fails', () => {
  let left = 3
  const items = Array.from({ length: 64 }, (_, at) => at)

  const kept = ddmin(
    items,
    (some) => some.includes(7),
    () => left-- > 0,
  )

  assert.ok(kept.includes(7) && kept.length < items.length)
})

/** A product that loses its way when node 2 crashed and somebody then writes `key/3`. */
function planted(): Scenario {
  const mix = mixWorkload({ nodes: 3 })
  return {
    ...mix,
    body: (cluster, script) => {
      const { history } = cluster
      const began = history.began.bind(history)
      history.began = (client, operation, beganMs) => {
        const note = began(client, operation, beganMs)
        const crashed = cluster.acts.some(
          ({ atMs, act }) => act.type === 'crash' && act.nodes.includes(2) && atMs < beganMs,
        )
        const writes = operation.type === 'put' && operation.key === 'key/3'
        check(!(crashed && writes), 'I99', () => 'planted')
        return note
      }
      mix.body(cluster, script)
    },
  }
}

test('a failing run shrinks to one crash and one write, fails the same rule, and plays back to the same digest', () => {
  const scenario = planted()
  let seed = 1
  while (capture(scenario, seed).invariant !== 'I99') seed += 1
  const failing = capture(scenario, seed)
  let left = 400

  const { capture: small, before, after, faithful } = shrink(scenario, failing, { goOn: () => left-- > 0 })

  assert.equal(faithful, true)
  assert.equal(small.invariant, 'I99')
  assert.deepEqual([after.acts, after.operations, after.clients], [1, 1, 1], JSON.stringify({ before, after }))
  assert.ok(after.decisions < before.decisions / 10, JSON.stringify({ before, after }))
  const again = replay(scenario, JSON.parse(JSON.stringify(small)) as typeof small)
  assert.deepEqual([again.failure?.invariant, again.digest], ['I99', small.digest])
})
