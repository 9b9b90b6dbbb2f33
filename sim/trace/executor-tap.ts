/**
 * Listens to one executor: what enters its mailboxes, what it sends to other threads and nodes and in which packet, what
 * its timers and its disk let go later. None of it changes what the executor does; packets are handed in message by message,
 * so that whatever comes of one is put down to its sender.
 */
import { pack, unpack, unpackUntrusted } from '../../mailbox/codec.ts'
import { Envelope } from '../../mailbox/envelope.ts'
import type { Cell } from '../../runtime/kernel/cell.ts'
import type { Deadline } from '../../runtime/kernel/deadlines.ts'
import type { Executor } from '../../runtime/kernel/executor.ts'
import type { KernelAct } from '../../runtime/kernel/turn.ts'
import type { Write } from '../../runtime/ports/store.ts'
import type { MailBook, Route } from './mail-book.ts'
import type { Via } from './record.ts'
import { tap } from './tap.ts'

export interface TapHost {
  readonly book: MailBook
  readonly nowMs: number
  isCut(from: number, to: number): boolean
  /** The delivery that is under way did something besides sending. */
  effect(text: string): void
}

interface ThreadPost {
  urgent: number[]
  waiting: number[]
}

export class ExecutorTap {
  readonly node: number
  readonly index: number
  /** Which start of this executor, from 1. */
  readonly life: number
  readonly executor: Executor
  readonly #host: TapHost
  readonly #book: MailBook
  /** Turn numbers above `#bases[i]` belong to delivery `#owners[i]`. */
  readonly #bases: number[] = []
  readonly #owners: number[] = []
  readonly #toPeers = new Map<string, number[]>()
  readonly #toThreads = new Map<number, ThreadPost>()
  readonly #held = new WeakSet<KernelAct>()
  #passingOn = false
  /** The newest delivery here. */
  newest = 0
  lamport = 0

  constructor(host: TapHost, node: number, life: number, executor: Executor) {
    this.#host = host
    this.#book = host.book
    this.node = node
    this.index = executor.index
    this.life = life
    this.executor = executor
    this.#listenToTurns()
    this.#listenToMailboxes()
    this.#listenToThreads()
    this.#listenToPeers()
    this.#listenToTimers()
  }

  /** Turns from now on are of delivery `seq`. */
  owns(seq: number): void {
    this.#bases.push(this.executor.delivery)
    this.#owners.push(seq)
  }

  route(toActor: string, via: Via = 'local', toNode: number = this.node): Route {
    const { node: fromNode, index: fromExecutor } = this
    const cut = via === 'network' && this.#host.isCut(fromNode, toNode)
    return { atMs: this.#host.nowMs, fromNode, fromExecutor, toNode, toActor, via, cut }
  }

  /** What `cell` holds back for its disk is put down to the delivery that asked for it, not to the disk. */
  tagHeld(cell: Cell): void {
    const owner = this.#book.current
    for (const { output } of cell.held ?? []) {
      if (output instanceof Envelope || this.#held.has(output)) continue
      this.#held.add(output)
      tap(output, 'act', (act) => () => this.#book.within(owner, act))
    }
  }

  /** The delivery whose turn had the number `cause`. */
  #ownerOf(cause: number): number {
    let low = 0
    let high = this.#bases.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#bases[middle] as number) < cause) low = middle + 1
      else high = middle
    }
    return this.#owners[low - 1] ?? 0
  }

  #listenToTurns(): void {
    const { executor } = this
    tap(executor.turns, 'run', (run) => (cell, body) => {
      // An actor starts or says goodbye: on account of whoever started or stopped it.
      this.owns(this.#book.current)
      run(cell, body)
      this.tagHeld(cell)
      this.owns(this.#book.current)
    })
    tap(executor.turns, 'whenDurable', (whenDurable) => (cell, act) => {
      whenDurable(cell, act)
      this.tagHeld(cell)
    })
    tap(executor.commits, 'add', (add) => (cell, writes) => {
      this.#host.effect(writesText(writes))
      add(cell, writes)
    })
  }

  #listenToMailboxes(): void {
    const { executor } = this
    tap(executor.router, 'deliver', (deliver) => (envelope) => {
      const owner = this.#book.current === 0 && envelope.cause !== 0 ? this.#ownerOf(envelope.cause) : 0
      // What just came in and bears no cause is passed on as the message that it is.
      this.#passingOn = envelope.cause === 0
      if (owner === 0) deliver(envelope)
      else this.#book.within(owner, () => deliver(envelope))
      this.#passingOn = false
    })
    tap(executor, 'enqueue', (enqueue) => (cell, envelope) => {
      this.#book.enqueued(envelope, this.route(cell.name))
      enqueue(cell, envelope)
    })
  }

  #listenToThreads(): void {
    const { router, world } = this.executor
    tap(router.outbound, 'toThread', (toThread) => (executor, tuple, urgent) => {
      const queued = toThread(executor, tuple, urgent)
      if (queued !== 'queued') return queued
      const post = this.#threadPost(executor)
      const id = this.#post(this.#targetName(tuple[0], executor), 'thread', this.node, tuple[2])
      if (urgent) post.urgent.push(id)
      else post.waiting.push(id)
      return queued
    })
    tap(router.outbound, 'down', (down) => (executor) => {
      this.#toThreads.delete(executor)
      return down(executor)
    })
    tap(world.threads, 'send', (send) => (executor, batch) => {
      const { urgent, waiting } = this.#threadPost(executor)
      const count = (unpack(batch) as readonly unknown[]).length - 1
      const ids = urgent.splice(0, urgent.length)
      ids.push(...waiting.splice(0, count - ids.length))
      this.#book.packed(batch, ids)
      send(executor, batch)
    })
    tap(router, 'onBatch', (onBatch) => (from, batch) => {
      const ids = this.#book.idsIn(batch)
      const [credit, ...tuples] = unpack(batch) as readonly unknown[]
      if (ids?.length !== tuples.length) {
        onBatch(from, batch)
        return
      }
      onBatch(from, pack([credit]))
      for (const [at, id] of ids.entries()) this.#book.arrive(id, () => onBatch(from, pack([-1, tuples[at]])))
    })
  }

  #listenToPeers(): void {
    const { router, world } = this.executor
    tap(router.outbound, 'toPeer', (toPeer) => (node, executor, tuple) => {
      const key = `${node}/${executor}`
      let post = this.#toPeers.get(key)
      if (post === undefined) {
        post = []
        this.#toPeers.set(key, post)
      }
      const name = tuple[0] === 0 ? 'whoever asked' : String(tuple[0])
      post.push(this.#post(name, 'network', node, tuple[2]))
      toPeer(node, executor, tuple)
    })
    tap(world.network, 'send', (send) => (node, executor, frame) => {
      const post = this.#toPeers.get(`${node}/${executor}`) ?? []
      this.#book.packed(frame, post.splice(0, post.length))
      return send(node, executor, frame)
    })
    tap(router, 'onFrame', (onFrame) => (node, executor, frame) => {
      const ids = this.#book.idsIn(frame)
      const tuples = ids === undefined ? undefined : tuplesIn(frame)
      if (ids === undefined || tuples?.length !== ids.length) {
        onFrame(node, executor, frame)
        return
      }
      for (const [at, id] of ids.entries()) this.#book.arrive(id, () => onFrame(node, executor, pack([tuples[at]])))
    })
  }

  #listenToTimers(): void {
    const { timers, asks } = this.executor
    tap(timers, 'start', (start) => (id, dueMs, periodMs, fire) => {
      const owner = this.#book.current
      if (owner !== 0) this.#host.effect(timerText(dueMs - this.executor.world.clock.nowMs(), periodMs))
      start(id, dueMs, periodMs, () => this.#book.within(owner, fire))
    })
    tap(asks.deadlines, 'start', (start) => (deadline: Deadline, atMs) => {
      const owner = this.#book.current
      if (owner !== 0) tap(deadline, 'expire', (expire) => () => this.#book.within(owner, expire))
      start(deadline, atMs)
    })
  }

  /** The message that leaves for another thread or node. */
  #post(actor: string, via: Via, node: number, body: unknown): number {
    const { arriving } = this.#book
    return this.#passingOn && arriving !== 0 ? arriving : this.#book.post(this.route(actor, via, node), body)
  }

  #threadPost(executor: number): ThreadPost {
    let post = this.#toThreads.get(executor)
    if (post === undefined) {
      post = { urgent: [], waiting: [] }
      this.#toThreads.set(executor, post)
    }
    return post
  }

  #targetName(target: unknown, executor: number): string {
    if (target === 0) return `executor ${executor}`
    for (const { id, name } of this.executor.registry.on(executor)) if (id === target) return name
    return `#${String(target)}`
  }
}

function tuplesIn(frame: Uint8Array): readonly unknown[] | undefined {
  try {
    const tuples = unpackUntrusted(frame)
    return Array.isArray(tuples) ? tuples : undefined
  } catch {
    // Not ours to judge: the router finds the same, and says so.
    return undefined
  }
}

function timerText(delayMs: number, periodMs: number): string {
  return periodMs > 0 ? `timer every ${round(periodMs)} ms` : `timer in ${round(delayMs)} ms`
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}

function writesText(writes: readonly Write[]): string {
  const words = new Map<string, number>()
  for (const write of writes) {
    const word = wordOf(write)
    words.set(word, (words.get(word) ?? 0) + 1)
  }
  return `writes ${[...words].map(([word, count]) => (count === 1 ? word : `${count}× ${word}`)).join(', ')}`
}

function wordOf(write: Write): string {
  switch (write.type) {
    case 'put':
      return `put ${keyText(write.key)}`
    case 'delete':
      return `delete ${keyText(write.key)}`
    case 'deleteRange':
      return 'deleteRange'
    case 'logAppend':
      return `log +${write.entries.length} at ${write.entries[0]?.index ?? 0}`
    case 'logCompact':
      return `log compact to ${write.index}`
    case 'logReset':
      return `log reset to ${write.index}`
    case 'logDrop':
      return 'log drop'
  }
}

function keyText(key: Uint8Array): string {
  let text = ''
  for (const byte of key.subarray(0, 48)) text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·'
  return text
}
