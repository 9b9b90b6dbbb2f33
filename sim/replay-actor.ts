/**
 * Plays a recording of one actor back: its definition in a world that is nothing but the recording. Time stands where it
 * stood, chance falls as it fell, the store holds what it held, and nothing that the actor does reaches anybody.
 *
 *   recording ──delivery──▶ init / receive / stopping ──calls──▶ compared, one by one ──▶ digest, state
 *                                                                  └ the first delivery that differs ends it
 */
import type { Handlers, Receive } from '../runtime/kernel/actor.ts'
import type { AnyDefinition } from '../runtime/kernel/cell.ts'
import {
  deliveriesOf,
  FileDigest,
  type RecordedDelivery,
  type Recording,
  type StateDigest,
} from '../runtime/kernel/flight/recording.ts'
import { errorDigest, isThenable } from '../runtime/kernel/flight/recording-tape.ts'
import { TapedContext } from '../runtime/kernel/flight/taped-context.ts'
import { digestOf, digestWithin } from '../runtime/kernel/flight/value-digest.ts'
import { type CallDifference, Parted, ReplayTape } from './replay-tape.ts'

/** One turn as it was played back. */
export interface ReplayedDelivery {
  /** From 1 on. */
  readonly number: number
  readonly recorded: RecordedDelivery
  readonly digest: number
  /** What the actor threw, in words. */
  readonly thrown: string | undefined
}

export type ReplayOutcome =
  | { readonly type: 'same' }
  /** The turn did something else, or was not able to go on (`reason`). */
  | {
      readonly type: 'differs'
      readonly delivery: ReplayedDelivery
      readonly call: CallDifference | undefined
      readonly reason: string
    }
  /** Every turn was the same, and yet the state is another. */
  | { readonly type: 'stateDiffers'; readonly expected: StateDigest; readonly actual: StateDigest }

export interface ReplayResult {
  readonly deliveries: number
  /** Rolling, over all that was played back. */
  readonly digest: string
  readonly state: StateDigest
  readonly outcome: ReplayOutcome
}

export interface ReplayOptions {
  /** Sees every turn that was played back. */
  readonly step?: (delivery: ReplayedDelivery, state: unknown) => void
}

/**
 * Plays `recording` back against `definition`, up to its end or to the first turn that differs.
 *
 * @throws {RecordingRefused} The recording holds what this version does not know.
 *
 * @example
 * const result = replayActor(readRecording(file), counter)
 * assert.equal(result.outcome.type, 'same')
 */
export function replayActor(
  recording: Recording,
  definition: AnyDefinition,
  { step = () => {} }: ReplayOptions = {},
): ReplayResult {
  const player = new Player(recording, definition)
  const rolling = new FileDigest()
  let number = 0
  const result = (outcome: ReplayOutcome): ReplayResult => ({
    deliveries: number,
    digest: rolling.text(),
    state: player.stateDigest(recording.end.state.type),
    outcome,
  })
  for (const recorded of deliveriesOf(recording.body, recording.relocation)) {
    number += 1
    const played = player.play(recorded)
    const delivery: ReplayedDelivery = { number, recorded, digest: played.digest, thrown: played.thrown }
    rolling.add(played.digest)
    step(delivery, player.state)
    if (played.digest === recorded.digest) continue
    return result({ type: 'differs', delivery, call: player.tape.difference, reason: played.reason })
  }
  const expected = recording.end.state
  const actual = player.stateDigest(expected.type)
  const same = expected.type === 'unknown' || (actual.type === expected.type && actual.value === expected.value)
  return result(same ? { type: 'same' } : { type: 'stateDiffers', expected, actual })
}

interface Played {
  readonly digest: number
  readonly thrown: string | undefined
  /** Why it is not as recorded, where that is known. */
  readonly reason: string
}

class Player {
  readonly tape: ReplayTape = new ReplayTape()
  readonly #definition: AnyDefinition
  readonly #context: TapedContext
  readonly #args: unknown
  #receive: Receive<unknown> | Handlers<unknown>
  /** False before its start, and after a turn that threw. */
  #alive = false
  state: unknown = undefined

  constructor({ header }: Recording, definition: AnyDefinition) {
    const { self, name, node } = header
    const executor = self.type === 'local' ? self.executor : 0
    this.#definition = definition
    this.#context = new TapedContext(this.tape, undefined, { self, name, node, executor })
    this.#args = header.args
    this.#receive = definition.receive
  }

  play(recorded: RecordedDelivery): Played {
    this.tape.begin(recorded)
    let result: unknown
    try {
      result = this.#turn(recorded)
      if (isThenable(result)) throw new Parted('its handler is asynchronous')
    } catch (error) {
      return this.#threw(recorded, error)
    }
    if (this.tape.next !== undefined) this.#receive = this.tape.next as Receive<unknown>
    const answers = typeof this.#definition.receive !== 'function' && recorded.asker !== undefined
    const outcomeDigest = digestOf(answers ? result : undefined)
    const state = this.#definition.digest?.(this.state)
    const digest = this.tape.end({
      outcome: 'returned',
      outcomeDigest,
      state: state === undefined ? undefined : state >>> 0,
    })
    return { digest, thrown: undefined, reason: this.tape.parted ?? this.#reason(recorded, outcomeDigest, state) }
  }

  stateDigest(type: StateDigest['type']): StateDigest {
    if (!this.#alive || type === 'unknown') return { type: 'unknown' }
    const { digest } = this.#definition
    if (digest !== undefined && type === 'digest') return { type: 'digest', value: digest(this.state) >>> 0 }
    const value = digestWithin(this.state, Number.POSITIVE_INFINITY)
    return value === undefined ? { type: 'unknown' } : { type: 'fields', value }
  }

  #threw(recorded: RecordedDelivery, error: unknown): Played {
    this.#alive = false
    const thrown = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    // What the kernel refused before the actor's code had it is thrown here in other words.
    const outcome = recorded.outcome === 'lost' ? 'lost' : 'threw'
    const outcomeDigest = outcome === 'lost' ? 0 : errorDigest(error)
    const digest = this.tape.end({ outcome, outcomeDigest, state: undefined })
    const reason = recorded.outcome === 'returned' ? `it throws: ${thrown}` : 'it throws something else'
    return { digest, thrown, reason: this.tape.parted ?? reason }
  }

  #turn(recorded: RecordedDelivery): unknown {
    switch (recorded.kind) {
      case 'start':
        this.#receive = this.#definition.receive
        this.state = this.#definition.init(this.#context, this.#args)
        this.#alive = true
        return undefined
      case 'stop':
        this.#definition.stopping?.(this.state, this.#context)
        return undefined
      case 'answer':
        return this.#dispatch(this.#made(recorded))
      default:
        return this.#dispatch(recorded.body)
    }
  }

  /** What the callback makes of what it is told. */
  #made({ callback, body }: RecordedDelivery): unknown {
    const then = this.tape.callbackOf(callback)
    if (then === undefined) return this.tape.refuse(`it has no callback number ${callback}, which was answered here`)
    return then(body as never)
  }

  #dispatch(message: unknown): unknown {
    const receive = this.#receive
    if (typeof receive === 'function') return receive(this.state, message as never, this.#context)
    const { type, argument } = (message ?? {}) as { readonly type?: unknown; readonly argument?: unknown }
    const handler = typeof type === 'string' && Object.hasOwn(receive, type) ? receive[type] : undefined
    if (handler === undefined) throw new TypeError(`actor: no handler for message '${String(type)}'`)
    return handler(this.state, argument as never, this.#context)
  }

  #reason(recorded: RecordedDelivery, outcomeDigest: number, state: number | undefined): string {
    const { difference } = this.tape
    if (recorded.outcome !== 'returned') return 'it returns, where the recorded one threw'
    if (difference !== undefined) return differenceText(difference)
    if (outcomeDigest !== recorded.outcomeDigest) return 'it answers something else'
    if (state !== undefined && state >>> 0 !== recorded.state) return 'its state is another'
    return 'what it was given is not what was recorded'
  }
}

function differenceText({ place, expected, actual }: CallDifference): string {
  const at = `call ${place + 1}`
  if (expected === undefined) return `${at}: it does ${actual}, where the recorded one was done`
  if (actual === undefined) return `${at}: it is done, where the recorded one did ${expected}`
  if (expected === actual) return `${at}: it does ${actual} otherwise than recorded`
  return `${at}: it does ${actual}, where the recorded one did ${expected}`
}
