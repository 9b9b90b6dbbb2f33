/**
 * The `Store` port on a simulated disk: the rules S1 to S5 of the real one, in virtual time.
 *
 * It belongs to one life of a process. After a crash every call throws, and no `done` of that life is called any more.
 */
import { invariant } from '../base/assert.ts'
import { emptyLog, type LogBounds } from '../runtime/ports/log-bounds.ts'
import {
  type CommitOutcome,
  type LogEntry,
  type LogView,
  type RangeOptions,
  type Store,
  StoreCorrupt,
  type StoreStats,
  type Write,
} from '../runtime/ports/store.ts'
import { checkBound } from '../runtime/ports/store-limits.ts'
import { type Batch, type Cell, keyBytes, keyText, type Medium } from './disk-medium.ts'
import { Slab } from './slab.ts'

/** What the store needs of its disk. */
export interface StoreDisk {
  readonly medium: Medium
  /** What a read of `key` finds. */
  read(key: string): Cell | undefined
  /** Carries `batch` to the medium and tells the outcome later, unless the process dies first. */
  carry(batch: Batch, settle: (outcome: CommitOutcome) => void): void
  /** Closes once the caller has returned. */
  release(done: () => void): void
}

export class SimStore implements Store {
  readonly #disk: StoreDisk
  readonly #views = new Map<string, SimLog>()
  #state: 'open' | 'closing' | 'dead' = 'open'
  #inFlight: Batch | undefined = undefined
  #commits = 0
  #drained: (() => void) | undefined = undefined

  constructor(disk: StoreDisk) {
    this.#disk = disk
  }

  /** For the disk: the process that owned this store is gone. */
  abandon(): void {
    this.#state = 'dead'
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen('get')
    checkBound(key)
    const cell = this.#disk.read(keyText(key))
    return cell === undefined ? undefined : read(cell, key)
  }

  *range(options: RangeOptions): Generator<readonly [key: Uint8Array, value: Uint8Array], void, undefined> {
    this.#checkOpen('range')
    checkBound(options.from)
    checkBound(options.to)
    const from = keyText(options.from)
    const to = keyText(options.to)
    const commits = this.#commits
    const pairs = this.#disk.medium.pairs
    let left = options.limit ?? Number.POSITIVE_INFINITY
    if (from >= to || left <= 0) return
    const found = options.reverse === true ? pairs.entriesReversed(to, undefined, true) : pairs.entries(from)
    for (const [text, cell] of found) {
      if (options.reverse === true ? text < from : text >= to) return
      const key = keyBytes(text)
      yield [key, read(cell, key)]
      left -= 1
      if (left <= 0) return
      invariant(commits === this.#commits && this.#state === 'open', 'S1: a range was read on after a commit or close')
    }
  }

  logNames(): string[] {
    this.#checkOpen('logNames')
    return [...this.#disk.medium.logs.keys()].sort()
  }

  log(name: string): LogView {
    this.#checkOpen('log')
    let view = this.#views.get(name)
    if (view === undefined) {
      view = new SimLog(this.#disk, name)
      this.#views.set(name, view)
    }
    return view
  }

  commit(writes: readonly Write[], done: (outcome: CommitOutcome) => void): void {
    this.#checkOpen('commit')
    invariant(this.#inFlight === undefined, 'S4: a commit was begun while another is in flight')
    const batch = this.#disk.medium.plan(writes)
    this.#inFlight = batch
    for (const [name, { shared }] of batch.logs) (this.log(name) as SimLog).shared = shared
    this.#disk.carry(batch, (outcome) => this.#settle(batch, outcome, done))
  }

  stats(): StoreStats {
    this.#checkOpen('stats')
    const { usedBytes } = this.#disk.medium
    return { fileBytes: usedBytes, liveBytes: usedBytes }
  }

  close(done: () => void): void {
    this.#checkOpen('close')
    this.#state = 'closing'
    const release = (): void => this.#disk.release(done)
    if (this.#inFlight === undefined) release()
    else this.#drained = release
  }

  #settle(batch: Batch, outcome: CommitOutcome, done: (outcome: CommitOutcome) => void): void {
    this.#inFlight = undefined
    if (outcome.type === 'durable') this.#commits += 1
    for (const name of batch.logs.keys()) {
      const view = this.#views.get(name)
      if (view !== undefined) view.shared = undefined
    }
    done(outcome)
    this.#drained?.()
  }

  #checkOpen(action: string): void {
    if (this.#state === 'open') return
    throw new Error(
      `${action}: wanted an open store, but its process ${this.#state === 'dead' ? 'crashed' : 'closed it'}`,
    )
  }
}

class SimLog implements LogView {
  readonly #disk: StoreDisk
  readonly #name: string
  /** What both sides of the commit in flight have (S5). */
  shared: LogBounds | undefined = undefined

  constructor(disk: StoreDisk, name: string) {
    this.#disk = disk
    this.#name = name
  }

  get #shown(): LogBounds {
    return this.shared ?? this.#disk.medium.logs.get(this.#name)?.bounds ?? emptyLog
  }

  get firstIndex(): number {
    return this.#shown.first
  }

  get lastIndex(): number {
    return this.#shown.last
  }

  term(index: number): number | undefined {
    const { first, last, baseTerm } = this.#shown
    if (index === first - 1) return baseTerm
    if (index < first || index > last) return undefined
    return this.#entry(index).term
  }

  entries(from: number, to: number, bytesMax: number): LogEntry[] {
    const { first, last } = this.#shown
    const found: LogEntry[] = []
    if (from < first) return found
    let bytes = 0
    for (let index = from; index <= to && index <= last && (bytes <= bytesMax || found.length === 0); index++) {
      const entry = this.#entry(index)
      found.push(entry)
      bytes += entry.data.length
    }
    return found
  }

  #entry(index: number): LogEntry {
    const log = this.#disk.medium.logs.get(this.#name)
    const cell = log?.cells[index - log.bounds.first]
    invariant(cell !== undefined, `S3: log '${this.#name}' has no entry ${index}`)
    if (cell.rotten)
      throw new StoreCorrupt(`S3: simulated disk: entry ${index} of log '${this.#name}' is not what was written`)
    return cell.entry
  }
}

/** What readers get is theirs. In a slab: of a small array with a buffer of its own no part can be taken without moving it. */
const copies = new Slab()

function read(cell: Cell, key: Uint8Array): Uint8Array {
  if (cell.rotten)
    throw new StoreCorrupt(`S3: simulated disk: the value under key ${keyText(key)} is not what was written`)
  return copies.copy(cell.value)
}
