/**
 * Hands chunks of seeds to threads and takes the results in the order of the seeds, so that what comes out does not depend on
 * how many threads there are.
 */
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { Piscina } from 'piscina'
import type { MixOptions } from '../../sim/mix.ts'
import type { Chunk, ChunkResult } from './chunk.ts'

export interface JobsOptions {
  readonly scenario: string
  readonly mix: MixOptions
  readonly first: number
  readonly seeds: number
  readonly jobs: number
  /** False when no further chunk is to be begun. */
  readonly goOn: () => boolean
}

const seedsPerChunk = 10
/**
 * Worlds are many small objects that die young, so the engine's nursery is large from the beginning: by itself it would stay
 * small, as little in it survives, and be swept eight times as often.
 */
const nurseryMegabytes = 32

/** Calls `each` with every chunk that was run, in order and without a gap. */
export async function runJobs(options: JobsOptions, each: (result: ChunkResult) => void): Promise<void> {
  const { jobs, first, seeds, goOn, scenario, mix } = options
  setFlagsFromString(`--min-semi-space-size=${nurseryMegabytes}`)
  const pool = new Piscina({
    filename: fileURLToPath(new URL('./chunk.js', import.meta.url)),
    name: 'runChunk',
    minThreads: jobs,
    maxThreads: jobs,
    // Three halves: two to copy between, and one for what is large.
    resourceLimits: { maxYoungGenerationSizeMb: 3 * nurseryMegabytes },
  })
  const waiting = new Map<number, ChunkResult>()
  let next = first
  let due = first
  const work = async (): Promise<void> => {
    while (next < first + seeds && goOn()) {
      const chunk: Chunk = { scenario, mix, first: next, seeds: Math.min(seedsPerChunk, first + seeds - next) }
      next += chunk.seeds
      const result = (await pool.run(chunk)) as ChunkResult
      waiting.set(result.first, result)
      for (let ready = waiting.get(due); ready !== undefined; ready = waiting.get(due)) {
        waiting.delete(due)
        due += ready.results.length
        each(ready)
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: jobs }, work))
  } finally {
    await pool.destroy()
  }
}
