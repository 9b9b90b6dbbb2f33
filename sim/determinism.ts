/**
 * Two runs of a seed must be one run. When they are not, this finds the first delivery after which they differ: the actor that
 * handled it depends on more than its messages, its store and its context.
 */
import type { SimCluster } from './cluster.ts'
import type { Trace } from './trace.ts'

/** The rolling digest after every delivery of a run, the lower half of it. */
export class StepHashes {
  #hashes = new Uint32Array(16_384)
  #length = 0
  /** After so many steps, what was delivered last is kept in `stoppedAt`. */
  stopAt: number = Number.POSITIVE_INFINITY
  stoppedAt: readonly string[] = []

  /** Listens to a world that is just opened. */
  listen(cluster: SimCluster): void {
    const { trace } = cluster.world
    const before = cluster.world.onStep
    cluster.world.onStep = () => {
      before?.()
      this.#add(trace)
    }
  }

  get length(): number {
    return this.#length
  }

  at(step: number): number | undefined {
    return step < this.#length ? this.#hashes[step] : undefined
  }

  #add(trace: Trace): void {
    if (this.#length === this.#hashes.length) {
      const grown = new Uint32Array(this.#length * 2)
      grown.set(this.#hashes)
      this.#hashes = grown
    }
    this.#hashes[this.#length] = trace.digest.low
    this.#length += 1
    if (this.#length === this.stopAt) this.stoppedAt = trace.tail(2)
  }
}

/** The first step at which two runs differ; undefined when they are the same. */
export function firstDifference(first: StepHashes, second: StepHashes): number | undefined {
  const steps = Math.max(first.length, second.length)
  for (let step = 0; step < steps; step++) if (first.at(step) !== second.at(step)) return step
  return undefined
}
