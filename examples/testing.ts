/**
 * A test of the counter without a disk, a thread or a clock: a simulated node, a crash in the middle, and what must hold
 * after it. Which write the crash catches is decided by the seed, so every seed is another test, and a failing one can be
 * run again.
 *
 * All of it is synchronous and asserts with whatever the test runner at hand asserts with.
 */
// prints: 20 seeds, nothing answered was lost
import assert from 'node:assert/strict'
import { simulateActors } from 'aspen/testing'
import { counter } from './actors/counter.ts'

const supervise = { restart: 'permanent' } as const
const seeds = 20

for (let seed = 1; seed <= seeds; seed++) {
  const node = simulateActors({ seed, executors: 2, definitions: [counter], faults: 'drawn' })
  const hits = node.spawn(counter, { start: 0 }, { name: 'hits', supervise })
  node.later({ ms: seed }, () => node.crash())

  let answered = 0
  while (node.up) {
    const answer = hits.ask.add(1)
    if (answer.type === 'reply') answered = answer.value
  }
  node.restart() // nothing runs yet: the process is new, its disks are not
  node.spawn(counter, { start: 0 }, { name: 'hits', supervise })
  const after = hits.ask.read()

  // The write under way may be on disk or not; what was answered is.
  assert.ok(after.type === 'reply' && after.value >= answered && after.value <= answered + 1, `seed ${seed}`)
}
console.log(`${seeds} seeds, nothing answered was lost`)
