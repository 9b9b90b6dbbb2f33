/**
 * The side of the tape that plays back: what the actor asks is answered as the world answered it, what it does is compared
 * with what it did.
 *
 *   same call, same digest          goes on
 *   another act                     noted, goes on: an act needs no answer
 *   another question                the turn ends here: nobody knows what the world would have said
 */
import type { Receive } from '../runtime/kernel/actor.ts'
import {
  answered,
  DeliveryDigest,
  type RecordedCall,
  type RecordedDelivery,
} from '../runtime/kernel/flight/recording.ts'
import { type CallName, codeOf, deliveryKinds, type Tape } from '../runtime/kernel/flight/tape.ts'
import { digestOf } from '../runtime/kernel/flight/value-digest.ts'

/** The actor asked what it had not asked when it was recorded. */
export class Parted extends Error {
  override readonly name = 'Parted'
}

/** The first call in which a turn differs from what was recorded. */
export interface CallDifference {
  /** From 0 on, within the turn. */
  readonly place: number
  /** Undefined: the recorded turn had ended before. */
  readonly expected: CallName | undefined
  /** Undefined: the turn ended too early. */
  readonly actual: CallName | undefined
}

export class ReplayTape implements Tape {
  readonly running = true
  readonly #callbacks = new Map<number, (value: never) => unknown>()
  #calls: readonly RecordedCall[] = []
  #questions: readonly RecordedCall[] = []
  #digest = new DeliveryDigest(0, 0, 0)
  #asked = 0
  #made = 0
  #numbered = 0
  /** Of the present turn. */
  difference: CallDifference | undefined = undefined
  /** Why the present turn could not go on. */
  parted: string | undefined = undefined
  /** How the actor wants to receive from its next turn on. */
  next: Receive<never> | undefined = undefined
  turn = 0

  /** A turn begins. */
  begin({ kind, callback, body, calls }: RecordedDelivery): void {
    this.turn += 1
    this.#calls = calls
    this.#questions = calls.filter(({ asks }) => asks)
    this.#asked = 0
    this.#made = 0
    this.difference = undefined
    this.parted = undefined
    this.next = undefined
    this.#digest = new DeliveryDigest(deliveryKinds.indexOf(kind), callback, digestOf(body))
    if (kind !== 'start') return
    this.#callbacks.clear()
    this.#numbered = 0
  }

  /** The turn is over; gives its digest. */
  end(end: Parameters<DeliveryDigest['end']>[0]): number {
    if (this.#made < this.#calls.length) this.#differs(this.#calls[this.#made]?.call, undefined)
    return this.#digest.end(end)
  }

  act(call: CallName, digest: number): void {
    this.#compare(call, digest)
  }

  read<T>(call: CallName, digest: number): T {
    const recorded = this.#questions[this.#asked]
    this.#asked += 1
    this.#compare(call, digest)
    if (recorded?.call !== call || recorded.digest !== digest) {
      const expected = recorded === undefined ? 'nothing more' : recorded.call
      this.parted = `it asks ${call}, where the recorded one asked ${expected === call ? `${call} of something else` : expected}`
      throw new Parted(this.parted)
    }
    return answered<T>(recorded.answer)
  }

  callback<V>(then: (value: V) => unknown): (value: V) => unknown {
    this.#numbered += 1
    this.#callbacks.set(this.#numbered, then)
    return then
  }

  /** What became of the callback of that number. */
  callbackOf(callback: number): ((value: never) => unknown) | undefined {
    return this.#callbacks.get(callback)
  }

  becoming(receive: Receive<never>): Receive<never> {
    this.next = receive
    return receive
  }

  refuse(reason: string): void {
    this.parted = reason
    throw new Parted(reason)
  }

  #compare(call: CallName, digest: number): void {
    this.#digest.call(codeOf(call), digest)
    const expected = this.#calls[this.#made]
    if (expected?.call !== call || expected.digest !== digest) this.#differs(expected?.call, call)
    this.#made += 1
  }

  #differs(expected: CallName | undefined, actual: CallName | undefined): void {
    this.difference ??= { place: this.#made, expected, actual }
  }
}
