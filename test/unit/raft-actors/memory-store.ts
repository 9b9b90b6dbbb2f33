/** A store in memory, logs included, whose commits become durable a little later, or never when the node crashes first. */
import { compareBytes, hex } from '../../../base/bytes.ts'
import type {
  CommitOutcome,
  LogEntry,
  LogView,
  RangeOptions,
  Store,
  StoreStats,
  Write,
} from '../../../runtime/ports/store.ts'

interface Log {
  first: number
  compactedTerm: number
  entries: LogEntry[]
}

/** What survives a crash. */
export class Disk {
  readonly data: Map<string, readonly [Uint8Array, Uint8Array]> = new Map<string, readonly [Uint8Array, Uint8Array]>()
  readonly logs: Map<string, Log> = new Map<string, Log>()
}

export class MemoryStore implements Store {
  readonly disk: Disk
  readonly #later: (act: () => void) => void
  #inFlight = false
  #crashed = false

  constructor(disk: Disk, later: (act: () => void) => void) {
    this.disk = disk
    this.#later = later
  }

  /** What is in flight is lost. */
  crash(): void {
    this.#crashed = true
  }
  get(key: Uint8Array): Uint8Array | undefined {
    return this.disk.data.get(hex(key))?.[1].slice()
  }
  *range({ from, to, reverse, limit }: RangeOptions): Iterable<readonly [Uint8Array, Uint8Array]> {
    const rows = [...this.disk.data.values()].filter(
      ([key]) => compareBytes(key, from) >= 0 && compareBytes(key, to) < 0,
    )
    rows.sort((a, b) => compareBytes(a[0], b[0]) * (reverse === true ? -1 : 1))
    yield* rows.slice(0, limit ?? rows.length)
  }
  logNames(): string[] {
    return [...this.disk.logs.keys()]
  }
  log(name: string): LogView {
    const log = (): Log => this.disk.logs.get(name) ?? { first: 1, compactedTerm: 0, entries: [] }
    return {
      get firstIndex() {
        return log().first
      },
      get lastIndex() {
        return log().first + log().entries.length - 1
      },
      term: (index) => (index === log().first - 1 ? log().compactedTerm : log().entries[index - log().first]?.term),
      entries: (from, to, bytesMax) => {
        const found: LogEntry[] = []
        let bytes = 0
        for (let index = from; index <= to; index++) {
          const entry = log().entries[index - log().first]
          if (entry === undefined) throw new Error(`log ${name}: no entry ${index}`)
          found.push(entry)
          bytes += entry.data.length
          if (bytes > bytesMax) break
        }
        return found
      },
    }
  }
  commit(writes: readonly Write[], done: (outcome: CommitOutcome) => void): void {
    if (this.#inFlight) throw new Error('two commits in flight')
    this.#inFlight = true
    this.#later(() => {
      if (this.#crashed) return
      this.#inFlight = false
      for (const write of writes) this.#apply(write)
      done({ type: 'durable' })
    })
  }
  stats(): StoreStats {
    return { fileBytes: 0, liveBytes: 0 }
  }
  close(done: () => void): void {
    done()
  }

  #apply(write: Write): void {
    switch (write.type) {
      case 'put':
        this.disk.data.set(hex(write.key), [write.key.slice(), write.value.slice()])
        break
      case 'delete':
        this.disk.data.delete(hex(write.key))
        break
      case 'deleteRange':
        for (const [name, [key]] of this.disk.data) {
          if (compareBytes(key, write.from) >= 0 && compareBytes(key, write.to) < 0) this.disk.data.delete(name)
        }
        break
      case 'logAppend':
        this.#append(this.#logOf(write.log), write.entries)
        break
      case 'logCompact': {
        const log = this.#logOf(write.log)
        log.entries = log.entries.slice(write.index - log.first + 1)
        log.first = write.index + 1
        log.compactedTerm = write.term
        break
      }
      case 'logReset':
        this.disk.logs.set(write.log, { first: write.index + 1, compactedTerm: write.term, entries: [] })
        break
      case 'logDrop':
        this.disk.logs.delete(write.log)
    }
  }

  #append(log: Log, entries: readonly LogEntry[]): void {
    const at = (entries[0]?.index ?? log.first) - log.first
    if (at < 0 || at > log.entries.length)
      throw new Error(`a gap in the log: ${entries[0]?.index} after ${log.first + log.entries.length - 1}`)
    log.entries = [...log.entries.slice(0, at), ...entries.map((entry) => ({ ...entry, data: entry.data.slice() }))]
  }

  #logOf(name: string): Log {
    const known = this.disk.logs.get(name)
    if (known !== undefined) return known
    const log: Log = { first: 1, compactedTerm: 0, entries: [] }
    this.disk.logs.set(name, log)
    return log
  }
}
