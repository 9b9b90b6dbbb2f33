/**
 * Group commit of one executor: whatever the actors wrote since the last commit began is the next one.
 *
 *   turn ends ──writes──▶ collecting (sequence n+1)        one commit in flight (sequence n)
 *                              └───── when n is durable: becomes the commit in flight
 *
 * Outputs of a turn wait in their cell until the commit with the turn's writes is durable (K1). A commit that finds no room is
 * tried again, whole, until there is room: meanwhile everything that depends on it waits and reads go on. A store that
 * says `broken` ends the process: what was promised is what the disk holds, and nobody knows that any more.
 *
 *   K1  no output leaves before every earlier write of its actor is durable, unless released explicitly
 *   K2  outputs of one actor leave in the order they were asked for
 */
import { invariant, unreachable } from '../../base/assert.ts'
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { CommitOutcome, Store, Write } from '../ports/store.ts'
import type { Cell } from './cell.ts'
import { commitFull, commitLate, retryMs } from './fault-sites.ts'
import { commitNoRoom, commitQueued } from './probes.ts'

export interface CommitHooks {
  /** All outputs held by `cell` up to `sequence` may leave. */
  readonly release: (cell: Cell, durableSequence: number) => void
  readonly retryIn: (delayMs: number, retry: () => void) => void
  readonly broken: (reason: string) => void
}

const retryFullMs = 500
/** How late a simulation makes a commit. */
const lateMs = 1

export class CommitLoop {
  readonly #store: Store
  readonly #hooks: CommitHooks
  #collecting: Write[] = []
  #cells = new Set<Cell>()
  #inFlight: { readonly writes: Write[]; readonly cells: Set<Cell> } | undefined = undefined
  /** The sequence that writes collected now will have. */
  sequence = 1
  durableSequence = 0
  /** True while a commit waits for room on the disk. */
  full = false
  commitsTotal = 0
  #idle: (() => void)[] = []

  constructor(store: Store, hooks: CommitHooks) {
    this.#store = store
    this.#hooks = hooks
  }

  /** Adds the writes of a finished turn. They become durable with commit `sequence`. */
  add(cell: Cell, writes: readonly Write[]): void {
    for (const write of writes) this.#collecting.push(write)
    this.#cells.add(cell)
    cell.writtenSequence = this.sequence
  }

  /** Starts a commit if there is something to commit and none is under way. */
  kick(): void {
    sometimes(commitQueued, this.#inFlight !== undefined && this.#cells.size > 0)
    if (this.#inFlight !== undefined || this.#cells.size === 0) return
    if (buggify(commitLate, 0.1)) {
      this.#hooks.retryIn(lateMs, () => this.kick())
      return
    }
    const batch = { writes: this.#collecting, cells: this.#cells }
    this.#inFlight = batch
    this.#collecting = []
    this.#cells = new Set<Cell>()
    this.sequence += 1
    // Lazy writes of a turn that failed fold to nothing, and what waits for nothing need not wait.
    if (batch.writes.length === 0) this.#onDurable()
    else this.#commit()
  }

  /** Calls `done` when nothing is collected or in flight. */
  whenIdle(done: () => void): void {
    if (this.#isIdle()) done()
    else this.#idle.push(done)
  }

  #commit(): void {
    invariant(this.#inFlight !== undefined, 'K1: a commit without a batch')
    if (buggify(commitFull, 0.002)) this.#onOutcome({ type: 'full', reason: 'no room, says a simulation' })
    else this.#store.commit(this.#inFlight.writes, (outcome) => this.#onOutcome(outcome))
  }

  #onOutcome(outcome: CommitOutcome): void {
    switch (outcome.type) {
      case 'durable':
        this.full = false
        this.#onDurable()
        break
      case 'full':
        sometimes(commitNoRoom)
        this.full = true
        this.#hooks.retryIn(limit(retryMs, retryFullMs, 1), () => this.#commit())
        break
      case 'broken':
        this.#hooks.broken(outcome.reason)
        break
      default:
        unreachable(outcome)
    }
  }

  #onDurable(): void {
    const batch = this.#inFlight
    invariant(batch !== undefined, 'K1: a durable commit that was not in flight')
    this.#inFlight = undefined
    this.durableSequence = this.sequence - 1
    if (batch.writes.length > 0) this.commitsTotal += 1
    for (const cell of batch.cells) {
      cell.store?.settle(this.durableSequence)
      this.#hooks.release(cell, this.durableSequence)
    }
    this.kick()
    if (!this.#isIdle()) return
    const idle = this.#idle
    this.#idle = []
    for (const done of idle) done()
  }

  #isIdle(): boolean {
    return this.#inFlight === undefined && this.#cells.size === 0
  }
}
