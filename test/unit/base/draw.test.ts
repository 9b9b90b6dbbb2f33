/** Draws with names, and what is made of them. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { byDoublings, draw } from '../../../base/draw.ts'

test('a draw depends on its seed, its site and its numbers, and on nothing else', () => {
  assert.equal(draw(1, 'a', 2, 3, 4), draw(1, 'a', 2, 3, 4))
  const others = [draw(2, 'a', 2, 3, 4), draw(1, 'b', 2, 3, 4), draw(1, 'a', 3, 3, 4), draw(1, 'a', 2, 4, 4)]
  assert.equal(new Set([draw(1, 'a', 2, 3, 4), ...others]).size, 5)
})

test('byDoublings stays within its bounds, reaches both ends, and gives every doubling its share', () => {
  const values = Array.from({ length: 4_000 }, (_, at) => byDoublings(1, 1_000, at / 4_000))

  assert.equal(values[0], 1)
  assert.ok(values.every((value, at) => value >= 1 && value <= 1_000 && value >= (values[at - 1] ?? 0)))
  assert.ok(Math.max(...values) === 1_000)
  const below = (most: number): number => values.filter((value) => value < most).length / values.length
  assert.ok(Math.abs(below(32) - 0.5) < 0.01, String(below(32)))
  assert.equal(byDoublings(5, 5, 0.9), 5)
})
