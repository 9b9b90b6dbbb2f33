/**
 * The ref of an actor of this thread. To everybody it is the plain data of `ActorRef`; to the kernel it also leads straight
 * to the cell, so that a tell on one thread looks nothing up. The shortcut is private, so it never crosses a thread.
 */
import type { Cell } from './cell.ts'

export class LocalRef {
  readonly type = 'local'
  readonly executor: number
  readonly id: number
  readonly name: string
  #cell: Cell | undefined

  constructor(executor: number, id: number, name: string, cell: Cell | undefined) {
    this.executor = executor
    this.id = id
    this.name = name
    this.#cell = cell
  }

  /** The cell behind `ref`, where `ref` was made on this thread and the actor still lives. */
  static cellOf(ref: object): Cell | undefined {
    return #cell in ref ? ref.#cell : undefined
  }

  /** Called when the actor is gone, so that old refs do not keep its state alive. */
  detach(): void {
    this.#cell = undefined
  }
}
