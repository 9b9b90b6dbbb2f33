/**
 * Calls `run` when the executor asked for it: at once, but after I/O had its turn, or at a later time. A failure of the
 * kernel itself (an actor's are caught there) goes to `failed`, because an uncaught throw would take the thread down with
 * writes under way, and LMDB does not survive that.
 */
export class Ticker {
  readonly #run: () => void
  readonly #failed: (error: unknown) => void
  #immediate: NodeJS.Immediate | undefined
  #timer: NodeJS.Timeout | undefined
  #timerDueMs = Number.POSITIVE_INFINITY
  #stopped = false

  constructor(run: () => void, failed: (error: unknown) => void) {
    this.#run = run
    this.#failed = failed
  }

  wake(withinMs: number): void {
    if (this.#stopped || this.#immediate !== undefined) return
    if (withinMs <= 0) {
      this.#immediate = setImmediate(() => this.#fire())
      return
    }
    const dueMs = performance.now() + withinMs
    if (this.#timer !== undefined && this.#timerDueMs <= dueMs) return
    clearTimeout(this.#timer)
    this.#timerDueMs = dueMs
    this.#timer = setTimeout(() => this.#fire(), Math.min(withinMs, 2 ** 31 - 1))
  }

  stop(): void {
    this.#stopped = true
    clearImmediate(this.#immediate)
    clearTimeout(this.#timer)
  }

  #fire(): void {
    clearImmediate(this.#immediate)
    clearTimeout(this.#timer)
    this.#immediate = undefined
    this.#timer = undefined
    this.#timerDueMs = Number.POSITIVE_INFINITY
    if (this.#stopped) return
    try {
      this.#run()
    } catch (error) {
      this.stop()
      this.#failed(error)
    }
  }
}
