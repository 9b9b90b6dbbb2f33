/**
 * Batches between the executors of one simulated node: in order and reliable, until a thread dies. What a dead thread had
 * sent may arrive before the notice of its death, up to a point that is drawn; nothing of it arrives after.
 */
import type { ThreadLinks } from '../runtime/ports/threads.ts'
import { type Decisions, decisionSite } from './decisions.ts'
import type { EventQueue } from './event-queue.ts'

interface Slot {
  incarnation: number
  up: boolean
  /** Of a dead thread: the newest batch that got out. */
  lastWord: number
  /** Threads that died, of whose replacement this one has not heard yet: what it sends there goes to the dead. */
  readonly lost: Set<number>
  deliver: ((executor: number, batch: Uint8Array) => void) | undefined
  notice: ((executor: number, up: boolean, incarnation: number) => void) | undefined
}

const hopMs = 0.01
const lastWordSite = decisionSite('threads.last-word')

export class SimThreads {
  readonly #queue: EventQueue
  readonly #decisions: Decisions
  readonly #node: number
  readonly #slots: Slot[]
  readonly #lastArrivalMs = new Map<number, number>()
  readonly #whenAwake: (key: number, run: () => void) => void
  #hops = 0

  /** @param whenAwake - Runs at once, or when the node goes on that stands still. */
  constructor(
    queue: EventQueue,
    decisions: Decisions,
    node: number,
    executors: number,
    whenAwake: (key: number, run: () => void) => void,
  ) {
    this.#queue = queue
    this.#decisions = decisions
    this.#node = node
    this.#whenAwake = whenAwake
    this.#slots = Array.from({ length: executors }, () => ({
      incarnation: 0,
      up: false,
      lastWord: 0,
      lost: new Set<number>(),
      deliver: undefined,
      notice: undefined,
    }))
  }

  attach(executor: number, incarnation: number): ThreadLinks {
    const slot: Slot = { incarnation, up: true, lastWord: 0, lost: new Set(), deliver: undefined, notice: undefined }
    this.#slots[executor] = slot
    return {
      executors: this.#slots.length,
      send: (to, batch) => this.#send(executor, slot, to, batch),
      onBatch: (deliver) => {
        slot.deliver = deliver
      },
      onThread: (notice) => {
        slot.notice = notice
      },
    }
  }

  /** The whole process ends: nobody is told. */
  detachAll(): void {
    for (const slot of this.#slots) {
      slot.up = false
      slot.lastWord = 0
    }
  }

  /** One thread dies; the others hear of it after what it had sent before. */
  lose(executor: number): void {
    const dead = this.#slots[executor] as Slot
    dead.up = false
    dead.lastWord = this.#hops - this.#decisions.pick(lastWordSite, 8, this.#node, executor, this.#hops)
    for (const slot of this.#slots) slot.lost.add(executor)
    this.#notice(executor, false, dead.incarnation, () => {})
  }

  /** The replacement of a lost thread takes work; `known` is called when the host's thread has heard of it. */
  replaced(executor: number, known: () => void): void {
    this.#notice(executor, true, (this.#slots[executor] as Slot).incarnation, known)
  }

  #notice(executor: number, up: boolean, incarnation: number, known: () => void): void {
    for (const [to, slot] of this.#slots.entries()) {
      if (to === executor || !slot.up) continue
      this.#later(executor, to, () => {
        if (!slot.up || this.#slots[to] !== slot) return
        if (up) slot.lost.delete(executor)
        slot.notice?.(executor, up, incarnation)
        if (to === 0) known()
      })
    }
  }

  #send(from: number, sender: Slot, to: number, batch: Uint8Array): void {
    const receiver = this.#slots[to]
    if (receiver === undefined || !receiver.up || !sender.up || sender.lost.has(to)) return
    this.#hops += 1
    const hop = this.#hops
    this.#later(from, to, () => {
      if ((sender.up || hop <= sender.lastWord) && receiver.up && this.#slots[to] === receiver)
        receiver.deliver?.(from, batch)
    })
  }

  #later(from: number, to: number, run: () => void): void {
    const pair = from * 64 + to
    const key = this.#node * 4_096 + pair
    const arrival = Math.max(this.#queue.nowMs + hopMs, this.#lastArrivalMs.get(pair) ?? 0)
    this.#lastArrivalMs.set(pair, arrival)
    this.#queue.at(arrival, key, () => this.#whenAwake(key, run))
  }
}
