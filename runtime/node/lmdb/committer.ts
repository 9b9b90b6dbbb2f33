/**
 * Carries one batch to the disk and says how it went: exactly once, and never before the call returned (S4).
 *
 *   write ──resolved──────────────▶ durable
 *     ├── MDB_BAD_TXN ── once more ┘   the second time: broken
 *     ├── no room ────────────────▶ full      nothing was applied; the same batch may come again
 *     ├── anything else ──────────▶ broken    a failed flush is never repeated: nobody knows what the disk has
 *     └── silence for watchdogMs ─▶ broken    some failures inside LMDB never settle their promise
 */
import { statfsSync } from 'node:fs'
import type { CommitOutcome } from '../../ports/store.ts'
import type { Step } from './environment.ts'

export interface CommitterOptions {
  /** Applies the steps atomically; settles when they are on the disk. */
  readonly write: (steps: readonly Step[]) => Promise<boolean>
  readonly freeBytes: () => number
  readonly watchdogMs: number
}

const badTransaction = -30_782
const ioError = 5
const noSpaceCodes: readonly number[] = [28, 122]
/** LMDB calls a full disk an I/O error. It is believed only where less than this, or a few times the batch, is free. */
const littleRoomBytes = 4 * 1024 * 1024

export class Committer {
  readonly #options: CommitterOptions
  /** Why nothing more may be written. */
  broken: string | undefined = undefined
  /** A commit never settled: LMDB holds its writer lock, and closing would wait for it for ever. */
  stuck = false
  retries = 0

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  run(steps: readonly Step[], bytes: number, settled: (outcome: CommitOutcome) => void): void {
    let open = true
    const settle = (outcome: CommitOutcome): void => {
      if (!open) return
      open = false
      clearTimeout(watchdog)
      if (outcome.type === 'broken') this.broken = outcome.reason
      settled(outcome)
    }
    const watchdog = setTimeout(() => {
      this.stuck = true
      settle({ type: 'broken', reason: `a commit did not end within ${this.#options.watchdogMs} ms` })
    }, this.#options.watchdogMs)
    if (this.broken !== undefined) {
      const reason = this.broken
      setImmediate(() => settle({ type: 'broken', reason }))
    } else if (steps.length === 0) setImmediate(() => settle({ type: 'durable' }))
    else void this.#attempt(steps, bytes, 'first').then(settle)
  }

  async #attempt(steps: readonly Step[], bytes: number, round: 'first' | 'second'): Promise<CommitOutcome> {
    try {
      if ((await this.#options.write(steps)) === true) return { type: 'durable' }
      return { type: 'broken', reason: 'LMDB applied a batch only in part' }
    } catch (error) {
      const { code, text } = await causeOf(error)
      if (code === badTransaction && round === 'first') {
        this.retries += 1
        return this.#attempt(steps, bytes, 'second')
      }
      return this.#judge(code, text, bytes)
    }
  }

  #judge(code: number | undefined, text: string, bytes: number): CommitOutcome {
    if (code !== undefined && noSpaceCodes.includes(code)) return { type: 'full', reason: text }
    if (code === ioError) {
      const free = this.#options.freeBytes()
      if (free < Math.max(littleRoomBytes, 4 * bytes)) {
        return { type: 'full', reason: `${text}; ${free} bytes free on the disk` }
      }
    }
    return { type: 'broken', reason: `commit failed: ${text}` }
  }
}

export function freeBytesOf(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** LMDB rejects with a general error that carries a promise of the real one, which must be caught even where nobody asks. */
async function causeOf(error: unknown): Promise<{ readonly code: number | undefined; readonly text: string }> {
  const outer = error as { readonly commitError?: unknown }
  let cause: unknown = error
  if (outer?.commitError instanceof Promise) {
    try {
      await outer.commitError
    } catch (inner) {
      cause = inner
    }
  }
  const code = (cause as { readonly code?: unknown })?.code
  return {
    code: typeof code === 'number' ? code : undefined,
    text: cause instanceof Error ? cause.message : String(cause),
  }
}
