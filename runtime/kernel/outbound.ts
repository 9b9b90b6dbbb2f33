/**
 * What waits to leave an executor: one queue per other executor of the node, within credit and bound, and one per executor
 * of another node. Flushed once per tick, so that a burst of messages is one batch.
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import { Ring } from '../../base/ring.ts'
import { pack } from '../../mailbox/codec.ts'
import { ReceiveCredit, SendCredit } from '../../mailbox/credits.ts'
import type { PeerNetwork } from '../ports/network.ts'
import type { ThreadLinks } from '../ports/threads.ts'
import {
  batchMessages,
  creditEarly,
  creditWindow,
  loseFrame,
  outboundFull,
  splitFrame,
  urgentAlone,
  waitingMessages,
} from './fault-sites.ts'
import { creditSpent } from './probes.ts'
import type { Tuple } from './wire.ts'

/** Messages that one executor may have with another, not yet taken from a mailbox. */
export const windowMessages: number = 16_384
/** Messages that wait for credit before further ones are refused. */
export const waitingMax: number = 65_536
const batchMessagesMax = 256

/** What became of a message for another thread: it waits, has no room, or has nobody to go to. */
export type Queued = 'queued' | 'full' | 'down'

class ThreadQueue {
  /** The kernel's own messages: no credit, no bound but their number outstanding. */
  urgent: Tuple[] = []
  readonly waiting: Ring<Tuple> = new Ring<Tuple>()
  readonly credit: SendCredit = new SendCredit(limit(creditWindow, windowMessages, 2))
  readonly taken: ReceiveCredit = new ReceiveCredit(windowMessages)
}

/** What goes to one executor of another node with the next flush. */
interface PeerQueue {
  readonly node: number
  readonly executor: number
  tuples: Tuple[]
}

export class Outbound {
  readonly #threads: ThreadLinks
  readonly #network: PeerNetwork
  /** By executor; `down` where a thread died and its replacement is not ready: what is sent there has nobody to go to. */
  readonly #queues: (ThreadQueue | 'down' | undefined)[] = []
  /** In the order in which they were first sent to. */
  readonly #peers: PeerQueue[] = []
  /** The same by node and executor. */
  readonly #peersOf = new Map<number, (PeerQueue | undefined)[]>()
  #busy = false

  constructor(threads: ThreadLinks, network: PeerNetwork) {
    this.#threads = threads
    this.#network = network
  }

  /** Something waits for a flush. */
  get busy(): boolean {
    return this.#busy
  }

  /** Unless it is `queued`, the caller answers for it. */
  toThread(executor: number, tuple: Tuple, urgent: boolean): Queued {
    const queue = this.#queue(executor)
    if (queue === undefined) return 'down'
    if (urgent) queue.urgent.push(tuple)
    else if (queue.waiting.length >= limit(waitingMessages, waitingMax, 8) || buggify(outboundFull, 0.02)) return 'full'
    else queue.waiting.push(tuple)
    this.#busy = true
    return 'queued'
  }

  toPeer(node: number, executor: number, tuple: Tuple): void {
    const peer = this.#peersOf.get(node)?.[executor] ?? this.#newPeer(node, executor)
    peer.tuples.push(tuple)
    this.#busy = true
  }

  /** A message from `executor` was taken from its mailbox (or dropped): its credit goes back with the next batch. */
  taken(executor: number): void {
    const queue = this.#queue(executor)
    if (queue === undefined) return
    queue.taken.take()
    this.#busy = true
  }

  creditReturned(executor: number, total: number): void {
    const queue = this.#queue(executor)
    if (queue === undefined) return
    queue.credit.returned(total)
    if (queue.waiting.length > 0) this.#busy = true
  }

  /** The other thread died: what waits for it is handed back, and what is still to come is refused. */
  down(executor: number): Tuple[] {
    const queue = this.#queue(executor)
    this.#queues[executor] = 'down'
    const lost: Tuple[] = []
    for (let tuple = queue?.waiting.shift(); tuple !== undefined; tuple = queue?.waiting.shift()) lost.push(tuple)
    return lost
  }

  /** The thread is there (again): the credit of the pair starts from nothing on both sides. */
  up(executor: number): void {
    if (this.#queues[executor] === 'down') this.#queues[executor] = undefined
  }

  /** Ships what may go. `idle`: nothing else is to do, so even small credit notices leave. */
  flush(idle: boolean): void {
    this.#busy = false
    for (let executor = 0; executor < this.#queues.length; executor++) {
      const queue = this.#queues[executor]
      if (queue instanceof ThreadQueue) this.#flushThread(executor, queue, idle)
    }
    for (const peer of this.#peers) {
      if (peer.tuples.length === 0) continue
      const tuples = peer.tuples
      peer.tuples = []
      // Raft repeats what a full or broken link swallowed, so a refusal needs no answer here.
      if (buggify(splitFrame)) for (const tuple of tuples) this.#sendFrame(peer, [tuple])
      else this.#sendFrame(peer, tuples)
    }
  }

  #newPeer(node: number, executor: number): PeerQueue {
    const peer: PeerQueue = { node, executor, tuples: [] }
    this.#peers.push(peer)
    const ofNode = this.#peersOf.get(node) ?? []
    this.#peersOf.set(node, ofNode)
    while (ofNode.length < executor) ofNode.push(undefined)
    ofNode[executor] = peer
    return peer
  }

  #sendFrame({ node, executor }: { readonly node: number; readonly executor: number }, tuples: readonly Tuple[]): void {
    if (!buggify(loseFrame, 0.02)) this.#network.send(node, executor, pack(tuples))
  }

  #flushThread(executor: number, queue: ThreadQueue, idle: boolean): void {
    for (;;) {
      const batch: unknown[] = [queue.taken.due(idle || buggify(creditEarly)) ?? -1]
      if (queue.urgent.length > 0) {
        for (const tuple of queue.urgent) batch.push(tuple)
        queue.urgent = []
      }
      sometimes(creditSpent, queue.waiting.length > 0 && queue.credit.available <= 0)
      const alone = batch.length > 1 && buggify(urgentAlone)
      const messagesMax = alone ? 0 : limit(batchMessages, batchMessagesMax, 1)
      const room = Math.min(queue.credit.available, messagesMax, queue.waiting.length)
      for (let i = 0; i < room; i++) batch.push(queue.waiting.shift())
      queue.credit.spend(room)
      if (batch.length === 1 && batch[0] === -1) return
      this.#threads.send(executor, pack(batch))
    }
  }

  /** Undefined where the thread is down. */
  #queue(executor: number): ThreadQueue | undefined {
    const queue = this.#queues[executor]
    if (queue instanceof ThreadQueue) return queue
    if (queue === 'down') return undefined
    const made = new ThreadQueue()
    // Indexed without holes: threads are numbered from 0 and few.
    while (this.#queues.length < executor) this.#queues.push(undefined)
    this.#queues[executor] = made
    return made
  }
}
