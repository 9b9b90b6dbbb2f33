/** Seeds whose every delivery is the same on every Node.js that we support, and stays the same until somebody means to change it. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withTripwires } from '../../cli/tripwires.ts'
import { mixWorkload } from '../../sim/mix.ts'
import { runSeed } from '../../sim/scenario.ts'

export const goldenSeeds = 200

/** Beside the source: it is no code, and is not compiled. */
export const goldenFile: string = join(
  dirname(fileURLToPath(import.meta.url)).replace(/([/\\])dist\1/, '$1'),
  'hashes.txt',
)

/** One line a seed: its number, its digest, its deliveries, and the rule it broke, if any. */
export function runGolden(): string[] {
  const mix = mixWorkload({ nodes: undefined })
  return Array.from({ length: goldenSeeds }, (_, at) => {
    const { seed, digest, deliveries, failure } = withTripwires(() => runSeed(mix, at + 1))
    return [seed, digest, deliveries, ...(failure === undefined ? [] : [failure.invariant])].join(' ')
  })
}
