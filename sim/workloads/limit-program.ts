/** A rate limiter, as a program: it asks for some permits, and tells whether it was given them. */
import { utf8 } from '../../base/bytes.ts'
import { takePermits } from '../../client/coordination/recipes/rate-limiter.ts'
import { type Recipe, tell } from '../../client/coordination/recipes/step.ts'

export interface LimitProgram {
  readonly use: 'limit'
  readonly name: string
  /** Of the limiter's clock, where it has none yet; another one has the next number. */
  readonly lease: string
  readonly perSecond: number
  readonly capacity: number
  readonly permits: number
  readonly wait: boolean
  /** How finely that clock shows the time: the whole second of a world that runs faster. */
  readonly grainMs: number
}

export type LimitObservation =
  | { readonly type: 'permitted' }
  /** Not now. */
  | { readonly type: 'limited' }

export function* limit({ perSecond, capacity, permits, wait, ...program }: LimitProgram): Recipe<void> {
  const { type } = yield* takePermits({ name: utf8(program.name), perSecond, capacity, permits, wait })
  if (type !== 'stopped') yield* tell({ type } satisfies LimitObservation)
}
