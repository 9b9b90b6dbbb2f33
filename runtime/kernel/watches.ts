/**
 * Who watches whom, and who falls with whom.
 *
 *   watcher ──watch{key}──▶ watched        … stop, failure or death ──down{key, reason}──▶ watcher
 *
 *   L2  every watcher hears exactly one `down` for each watch, whatever the end: stop, failure, thread death. A second watch
 *       of the same ref takes the place of the first
 *
 * A link is a watch by both ends without a message: the end that remains fails. It hears of a failure at once, even where a
 * supervisor then restarts the failed end, because what the two shared is gone.
 */
import { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef, DownReason } from './actor.ts'
import { type Cell, extrasOf, refKey, type Watch } from './cell.ts'
import type { Kernel } from './kernel.ts'
import { LateCall } from './system.ts'

const linkMark = 'link '

export class Watches {
  readonly #kernel: Kernel

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  watch(cell: Cell, ref: ActorRef, then: (reason: DownReason) => unknown): void {
    this.#begin(cell, refKey(ref), { ref, make: then })
  }

  unwatch(cell: Cell, ref: ActorRef): void {
    const key = refKey(ref)
    if (cell.extras?.watching?.delete(key) !== true) return
    this.#kernel.router.system(ref, { type: 'unwatch', watcher: cell.ref, key })
  }

  link(cell: Cell, ref: ActorRef): void {
    this.onLink(cell, ref)
    this.#kernel.router.system(ref, { type: 'link', other: cell.ref })
  }

  /** The other end has linked itself to `cell`. */
  onLink(cell: Cell, other: ActorRef): void {
    this.#begin(cell, linkMark + refKey(other), { ref: other, make: undefined })
  }

  onWatch(cell: Cell, watcher: ActorRef, key: string): void {
    const extras = extrasOf(cell)
    if (extras.watchers === undefined) extras.watchers = new Map()
    extras.watchers.set(watchersKey(watcher, key), { watcher, key })
  }

  onUnwatch(cell: Cell, watcher: ActorRef, key: string): void {
    cell.extras?.watchers?.delete(watchersKey(watcher, key))
  }

  /** Somebody whom `cell` watches is gone. */
  onDown(cell: Cell, key: string, reason: DownReason): void {
    const watching = cell.extras?.watching
    const watch = watching?.get(key)
    if (watching === undefined || watch === undefined) return
    watching.delete(key)
    const make = watch.make
    if (make === undefined) {
      if (reason.type !== 'normal')
        this.#kernel.failed(cell, `linked actor '${watch.ref.name}' is gone: ${reason.type}`)
      return
    }
    const body = new LateCall(() => make(reason))
    this.#kernel.enqueue(cell, new Envelope<ActorRef>(cell.ref, body, 'system', undefined, -1, 0))
  }

  /** `cell` failed, and may be restarted: who is linked to it falls now; who only watches hears at the end. */
  fellTo(cell: Cell, reason: DownReason): void {
    for (const [entry, { watcher, key }] of [...(cell.extras?.watchers ?? [])]) {
      if (!key.startsWith(linkMark)) continue
      cell.extras?.watchers?.delete(entry)
      this.#kernel.router.system(watcher, { type: 'down', key, reason })
    }
  }

  /** `cell` is gone: everybody who watches it is told. */
  ended(cell: Cell, reason: DownReason): void {
    const watchers = cell.extras?.watchers
    if (watchers === undefined) return
    for (const { watcher, key } of watchers.values()) this.#kernel.router.system(watcher, { type: 'down', key, reason })
    watchers.clear()
  }

  /** The incarnation that watched is gone. */
  forget(cell: Cell): void {
    const watching = cell.extras?.watching
    if (watching === undefined) return
    for (const [key, { ref }] of watching) this.#kernel.router.system(ref, { type: 'unwatch', watcher: cell.ref, key })
    watching.clear()
  }

  /** A thread died: whom it held is down, and who sat there watches no more. */
  threadLost(cell: Cell, executor: number): void {
    for (const [entry, { watcher }] of [...(cell.extras?.watchers ?? [])]) {
      if (sitsOn(watcher, executor)) cell.extras?.watchers?.delete(entry)
    }
    for (const [key, { ref }] of [...(cell.extras?.watching ?? [])]) {
      if (sitsOn(ref, executor)) this.onDown(cell, key, { type: 'threadLost' })
    }
  }

  #begin(cell: Cell, key: string, watch: Watch): void {
    const extras = extrasOf(cell)
    if (extras.watching === undefined) extras.watching = new Map()
    extras.watching.set(key, watch)
    const { ref } = watch
    if (ref.type === 'named' && ref.node !== this.#kernel.node) this.onDown(cell, key, { type: 'unknown' })
    else this.#kernel.router.system(ref, { type: 'watch', watcher: cell.ref, key })
  }
}

function watchersKey(watcher: ActorRef, key: string): string {
  return `${refKey(watcher)} ${key}`
}

function sitsOn(ref: ActorRef, executor: number): boolean {
  return ref.type === 'local' && ref.executor === executor
}
