/**
 * The newest revisions of a group, bounded in number and bytes: who subscribes a little late is told from here, and reads no
 * history. Revisions are dense, so a place in the ring is a subtraction.
 */
import { limit } from '../../base/fault-points.ts'
import { Ring } from '../../base/ring.ts'
import { ringRevisions } from './fault-sites.ts'
import { type FedRevision, type Telling, tellingsOf } from './hub-messages.ts'
import { keyText } from './spans.ts'

export interface RecentLimits {
  readonly revisionsMax: number
  readonly bytesMax: number
}

export const recentLimits: RecentLimits = { revisionsMax: 4_096, bytesMax: 16 * 1_048_576 }

/** One revision; what it tells is made when somebody first wants it. */
export class RecentRevision {
  readonly fed: FedRevision
  readonly bytes: number
  #tellings: readonly Telling[] | undefined

  constructor(fed: FedRevision) {
    this.fed = fed
    this.bytes = fed.changes.reduce((sum, { kv, previous }) => sum + weigh(kv) + (previous ? weigh(previous) : 0), 0)
  }

  get tellings(): readonly Telling[] {
    if (this.#tellings === undefined) this.#tellings = tellingsOf(this.fed, keyText)
    return this.#tellings
  }
}

function weigh({ key, value }: { readonly key: Uint8Array; readonly value: Uint8Array }): number {
  return 128 + key.length + value.length
}

export class Recent {
  readonly #limits: RecentLimits
  #ring = new Ring<RecentRevision>()
  #bytes = 0
  /** The newest revision told of, in the ring or not. */
  #newest: number

  /** @param newest - What is known of elsewhere: the next revision that comes is the one after. */
  constructor(newest: number, limits: RecentLimits = recentLimits) {
    this.#limits = { ...limits, revisionsMax: limit(ringRevisions, limits.revisionsMax, 1) }
    this.#newest = newest
  }

  get newest(): number {
    return this.#newest
  }

  /** The oldest revision that can be told from here; one more than the newest when there is none. */
  get oldest(): number {
    return this.#newest - this.#ring.length + 1
  }

  get length(): number {
    return this.#ring.length
  }

  /** @param fed - Of the revision after the newest. */
  push(fed: FedRevision): RecentRevision {
    const added = new RecentRevision(fed)
    this.#ring.push(added)
    this.#bytes += added.bytes
    this.#newest = fed.revision
    const { revisionsMax, bytesMax } = this.#limits
    while (this.#ring.length > revisionsMax || this.#bytes > bytesMax) this.#bytes -= this.#ring.shift()?.bytes ?? 0
    return added
  }

  forget(): void {
    this.#ring = new Ring()
    this.#bytes = 0
  }

  /** Revisions from `from` on, oldest first. @param from - At least `oldest`. */
  *since(from: number): Generator<RecentRevision, undefined> {
    for (let revision = from; revision <= this.#newest; revision++) {
      const found = this.#ring.at(revision - this.oldest)
      if (found !== undefined) yield found
    }
    return undefined
  }
}
