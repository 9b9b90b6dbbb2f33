/** The store and the log of an actor whose conversation with the world goes over a tape (see taped-context.ts). */
import { pack, unpack } from '../../../mailbox/codec.ts'
import type { LogEntry, LogView } from '../../ports/store.ts'
import type { ActorLog, ActorStore } from '../actor.ts'
import type { Taped } from './taped.ts'

export class TapedStore implements ActorStore {
  readonly #taped: Taped

  constructor(taped: Taped) {
    this.#taped = taped
  }

  get(key: Uint8Array | string): Uint8Array | undefined {
    return this.#taped.read('store.get', [key], ({ store }) => store.get(key))
  }

  range(
    from: Uint8Array,
    to: Uint8Array | undefined,
    options?: { readonly reverse?: boolean; readonly limit?: number },
  ): [key: Uint8Array, value: Uint8Array][] {
    return this.#taped.read('store.range', [from, to, options], ({ store }) => store.range(from, to, options))
  }

  put(key: Uint8Array | string, value: Uint8Array): void {
    this.#taped.act('store.put', [key, value], ({ store }) => store.put(key, value))
  }

  delete(key: Uint8Array | string): void {
    this.#taped.act('store.delete', [key], ({ store }) => store.delete(key))
  }

  deleteRange(from: Uint8Array, to: Uint8Array | undefined): void {
    this.#taped.act('store.deleteRange', [from, to], ({ store }) => store.deleteRange(from, to))
  }

  // Structured values are bytes here as they are on the disk, so a value that its reader changes is kept as it was read.
  getValue(key: string): unknown {
    const bytes = this.get(key)
    return bytes === undefined ? undefined : unpack(bytes)
  }

  putValue(key: string, value: unknown): void {
    this.put(key, pack(value))
  }
}

export class TapedLog implements ActorLog {
  readonly #taped: Taped
  readonly #view: TapedLogView

  constructor(taped: Taped) {
    this.#taped = taped
    this.#view = new TapedLogView(taped)
  }

  view(): LogView {
    return this.#view
  }

  append(entries: readonly LogEntry[]): void {
    this.#taped.act('log.append', [entries], ({ log }) => log.append(entries))
  }

  compact(index: number, term: number): void {
    this.#taped.act('log.compact', [index, term], ({ log }) => log.compact(index, term))
  }

  reset(index: number, term: number): void {
    this.#taped.act('log.reset', [index, term], ({ log }) => log.reset(index, term))
  }

  drop(): void {
    this.#taped.act('log.drop', [], ({ log }) => log.drop())
  }
}

class TapedLogView implements LogView {
  readonly #taped: Taped

  constructor(taped: Taped) {
    this.#taped = taped
  }

  get firstIndex(): number {
    return this.#taped.read('log.firstIndex', [], ({ log }) => log.view().firstIndex)
  }

  get lastIndex(): number {
    return this.#taped.read('log.lastIndex', [], ({ log }) => log.view().lastIndex)
  }

  term(index: number): number | undefined {
    return this.#taped.read('log.term', [index], ({ log }) => log.view().term(index))
  }

  entries(from: number, to: number, bytesMax: number): LogEntry[] {
    return this.#taped.read('log.entries', [from, to, bytesMax], ({ log }) => log.view().entries(from, to, bytesMax))
  }
}
