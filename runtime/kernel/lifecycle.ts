/**
 * Birth, failure, restart and end of actors, and who is told.
 *
 *   spawn ─▶ loading ─▶ starting (init is a turn) ─▶ running
 *   a turn throws ─▶ failed: children stop, the parent hears `childFailed` ─▶ restart or stop, as it decides
 *   stop ─▶ stopping: last turn, children stop ─▶ writes durable ─▶ stopped: mailbox answered, watchers and parent told
 *
 *   L1  a failed actor receives nothing until it is restarted; its mailbox waits
 *   L2  every watcher hears exactly one `down` for each watch, whatever the end: stop, failure, thread death
 *   L3  a name is free again only when its holder's writes are durable, so a successor reads what it wrote
 */
import { hashText } from '../../base/digest.ts'
import { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef, ChildEvent, DownReason, Placement, SpawnOptions } from './actor.ts'
import { type AnyDefinition, Cell, refKey } from './cell.ts'
import { Context } from './context.ts'
import type { Executor } from './executor.ts'
import { LocalRef } from './local-ref.ts'
import { type CellMessage, type ExecutorMessage, Late } from './system.ts'
import type { Turn } from './turn.ts'

type SpawnMessage = ExecutorMessage & { type: 'spawn' }

export class Lifecycle {
  readonly #executor: Executor

  constructor(executor: Executor) {
    this.#executor = executor
  }

  /**
   * Chooses id and place of a new actor. Nothing happens until `begin` is called.
   *
   * @throws {RangeError} The name is taken, or holds a zero byte.
   */
  prepare(
    definition: AnyDefinition,
    args: unknown,
    options: SpawnOptions,
    parent: Cell | undefined,
  ): { readonly ref: ActorRef; readonly begin: () => void } {
    const id = this.#executor.newId()
    const name = options.name ?? `${definition.name}-${id % 2 ** 32}`
    this.#checkName(name, options.name !== undefined)
    const executor = this.#place(options.place, name)
    const parentRef = parent?.ref as ActorRef | undefined
    if (executor === this.#executor.index) {
      const cell = this.#newCell(id, name, options.name !== undefined, definition, args, parentRef)
      const ref = cell.ref as ActorRef
      return { ref, begin: () => this.#begin(cell, parent, options.place) }
    }
    const ref: ActorRef = { type: 'local', executor, id, name }
    const { module, exportName } = definition
    const message: SpawnMessage = { type: 'spawn', id, name, named: options.name !== undefined, module, exportName, args, parent: parentRef }
    const begin = (): void => {
      if (options.name !== undefined) this.#executor.registry.take(ref)
      this.#adopt(parent, ref, definition, args, options.place)
      this.#executor.router.toExecutor(executor, message)
    }
    return { ref, begin }
  }

  /** Another executor wants an actor to live here. */
  onSpawn(message: SpawnMessage): void {
    const { id, name, named, args, parent } = message
    this.#executor.world.load(message.module, message.exportName, (loaded, reason) => {
      const holder = this.#executor.registry.holder(name)
      if (loaded === undefined || (named && holder !== undefined && holder.id !== id)) {
        const error = loaded === undefined ? `spawn '${name}': ${reason}` : `spawn '${name}': the name is taken`
        const child: ActorRef = { type: 'local', executor: this.#executor.index, id, name }
        if (parent !== undefined) this.#tellParent(parent, { type: 'childStopped', child, reason: { type: 'failed', error } })
        this.#executor.deadLetters.add(name, 'unknown', error)
        return
      }
      const cell = this.#newCell(id, name, named, loaded as AnyDefinition, args, parent)
      this.#begin(cell, undefined, undefined)
      this.#executor.poke()
    })
  }

  /** A message of the kernel to a cell, or a late one for its actor. */
  onSystem(cell: Cell, envelope: Envelope<ActorRef>): void {
    if (envelope.body instanceof Late) {
      // What a former incarnation waited for dies with it (L1).
      if (cell.status === 'running' || cell.status === 'parked') this.#executor.runTurn(cell, envelope)
      return
    }
    const message = envelope.body as CellMessage
    switch (message.type) {
      case 'stop':
        this.stop(cell, message.reason)
        break
      case 'restart':
        if (cell.status === 'failed') this.#whenChildless(cell, () => this.#executor.whenDurable(cell, () => this.#start(cell, true)))
        break
      case 'watch':
        if (cell.watchers === undefined) cell.watchers = new Map()
        cell.watchers.set(`${refKey(message.watcher)} ${message.key}`, message.watcher)
        break
      case 'link':
        this.watch(cell, message.other, undefined, true)
        break
      case 'unwatch':
        this.#dropWatcher(cell, message.watcher)
        break
      case 'down':
        this.#onDown(cell, message.key, message.reason)
        break
      case 'child':
        this.#onChild(cell, message.event)
        break
      case 'subscribe':
        this.#executor.subscriptions.subscribe(cell, message)
        break
      case 'unsubscribe':
        this.#executor.subscriptions.unsubscribe(cell, message.topic, message.executor, message.subscription)
        break
      case 'itemsTaken':
        this.#executor.subscriptions.itemsTaken(cell, message.topic, message.executor, message.subscription, message.count)
        break
    }
  }

  /** A kernel message found nobody: a watch of somebody gone is answered at once (L2). */
  onUndelivered(envelope: Envelope<ActorRef>): void {
    const message = envelope.body as CellMessage
    if (message.type === 'watch') {
      this.#executor.router.system(message.watcher, { type: 'down', key: message.key, reason: { type: 'unknown' } })
    } else if (message.type === 'subscribe') {
      const { executor, subscription } = message
      this.#executor.router.toExecutor(executor, { type: 'subscriptionEnded', subscription, reason: 'stopped' })
    }
  }

  watch(cell: Cell, ref: ActorRef, then: ((reason: DownReason) => unknown) | undefined, linked: boolean): void {
    const key = refKey(ref)
    if (cell.watching === undefined) cell.watching = new Map()
    cell.watching.set(key, { ref, then, linked })
    if (ref.type === 'named' && ref.node !== this.#executor.node) {
      this.#onDown(cell, key, { type: 'unknown' })
      return
    }
    this.#executor.router.system(ref, { type: 'watch', watcher: cell.ref, key })
  }

  unwatch(cell: Cell, ref: ActorRef): void {
    if (cell.watching?.delete(refKey(ref)) !== true) return
    this.#executor.router.system(ref, { type: 'unwatch', watcher: cell.ref })
  }

  /** A handler is asynchronous: the user and control lanes are closed until it settles. */
  park(cell: Cell, turn: Turn, result: PromiseLike<unknown>): void {
    cell.status = 'parked'
    const restarts = cell.restarts
    const resume = (end: () => void): void => {
      if (cell.restarts !== restarts || cell.status !== 'parked') return
      cell.status = 'running'
      cell.turn = turn
      end()
      cell.turn = undefined
      this.#executor.schedule(cell)
      this.#executor.poke()
    }
    result.then(
      (value) =>
        resume(() => {
          cell.context.answerWith(value)
          this.#executor.finishTurn(cell, turn)
        }),
      (error) => resume(() => this.#executor.failTurn(cell, turn, error)),
    )
  }

  /** A turn of `cell` threw; its effects are undone already. */
  failed(cell: Cell, error: string): void {
    if (cell.status === 'stopping' || cell.status === 'stopped') return
    cell.status = 'failed'
    cell.failure = error
    this.#forget(cell)
    this.#stopChildren(cell)
    const child = cell.ref as ActorRef
    if (cell.parent === undefined || !this.#parentSupervises(cell)) {
      this.stop(cell, { type: 'failed', error })
      return
    }
    this.#tellParent(cell.parent, { type: 'childFailed', child, error })
  }

  stop(cell: Cell, reason: DownReason): void {
    if (cell.status === 'stopping' || cell.status === 'stopped') return
    const running = cell.status === 'running' || cell.status === 'parked'
    if (running && cell.definition.stopping !== undefined && reason.type === 'normal') {
      this.#executor.runTurn(cell, undefined, () => cell.definition.stopping?.(cell.state, cell.context))
    }
    cell.status = 'stopping'
    cell.stopReason = reason
    this.#stopChildren(cell)
    this.#executor.fold(cell)
    this.#whenChildless(cell, () => this.#executor.whenDurable(cell, () => this.#ended(cell, reason)))
  }

  /** Messages were dropped for want of room, and the actor wants to know: once, until it has seen it. */
  signalOverflow(cell: Cell): void {
    const dropped = cell.mailbox.dropped
    const body = new Late(() => ({ type: 'mailboxOverflow', dropped }))
    if (cell.mailbox.dropped === 1 || cell.mailbox.dropped % 1_000 === 0) {
      this.#executor.enqueue(cell, new Envelope(cell.ref as ActorRef, body, 'system', undefined, -1, 0))
    }
  }

  /** A thread of this node died, or its replacement is ready. */
  onThread(executor: number, up: boolean): void {
    if (up) {
      for (const ref of this.#executor.registry.on(this.#executor.index)) {
        this.#executor.router.toExecutor(executor, { type: 'named', ref })
      }
      return
    }
    this.#executor.registry.dropExecutor(executor)
    this.#executor.asks.threadLost(executor)
    this.#executor.router.threadLost(executor)
    const reason: DownReason = { type: 'threadLost' }
    for (const cell of [...this.#executor.cells.values()]) {
      for (const [key, { ref }] of [...(cell.watching ?? [])]) {
        if (ref.type === 'local' && ref.executor === executor) this.#onDown(cell, key, reason)
      }
      for (const { ref } of [...(cell.children?.values() ?? [])]) {
        if (ref.type === 'local' && ref.executor === executor) this.#onChild(cell, { type: 'childStopped', child: ref, reason })
      }
      // Nobody is left to supervise it: it goes, and whoever replaces its parent starts it anew.
      if (cell.parent?.type === 'local' && cell.parent.executor === executor) this.stop(cell, reason)
    }
  }

  #newCell(id: number, name: string, named: boolean, definition: AnyDefinition, args: unknown, parent: ActorRef | undefined): Cell {
    return new Cell(this.#executor.index, id, name, named, definition, args, parent, (cell) => new Context(this.#executor, cell))
  }

  #begin(cell: Cell, parent: Cell | undefined, place: Placement | undefined): void {
    this.#executor.cells.set(cell.id, cell)
    if (cell.named) {
      this.#executor.registry.take(cell.ref)
      this.#executor.router.toOthers({ type: 'named', ref: cell.ref })
    }
    this.#adopt(parent, cell.ref as ActorRef, cell.definition, cell.args, place)
    this.#start(cell, false)
  }

  #adopt(parent: Cell | undefined, ref: ActorRef, definition: AnyDefinition, args: unknown, place: Placement | undefined): void {
    if (parent === undefined || ref.type !== 'local') return
    if (parent.children === undefined) parent.children = new Map()
    parent.children.set(ref.id, { ref, definition, args, place })
  }

  #start(cell: Cell, again: boolean): void {
    if (cell.status === 'stopping' || cell.status === 'stopped') return
    if (again) cell.restarts += 1
    cell.status = 'starting'
    cell.receive = undefined
    this.#executor.runTurn(cell, undefined, () => {
      cell.state = cell.definition.init(cell.context, cell.args)
      // Set within the turn, so that it is undone with it: a failed start never runs.
      cell.status = 'running'
    })
    this.#executor.schedule(cell)
    this.#executor.poke()
  }

  #onDown(cell: Cell, key: string, reason: DownReason): void {
    const watch = cell.watching?.get(key)
    if (watch === undefined || cell.watching?.delete(key) !== true) return
    if (watch.linked) {
      if (reason.type !== 'normal') this.failed(cell, `linked actor '${watch.ref.name}' is gone: ${reason.type}`)
      return
    }
    const then = watch.then
    if (then === undefined) return
    this.#executor.enqueue(cell, new Envelope(cell.ref as ActorRef, new Late(() => then(reason)), 'system', undefined, -1, 0))
  }

  #onChild(cell: Cell, event: ChildEvent): void {
    if (event.type === 'childStopped' && event.child.type === 'local') cell.children?.delete(event.child.id)
    if (cell.definition.supervises && (cell.status === 'running' || cell.status === 'parked')) {
      const body = new Late(() => event)
      this.#executor.enqueue(cell, new Envelope(cell.ref as ActorRef, body, 'system', undefined, -1, 0))
    }
    if ((cell.children?.size ?? 0) === 0) {
      const waiting = this.#childless.get(cell)
      this.#childless.delete(cell)
      waiting?.()
    }
  }

  readonly #childless = new Map<Cell, () => void>()

  #whenChildless(cell: Cell, act: () => void): void {
    if ((cell.children?.size ?? 0) === 0) act()
    else this.#childless.set(cell, act)
  }

  #stopChildren(cell: Cell): void {
    // In reverse order of their start, as they may lean on each other in that order.
    for (const { ref } of [...(cell.children?.values() ?? [])].reverse()) {
      this.#executor.router.system(ref, { type: 'stop', reason: { type: 'normal' } })
    }
  }

  /** Timers, watches and asks of an incarnation end with it. */
  #forget(cell: Cell): void {
    for (const timer of cell.timers ?? []) this.#executor.timers.cancel(timer)
    cell.timers = undefined
    for (const { ref } of cell.watching?.values() ?? []) {
      this.#executor.router.system(ref, { type: 'unwatch', watcher: cell.ref })
    }
    cell.watching = undefined
    if (cell.stashed !== undefined) cell.mailbox.pushFront(cell.stashed)
    cell.stashed = undefined
    cell.state = undefined
  }

  #ended(cell: Cell, reason: DownReason): void {
    cell.status = 'stopped'
    this.#forget(cell)
    this.#executor.cells.delete(cell.id)
    if (cell.named) {
      this.#executor.registry.free(cell.ref)
      this.#executor.router.toOthers({ type: 'unnamed', ref: cell.ref })
    }
    this.#executor.subscriptions.endAll(cell, reason.type)
    for (let rest = cell.mailbox.take(false); rest !== undefined; rest = cell.mailbox.take(false)) {
      if (!(rest.body instanceof Late)) this.#executor.router.dead(rest, 'stopped')
    }
    for (const [entry, watcher] of cell.watchers ?? []) {
      const key = entry.slice(entry.indexOf(' ') + 1)
      this.#executor.router.system(watcher, { type: 'down', key, reason })
    }
    if (cell.parent !== undefined) this.#tellParent(cell.parent, { type: 'childStopped', child: cell.ref as ActorRef, reason })
    cell.ref.detach()
    this.#executor.poke()
  }

  #tellParent(parent: ActorRef, event: ChildEvent): void {
    this.#executor.router.system(parent, { type: 'child', event })
  }

  /** A parent on another thread is a supervisor always: only those spawn over threads and stay to watch. */
  #parentSupervises(cell: Cell): boolean {
    const parent = cell.parent === undefined ? undefined : LocalRef.cellOf(cell.parent)
    if (parent !== undefined) return parent.definition.supervises
    return cell.parent?.type === 'local' && cell.parent.executor !== this.#executor.index
  }

  #dropWatcher(cell: Cell, watcher: ActorRef): void {
    const prefix = `${refKey(watcher)} `
    for (const key of cell.watchers?.keys() ?? []) if (key.startsWith(prefix)) cell.watchers?.delete(key)
  }

  #checkName(name: string, named: boolean): void {
    if (!named) return
    if (name.length === 0 || name.length > 256 || name.includes('\0')) {
      throw new RangeError(`spawn: an actor's name has 1 to 256 characters and no zero byte, not ${JSON.stringify(name)}`)
    }
    const holder = this.#executor.registry.holder(name)
    if (holder !== undefined) throw new RangeError(`spawn '${name}': the name is taken by actor #${holder.id}`)
  }

  #place(place: Placement | undefined, name: string): number {
    const executors = this.#executor.world.threads.executors
    if (place === undefined) return this.#executor.index
    switch (place.type) {
      case 'executor':
        if (!(place.executor >= 0 && place.executor < executors)) {
          throw new RangeError(`spawn '${name}': wanted executor ${place.executor}, there are 0 to ${executors - 1}`)
        }
        return place.executor
      case 'near':
        return place.ref.type === 'local'
          ? place.ref.executor
          : (this.#executor.registry.holder(place.ref.name)?.executor ?? this.#executor.index)
      case 'hash':
        // Executor 0 is the host's: it serves the front doors and holds actors only where there is no other.
        return executors === 1 ? 0 : 1 + (hashText(place.key) % (executors - 1))
    }
  }
}
