/**
 * The stores of the actors of one executor, and the writes that may wait: an actor with `outputs: 'now'` derives its state
 * from elsewhere, so its writes are collected over many turns and folded into one commit, the last value of each key once.
 */
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { type Cell, turnOf } from './cell.ts'
import { CellStore } from './cell-store.ts'
import type { CommitLoop } from './commit-loop.ts'
import { foldAtOnce, foldLate, foldMs } from './fault-sites.ts'
import { foldHeld } from './probes.ts'
import type { Timers } from './timers.ts'
import type { Held } from './turn.ts'
import { unfolded } from './turns.ts'

export class LazyWrites {
  readonly #store: Store
  readonly #clock: Clock
  readonly #commits: CommitLoop
  readonly #timers: Timers
  readonly #folding = new Set<Cell>()

  constructor(store: Store, clock: Clock, commits: CommitLoop, timers: Timers) {
    this.#store = store
    this.#clock = clock
    this.#commits = commits
    this.#timers = timers
  }

  storeOf(cell: Cell): CellStore {
    if (cell.store !== undefined) return cell.store
    cell.store = new CellStore(this.#store, cell.name, {
      turn: () => turnOf(cell),
      sequence: () => this.#commits.sequence,
      lazy: cell.definition.outputs === 'now',
      dirty: () => this.#foldLater(cell),
    })
    return cell.store
  }

  /** Writes out lazy writes of `cell` now, if there are any. */
  fold(cell: Cell): void {
    if (!this.#folding.delete(cell)) return
    cell.folding = false
    const sequence = this.#commits.sequence
    this.#commits.add(cell, cell.store?.fold(sequence) ?? [])
    const held = cell.held
    if (held === undefined) return
    sometimes(foldHeld)
    for (let i = 0; i < held.length; i++) {
      const { sequence: waitsFor, output } = held[i] as Held
      if (waitsFor === unfolded) held[i] = { sequence, output }
    }
  }

  foldAll(): void {
    for (const cell of [...this.#folding]) this.fold(cell)
  }

  #foldLater(cell: Cell): void {
    this.#folding.add(cell)
    cell.folding = true
    const withinMs = buggify(foldAtOnce, 0.1) ? 0 : limit(foldMs, cell.definition.foldWithinMs, 1)
    this.#timers.start(this.#timers.reserve(), this.#clock.nowMs() + withinMs, 0, () => {
      if (this.#folding.has(cell) && buggify(foldLate)) this.#foldLater(cell)
      else this.fold(cell)
    })
  }
}
