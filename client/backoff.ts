/** Waiting between attempts: longer each time, never the same for two callers, and over at once when the caller leaves. */
import { randomBytes } from 'node:crypto'
import { AspenError } from './interface.ts'

export interface BackoffLimits {
  readonly firstMs: number
  readonly mostMs: number
}

export const callBackoff: BackoffLimits = { firstMs: 20, mostMs: 2_000 }
export const streamBackoff: BackoffLimits = { firstMs: 50, mostMs: 5_000 }

/**
 * How long to wait before attempt number `attempt`, counted from 1 for the first repetition: between half of a doubling
 * bound and the whole of it, so that callers whom one failure struck together do not come back together.
 *
 * @param random - In [0, 1).
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: () => number = chance): number {
  const bound = Math.min(limits.mostMs, limits.firstMs * 2 ** Math.min(attempt - 1, 30))
  return bound / 2 + (bound / 2) * random()
}

/** A number in [0, 1), another one for every caller. */
export function chance(): number {
  return randomBytes(4).readUInt32LE() / 2 ** 32
}

/**
 * Resolves when `ms` have passed.
 *
 * @throws {AspenError} `canceled`: the signal fired first.
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(new AspenError('canceled', 'the caller left'))
      return
    }
    const leave = (): void => {
      clearTimeout(timer)
      reject(new AspenError('canceled', 'the caller left'))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', leave)
      resolve()
    }, ms)
    signal?.addEventListener('abort', leave, { once: true })
  })
}
