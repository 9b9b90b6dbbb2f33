/**
 * The side of the tape that runs in production: it passes everything on and writes it down, within its bounds.
 *
 *   delivery opened ─▶ calls noted as they come ─▶ closed: outcome, state, digest
 *                        └ what cannot be kept: the delivery is taken back, and the recording ends before it
 *
 * A recording that is full begins at the newest start of the actor, if there was one since; otherwise it ends: what came
 * first is what can be played back.
 */
import type { Envelope } from '../../../mailbox/envelope.ts'
import type { ActorRef, Receive } from '../actor.ts'
import { Unrecordable } from './portable.ts'
import { asking, DeliveryDigest, FileDigest, lanes, outcomes, type RecordingEnding, type TurnEnd } from './recording.ts'
import { type CallName, codeOf, type DeliveryKind, deliveryKinds, type Tape } from './tape.ts'
import { TapeFull, TapeWriter, Thrown } from './tape-bytes.ts'
import { digestOf } from './value-digest.ts'

export interface TapeLimits {
  /** Of the file, roughly: a delivery that has begun may go beyond it. */
  readonly bytesMax: number
  readonly deliveriesMax: number
}

/** What opens a delivery. */
export interface Opening {
  readonly kind: DeliveryKind
  readonly envelope: Envelope<ActorRef> | undefined
  readonly callback: number
  readonly body: unknown
}

/** What the tape needs of whoever records. */
export interface TapeHost {
  nowMs(): number
  /** By the definition's own function, where it has one. */
  stateDigest(state: unknown): number | undefined
  /** The message that is being received. */
  envelope(): Envelope<ActorRef> | undefined
  wrap(receive: Receive<never>): Receive<never>
  /** The tape has come to its end by itself, with the actor's state as far as it was recorded. */
  ended(ending: RecordingEnding, reason: string, state: unknown): void
}

interface Segment {
  readonly from: number
  readonly delivery: number
}

export class RecordingTape implements Tape {
  readonly #limits: TapeLimits
  readonly #host: TapeHost
  readonly #out: TapeWriter
  readonly #digests: number[] = []
  /** Where the actor started. */
  readonly #starts: Segment[] = []
  #open: { readonly from: number; readonly digest: DeliveryDigest } | undefined = undefined
  #callbacks = 0
  running = true
  turn = 0
  dropped = 0

  constructor(limits: TapeLimits, host: TapeHost) {
    this.#limits = limits
    this.#host = host
    // What one delivery adds is not known before: a start may read all of a store.
    this.#out = new TapeWriter(limits.bytesMax * 2)
  }

  get deliveries(): number {
    return this.#digests.length
  }

  /** Rolling, over all deliveries. */
  digest(): string {
    const rolling = new FileDigest()
    for (const digest of this.#digests) rolling.add(digest)
    return rolling.text()
  }

  body(): Uint8Array {
    return this.#out.slice()
  }

  /** Nothing is noted any more. */
  stop(): void {
    this.#takeBack()
    this.running = false
  }

  /**
   * Runs a turn and writes it down. `state` names the actor's state after it, `answer` what of the result others will see.
   */
  take<T>(opening: Opening, run: () => T, state: (result: T) => unknown, answer: (result: T) => unknown): T {
    if (!this.running) return run()
    // A callback has opened it already: what it made is not told twice.
    if (this.#open === undefined) this.#begin(opening)
    let result: T
    try {
      result = run()
    } catch (error) {
      this.#close(error, { outcome: 'threw', outcomeDigest: errorDigest(error), state: undefined })
      throw error
    }
    if (isThenable(result)) this.refuse('its handler is asynchronous')
    if (this.running) {
      const after = state(result)
      const outcomeDigest = digestOf(answer(result))
      this.#close(after, { outcome: 'returned', outcomeDigest, state: this.#digestOf(after) })
    }
    return result
  }

  act(call: CallName, digest: number): void {
    this.#note(call, digest, () => {})
  }

  read<T>(call: CallName, digest: number, ask: () => T): T {
    let answer: T
    try {
      answer = ask()
    } catch (error) {
      this.#note(call, digest, () => this.#out.value(thrownOf(error)))
      throw error
    }
    this.#note(call, digest, () => {
      if (call === 'store.range') this.#out.rows(answer as [Uint8Array, Uint8Array][])
      else this.#out.value(answer)
    })
    return answer
  }

  callback<V>(then: (value: V) => unknown): (value: V) => unknown {
    if (!this.running) return then
    this.#callbacks += 1
    const callback = this.#callbacks
    return (value) => {
      if (!this.running) return then(value)
      this.#begin({ kind: 'answer', envelope: this.#host.envelope(), callback, body: value })
      try {
        return then(value)
      } catch (error) {
        this.#close(undefined, { outcome: 'threw', outcomeDigest: errorDigest(error), state: undefined })
        throw error
      }
    }
  }

  becoming(receive: Receive<never>): Receive<never> {
    return this.#host.wrap(receive)
  }

  refuse(reason: string): void {
    if (this.running) this.#end('unplayable', reason, undefined)
  }

  #begin({ kind, envelope, callback, body }: Opening): void {
    // Nobody came to close it: the kernel found no handler for what the callback made.
    if (this.#open !== undefined) this.#close(undefined, { outcome: 'lost', outcomeDigest: 0, state: undefined })
    if (!this.running) return
    this.turn += 1
    const from = this.#out.length
    if (kind === 'start') {
      this.#starts.push({ from, delivery: this.#digests.length })
      this.#callbacks = 0
    }
    const code = deliveryKinds.indexOf(kind)
    this.#open = { from, digest: new DeliveryDigest(code, callback, digestOf(body)) }
    this.#attempt(() => this.#writeOpening(code, envelope, callback, body))
  }

  #writeOpening(code: number, envelope: Envelope<ActorRef> | undefined, callback: number, body: unknown): void {
    const out = this.#out
    out.byte(code)
    out.byte(lanes.indexOf(envelope?.lane ?? 'system'))
    out.number(this.#host.nowMs())
    out.number(envelope?.origin ?? -1)
    const asker = envelope?.replyTo
    out.byte(asker === undefined ? 0 : 1)
    if (asker !== undefined) {
      out.number(asker.node)
      out.number(asker.executor)
    }
    out.word(callback)
    out.value(body)
  }

  #note(call: CallName, digest: number, answer: () => void): void {
    const open = this.#open
    if (!this.running || open === undefined) return
    const code = codeOf(call)
    open.digest.call(code, digest)
    this.#attempt(() => {
      this.#out.byte(code)
      this.#out.word(digest)
      if (asking.has(call)) answer()
    })
  }

  #close(state: unknown, end: TurnEnd): void {
    const open = this.#open
    if (!this.running || open === undefined) return
    const digest = open.digest.end(end)
    this.#attempt(() => {
      const out = this.#out
      out.byte(0)
      out.byte(outcomes.indexOf(end.outcome))
      out.word(end.outcomeDigest)
      out.byte(end.state === undefined ? 0 : 1)
      if (end.state !== undefined) out.word(end.state)
      out.number(digest)
    })
    if (!this.running) return
    this.#open = undefined
    this.#digests.push(digest)
    if (this.#out.length <= this.#limits.bytesMax && this.deliveries < this.#limits.deliveriesMax) return
    if (!this.#dropUpToStart()) this.#end('full', '', end.outcome === 'returned' ? state : undefined)
  }

  /** Begins the recording at the newest start of the actor; false when that is where it begins. */
  #dropUpToStart(): boolean {
    const start = this.#starts.at(-1)
    if (start === undefined || start.from === 0) return false
    this.#out.drop(start.from)
    this.#digests.splice(0, start.delivery)
    this.dropped += start.delivery
    this.#starts.length = 0
    this.#starts.push({ from: 0, delivery: 0 })
    return true
  }

  #attempt(write: () => void): void {
    try {
      write()
    } catch (error) {
      if (error instanceof TapeFull) this.#end('full', 'one delivery alone had no room', undefined)
      else if (error instanceof Unrecordable) this.#end('unplayable', error.message, undefined)
      else throw error
    }
  }

  #end(ending: RecordingEnding, reason: string, state: unknown): void {
    this.stop()
    this.#host.ended(ending, reason, state)
  }

  #takeBack(): void {
    if (this.#open === undefined) return
    this.#out.length = this.#open.from
    this.#open = undefined
  }

  #digestOf(state: unknown): number | undefined {
    const digest = this.#host.stateDigest(state)
    return digest === undefined ? undefined : digest >>> 0
  }
}

export function errorDigest(error: unknown): number {
  return error instanceof Error ? digestOf(error.message) : digestOf(String(error))
}

export function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function thrownOf(error: unknown): Thrown {
  return error instanceof Error ? new Thrown(error.name, error.message) : new Thrown('Error', String(error))
}
