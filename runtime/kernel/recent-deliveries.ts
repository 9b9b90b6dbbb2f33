/**
 * The last deliveries of one executor in a few words: what to look at first when an actor has failed. Always on, so a note
 * is three stores into arrays that never grow; no message is kept alive by it.
 */
import type { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef } from './actor.ts'
import { ActorTimer } from './actor-timer.ts'
import type { Cell } from './cell.ts'

/** A power of two: a place is found by its low bits. */
const keptMax = 1_024

/** What a message is called that has no name of its own. */
const unnamed = 'value'

export class RecentDeliveries {
  readonly #nowMs: () => number
  readonly #names: string[] = new Array<string>(keptMax).fill('')
  readonly #kinds: string[] = new Array<string>(keptMax).fill('')
  readonly #origins = new Int32Array(keptMax)
  readonly #times = new Float64Array(keptMax)
  #count = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  note(cell: Cell, envelope: Envelope<ActorRef>): void {
    const place = this.#count & (keptMax - 1)
    this.#count += 1
    this.#names[place] = cell.ref.name
    this.#kinds[place] = kindOf(envelope.body)
    this.#origins[place] = envelope.origin
    this.#times[place] = this.#nowMs()
  }

  /** The newest `linesMax` deliveries, of one actor or of all, oldest first: when, to whom, what, from which executor. */
  lines(name: string | undefined, linesMax: number): readonly string[] {
    const found: string[] = []
    const nowMs = this.#nowMs()
    const oldest = Math.max(0, this.#count - keptMax)
    for (let number = this.#count - 1; number >= oldest && found.length < linesMax; number--) {
      const place = number & (keptMax - 1)
      const actor = this.#names[place] as string
      if (name !== undefined && actor !== name) continue
      const origin = this.#origins[place] as number
      const from = origin < 0 ? '' : ` from executor ${origin}`
      const agoMs = Math.max(0, nowMs - (this.#times[place] as number))
      found.push(`-${agoMs.toFixed(1)} ms  ${actor}  ${this.#kinds[place]}${from}`)
    }
    return found.reverse()
  }
}

function kindOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return unnamed
  const { type } = body as { readonly type?: unknown }
  if (typeof type === 'string') return type
  return body instanceof ActorTimer ? 'timer' : unnamed
}
