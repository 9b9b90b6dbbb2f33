/**
 * Streams of published items, with credit from end to end.
 *
 *   actor ──publish──▶ its executor ──item──▶ subscriber's executor ──▶ iterator at the edge
 *                            ◀── itemsTaken (credit) ──
 *
 * A subscriber grants a window; items beyond it wait here up to the same number again, and then the subscription ends with
 * the reason `overflow`: a slow reader is told, it never grows memory.
 */
import type { ActorRef } from './actor.ts'
import { type Cell, extrasOf } from './cell.ts'
import type { Router } from './router.ts'
import type { CellMessage } from './system.ts'

/** What subscriptions need of their executor. */
export interface SubscriptionsHost {
  readonly index: number
  readonly router: Router
  poke(): void
}

interface Subscriber {
  readonly executor: number
  readonly subscription: number
  readonly window: number
  credit: number
  readonly waiting: unknown[]
}

/** The edge's side of a subscription. */
export interface Sink {
  item(item: unknown): void
  ended(reason: string): void
}

type SubscribeMessage = CellMessage & { type: 'subscribe' }

export class Subscriptions {
  readonly #host: SubscriptionsHost
  readonly #sinks = new Map<number, Sink>()
  readonly #topics = new Map<string, Subscriber[]>()
  #next = 1

  constructor(host: SubscriptionsHost) {
    this.#host = host
  }

  /** Opens a subscription at the edge; its `close` also tells the actor. */
  open(ref: ActorRef, topic: string, window: number, sink: Sink): { taken(count: number): void; close(): void } {
    const subscription = this.#next
    this.#next += 1
    this.#sinks.set(subscription, sink)
    const base = { topic, executor: this.#host.index, subscription }
    const tell = (message: CellMessage): void => {
      this.#host.router.system(ref, message)
      this.#host.poke()
    }
    tell({ type: 'subscribe', ...base, window })
    return {
      taken: (count) => tell({ type: 'itemsTaken', ...base, count }),
      close: () => {
        if (this.#sinks.delete(subscription)) tell({ type: 'unsubscribe', ...base })
      },
    }
  }

  onItem(subscription: number, item: unknown): void {
    this.#sinks.get(subscription)?.item(item)
  }

  onEnded(subscription: number, reason: string): void {
    const sink = this.#sinks.get(subscription)
    this.#sinks.delete(subscription)
    sink?.ended(reason)
  }

  subscribe(cell: Cell, message: SubscribeMessage): void {
    const { executor, subscription, window } = message
    const key = topicKey(cell, message.topic)
    const subscribers = this.#topics.get(key) ?? []
    subscribers.push({ executor, subscription, window, credit: window, waiting: [] })
    this.#topics.set(key, subscribers)
    const extras = extrasOf(cell)
    if (extras.topics === undefined) extras.topics = new Set()
    extras.topics.add(message.topic)
  }

  unsubscribe(cell: Cell, topic: string, executor: number, subscription: number): void {
    const key = topicKey(cell, topic)
    const left = (this.#topics.get(key) ?? []).filter(
      (one) => one.executor !== executor || one.subscription !== subscription,
    )
    if (left.length > 0) this.#topics.set(key, left)
    else this.#topics.delete(key)
  }

  publish(cell: Cell, topic: string, item: unknown): void {
    for (const subscriber of this.#topics.get(topicKey(cell, topic)) ?? []) {
      if (subscriber.credit > 0) this.#send(subscriber, item)
      else if (subscriber.waiting.length < subscriber.window) subscriber.waiting.push(item)
      else this.#end(cell, topic, subscriber, 'overflow')
    }
  }

  itemsTaken(cell: Cell, topic: string, executor: number, subscription: number, count: number): void {
    const all = this.#topics.get(topicKey(cell, topic)) ?? []
    const subscriber = all.find((one) => one.executor === executor && one.subscription === subscription)
    if (subscriber === undefined) return
    subscriber.credit += count
    while (subscriber.credit > 0 && subscriber.waiting.length > 0) this.#send(subscriber, subscriber.waiting.shift())
  }

  /** The actor is gone: its subscribers are told. */
  endAll(cell: Cell, reason: string): void {
    for (const topic of cell.extras?.topics ?? []) {
      for (const subscriber of this.#topics.get(topicKey(cell, topic)) ?? []) {
        this.#end(cell, topic, subscriber, reason)
      }
    }
  }

  /** A thread died: its subscriptions died with it, and their numbers will be given out again. */
  threadLost(executor: number): void {
    for (const [key, subscribers] of this.#topics) {
      const left = subscribers.filter((one) => one.executor !== executor)
      if (left.length > 0) this.#topics.set(key, left)
      else this.#topics.delete(key)
    }
  }

  #send(subscriber: Subscriber, item: unknown): void {
    subscriber.credit -= 1
    this.#host.router.toExecutor(subscriber.executor, { type: 'item', subscription: subscriber.subscription, item })
  }

  #end(cell: Cell, topic: string, subscriber: Subscriber, reason: string): void {
    this.unsubscribe(cell, topic, subscriber.executor, subscriber.subscription)
    this.#host.router.toExecutor(subscriber.executor, {
      type: 'subscriptionEnded',
      subscription: subscriber.subscription,
      reason,
    })
  }
}

function topicKey(cell: Cell, topic: string): string {
  return `${cell.id}/${topic}`
}
