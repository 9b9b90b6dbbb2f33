/**
 * What waits to leave an executor: one queue per other executor of the node, within credit and bound, and one per executor
 * of another node. Flushed once per tick, so that a burst of messages is one batch.
 */
import { Ring } from '../../base/ring.ts'
import { pack } from '../../mailbox/codec.ts'
import { ReceiveCredit, SendCredit } from '../../mailbox/credits.ts'
import type { PeerNetwork } from '../ports/network.ts'
import type { ThreadLinks } from '../ports/threads.ts'
import type { Tuple } from './wire.ts'

/** Messages that one executor may have with another, not yet taken from a mailbox. */
const windowMessages = 16_384
/** Messages that wait for credit before further ones are refused. */
const waitingMax = 65_536
const batchMessagesMax = 256

interface ThreadQueue {
  /** The kernel's own messages: no credit, no bound but their number outstanding. */
  readonly urgent: Tuple[]
  readonly waiting: Ring<Tuple>
  readonly credit: SendCredit
  readonly taken: ReceiveCredit
}

export class Outbound {
  readonly #threads: ThreadLinks
  readonly #network: PeerNetwork
  readonly #queues = new Map<number, ThreadQueue>()
  readonly #peers = new Map<string, { readonly node: number; readonly executor: number; tuples: Tuple[] }>()
  #busy = false

  constructor(threads: ThreadLinks, network: PeerNetwork) {
    this.#threads = threads
    this.#network = network
  }

  /** Something waits for a flush. */
  get busy(): boolean {
    return this.#busy
  }

  /** False when the message has no room: the caller answers for it. */
  toThread(executor: number, tuple: Tuple, urgent: boolean): boolean {
    const queue = this.#queue(executor)
    if (urgent) queue.urgent.push(tuple)
    else if (queue.waiting.length >= waitingMax) return false
    else queue.waiting.push(tuple)
    this.#busy = true
    return true
  }

  toPeer(node: number, executor: number, tuple: Tuple): void {
    const key = `${node}/${executor}`
    let peer = this.#peers.get(key)
    if (peer === undefined) {
      peer = { node, executor, tuples: [] }
      this.#peers.set(key, peer)
    }
    peer.tuples.push(tuple)
    this.#busy = true
  }

  /** A message from `executor` was taken from its mailbox (or dropped): its credit goes back with the next batch. */
  taken(executor: number): void {
    this.#queue(executor).taken.take()
    this.#busy = true
  }

  creditReturned(executor: number, total: number): void {
    this.#queue(executor).credit.returned(total)
    this.#busy = true
  }

  /** The other thread died: what waits for it is handed back. */
  drop(executor: number): Tuple[] {
    const queue = this.#queues.get(executor)
    this.#queues.delete(executor)
    const lost: Tuple[] = []
    for (let tuple = queue?.waiting.shift(); tuple !== undefined; tuple = queue?.waiting.shift()) lost.push(tuple)
    return lost
  }

  /** Ships what may go. `idle`: nothing else is to do, so even small credit notices leave. */
  flush(idle: boolean): void {
    this.#busy = false
    for (const [executor, queue] of this.#queues) this.#flushThread(executor, queue, idle)
    for (const peer of this.#peers.values()) {
      if (peer.tuples.length === 0) continue
      const tuples = peer.tuples
      peer.tuples = []
      // Raft repeats what a full or broken link swallowed, so a refusal needs no answer here.
      this.#network.send(peer.node, peer.executor, pack(tuples))
    }
  }

  #flushThread(executor: number, queue: ThreadQueue, idle: boolean): void {
    for (;;) {
      const batch: unknown[] = [queue.taken.due(idle) ?? -1]
      for (const tuple of queue.urgent) batch.push(tuple)
      queue.urgent.length = 0
      const room = Math.min(queue.credit.available, batchMessagesMax, queue.waiting.length)
      for (let i = 0; i < room; i++) batch.push(queue.waiting.shift())
      queue.credit.spend(room)
      if (batch.length === 1 && batch[0] === -1) return
      this.#threads.send(executor, pack(batch))
    }
  }

  #queue(executor: number): ThreadQueue {
    let queue = this.#queues.get(executor)
    if (queue === undefined) {
      queue = {
        urgent: [],
        waiting: new Ring<Tuple>(),
        credit: new SendCredit(windowMessages),
        taken: new ReceiveCredit(windowMessages),
      }
      this.#queues.set(executor, queue)
    }
    return queue
  }
}
