/**
 * The kernel's own conversation, on the system lane: between cells, and between the executors of a node. Plain data, since
 * most of it crosses threads. `Late` is the exception: a message that is made where it is received, on one thread only, and
 * always on the system lane.
 */
import type { ActorRef, Answer, ChildEvent, DownReason } from './actor.ts'

/** To a cell. */
export type CellMessage =
  | { readonly type: 'stop'; readonly reason: DownReason }
  | { readonly type: 'restart' }
  /** `key` is how the watcher calls the watched; it comes back in `down`. */
  | { readonly type: 'watch'; readonly watcher: ActorRef; readonly key: string }
  /** The sender has linked itself to the receiver, which shall watch it in return. */
  | { readonly type: 'link'; readonly other: ActorRef }
  | { readonly type: 'unwatch'; readonly watcher: ActorRef; readonly key: string }
  | { readonly type: 'down'; readonly key: string; readonly reason: DownReason }
  | { readonly type: 'child'; readonly event: ChildEvent }
  | {
      readonly type: 'subscribe'
      readonly topic: string
      readonly executor: number
      readonly subscription: number
      readonly window: number
    }
  | { readonly type: 'unsubscribe'; readonly topic: string; readonly executor: number; readonly subscription: number }
  | {
      readonly type: 'itemsTaken'
      readonly topic: string
      readonly executor: number
      readonly subscription: number
      readonly count: number
    }

/** To an executor as such. */
export type ExecutorMessage =
  | {
      readonly type: 'spawn'
      readonly id: number
      readonly name: string
      readonly named: boolean
      readonly module: string
      readonly exportName: string
      readonly args: unknown
      readonly parent: ActorRef | undefined
    }
  /** Told to the host's executor, for its log. */
  | {
      readonly type: 'actorFailed'
      readonly name: string
      readonly error: string
      /** What it received last, in words. */
      readonly recent?: readonly string[]
    }
  | { readonly type: 'answer'; readonly correlation: number; readonly answer: Answer }
  /** `open`: other nodes may address it. */
  | { readonly type: 'named'; readonly ref: ActorRef & { readonly type: 'local' }; readonly open: boolean }
  | { readonly type: 'unnamed'; readonly ref: ActorRef & { readonly type: 'local' } }
  | { readonly type: 'item'; readonly subscription: number; readonly item: unknown }
  | { readonly type: 'subscriptionEnded'; readonly subscription: number; readonly reason: string }

/** A body that becomes a message when its turn begins: the answer of an ask, the notice of a watch, a timer's beat. */
export abstract class Late {
  abstract make(): unknown
}

export class LateCall extends Late {
  readonly #make: () => unknown

  constructor(make: () => unknown) {
    super()
    this.#make = make
  }

  make(): unknown {
    return this.#make()
  }
}
