/**
 * The cells of one executor, by id. Ids of one executor share their high bits; taken off, they are small integers, which a
 * map finds twice as fast as large ones. Ids that another executor gave out stay large and work all the same.
 */
import type { Cell } from './cell.ts'

export class CellTable {
  readonly #base: number
  readonly #cells = new Map<number, Cell>()

  /** `base`: what the ids of this executor's own actors begin at. */
  constructor(base: number) {
    this.#base = base
  }

  get size(): number {
    return this.#cells.size
  }

  get(id: number): Cell | undefined {
    return this.#cells.get(id - this.#base)
  }

  add(cell: Cell): void {
    this.#cells.set(cell.id - this.#base, cell)
  }

  delete(id: number): boolean {
    return this.#cells.delete(id - this.#base)
  }

  /** In order of birth. */
  values(): Iterable<Cell> {
    return this.#cells.values()
  }
}
