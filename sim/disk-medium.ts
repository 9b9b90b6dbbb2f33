/**
 * What lies on a simulated disk: ordered pairs and logs, each piece with a mark whether rot has reached it.
 *
 * A real disk notices rot by a checksum that fails. Here the fault itself leaves the mark, which costs nothing on the many
 * reads of sound data and finds exactly as much.
 */
import sortedBTree from 'sorted-btree'
import { unreachable } from '../base/assert.ts'
import { unitsText } from '../base/bytes.ts'
import { emptyLog, type LogBounds, LogPlan, type PlannedLog } from '../runtime/ports/log-bounds.ts'
import type { LogEntry, Write } from '../runtime/ports/store.ts'
import { checkBound, checkKey, checkValue, logNameBytes } from '../runtime/ports/store-limits.ts'
import { Slab } from './slab.ts'

const BTree: typeof sortedBTree.default = sortedBTree.default
type BTree<K, V> = sortedBTree.default<K, V>

export interface Cell {
  readonly value: Uint8Array
  readonly rotten: boolean
}

export interface LogCell {
  readonly entry: LogEntry
  readonly rotten: boolean
}

export interface MediumLog {
  bounds: LogBounds
  /** What its entries take. */
  bytes: number
  /** `cells[0]` has index `bounds.first`. */
  cells: LogCell[]
}

/** One write of a batch: keys as the medium has them, and of a log what it will be. */
type Planned =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: string }
  | { readonly type: 'deleteRange'; readonly from: string; readonly to: string }
  | {
      readonly type: 'log'
      readonly log: string
      /** Undefined: it is gone. */
      readonly after: LogBounds | undefined
      readonly appended: readonly LogEntry[]
      readonly reset: boolean
    }

/** One batch, checked and copied, so that its maker may go on using its buffers. */
export interface Batch {
  readonly writes: readonly Planned[]
  readonly logs: ReadonlyMap<string, PlannedLog>
  /** What it adds, before anything it removes. */
  readonly bytes: number
}

/** A write that will land elsewhere: its key, what lies there before it, and where it will land. */
export interface Stray {
  readonly key: string
  readonly before: Cell
  readonly landsAt: string
}

const overheadBytes = 16

export class Medium {
  /** By key, one UTF-16 unit a byte: the order of the strings is the order of the bytes. */
  readonly pairs: BTree<string, Cell>
  readonly logs: Map<string, MediumLog>
  usedBytes: number
  readonly #slab = new Slab()

  constructor(from?: Medium) {
    this.pairs = from === undefined ? new BTree<string, Cell>(undefined, compareText) : from.pairs.clone()
    this.logs = new Map()
    this.usedBytes = from?.usedBytes ?? 0
    for (const [name, { bounds, bytes, cells }] of from?.logs ?? [])
      this.logs.set(name, { bounds, bytes, cells: [...cells] })
  }

  /** @throws {RangeError} A write breaks a bound of the store or the order of a log. */
  plan(writes: readonly Write[]): Batch {
    const logs = new LogPlan((log) => this.logs.get(log)?.bounds)
    let bytes = 0
    const planned: Planned[] = []
    for (const write of writes) {
      checkWrite(write)
      bytes += bytesOf(write)
      planned.push(this.#planned(write, logs))
    }
    return { writes: planned, logs: logs.logs, bytes }
  }

  /** `batch` was planned on this medium, or on the one that it is a copy of, and nothing was applied since. */
  apply(batch: Batch): void {
    for (const write of batch.writes) {
      switch (write.type) {
        case 'put':
          this.#put(write.key, { value: write.value, rotten: false })
          break
        case 'delete':
          this.#delete(write.key)
          break
        case 'deleteRange':
          for (const key of this.#keys(write.from, write.to)) this.#delete(key)
          break
        case 'log':
          this.#changeLog(write.log, write.after, write.appended, write.reset)
          break
        default:
          unreachable(write)
      }
    }
  }

  #planned(write: Write, logs: LogPlan): Planned {
    switch (write.type) {
      case 'put':
        return { type: 'put', key: keyText(write.key), value: this.#slab.copy(write.value) }
      case 'delete':
        return { type: 'delete', key: keyText(write.key) }
      case 'deleteRange':
        return { type: 'deleteRange', from: keyText(write.from), to: keyText(write.to) }
      default: {
        const { log } = write
        const { after } = logs.next(write)
        const appended =
          write.type === 'logAppend'
            ? write.entries.map(({ index, term, type, data }) => ({ index, term, type, data: this.#slab.copy(data) }))
            : []
        return { type: 'log', log, after, appended, reset: write.type === 'logReset' }
      }
    }
  }

  /** Rots one of all stored values; `choice` (0 to 1, excluded) says which. False when there is none. */
  rot(choice: number): boolean {
    let at = Math.floor(choice * (this.pairs.size + this.#entryCount()))
    if (at < this.pairs.size) {
      const key = this.pairs.keysArray()[at]
      const cell = key === undefined ? undefined : this.pairs.get(key)
      if (key === undefined || cell === undefined) return false
      this.pairs.set(key, { value: flipBit(cell.value, at), rotten: true })
      return true
    }
    at -= this.pairs.size
    for (const log of this.logs.values()) {
      const cell = log.cells[at]
      if (cell !== undefined) {
        log.cells[at] = { entry: { ...cell.entry, data: flipBit(cell.entry.data, at) }, rotten: true }
        return true
      }
      at -= log.cells.length
    }
    return false
  }

  get damaged(): boolean {
    for (const cell of this.pairs.values()) if (cell.rotten) return true
    for (const { cells } of this.logs.values()) if (cells.some(({ rotten }) => rotten)) return true
    return false
  }

  /** One of the values that `batch` replaces, and another one that it would hit; undefined where it replaces none. */
  aim(batch: Batch, choice: number): Stray | undefined {
    const replaced: { readonly key: string; readonly before: Cell }[] = []
    for (const write of batch.writes) {
      if (write.type !== 'put') continue
      const before = this.pairs.get(write.key)
      if (before !== undefined) replaced.push({ key: write.key, before })
    }
    const stray = replaced[Math.floor(choice * replaced.length)]
    if (stray === undefined || this.pairs.size < 2) return undefined
    const others = this.pairs.keysArray().filter((key) => key !== stray.key)
    const landsAt = others[Math.floor(((choice * 997) % 1) * others.length)]
    return landsAt === undefined ? undefined : { ...stray, landsAt }
  }

  /**
   * What was to lie under one key lies under another, whose reader finds it out. Under the first is the old value still:
   * `silent`, or of an age that its reader finds out as well.
   */
  misplace({ key, before, landsAt }: Stray, silent: boolean): boolean {
    const written = this.pairs.get(key)
    // Deleted again by the same batch.
    if (written === undefined) return false
    this.#put(key, silent ? before : { ...before, rotten: true })
    if (this.pairs.has(landsAt)) this.#put(landsAt, { value: written.value, rotten: true })
    return true
  }

  #entryCount(): number {
    let count = 0
    for (const log of this.logs.values()) count += log.cells.length
    return count
  }

  #put(key: string, cell: Cell): void {
    const before = this.pairs.get(key)
    this.usedBytes += cell.value.length - (before === undefined ? -(key.length + overheadBytes) : before.value.length)
    this.pairs.set(key, cell)
  }

  #delete(key: string): void {
    const before = this.pairs.get(key)
    if (before === undefined) return
    this.usedBytes -= key.length + overheadBytes + before.value.length
    this.pairs.delete(key)
  }

  #keys(from: string, to: string): string[] {
    const keys: string[] = []
    if (from < to) this.pairs.forRange(from, to, false, (key) => void keys.push(key))
    return keys
  }

  #changeLog(name: string, after: LogBounds | undefined, appended: readonly LogEntry[], reset: boolean): void {
    const log = this.logs.get(name) ?? { bounds: emptyLog, bytes: 0, cells: [] }
    this.usedBytes -= log.bytes
    if (after === undefined) {
      this.logs.delete(name)
      return
    }
    // A reset may land inside the old log, whose entries it removes all the same.
    if (reset) cut(log, 0)
    const from = appended[0]?.index
    if (from !== undefined) cut(log, from - log.bounds.first)
    for (const entry of appended) {
      log.cells.push({ entry, rotten: false })
      log.bytes += entryBytes(entry)
    }
    if (!reset && after.first > log.bounds.first) {
      for (const { entry } of log.cells.splice(0, after.first - log.bounds.first)) log.bytes -= entryBytes(entry)
    }
    log.bounds = after
    this.usedBytes += log.bytes
    this.logs.set(name, log)
  }
}

/** Bytes as text of the same order. */
export function keyText(key: Uint8Array): string {
  return unitsText(key)
}

export function keyBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function checkWrite(write: Write): void {
  switch (write.type) {
    case 'put':
      checkKey('put', write.key)
      checkValue(write.value)
      break
    case 'delete':
      checkKey('delete', write.key)
      break
    case 'deleteRange':
      checkBound(write.from)
      checkBound(write.to)
      break
    default:
      logNameBytes(write.log)
  }
}

function bytesOf(write: Write): number {
  if (write.type === 'put') return write.key.length + write.value.length + overheadBytes
  if (write.type !== 'logAppend') return 0
  let bytes = 0
  for (const entry of write.entries) bytes += entryBytes(entry)
  return bytes
}

function entryBytes(entry: LogEntry): number {
  return entry.data.length + overheadBytes
}

/** Leaves the first `count` entries, or all where there are fewer. */
function cut(log: MediumLog, count: number): void {
  while (log.cells.length > count) log.bytes -= entryBytes((log.cells.pop() as LogCell).entry)
}

function flipBit(bytes: Uint8Array, seed: number): Uint8Array {
  const flipped = bytes.slice()
  if (flipped.length > 0) {
    const at = seed % flipped.length
    flipped[at] = (flipped[at] as number) ^ (1 << (seed & 7))
  }
  return flipped
}
