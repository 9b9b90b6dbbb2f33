/** The `Clock` port on Node.js. */
import type { Clock } from '../ports/clock.ts'

/**
 * The process's clock. `process.hrtime` counts from one origin on every thread, where `performance.now` counts from
 * the start of each; so a reading may travel to another thread and be compared there.
 */
export function createClock(): Clock {
  return {
    // Whole milliseconds leave bigint before the fraction is added: 2^53 ns are only 104 days of uptime.
    nowMs: () => {
      const ns = process.hrtime.bigint()
      return Number(ns / 1_000_000n) + Number(ns % 1_000_000n) / 1_000_000
    },
    wallMs: () => Date.now(),
  }
}
