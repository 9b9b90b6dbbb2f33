/** Queues whose messages are given out for a time, and come back when they are not finished in it. */
import { randomBytes } from 'node:crypto'
import { utf8 } from '../../base/bytes.ts'
import type { Driver } from './driver.ts'
import { nameOf, wholeOf } from './holding.ts'
import {
  type DeadLetter,
  type Delivery,
  deadLetters,
  depthOf,
  extend,
  finish,
  giveBack,
  type QueueDepth,
  receive,
  revive,
  send,
} from './recipes/queue.ts'

export interface QueueOptions {
  /** For how long a message is given out, in seconds of the leader's clock, 1 to 86_400; 30 when absent. */
  readonly visibilitySeconds?: number
  /** After so many deliveries without an end a message is a dead letter; 1 to 1_000, 5 when absent. */
  readonly deliveriesMax?: number
}

export interface SendOptions {
  /** 0 to 99; lower ones go first. 50 when absent. */
  readonly priority?: number
}

/** A message that is ours for a time. */
export class Message {
  readonly value: Uint8Array
  /** How often it was given out, this time included. */
  readonly deliveries: number
  /** The fencing token of this delivery; greater than those of the deliveries before. */
  readonly token: number
  /** Names the message, and where it stands. */
  readonly place: string
  readonly #driver: Driver
  readonly #name: Uint8Array
  readonly #delivery: Delivery

  constructor(driver: Driver, name: Uint8Array, delivery: Delivery) {
    this.#driver = driver
    this.#name = name
    this.#delivery = delivery
    this.value = delivery.value
    this.deliveries = delivery.deliveries
    this.token = delivery.token
    this.place = delivery.place
  }

  /** It is done with, and gone. False: our time was over, and somebody else has it or will. */
  finish(): Promise<boolean> {
    return this.#driver.run(finish(this.#name, this.#delivery))
  }

  /** Gives it back, for others to have at once. False: our time was over. */
  giveBack(): Promise<boolean> {
    return this.#driver.run(giveBack(this.#name, this.#delivery))
  }

  /** Begins the visibility timeout anew. False: it was over. */
  extend(): Promise<boolean> {
    return this.#driver.run(extend(this.#delivery))
  }
}

/**
 * A queue. What was accepted is delivered at least once, and to one receiver at a time; it may be delivered again to somebody else
 * when the time of the first is over, so work that is done twice must do no harm, or carry the token.
 */
export class Queue {
  readonly #driver: Driver
  readonly #name: Uint8Array
  readonly #visibilitySeconds: number
  readonly #deliveriesMax: number

  /** @throws {RangeError} A bound of `options` is broken. */
  constructor(
    driver: Driver,
    name: string | Uint8Array,
    { visibilitySeconds = 30, deliveriesMax = 5 }: QueueOptions = {},
  ) {
    this.#driver = driver
    this.#name = nameOf('queue', name)
    this.#visibilitySeconds = wholeOf('queue: visibilitySeconds', visibilitySeconds, 1, 86_400)
    this.#deliveriesMax = wholeOf('queue: deliveriesMax', deliveriesMax, 1, 1_000)
  }

  /**
   * Adds a message; when this resolves, the message is committed. By priority, then first in, first out; of two that are sent at the
   * same time either may go first.
   *
   * @param value - Up to what one put may hold.
   * @returns The place of the message, which names it.
   */
  send(value: string | Uint8Array, { priority = 50 }: SendOptions = {}): Promise<string> {
    wholeOf('send: priority', priority, 0, 99)
    const id = randomBytes(9).toString('base64url')
    const bytes = typeof value === 'string' ? utf8(value) : value
    return this.#driver.run(send({ name: this.#name, id, value: bytes, priority }))
  }

  /**
   * Takes the first message that nobody has, for the visibility timeout. Waits for one.
   *
   * @returns Undefined when `signal` fired first.
   *
   * @example
   * const message = await queue.receive({ signal })
   * if (message !== undefined && (await handle(message.value))) await message.finish()
   */
  receive({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Message | undefined> {
    return this.#receive(true, signal)
  }

  /** Like `receive`, without waiting: undefined when nobody's message is there. */
  tryReceive(): Promise<Message | undefined> {
    return this.#receive(false, undefined)
  }

  /** What was given out too often, first come first; at most `limit`, 100 when absent. */
  deadLetters(limit: number = 100): Promise<readonly DeadLetter[]> {
    return this.#driver.run(deadLetters(this.#name, wholeOf('deadLetters: limit', limit, 1, 10_000)))
  }

  /** Puts a dead letter back at its place, to be given out as often as a new one. False: there is none there. */
  revive(place: string): Promise<boolean> {
    return this.#driver.run(revive(this.#name, place))
  }

  depth(): Promise<QueueDepth> {
    return this.#driver.run(depthOf(this.#name))
  }

  async #receive(wait: boolean, signal: AbortSignal | undefined): Promise<Message | undefined> {
    const limits = { visibilitySeconds: this.#visibilitySeconds, deliveriesMax: this.#deliveriesMax }
    const got = await this.#driver.run(receive({ name: this.#name, ...limits, wait }), { signal })
    return got.type === 'delivered' ? new Message(this.#driver, this.#name, got.delivery) : undefined
  }
}
