/**
 * One figure of the bench: what is measured, in which unit, what is wanted, and how far from the bare machine it is.
 *
 * Rates are measured by Benchmark.js: it finds how often to repeat a batch, collects samples for `seconds`, and its
 * samples give median and spread. A phase that sets its own pace hands over ready samples instead.
 */
import Benchmark from 'benchmark'

export interface Figure {
  readonly name: string
  readonly unit: string
  readonly median: number
  /** Half the distance of the quartiles, as a share of the median. */
  readonly spread: number
  readonly samples: number
  readonly goal: Goal | undefined
  /** The phase that does the same work with nothing of ours around it. */
  readonly ceiling: string | undefined
}

export interface Goal {
  readonly at: 'least' | 'most'
  readonly value: number
}

export interface PhaseHead {
  readonly name: string
  readonly unit: string
  readonly goal?: Goal
  readonly ceiling?: string
}

/** A phase whose batches run on this thread. `batch` does `size` operations. */
export async function rateHere(head: PhaseHead, size: number, seconds: number, batch: () => void): Promise<Figure> {
  const bench = await ran(new Benchmark(head.name, batch, { maxTime: seconds, minSamples: 5 }))
  return figure(
    head,
    bench.stats.sample.map((secondsPerBatch) => size / secondsPerBatch),
  )
}

/** A phase whose batches run elsewhere: `batch` resolves when its `size` operations are done. */
export async function rateElsewhere(
  head: PhaseHead,
  size: number,
  seconds: number,
  batch: () => Promise<void>,
): Promise<Figure> {
  const failures: unknown[] = []
  const fn = (deferred: { resolve(): void }): void => {
    // After a failure the rest of the samples is worth nothing, and each might wait for its deadline.
    const once = failures.length === 0 ? batch() : Promise.resolve()
    once.catch((error: unknown) => failures.push(error)).then(() => deferred.resolve())
  }
  const bench = await ran(new Benchmark(head.name, { defer: true, fn, maxTime: seconds, minSamples: 5 }))
  if (failures.length > 0) throw failures[0]
  return figure(
    head,
    bench.stats.sample.map((secondsPerBatch) => size / secondsPerBatch),
  )
}

/** A figure of ready samples. */
export function figure(head: PhaseHead, samples: readonly number[]): Figure {
  const sorted = [...samples].sort((a, b) => a - b)
  const median = quantile(sorted, 0.5)
  return {
    name: head.name,
    unit: head.unit,
    median,
    spread: median === 0 ? 0 : (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2 / median,
    samples: sorted.length,
    goal: head.goal,
    ceiling: head.ceiling,
  }
}

export function reached(figure: Figure): boolean | undefined {
  if (figure.goal === undefined) return undefined
  return figure.goal.at === 'least' ? figure.median >= figure.goal.value : figure.median <= figure.goal.value
}

function ran(bench: Benchmark): Promise<Benchmark> {
  return new Promise((resolve, reject) => {
    bench.on('complete', () => {
      if (bench.error === undefined) resolve(bench)
      else reject(bench.error)
    })
    bench.run({ async: true })
  })
}

/** Of sorted values, between the two nearest. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? 0
  const high = sorted[Math.ceil(at)] ?? 0
  return low + (high - low) * (at - Math.floor(at))
}
