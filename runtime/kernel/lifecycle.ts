/**
 * Start, failure, restart and end of actors, and who is told.
 *
 *   starting (init is a turn) ─▶ running
 *   a turn throws ─▶ failed: children stop, the parent hears `childFailed` ─▶ restart or stop, as it decides
 *   stop ─▶ stopping: last turn, children stop ─▶ writes durable ─▶ stopped: mailbox answered, watchers and parent told
 *
 *   L1  a failed actor receives nothing until it is restarted; its mailbox waits
 *   L2  every watcher hears exactly one `down` for each watch (see watches.ts)
 *   L3  a name is free again only when its holder's writes are durable, so a successor reads what it wrote
 */
import { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef, Answer, ChildEvent, DownReason } from './actor.ts'
import { type Cell, extrasOf, LocalRef, mailboxOf } from './cell.ts'
import type { Kernel } from './kernel.ts'
import { type CellMessage, Late, LateCall } from './system.ts'
import type { Turn } from './turn.ts'
import type { Watches } from './watches.ts'

export class Lifecycle {
  readonly #kernel: Kernel
  readonly #watches: Watches

  constructor(kernel: Kernel, watches: Watches) {
    this.#kernel = kernel
    this.#watches = watches
  }

  /** A message of the kernel to a cell, or a late one for its actor. */
  onSystem(cell: Cell, envelope: Envelope<ActorRef>): void {
    if (envelope.body instanceof Late) {
      this.#onLate(cell, envelope, envelope.body)
      return
    }
    const message = envelope.body as CellMessage
    switch (message.type) {
      case 'stop':
        this.stop(cell, message.reason)
        break
      case 'restart':
        this.#onRestart(cell)
        break
      case 'watch':
        this.#watches.onWatch(cell, message.watcher, message.key)
        break
      case 'link':
        this.#watches.onLink(cell, message.other)
        break
      case 'unwatch':
        this.#watches.onUnwatch(cell, message.watcher, message.key)
        break
      case 'down':
        this.#watches.onDown(cell, message.key, message.reason)
        break
      case 'child':
        this.#onChild(cell, message.event)
        break
      case 'subscribe':
        this.#kernel.subscriptions.subscribe(cell, message)
        break
      case 'unsubscribe':
        this.#kernel.subscriptions.unsubscribe(cell, message.topic, message.executor, message.subscription)
        break
      case 'itemsTaken':
        this.#kernel.subscriptions.itemsTaken(
          cell,
          message.topic,
          message.executor,
          message.subscription,
          message.count,
        )
        break
    }
  }

  /** A kernel message found nobody: a watch of somebody gone is answered at once (L2). */
  onUndelivered(envelope: Envelope<ActorRef>): void {
    const message = envelope.body as CellMessage
    if (message.type === 'watch') {
      this.#kernel.router.system(message.watcher, { type: 'down', key: message.key, reason: { type: 'unknown' } })
    } else if (message.type === 'subscribe') {
      const { executor, subscription } = message
      this.#kernel.router.toExecutor(executor, { type: 'subscriptionEnded', subscription, reason: 'stopped' })
    }
  }

  start(cell: Cell): void {
    cell.status = 'starting'
    this.#kernel.turns.run(cell, init)
    this.#kernel.schedule(cell)
    this.#kernel.poke()
  }

  /** A handler is asynchronous: the actor's own messages wait until it settles, the kernel's do not. */
  park(cell: Cell, turn: Turn, result: PromiseLike<unknown>): void {
    cell.status = 'parked'
    const resume = (end: () => void): void => {
      // Stopped or restarted meanwhile: the turn was given up then, and its asker answered.
      if (cell.status !== 'parked' || cell.turn !== turn) return
      cell.status = 'running'
      end()
      const postponed = cell.extras?.postponed
      if (postponed !== undefined && cell.extras !== undefined) {
        cell.extras.postponed = undefined
        mailboxOf(cell).putBack(postponed, 'system')
      }
      this.#kernel.schedule(cell)
      this.#kernel.poke()
    }
    result.then(
      (value) =>
        resume(() => {
          this.#kernel.turns.answerWith(cell, turn, value)
          cell.turn = undefined
          this.#kernel.turns.finish(cell, turn)
        }),
      (error) =>
        resume(() => {
          cell.turn = undefined
          this.#kernel.turns.fail(cell, turn, error)
        }),
    )
  }

  /** A turn of `cell` threw, its effects are undone already; or it falls with a linked one. */
  failed(cell: Cell, error: string): void {
    if (cell.status === 'stopped' || cell.status === 'failed') return
    extrasOf(cell).failure = error
    if (cell.status === 'stopping') {
      // Its last turn threw: it ends all the same, and the end says so.
      extrasOf(cell).stopReason = { type: 'failed', error }
      return
    }
    this.#giveUpTurn(cell, { type: 'failed', reason: error })
    cell.status = 'failed'
    this.#answerDeferred(cell, { type: 'failed', reason: `actor '${cell.name}' failed before it answered` })
    const recent = this.#kernel.recentOf(cell)
    const failure = { type: 'actorFailed', name: cell.name, error } as const
    this.#kernel.router.toExecutor(0, recent === undefined ? failure : { ...failure, recent })
    this.#forget(cell)
    this.#stopChildren(cell)
    this.#watches.fellTo(cell, { type: 'failed', error })
    if (cell.parent === undefined || !this.#parentSupervises(cell)) {
      this.stop(cell, { type: 'failed', error })
      return
    }
    this.tellParent(cell.parent, { type: 'childFailed', child: cell.ref, error })
  }

  stop(cell: Cell, reason: DownReason): void {
    if (cell.status === 'stopping' || cell.status === 'stopped') return
    const alive = cell.status === 'running' || cell.status === 'parked'
    const lastTurn = alive && reason.type === 'normal' && cell.definition.stopping !== undefined
    this.#giveUpTurn(cell, { type: 'stopped' })
    cell.status = 'stopping'
    extrasOf(cell).stopReason = reason
    if (lastTurn) this.#kernel.turns.run(cell, sayGoodbye)
    this.#stopChildren(cell)
    this.#whenChildless(cell, () => {
      this.#kernel.lazyWrites.fold(cell)
      this.#kernel.turns.whenDurable(cell, { act: () => this.#ended(cell) })
    })
  }

  /** Messages were dropped for want of room, and the actor wants to know: at the first, then at every thousandth. */
  signalOverflow(cell: Cell): void {
    const dropped = cell.mailboxDropped
    if (dropped !== 1 && dropped % 1_000 !== 0) return
    this.#tellLate(cell, () => ({ type: 'mailboxOverflow', dropped }))
  }

  /** The thread of `executor` died: what that means to `cell`. */
  threadLost(cell: Cell, executor: number): void {
    const reason: DownReason = { type: 'threadLost' }
    this.#watches.threadLost(cell, executor)
    for (const child of [...(cell.extras?.children?.values() ?? [])]) {
      if (child.type === 'local' && child.executor === executor)
        this.#onChild(cell, { type: 'childStopped', child, reason })
    }
    // Nobody is left to supervise it: it goes, and whoever replaces its parent starts it anew.
    if (cell.parent?.type === 'local' && cell.parent.executor === executor) this.stop(cell, reason)
  }

  tellParent(parent: ActorRef, event: ChildEvent): void {
    this.#kernel.router.system(parent, { type: 'child', event })
  }

  #onLate(cell: Cell, envelope: Envelope<ActorRef>, late: Late): void {
    if (cell.status === 'running') {
      this.#kernel.turns.receive(cell, envelope, late)
    } else if (cell.status === 'parked') {
      const extras = extrasOf(cell)
      if (extras.postponed === undefined) extras.postponed = [envelope]
      else extras.postponed.push(envelope)
    }
    // Otherwise: what a former incarnation waited for dies with it (L1).
  }

  #onRestart(cell: Cell): void {
    if (cell.status !== 'failed') return
    this.#whenChildless(cell, () => {
      this.#kernel.lazyWrites.fold(cell)
      this.#kernel.turns.whenDurable(cell, {
        act: () => {
          if (cell.status !== 'failed') return
          cell.restarts += 1
          cell.receive = undefined
          this.start(cell)
        },
      })
    })
  }

  #onChild(cell: Cell, event: ChildEvent): void {
    const children = cell.extras?.children
    if (event.type === 'childStopped' && event.child.type === 'local') {
      // Told twice where a thread died just as its actor ended; the second time it is nobody's child.
      if (children?.delete(event.child.id) !== true) return
    }
    // A failed supervisor begins anew with nothing: what its former children do is not its business.
    const listens = cell.status === 'running' || cell.status === 'parked'
    if (listens && cell.definition.supervises) this.#tellLate(cell, () => event)
    if (children === undefined || children.size > 0) return
    const act = cell.extras?.whenChildless
    if (act === undefined || cell.extras === undefined) return
    cell.extras.whenChildless = undefined
    act()
  }

  /** Of two that wait, the later counts: a stop takes the place of a restart. */
  #whenChildless(cell: Cell, act: () => void): void {
    if ((cell.extras?.children?.size ?? 0) === 0) act()
    else extrasOf(cell).whenChildless = act
  }

  #stopChildren(cell: Cell): void {
    const children = cell.extras?.children
    if (children === undefined) return
    // In reverse order of their start, as they may lean on each other in that order.
    for (const ref of [...children.values()].reverse()) {
      this.#kernel.router.system(ref, { type: 'stop', reason: { type: 'normal' } })
    }
  }

  /** Timers, watches and asks of an incarnation end with it. */
  /** Asks that the actor meant to answer later, and now will not. */
  #answerDeferred(cell: Cell, answer: Answer): void {
    const deferred = cell.extras?.deferred
    if (deferred === undefined) return
    for (const handle of deferred.all()) this.#kernel.router.answer(handle, answer)
    deferred.clear()
  }

  #forget(cell: Cell): void {
    cell.state = undefined
    const extras = cell.extras
    if (extras === undefined) return
    for (const timer of extras.timers ?? []) this.#kernel.timers.cancel(timer)
    extras.timers = undefined
    this.#watches.forget(cell)
    if (extras.stashed !== undefined) mailboxOf(cell).putBack(extras.stashed, 'user')
    extras.stashed = undefined
    extras.postponed = undefined
  }

  /** Ends the turn of an asynchronous handler that is under way. */
  #giveUpTurn(cell: Cell, answer: Answer): void {
    const turn = cell.status === 'parked' ? cell.turn : undefined
    if (turn === undefined) return
    cell.turn = undefined
    this.#kernel.turns.abandon(turn, answer)
  }

  #ended(cell: Cell): void {
    const reason = cell.extras?.stopReason ?? { type: 'normal' }
    cell.status = 'stopped'
    // Not `stopped`, which says that the message reached nobody: this one was taken, and may have had its effect.
    this.#answerDeferred(cell, { type: 'failed', reason: `actor '${cell.name}' stopped before it answered` })
    this.#forget(cell)
    this.#kernel.cells.delete(cell.id)
    if (cell.named) {
      this.#kernel.registry.free(cell.ref)
      this.#kernel.router.toOthers({ type: 'unnamed', ref: cell.ref })
    }
    this.#kernel.subscriptions.endAll(cell, reason.type)
    for (let rest = cell.mailbox?.take(false); rest !== undefined; rest = cell.mailbox?.take(false)) {
      if (!(rest.body instanceof Late)) this.#kernel.router.dead(rest, 'stopped')
    }
    this.#watches.ended(cell, reason)
    if (cell.parent !== undefined) this.tellParent(cell.parent, { type: 'childStopped', child: cell.ref, reason })
    cell.ref.detach()
    this.#kernel.poke()
  }

  /** A parent on another thread is a supervisor always: only those spawn over threads and stay to watch. */
  #parentSupervises(cell: Cell): boolean {
    const parent = cell.parent === undefined ? undefined : LocalRef.cellOf(cell.parent)
    if (parent !== undefined) return parent.definition.supervises
    return cell.parent?.type === 'local' && cell.parent.executor !== this.#kernel.index
  }

  #tellLate(cell: Cell, make: () => unknown): void {
    this.#kernel.enqueue(cell, new Envelope<ActorRef>(cell.ref, new LateCall(make), 'system', undefined, -1, 0))
  }
}

function init(cell: Cell): void {
  cell.state = cell.definition.init(cell.context, cell.args)
  // Set within the turn, so that it is undone with it: a failed start never runs.
  cell.status = 'running'
}

function sayGoodbye(cell: Cell): void {
  cell.definition.stopping?.(cell.state, cell.context)
}
