/**
 * The bounded queue in front of an actor. Three lanes, strictly by rank: `system` (the kernel's own: supervision, watch,
 * stop) before `control` (protocol traffic that keeps the rest alive) before `user`.
 *
 *   B1  user and control hold at most `messagesMax` messages each; system is bounded by what the kernel has outstanding
 *   B2  within a lane the order is the order of arrival
 *   B3  nothing is lost without an answer or a dead letter: `push` returns whatever had no room
 */
import { Ring } from '../base/ring.ts'
import type { Envelope, Lane } from './envelope.ts'

export type Overflow = 'reject' | 'dropOldest' | 'dropNewest' | 'signal'

/** Undefined: accepted. Otherwise the envelope that had no room (the new one, or the oldest under `dropOldest`). */
export type Refused<To> = Envelope<To> | undefined

export class Mailbox<To = unknown> {
  readonly #messagesMax: number
  readonly #overflow: Overflow
  // Lanes are made on first use: a million idle actors should not pay for queues they never had.
  #system: Ring<Envelope<To>> | undefined
  #control: Ring<Envelope<To>> | undefined
  #user: Ring<Envelope<To>> | undefined
  /** Messages refused or dropped since the start. */
  dropped = 0

  constructor(messagesMax: number, overflow: Overflow) {
    this.#messagesMax = messagesMax
    this.#overflow = overflow
  }

  push(envelope: Envelope<To>, lane: Lane): Refused<To> {
    switch (lane) {
      case 'user': {
        const ring = this.#user ?? (this.#user = new Ring<Envelope<To>>())
        return ring.length < this.#messagesMax ? void ring.push(envelope) : this.#full(ring, envelope)
      }
      case 'control': {
        const ring = this.#control ?? (this.#control = new Ring<Envelope<To>>())
        return ring.length < this.#messagesMax ? void ring.push(envelope) : this.#full(ring, envelope)
      }
      case 'system':
        if (this.#system === undefined) this.#system = new Ring<Envelope<To>>()
        this.#system.push(envelope)
        return undefined
    }
  }

  /** Brings stashed messages back before what waits, in their order. May exceed the bound: they were admitted once. */
  pushFront(envelopes: readonly Envelope<To>[]): void {
    const ring = this.#user ?? (this.#user = new Ring<Envelope<To>>())
    for (let i = envelopes.length - 1; i >= 0; i--) ring.unshift(envelopes[i] as Envelope<To>)
  }

  /** The next message by rank. With `systemOnly` (a parked actor) the other lanes stay closed. */
  take(systemOnly: boolean): Envelope<To> | undefined {
    if (this.#system !== undefined && this.#system.length > 0) return this.#system.shift()
    if (systemOnly) return undefined
    if (this.#control !== undefined && this.#control.length > 0) return this.#control.shift()
    return this.#user?.shift()
  }

  hasWork(systemOnly: boolean): boolean {
    if (this.#system !== undefined && this.#system.length > 0) return true
    if (systemOnly) return false
    return (this.#control !== undefined && this.#control.length > 0) || (this.#user !== undefined && this.#user.length > 0)
  }

  get depth(): number {
    return (this.#system?.length ?? 0) + (this.#control?.length ?? 0) + (this.#user?.length ?? 0)
  }

  #full(ring: Ring<Envelope<To>>, envelope: Envelope<To>): Refused<To> {
    this.dropped += 1
    if (this.#overflow !== 'dropOldest') return envelope
    const oldest = ring.shift()
    ring.push(envelope)
    return oldest
  }
}
