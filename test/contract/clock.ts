/** What every `Clock` holds, on the real and on the simulated world. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Clock } from '../../runtime/ports/clock.ts'

export interface ClockUnderTest {
  readonly clock: Clock
  /** Lets about `ms` pass. */
  readonly pass: (ms: number) => void | Promise<void>
  /** A reading of `nowMs` taken on another thread of the same process, between two readings here. */
  readonly onOtherThread?: () => Promise<number>
}

/** Runs the suite. `make` gives a clock for each test. */
export function clockContract(name: string, make: () => ClockUnderTest): void {
  describe(`clock contract: ${name}`, () => {
    test('nowMs never goes back', async () => {
      const { clock, pass } = make()
      let before = clock.nowMs()
      for (let i = 0; i < 10_000; i++) {
        // A clock that stands still while nobody waits could never go wrong.
        if (i % 1_000 === 0) await pass(1)
        const now = clock.nowMs()
        assert.ok(now >= before, `${now} after ${before}`)
        before = now
      }
    })

    test('nowMs passes with time, and counts milliseconds', async () => {
      const { clock, pass } = make()
      const before = clock.nowMs()

      await pass(20)

      // Half of what was asked for: timers may be early by a rounding, and late by any amount.
      assert.ok(clock.nowMs() - before >= 10, `only ${clock.nowMs() - before} ms passed`)
    })

    test('readings are finite numbers small enough to keep their fraction', () => {
      const { clock } = make()

      for (const reading of [clock.nowMs(), clock.wallMs()]) {
        assert.ok(Number.isFinite(reading) && reading >= 0 && reading < 2 ** 43, `${reading}`)
      }
    })

    test('wallMs counts from 1970: it is past the start of 2025', () => {
      assert.ok(make().clock.wallMs() > Date.UTC(2025, 0, 1))
    })

    test('nowMs has one origin on all threads of the process', async (context) => {
      const { clock, onOtherThread } = make()
      if (onOtherThread === undefined) {
        context.skip('this world has one thread')
        return
      }
      const before = clock.nowMs()

      const there = await onOtherThread()

      assert.ok(before <= there && there <= clock.nowMs(), `${there} is not between ${before} and ${clock.nowMs()}`)
    })
  })
}
