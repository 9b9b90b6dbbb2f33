/**
 * Who holds which name on this node. Every executor keeps a copy; the executor where an actor lives tells the others. Names
 * are unique per node: the first holder keeps it, a second is refused where it is spawned.
 */
import type { ActorRef } from './actor.ts'

type Local = ActorRef & { readonly type: 'local' }

export class Registry {
  readonly #names = new Map<string, Local>()

  holder(name: string): Local | undefined {
    return this.#names.get(name)
  }

  take(ref: Local): void {
    this.#names.set(ref.name, ref)
  }

  /** Frees the name if `ref` still holds it: a late notice must not evict the successor. */
  free(ref: Local): void {
    if (this.#names.get(ref.name)?.id === ref.id) this.#names.delete(ref.name)
  }

  /** Forgets everybody on `executor`: its thread died. */
  dropExecutor(executor: number): void {
    for (const [name, ref] of this.#names) if (ref.executor === executor) this.#names.delete(name)
  }

  on(executor: number): Local[] {
    return [...this.#names.values()].filter((ref) => ref.executor === executor)
  }

  names(): string[] {
    return [...this.#names.keys()]
  }
}
