/**
 * Raft logs in one LMDB database.
 *
 *   header   name length (2) · name                   ▶  base index (8) · base term (8)
 *   entry    name length (2) · name · index (8)       ▶  type (1) · term (8) · data
 *
 * Numbers are big-endian, so a log lies in index order right behind its header, and the header's shorter key sorts first.
 * Opening seeks each log's header and last entry and reads nothing else. Bounds live in memory from then on.
 */
import { concatBytes, fromUtf8, readUint64, uint64Bytes, writeUint64 } from '../../../base/bytes.ts'
import { emptyLog, type LogBounds } from '../../ports/log-bounds.ts'
import { type LogEntry, type LogView, StoreCorrupt } from '../../ports/store.ts'
import { logNameBytes } from '../../ports/store-limits.ts'
import type { Environment } from './environment.ts'

const termsMax = 1_024
const entryTypes = ['normal', 'config', 'empty'] as const
const entryHeadBytes = 9

/** @throws {RangeError} `name` is empty or too long. */
export function headerKey(name: string): Uint8Array {
  const bytes = logNameBytes(name)
  return concatBytes(Uint8Array.of(bytes.length >>> 8, bytes.length & 0xff), bytes)
}

export function entryKey(header: Uint8Array, index: number): Uint8Array {
  const key = new Uint8Array(header.length + 8)
  key.set(header)
  writeUint64(key, header.length, index)
  return key
}

export function encodeHeader({ first, baseTerm }: LogBounds): Uint8Array {
  return concatBytes(uint64Bytes(first - 1), uint64Bytes(baseTerm))
}

export function encodeEntry({ type, term, data }: LogEntry): Uint8Array {
  const bytes = new Uint8Array(entryHeadBytes + data.length)
  bytes[0] = entryTypes.indexOf(type)
  writeUint64(bytes, 1, term)
  bytes.set(data, entryHeadBytes)
  return bytes
}

/** The durable part of one log; alive: its bounds follow the commits. */
export class LmdbLog implements LogView {
  readonly #name: string
  readonly #header: Uint8Array
  readonly #env: Environment
  readonly #terms = new Map<number, number>()
  /** What the disk holds; undefined when it holds nothing. */
  bounds: LogBounds | undefined
  #shown: LogBounds

  constructor(env: Environment, name: string, bounds: LogBounds | undefined) {
    this.#env = env
    this.#name = name
    this.#header = headerKey(name)
    this.bounds = bounds
    this.#shown = bounds ?? emptyLog
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
    const known = this.#terms.get(index)
    if (known !== undefined) return known
    const entry = this.entries(index, index, 0)[0] as LogEntry
    if (this.#terms.size >= termsMax) this.#terms.clear()
    this.#terms.set(index, entry.term)
    return entry.term
  }

  entries(from: number, to: number, bytesMax: number): LogEntry[] {
    const upTo = to > this.#shown.last ? this.#shown.last : to
    const found: LogEntry[] = []
    if (from < this.#shown.first || from > upTo) return found
    let bytes = 0
    const span = { from: entryKey(this.#header, from), to: entryKey(this.#header, upTo + 1), limit: upTo - from + 1 }
    this.#env.scan('log', span, (key, payload) => {
      const index = readUint64(key, this.#header.length)
      if (index !== from + found.length) return false
      const entry = decodeEntry(index, payload)
      found.push(entry)
      bytes += entry.data.length
      return bytes <= bytesMax
    })
    // A reader that stopped for lack of entries, not of room, has met a hole.
    if (found.length < upTo - from + 1 && (bytes <= bytesMax || found.length === 0)) {
      throw new StoreCorrupt(`S3: store ${this.#env.dir}: log '${this.#name}' has lost entry ${from + found.length}`)
    }
    return found
  }

  /** A commit that touches this log begins: only what it leaves alone is shown (S5). */
  share(shared: LogBounds): void {
    this.#show(shared)
  }

  /** The commit is over, and the disk holds this. */
  settle(bounds: LogBounds | undefined): void {
    this.bounds = bounds
    this.#show(bounds ?? emptyLog)
  }

  #show(bounds: LogBounds): void {
    const cut = bounds.first !== this.#shown.first || bounds.last < this.#shown.last
    if (cut) this.#terms.clear()
    this.#shown = bounds
  }
}

/** Finds every log of the environment by seeking. */
export function loadLogs(env: Environment): Map<string, LmdbLog> {
  const logs = new Map<string, LmdbLog>()
  let from: Uint8Array | undefined = new Uint8Array(0)
  while (from !== undefined) {
    const found = seek(env, from)
    if (found === undefined) break
    const [header, base] = found
    const nameBytes = ((header[0] ?? 0) << 8) | (header[1] ?? 0)
    if (header.length !== nameBytes + 2 || base.length !== 16) {
      throw new StoreCorrupt(`S3: store ${env.dir}: a log's entries stand without its header`)
    }
    const name = fromUtf8(header.subarray(2))
    const first = readUint64(base, 0) + 1
    const bounds = { first, last: lastIndexOf(env, header, first), baseTerm: readUint64(base, 8) }
    logs.set(name, new LmdbLog(env, name, bounds))
    // Index 2^64-1 cannot be an entry, so this is behind the log and before the next header.
    from = concatBytes(header, new Uint8Array(8).fill(0xff))
  }
  return logs
}

function lastIndexOf(env: Environment, header: Uint8Array, first: number): number {
  const behind = concatBytes(header, new Uint8Array(8).fill(0xff))
  const last = env.keys('log', { from: header, to: behind, reverse: true, limit: 1 })[0]
  if (last === undefined || last.length === header.length) return first - 1
  const lowest = env.keys('log', { from: entryKey(header, 0), to: behind, limit: 1 })[0]
  if (lowest === undefined || readUint64(lowest, header.length) !== first) {
    throw new StoreCorrupt(`S3: store ${env.dir}: log '${fromUtf8(header.subarray(2))}' has lost entry ${first}`)
  }
  return readUint64(last, header.length)
}

function seek(env: Environment, from: Uint8Array): readonly [key: Uint8Array, payload: Uint8Array] | undefined {
  let found: readonly [Uint8Array, Uint8Array] | undefined
  env.scan('log', { from, to: undefined, limit: 1 }, (key, payload) => {
    found = [key, payload]
    return false
  })
  return found
}

function decodeEntry(index: number, payload: Uint8Array): LogEntry {
  const type = entryTypes[payload[0] ?? -1]
  if (type === undefined || payload.length < entryHeadBytes)
    throw new StoreCorrupt(`S3: log entry ${index} is malformed`)
  return { index, term: readUint64(payload, 1), type, data: payload.slice(entryHeadBytes) }
}
