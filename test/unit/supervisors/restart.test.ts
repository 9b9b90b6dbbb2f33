import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  createRestartWindow,
  failuresInARow,
  noteFailure,
  restartDelayMs,
  restartsWith,
  wantsRestart,
} from '../../../supervisors/restart.ts'
import type { Strategy } from '../../../supervisors/spec.ts'

describe('restart intensity', () => {
  test('U1: the failure after restartsMax within the window is passed up', () => {
    const window = createRestartWindow()

    assert.equal(noteFailure(window, 0, 2, 1_000), 'restart')
    assert.equal(noteFailure(window, 10, 2, 1_000), 'restart')
    assert.equal(noteFailure(window, 999, 2, 1_000), 'escalate')
  })

  test('U1: a restart exactly one window ago no longer counts', () => {
    const window = createRestartWindow()

    assert.equal(noteFailure(window, 0, 1, 1_000), 'restart')
    assert.equal(noteFailure(window, 1_000, 1, 1_000), 'restart')
  })

  test('U1: restartsMax 0 passes the first failure up', () => {
    assert.equal(noteFailure(createRestartWindow(), 5, 0, 1_000), 'escalate')
  })

  test('U1: for any failures, no window holds more restarts than allowed, and none is refused that would fit', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 300 })
    fc.assert(
      fc.property(gaps, fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 1_000 }), (gapsMs, max, windowMs) => {
        const window = createRestartWindow()
        const restarts: number[] = []
        let nowMs = 0
        for (const gapMs of gapsMs) {
          nowMs += gapMs
          const within = restarts.filter((at) => at > nowMs - windowMs).length
          const outcome = noteFailure(window, nowMs, max, windowMs)
          assert.equal(outcome, within < max ? 'restart' : 'escalate')
          if (outcome === 'restart') restarts.push(nowMs)
        }
      }),
    )
  })

  test('U1: the memory of old restarts is let go', () => {
    const window = createRestartWindow()

    for (let nowMs = 0; nowMs < 100_000; nowMs += 10) noteFailure(window, nowMs, 1_000, 100)

    assert.ok(window.times.length < 100, `${window.times.length} times are kept for 10 that count`)
  })

  test('U1: time that goes back is our own mistake', () => {
    const window = createRestartWindow()
    noteFailure(window, 100, 5, 1_000)

    assert.throws(() => noteFailure(window, 99, 5, 1_000), /U1: time must not go back, from 100 to 99/)
  })
})

describe('backoff', () => {
  test('U7: doubles from base to cap', () => {
    const delays = [1, 2, 3, 4, 5].map((failures) => restartDelayMs({ baseMs: 10, maxMs: 100 }, failures, 1))

    assert.deepEqual(delays, [10, 20, 40, 80, 100])
  })

  test('U7: any draw stays between half and whole, any count gives a number', () => {
    const bounds = fc.record({ baseMs: fc.nat(10_000), more: fc.nat(100_000) })
    fc.assert(
      fc.property(
        bounds,
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (b, n, u) => {
          const maxMs = b.baseMs + b.more
          const delayMs = restartDelayMs({ baseMs: b.baseMs, maxMs }, n, u)
          const whole = Math.min(maxMs, b.baseMs * 2 ** Math.min(n - 1, 40))
          assert.ok(delayMs >= whole / 2 && delayMs <= whole, `${delayMs} of ${whole}`)
        },
      ),
    )
  })

  test('U7: failures in a row are those less than a window apart', () => {
    assert.equal(failuresInARow(0, Number.NEGATIVE_INFINITY, 50, 100), 1)
    assert.equal(failuresInARow(3, 0, 99, 100), 4)
    assert.equal(failuresInARow(3, 0, 100, 100), 1)
  })
})

describe('who restarts', () => {
  test('U6: permanent always, transient unless in order, temporary never', () => {
    const normal = { type: 'normal' } as const
    const failed = { type: 'failed', error: 'x' } as const
    const lost = { type: 'threadLost' } as const

    assert.deepEqual(
      [normal, failed, lost].map((reason) => wantsRestart('permanent', reason)),
      [true, true, true],
    )
    assert.deepEqual(
      [normal, failed, lost].map((reason) => wantsRestart('transient', reason)),
      [false, true, true],
    )
    assert.deepEqual(
      [normal, failed, lost].map((reason) => wantsRestart('temporary', reason)),
      [false, false, false],
    )
  })

  test('U3: the scope of each strategy', () => {
    const scope = (strategy: Strategy): number[] => [0, 1, 2, 3].filter((sibling) => restartsWith(strategy, 1, sibling))

    assert.deepEqual(scope('oneForOne'), [1])
    assert.deepEqual(scope('oneForAll'), [0, 1, 2, 3])
    assert.deepEqual(scope('restForOne'), [1, 2, 3])
  })
})
