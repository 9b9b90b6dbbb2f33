/**
 * The log as Raft sees it: the durable part, read through a `LogView`, with what is not yet known to be on disk laid over
 * it, and the newest entries kept in memory because they are the ones that are sent and applied.
 *
 *   first ... start-1 | start ... stable | stable+1 ... last
 *      on disk only   |  cached, on disk |  in memory; being written
 *
 * The danger is an acknowledgement of the disk that belongs to entries replaced meanwhile: (5, term 1) is written, cut
 * off by term 2, written again by term 3, and the first write is reported last. Entries once cut can only be written
 * again under a later term of the replica, so reports from before the newest cut's term are not believed (R6).
 */
import { invariant } from '../../base/assert.ts'
import { buggify, limit, sometimes } from '../../base/fault-points.ts'
import type { LogEntry, LogView } from '../../runtime/ports/store.ts'
import { cacheBytes, cacheEntries, forgetEntries, marksApart, sliceShort } from './fault-sites.ts'
import type { Index, Term } from './messages.ts'
import { lateReport, readFromDisk } from './probes.ts'

const cacheBytesMax = 4 * 1024 * 1024
const cacheEntriesMax = 4_096
/** The bytes of the log are noted every so many entries: exact enough for compaction, and no array per entry. */
const markEveryEntries = 64
const entryOverheadBytes = 16

export function entryBytes(entry: LogEntry): number {
  return entry.data.length + entryOverheadBytes
}

interface Mark {
  readonly index: Index
  /** Bytes ever appended before this index. */
  readonly bytesBefore: number
}

export class RaftLog {
  readonly #durable: LogView
  #first: Index
  #compactedTerm: Term
  #start: Index
  #entries: LogEntry[] = []
  #windowBytes = 0
  #stable: Index
  #cutInTerm: Term = 0
  #appendedBytes = 0
  #marks: Mark[] = []

  constructor(durable: LogView) {
    this.#durable = durable
    this.#first = durable.firstIndex
    this.#stable = durable.lastIndex
    this.#start = durable.lastIndex + 1
    this.#compactedTerm = durable.term(durable.firstIndex - 1) ?? 0
  }

  get first(): Index {
    return this.#first
  }

  get last(): Index {
    return this.#start + this.#entries.length - 1
  }

  get lastTerm(): Term {
    const { length } = this.#entries
    return length === 0 ? (this.term(this.last) as Term) : (this.#entries[length - 1] as LogEntry).term
  }

  /** Known to be on disk. */
  get stable(): Index {
    return this.#stable
  }

  /** Of everything between `first` and `last`, to within a few entries. */
  get bytes(): number {
    return this.#appendedBytes - (this.#marks[0]?.bytesBefore ?? this.#appendedBytes)
  }

  /** Also for `first - 1`; undefined outside. */
  term(index: Index): Term | undefined {
    if (index === this.#first - 1) return this.#compactedTerm
    if (index < this.#first || index > this.last) return undefined
    if (index >= this.#start) return (this.#entries[index - this.#start] as LogEntry).term
    return this.#durable.term(index)
  }

  /** Entries from `from` to `to`, both included, as many as fit `bytesMax` and at least one; may end early. */
  slice(from: Index, to: Index, bytesMax: number): readonly LogEntry[] {
    invariant(from >= this.#first && to <= this.last, () => `log: ${from}..${to} of ${this.#first}..${this.last}`)
    if (to > from && buggify(sliceShort, 0.1)) return this.slice(from, from, bytesMax)
    if (from < this.#start) {
      sometimes(readFromDisk)
      return this.#durable.entries(from, Math.min(to, this.#start - 1), bytesMax)
    }
    const begin = from - this.#start
    const end = to - this.#start + 1
    let bytes = 0
    for (let at = begin; at < end; at++) {
      bytes += entryBytes(this.#entries[at] as LogEntry)
      if (bytes > bytesMax && at > begin) return this.#entries.slice(begin, at)
    }
    return this.#entries.slice(begin, end)
  }

  /** Adds after the last entry. */
  append(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      invariant(entry.index === this.last + 1, () => `log: ${entry.index} appended after ${this.last}`)
      this.noteBytes(entry)
      this.#entries.push(entry)
      this.#windowBytes += entryBytes(entry)
    }
  }

  /** Cuts off `from` and everything after; `term` is the replica's own at this moment. */
  truncate(from: Index, term: Term): void {
    invariant(from >= this.#first && from <= this.last, () => `log: cut at ${from} of ${this.#first}..${this.last}`)
    if (from < this.#start) {
      this.#entries = []
      this.#windowBytes = 0
      this.#start = from
      this.#rewindBytes(from, 0)
    } else {
      const cut = this.#entries.splice(from - this.#start)
      const bytes = cut.reduce((sum, entry) => sum + entryBytes(entry), 0)
      this.#windowBytes -= bytes
      this.#rewindBytes(from, bytes)
    }
    if (this.#stable >= from) this.#stable = from - 1
    this.#cutInTerm = term
  }

  /** The disk holds the log up to `index`, as it was in `term` of this replica. */
  persisted(index: Index, term: Term): void {
    sometimes(lateReport, term < this.#cutInTerm)
    if (term < this.#cutInTerm || index <= this.#stable) return
    this.#stable = Math.min(index, this.last)
    this.#evict()
  }

  compact(index: Index): Term {
    const term = this.term(index)
    invariant(term !== undefined && index >= this.#first, () => `log: compacting ${index}, first is ${this.#first}`)
    if (index >= this.#start) {
      const gone = this.#entries.splice(0, index - this.#start + 1)
      for (const entry of gone) this.#windowBytes -= entryBytes(entry)
      this.#start = index + 1
      if (this.#stable < index) this.#stable = index
    }
    this.#first = index + 1
    this.#compactedTerm = term
    while (this.#marks.length > 1 && (this.#marks[1] as Mark).index <= this.#first) this.#marks.shift()
    return term
  }

  /** Continues after `index` with nothing before it. `ownTerm` is the replica's own at this moment. */
  reset(index: Index, term: Term, ownTerm: Term): void {
    this.#entries = []
    this.#windowBytes = 0
    this.#marks = []
    this.#appendedBytes = 0
    this.#start = index + 1
    this.#first = index + 1
    this.#stable = index
    this.#compactedTerm = term
    this.#cutInTerm = ownTerm
  }

  /** The last index whose term is at most `term`, looking from `index` down; `first - 1` when there is none above. */
  lastAtOrBelowTerm(index: Index, term: Term): Index {
    let at = Math.min(index, this.last)
    while (at >= this.#first && (this.term(at) as Term) > term) at--
    return at
  }

  /** The first index that must be kept so that at most about `bytesMax` remain. */
  keepFrom(bytesMax: number): Index {
    for (const mark of this.#marks) if (this.#appendedBytes - mark.bytesBefore <= bytesMax) return mark.index
    return this.last + 1
  }

  /** Counts an entry that is in the log: at start for those on disk, then by `append`. */
  noteBytes(entry: LogEntry): void {
    if (this.#marks.length === 0 || entry.index % limit(marksApart, markEveryEntries, 1) === 0) {
      this.#marks.push({ index: entry.index, bytesBefore: this.#appendedBytes })
    }
    this.#appendedBytes += entryBytes(entry)
  }

  #rewindBytes(from: Index, bytesCut: number): void {
    this.#appendedBytes -= bytesCut
    while (this.#marks.length > 0 && (this.#marks[this.#marks.length - 1] as Mark).index >= from) {
      // Reached only by cuts that leave the window or end on a mark: then the mark knows the sum.
      this.#appendedBytes = Math.min(this.#appendedBytes, (this.#marks.pop() as Mark).bytesBefore)
    }
  }

  #evict(): void {
    const forget = buggify(forgetEntries, 0.1)
    const bytesMax = forget ? 0 : limit(cacheBytes, cacheBytesMax, 1)
    const entriesMax = forget ? 0 : limit(cacheEntries, cacheEntriesMax, 1)
    if (this.#windowBytes <= 2 * bytesMax && this.#entries.length <= 2 * entriesMax) return
    const evictable = this.#stable - this.#start + 1
    let count = 0
    let bytes = this.#windowBytes
    while (count < evictable && (bytes > bytesMax || this.#entries.length - count > entriesMax)) {
      bytes -= entryBytes(this.#entries[count] as LogEntry)
      count++
    }
    this.#entries = this.#entries.slice(count)
    this.#windowBytes = bytes
    this.#start += count
  }
}
