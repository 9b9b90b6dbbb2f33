/**
 * The requests of one stream between the transport that pushes them and the handler that takes them one by one. Bounded:
 * the transport is paused while enough of them wait, and so the caller's own window closes.
 */
export interface RequestSource {
  pause(): void
  resume(): void
}

const waitingMaxDefault = 16

export class RequestQueue<T> implements AsyncIterable<T> {
  readonly #source: RequestSource
  readonly #waitingMax: number
  readonly #waiting: T[] = []
  #ended = false
  #failure: Error | undefined
  #paused = false
  #wake: (() => void) | undefined

  constructor(source: RequestSource, waitingMax: number = waitingMaxDefault) {
    this.#source = source
    this.#waitingMax = waitingMax
  }

  push(request: T): void {
    if (this.#ended) return
    this.#waiting.push(request)
    if (!this.#paused && this.#waiting.length >= this.#waitingMax) {
      this.#paused = true
      this.#source.pause()
    }
    this.#rouse()
  }

  /** No more will come; what waits is still given out. */
  end(): void {
    this.#ended = true
    this.#rouse()
  }

  /** As `end`, and then whoever takes is told why. */
  fail(reason: Error): void {
    if (this.#ended) return
    this.#failure = reason
    this.end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (true) {
      while (this.#waiting.length > 0) {
        yield this.#waiting.shift() as T
        if (this.#paused && this.#waiting.length < this.#waitingMax / 2) {
          this.#paused = false
          this.#source.resume()
        }
      }
      if (this.#failure !== undefined) throw this.#failure
      if (this.#ended) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #rouse(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
