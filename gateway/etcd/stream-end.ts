/**
 * The end of a stream, which may come while the stream waits for something else: `race` waits for whichever comes first.
 * A plain race against one long promise would keep a trace of every message that ever won it.
 */
export class StreamEnd {
  readonly #control = new AbortController()
  readonly #waiting = new Set<(reason: unknown) => void>()

  get signal(): AbortSignal {
    return this.#control.signal
  }

  /** The first reason counts. */
  end(reason: Error): void {
    if (this.signal.aborted) return
    this.#control.abort(reason)
    for (const reject of this.#waiting) reject(reason)
    this.#waiting.clear()
  }

  /** As `promise`, or rejected with the reason of the end when that comes first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.signal.aborted) {
        promise.catch(() => undefined)
        reject(this.signal.reason as Error)
        return
      }
      this.#waiting.add(reject)
      promise.then(
        (value) => {
          this.#waiting.delete(reject)
          resolve(value)
        },
        (thrown: unknown) => {
          this.#waiting.delete(reject)
          reject(thrown)
        },
      )
    })
  }
}
