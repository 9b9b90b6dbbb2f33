/** A value to come, for `await` in asynchronous handlers: settled once, by the kernel. */
export class Pending<T> implements PromiseLike<T> {
  #settled: { readonly value: T } | undefined = undefined
  #waiting: ((value: T) => void)[] = []

  settle(value: T): void {
    if (this.#settled !== undefined) return
    this.#settled = { value }
    for (const resume of this.#waiting) resume(value)
    this.#waiting = []
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaited is what this class is for.
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    _rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    const next = new Pending<A>()
    const resume = (value: T): void => {
      const result = fulfilled === undefined || fulfilled === null ? (value as unknown as A) : fulfilled(value)
      if (isThenable(result)) result.then((inner) => next.settle(inner))
      else next.settle(result)
    }
    if (this.#settled !== undefined) resume(this.#settled.value)
    else this.#waiting.push(resume)
    return next as PromiseLike<A | B>
  }
}

function isThenable<A>(value: A | PromiseLike<A>): value is PromiseLike<A> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
