import assert from 'node:assert/strict'
import test from 'node:test'
import { Chaos } from './chaos.ts'

const seeds = Number(process.env['RAFT_SEEDS'] ?? 320)
const from = Number(process.env['RAFT_SEED'] ?? 1)

test(`R1 to R25 hold after every step of ${seeds} random schedules, and the group recovers`, () => {
  for (let seed = from; seed < from + seeds; seed++) {
    const chaos = new Chaos(seed)
    try {
      chaos.run(1_500)
      if (chaos.promisesLiveness) chaos.recover()
    } catch (error) {
      throw new Error(`RAFT_SEED=${seed} RAFT_SEEDS=1, step ${chaos.cluster.steps}: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }
})

// What the schedules cannot find they do not guard: here whoever lost his store votes as if he remembered.
test('R25: the same schedules lose committed entries when lost stores are trusted', () => {
  const broken = (seed: number): boolean => {
    try {
      new Chaos(seed, true).run(1_500)
      return false
    } catch (error) {
      return /^R[4679]:/.test((error as Error).message)
    }
  }

  assert.ok(Array.from({ length: 320 }, (_, at) => at + 1).some(broken), 'no schedule of 320 found it')
})
