/** The Raft log of one actor, named after it: reads come from the store, writes join the turn and its commit. */
import { invariant } from '../../base/assert.ts'
import { buggify } from '../../base/fault-points.ts'
import type { LogEntry, LogView, Store, Write } from '../ports/store.ts'
import type { ActorLog } from './actor.ts'
import { type Cell, turnOf } from './cell.ts'
import { appendTwice, dropBeforeReset, splitAppend } from './fault-sites.ts'

export class CellLog implements ActorLog {
  readonly #store: Store
  readonly #cell: Cell

  constructor(store: Store, cell: Cell) {
    this.#store = store
    this.#cell = cell
  }

  view(): LogView {
    return this.#store.log(this.#cell.name)
  }

  append(entries: readonly LogEntry[]): void {
    if (entries.length > 1 && buggify(splitAppend)) {
      this.#write({ type: 'logAppend', log: this.#cell.name, entries: entries.slice(0, 1) })
      this.#write({ type: 'logAppend', log: this.#cell.name, entries: entries.slice(1) })
      return
    }
    this.#write({ type: 'logAppend', log: this.#cell.name, entries })
    if (buggify(appendTwice, 0.1)) this.#write({ type: 'logAppend', log: this.#cell.name, entries })
  }

  compact(index: number, term: number): void {
    this.#write({ type: 'logCompact', log: this.#cell.name, index, term })
  }

  reset(index: number, term: number): void {
    if (buggify(dropBeforeReset, 0.8)) this.drop()
    this.#write({ type: 'logReset', log: this.#cell.name, index, term })
  }

  drop(): void {
    this.#write({ type: 'logDrop', log: this.#cell.name })
  }

  #write(write: Write): void {
    invariant(
      this.#cell.definition.outputs === 'durable',
      'an actor whose outputs do not wait for its writes keeps no log',
    )
    turnOf(this.#cell).writes.push(write)
  }
}
