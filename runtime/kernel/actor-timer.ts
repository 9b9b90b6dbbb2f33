/**
 * A timer of an actor: each beat is a message to oneself. A beat that the actor has not come round to yet is not followed by
 * another, so a slow actor never finds a heap of them.
 */
import { Envelope } from '../../mailbox/envelope.ts'
import type { ActorRef } from './actor.ts'
import { type Cell, extrasOf } from './cell.ts'
import type { Kernel } from './kernel.ts'
import { Late } from './system.ts'

/** The beat itself: one object for all beats of a timer, since at most one of them waits. */
export class ActorTimer extends Late {
  readonly #kernel: Kernel
  readonly #cell: Cell
  readonly #id: number
  readonly #periodMs: number
  readonly #message: unknown
  #waiting = false

  constructor(kernel: Kernel, cell: Cell, id: number, periodMs: number, message: unknown) {
    super()
    this.#kernel = kernel
    this.#cell = cell
    this.#id = id
    this.#periodMs = periodMs
    this.#message = message
  }

  start(dueMs: number): void {
    const extras = extrasOf(this.#cell)
    if (extras.timers === undefined) extras.timers = new Set()
    extras.timers.add(this.#id)
    this.#kernel.timers.start(this.#id, dueMs, this.#periodMs, () => this.#beat())
  }

  make(): unknown {
    this.#waiting = false
    return this.#message
  }

  #beat(): void {
    const cell = this.#cell
    if (this.#periodMs === 0) cell.extras?.timers?.delete(this.#id)
    if (this.#waiting) return
    this.#waiting = true
    this.#kernel.enqueue(cell, new Envelope<ActorRef>(cell.ref, this, 'system', undefined, -1, 0))
  }
}
