/**
 * The bounded queue in front of an actor. Three lanes, strictly by rank: `system` (the kernel's own: supervision, watch,
 * stop) before `control` (protocol traffic that keeps the rest alive) before `user`.
 *
 *   B1  user and control hold at most `messagesMax` messages each; system is bounded by what the kernel has outstanding
 *   B2  within a lane the order is the order of arrival
 *   B3  nothing is lost without an answer or a dead letter: `push` returns whatever had no room
 */
import type { Envelope, Lane } from './envelope.ts'

export type Overflow = 'reject' | 'dropOldest' | 'dropNewest' | 'signal'

/** Undefined: accepted. Otherwise the envelope that had no room (the new one, or the oldest under `dropOldest`). */
export type Refused<To> = Envelope<To> | undefined

/**
 * A queue that runs through the envelopes themselves: an empty lane costs three fields, where a ring keeps the array it once
 * grew to for as long as its actor lives.
 */
class MailboxLane<To> {
  length = 0
  #first: Envelope<To> | undefined = undefined
  #last: Envelope<To> | undefined = undefined

  push(envelope: Envelope<To>): void {
    if (this.#last === undefined) this.#first = envelope
    else this.#last.next = envelope
    this.#last = envelope
    this.length += 1
  }

  unshift(envelope: Envelope<To>): void {
    envelope.next = this.#first
    if (this.#first === undefined) this.#last = envelope
    this.#first = envelope
    this.length += 1
  }

  shift(): Envelope<To> | undefined {
    const envelope = this.#first
    if (envelope === undefined) return undefined
    const next = envelope.next
    this.#first = next
    if (next === undefined) this.#last = undefined
    // Cut off, so that an envelope that grew old does not keep all younger ones alive behind it.
    else envelope.next = undefined
    this.length -= 1
    return envelope
  }
}

export class Mailbox<To = unknown> {
  readonly #messagesMax: number
  readonly #overflow: Overflow
  // The kernel's and the control lane are made on first use: few actors ever see both.
  #system: MailboxLane<To> | undefined = undefined
  #control: MailboxLane<To> | undefined = undefined
  readonly #user: MailboxLane<To> = new MailboxLane<To>()
  /** Messages refused or dropped since the start. */
  dropped = 0

  constructor(messagesMax: number, overflow: Overflow) {
    this.#messagesMax = messagesMax
    this.#overflow = overflow
  }

  push(envelope: Envelope<To>): Refused<To> {
    const lane = this.#lane(envelope.lane)
    if (lane.length < this.#messagesMax || envelope.lane === 'system') {
      lane.push(envelope)
      return undefined
    }
    this.dropped += 1
    if (this.#overflow !== 'dropOldest') return envelope
    const oldest = lane.shift()
    lane.push(envelope)
    return oldest
  }

  /**
   * Brings messages back before what waits in `lane`, in their order, wherever they came from. May exceed the bound: they
   * were admitted once.
   */
  putBack(envelopes: readonly Envelope<To>[], lane: Lane): void {
    const queue = this.#lane(lane)
    for (let i = envelopes.length - 1; i >= 0; i--) queue.unshift(envelopes[i] as Envelope<To>)
  }

  /** The next message by rank. With `systemOnly` (a parked actor) the other lanes stay closed. */
  take(systemOnly: boolean): Envelope<To> | undefined {
    if (this.#system !== undefined && this.#system.length > 0) return this.#system.shift()
    if (systemOnly) return undefined
    if (this.#control !== undefined && this.#control.length > 0) return this.#control.shift()
    return this.#user.shift()
  }

  hasWork(systemOnly: boolean): boolean {
    if (this.#system !== undefined && this.#system.length > 0) return true
    if (systemOnly) return false
    return this.#user.length > 0 || (this.#control !== undefined && this.#control.length > 0)
  }

  get depth(): number {
    return (this.#system?.length ?? 0) + (this.#control?.length ?? 0) + this.#user.length
  }

  #lane(lane: Lane): MailboxLane<To> {
    switch (lane) {
      case 'user':
        return this.#user
      case 'control':
        if (this.#control === undefined) this.#control = new MailboxLane<To>()
        return this.#control
      case 'system':
        if (this.#system === undefined) this.#system = new MailboxLane<To>()
        return this.#system
    }
  }
}
