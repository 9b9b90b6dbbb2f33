/**
 * Durable storage of one executor: an ordered key-value store and Raft logs that share each atomic commit.
 *
 *   executor ──commit(writes)──▶ store ──(flush)──▶ done({ type: 'durable' })
 *
 * One commit in flight: the caller collects the next batch meanwhile. Reads are synchronous and see durable state only;
 * what is pending is the caller's to overlay (`runtime/kernel/cell-store.ts` does). One owner: the thread that opened it.
 *
 * Guarantees, held by the contract suite on every implementation:
 *   S1  after `durable` a crash of the process or of the machine loses nothing of the batch
 *   S2  a batch is applied whole or not at all
 *   S3  a read never returns bytes that were not written under that key (checksums): it throws `StoreCorrupt`
 *   S4  `done` is never called before `commit` returns, and exactly once
 */

export type Write =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: Uint8Array }
  /** Removes every key of `from` (included) to `to` (excluded). */
  | { readonly type: 'deleteRange'; readonly from: Uint8Array; readonly to: Uint8Array }
  /** Appends; what the log holds at and after the first index is replaced. Indexes are contiguous. */
  | { readonly type: 'logAppend'; readonly log: string; readonly entries: readonly LogEntry[] }
  /** Removes every entry up to and including `index`, whose term is kept so that `term(index)` still answers. */
  | { readonly type: 'logCompact'; readonly log: string; readonly index: number; readonly term: number }
  /** Removes all entries and continues after `index` (a snapshot was installed). */
  | { readonly type: 'logReset'; readonly log: string; readonly index: number; readonly term: number }
  /** Removes the log as if it had never been. */
  | { readonly type: 'logDrop'; readonly log: string }

export interface LogEntry {
  readonly index: number
  readonly term: number
  /** `config` entries are read by Raft itself; `empty` ones start a term; the rest is the state machine's. */
  readonly type: 'normal' | 'config' | 'empty'
  readonly data: Uint8Array
}

export type CommitOutcome =
  | { readonly type: 'durable' }
  /** No room on the disk: nothing of the batch was applied; the same batch may be committed again. */
  | { readonly type: 'full'; readonly reason: string }
  /** Nothing more may be written: the process must end and recover (a failed flush is never retried). */
  | { readonly type: 'broken'; readonly reason: string }

/** The durable part of one Raft log. Empty logs have `firstIndex` 1 and `lastIndex` 0. */
export interface LogView {
  readonly firstIndex: number
  readonly lastIndex: number
  /** The term of `index`, also for `firstIndex - 1`; undefined outside. */
  term(index: number): number | undefined
  /** Entries `from` to `to`, both included, cut after the first that makes the sum exceed `bytesMax` (at least one). */
  entries(from: number, to: number, bytesMax: number): LogEntry[]
}

export interface RangeOptions {
  /** First key, included. */
  readonly from: Uint8Array
  /** Last key, excluded. */
  readonly to: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
}

export interface Store {
  /** The value, owned by the caller. */
  get(key: Uint8Array): Uint8Array | undefined
  /** Pairs in byte order. Consume it within the turn: it must not be held across a commit. */
  range(options: RangeOptions): Iterable<readonly [key: Uint8Array, value: Uint8Array]>
  /** Names of the logs that hold anything. */
  logNames(): string[]
  log(name: string): LogView
  /** Applies `writes` in order, atomically. Illegal while another commit is in flight. */
  commit(writes: readonly Write[], done: (outcome: CommitOutcome) => void): void
  stats(): StoreStats
  /** Drains and closes. `done` is called when the files are released; no call may follow. */
  close(done: () => void): void
}

export interface StoreStats {
  /** Bytes on disk. */
  readonly fileBytes: number
  /** Bytes of live pages. */
  readonly liveBytes: number
}

/** What was read is not what was written under that key. The store is quarantined, never served from. */
export class StoreCorrupt extends Error {
  override readonly name = 'StoreCorrupt'
}
