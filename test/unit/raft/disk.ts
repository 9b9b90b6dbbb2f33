/** The disk of one simulated replica: what a crash leaves. */

import type { Configuration } from '../../../actors/raft/messages.ts'
import type { HardState } from '../../../actors/raft/state.ts'
import { invariant } from '../../../base/assert.ts'
import type { LogEntry, LogView } from '../../../runtime/ports/store.ts'

export interface Machine {
  readonly index: number
  readonly digest: number
}

export type DiskWrite =
  | { readonly type: 'hardState'; readonly hardState: HardState }
  | { readonly type: 'append'; readonly entries: readonly LogEntry[] }
  | {
      readonly type: 'compact' | 'reset'
      readonly index: number
      readonly term: number
      readonly configuration: Configuration
    }
  | { readonly type: 'machine'; readonly machine: Machine }
  | { readonly type: 'trusted' }

export class DiskLog implements LogView {
  firstIndex = 1
  #compactedTerm = 0
  #entries: LogEntry[] = []

  get lastIndex(): number {
    return this.firstIndex + this.#entries.length - 1
  }

  term(index: number): number | undefined {
    return index === this.firstIndex - 1 ? this.#compactedTerm : this.#entries[index - this.firstIndex]?.term
  }

  entries(from: number, to: number, bytesMax: number): LogEntry[] {
    invariant(
      from >= this.firstIndex && to <= this.lastIndex,
      `disk: ${from}..${to} of ${this.firstIndex}..${this.lastIndex}`,
    )
    const found: LogEntry[] = []
    let bytes = 0
    for (let index = from; index <= to && (bytes <= bytesMax || found.length === 0); index++) {
      const entry = this.#entries[index - this.firstIndex] as LogEntry
      found.push(entry)
      bytes += entry.data.length
    }
    return found
  }

  append(entries: readonly LogEntry[]): void {
    const first = entries[0]
    if (first === undefined) return
    invariant(
      first.index >= this.firstIndex && first.index <= this.lastIndex + 1,
      `disk: ${first.index} after ${this.lastIndex}`,
    )
    this.#entries.length = first.index - this.firstIndex
    this.#entries.push(...entries)
  }

  compact(index: number, term: number): void {
    invariant(index >= this.firstIndex && index <= this.lastIndex, `disk: compacting ${index}, last ${this.lastIndex}`)
    this.#entries = this.#entries.slice(index - this.firstIndex + 1)
    this.firstIndex = index + 1
    this.#compactedTerm = term
  }

  reset(index: number, term: number): void {
    this.#entries = []
    this.firstIndex = index + 1
    this.#compactedTerm = term
  }
}

export class Disk {
  readonly log: DiskLog = new DiskLog()
  hardState: HardState = { term: 0, votedFor: undefined, commit: 0 }
  configuration: Configuration
  machine: Machine = { index: 0, digest: 0 }
  /** Made anew after a loss, and nobody has vouched for its owner since (R25). */
  forgetful: boolean

  constructor(configuration: Configuration, forgetful: boolean = false) {
    this.configuration = configuration
    this.forgetful = forgetful
  }

  write(write: DiskWrite): void {
    switch (write.type) {
      case 'hardState':
        this.hardState = write.hardState
        break
      case 'append':
        this.log.append(write.entries)
        break
      case 'compact':
        this.log.compact(write.index, write.term)
        this.configuration = write.configuration
        break
      case 'reset':
        this.log.reset(write.index, write.term)
        this.configuration = write.configuration
        break
      case 'machine':
        this.machine = write.machine
        break
      case 'trusted':
        this.forgetful = false
        break
    }
  }
}
