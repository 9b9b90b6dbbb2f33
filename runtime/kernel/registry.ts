/**
 * Who holds which name on this node. Every executor keeps a copy; the executor where an actor lives tells the others. Names
 * are unique per node: the first holder keeps it, a second is refused where it is spawned.
 */
import type { ActorRef } from './actor.ts'

type Local = ActorRef & { readonly type: 'local' }

export class Registry {
  readonly #names = new Map<string, Local>()
  readonly #open = new Set<string>()

  holder(name: string): Local | undefined {
    return this.#names.get(name)
  }

  /** `open`: other nodes may address it. Without it the door stays as it was for this very actor, shut at first. */
  take(ref: Local, open?: boolean): void {
    if (open !== undefined || this.#names.get(ref.name)?.id !== ref.id) {
      if (open === true) this.#open.add(ref.name)
      else this.#open.delete(ref.name)
    }
    this.#names.set(ref.name, ref)
  }

  /** Whether other nodes may address the holder of `name`. */
  isOpen(name: string): boolean {
    return this.#open.has(name)
  }

  /** Frees the name if `ref` still holds it: a late notice must not evict the successor. */
  free(ref: Local): void {
    if (this.#names.get(ref.name)?.id === ref.id) this.#drop(ref.name)
  }

  /** Forgets everybody on `executor`: its thread died. */
  dropExecutor(executor: number): void {
    for (const [name, ref] of this.#names) if (ref.executor === executor) this.#drop(name)
  }

  #drop(name: string): void {
    this.#names.delete(name)
    this.#open.delete(name)
  }

  on(executor: number): Local[] {
    return [...this.#names.values()].filter((ref) => ref.executor === executor)
  }

  names(): string[] {
    return [...this.#names.keys()]
  }
}
