/**
 * What the parts of an executor that bear, watch, stop and serve actors may ask of it and of each other. The executor is the
 * one implementation; it stands above all of them, and none of them knows it.
 */

import type { DeadLetters } from '../../mailbox/dead-letters.ts'
import type { Envelope } from '../../mailbox/envelope.ts'
import type { World } from '../ports/world.ts'
import type { ActorRef, DownReason, SpawnOptions } from './actor.ts'
import type { Asks } from './asks.ts'
import type { AnyDefinition, Cell } from './cell.ts'
import type { CellTable } from './cell-table.ts'
import type { CommitLoop } from './commit-loop.ts'
import type { LazyWrites } from './lazy-writes.ts'
import type { Registry } from './registry.ts'
import type { Router } from './router.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { Timers } from './timers.ts'
import type { KernelAct } from './turn.ts'
import type { Turns } from './turns.ts'

/** An actor that has its id and place, and lives from `act` on. */
export interface Birth extends KernelAct {
  readonly ref: ActorRef
}

export interface Kernel {
  readonly node: number
  readonly index: number
  readonly world: World
  readonly cells: CellTable
  readonly registry: Registry
  readonly timers: Timers
  readonly asks: Asks
  readonly commits: CommitLoop
  readonly deadLetters: DeadLetters
  readonly router: Router
  readonly turns: Turns
  readonly lazyWrites: LazyWrites
  readonly subscriptions: Subscriptions
  readonly delivery: number
  /** Monotonic milliseconds, at most some dozens of turns old: enough for a deadline, and far cheaper than the clock. */
  readonly recentMs: number
  /** A number that this executor has never given to an actor. */
  newSerial(): number
  idOf(serial: number): number
  /** Something outside of a turn gave this executor work: run soon. */
  poke(): void
  enqueue(cell: Cell, envelope: Envelope<ActorRef>): void
  schedule(cell: Cell): void
  /**
   * Chooses id and place of a new actor.
   *
   * @throws {RangeError} The name is taken or none, or the place does not exist.
   */
  prepare(definition: AnyDefinition, args: unknown, options: SpawnOptions, parent: Cell | undefined): Birth
  start(cell: Cell): void
  stop(cell: Cell, reason: DownReason): void
  failed(cell: Cell, error: string): void
  /** What `cell` received last, in words, where that is kept. */
  recentOf(cell: Cell): readonly string[] | undefined
  watch(cell: Cell, ref: ActorRef, then: (reason: DownReason) => unknown): void
  unwatch(cell: Cell, ref: ActorRef): void
  link(cell: Cell, ref: ActorRef): void
}
