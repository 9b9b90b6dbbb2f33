import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Admission } from '../../../gateway/etcd/admission.ts'

interface Gate {
  readonly admission: Admission
  readonly refused: string[]
  readonly clock: { nowMs: number }
  /** Whether a call was let in. */
  enters(): boolean
}

function gateOf(concurrentMax: number, perSecondMax: number): Gate {
  const refused: string[] = []
  const clock = { nowMs: 1_000 }
  const limits = { concurrentMax, perSecondMax }
  const admission = new Admission(
    limits,
    () => clock.nowMs,
    (reason) => refused.push(reason),
  )
  const enters = (): boolean => {
    try {
      admission.enter()
      return true
    } catch {
      return false
    }
  }
  return { admission, refused, clock, enters }
}

test('so many at a time, and the next when one has left', () => {
  const gate = gateOf(2, 0)

  assert.deepEqual([gate.enters(), gate.enters(), gate.enters()], [true, true, false])
  gate.admission.leave()
  assert.equal(gate.enters(), true)
  assert.deepEqual(gate.refused, ['concurrency'])
})

test('so many a second: a quiet second saves up no more than one', () => {
  const gate = gateOf(0, 10)
  const burst = (): number => Array.from({ length: 30 }, () => gate.enters()).filter(Boolean).length

  assert.equal(burst(), 10)
  gate.clock.nowMs += 250
  assert.equal(burst(), 2, 'a quarter of a second is worth two and a half')
  gate.clock.nowMs += 60_000
  assert.equal(burst(), 10)
})

test('a call that comes too often takes no room of those that run', () => {
  const gate = gateOf(5, 1)
  gate.enters()
  gate.enters()

  assert.equal(gate.admission.running, 1)
  assert.deepEqual(gate.refused, ['rate'])
})

test('over any time, no more than the rate and one burst are let in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      (waits, rate) => {
        const gate = gateOf(0, rate)
        let entered = 0
        for (const wait of waits) {
          gate.clock.nowMs += wait
          if (gate.enters()) entered += 1
        }

        assert.ok(entered <= rate + ((gate.clock.nowMs - 1_000) / 1_000) * rate + 1e-6)
      },
    ),
  )
})
