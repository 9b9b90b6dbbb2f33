/**
 * One LMDB environment, opened the one way that was found safe, and everything this house asks of it.
 *
 * What lies behind the options and the detours below was measured:
 *   - `overlappingSync: false`: nothing is visible before it is on the disk
 *   - `pageSize: 16384`: at 4096 the free list of the bundled LMDB breaks under large values and held readers
 *   - `keyEncoding` on every `openDB`: it is not inherited, and the default reorders bytes
 *   - no cursor outlives a call: a held read snapshot keeps pages from reuse
 *   - writes are queued for LMDB's own thread, as one block: a synchronous transaction would stop timers while it flushes
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { StoreCorrupt, type StoreStats } from '../../ports/store.ts'
import { checkBound } from '../../ports/store-limits.ts'
import { pageBytes } from './page-format.ts'
import { type Space, unseal } from './seal.ts'

/** The first map only: LMDB enlarges it as the file grows. */
const mapBytes = 0x1000_0000

/** One step of an atomic batch: a sealed value to store, or a removal. */
export interface Step {
  readonly space: Space
  readonly key: Uint8Array
  readonly sealed: Uint8Array | undefined
}

export interface Span {
  readonly from: Uint8Array
  /** Excluded; undefined: to the end. */
  readonly to: Uint8Array | undefined
  readonly reverse?: boolean
  readonly limit?: number
}

type Table = Database<Buffer, Uint8Array> & {
  /** Length of what `getBinaryFast` just read. */
  readonly lastSize: number
}

interface TableStats {
  readonly pageSize: number
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
  readonly entryCount: number
}

interface EnvironmentStats extends TableStats {
  readonly root: TableStats
  readonly free: TableStats
}

export class Environment {
  readonly dir: string
  readonly #root: RootDatabase<Buffer, Uint8Array>
  readonly #tables: Readonly<Record<Space, Table>>

  /** Opens what lies in `dir`, or makes it. Look at the file first (`inspectFile`): LMDB dies of a bad one. */
  constructor(dir: string, access: 'readOnly' | 'readWrite') {
    this.dir = dir
    this.#root = opening(dir, () => openRoot(dir, access))
    try {
      this.#tables = {
        identity: this.#root as Database<Buffer, Uint8Array> as Table,
        kv: this.#table('kv'),
        log: this.#table('log'),
      }
    } catch (error) {
      void this.#root.close()
      throw error
    }
  }

  get(space: Space, key: Uint8Array): Uint8Array | undefined {
    if (key.length === 0) return undefined
    checkBound(key)
    const table = this.#tables[space]
    const shared = this.#reading(() => table.getBinaryFast(key))
    if (shared === undefined) return undefined
    return unseal(space, key, shared.subarray(0, table.lastSize), `store ${this.dir}`)
  }

  /** Shows pairs in order until `visit` returns false. `visit` must not read from this environment. */
  scan(space: Space, span: Span, visit: (key: Uint8Array, payload: Uint8Array) => boolean): void {
    if (isEmpty(span)) return
    const rows = this.#reading(() => this.#tables[space].getRange(lmdbRange(span))[Symbol.iterator]())
    for (;;) {
      const row = this.#reading(() => rows.next())
      if (row.done === true) return
      let goOn = false
      try {
        const key = plain(row.value.key)
        goOn = visit(key, unseal(space, key, row.value.value, `store ${this.dir}`))
      } finally {
        // Gives the cursor back; without it the snapshot would stay.
        if (!goOn) rows.return?.()
      }
      if (!goOn) return
    }
  }

  keys(space: Space, span: Span): Uint8Array[] {
    if (isEmpty(span)) return []
    return this.#reading(() => {
      const found: Uint8Array[] = []
      for (const key of this.#tables[space].getKeys(lmdbRange(span))) found.push(plain(key))
      return found
    })
  }

  /**
   * Applies `steps` as one transaction. The promise settles when it is on the disk, or not at all. Every key and value
   * must have been checked: a step that throws here would leave half a block queued.
   */
  write(steps: readonly Step[]): Promise<boolean> {
    return this.#root.batch(() => {
      for (const { space, key, sealed } of steps) {
        // The block as a whole has the promise; those of its parts say nothing of their own.
        if (sealed === undefined) void this.#tables[space].remove(key)
        else void this.#tables[space].put(key, sealed as Buffer)
      }
    })
  }

  /** Pairs that LMDB itself believes to hold. */
  count(space: Space): number {
    return this.#reading(() => (this.#tables[space].getStats() as EnvironmentStats).entryCount)
  }

  stats(): StoreStats {
    const kv = this.#tables.kv.getStats() as EnvironmentStats
    const log = this.#tables.log.getStats() as EnvironmentStats
    // Two pages hold the meta records. What no tree reaches is free, in the file but not in use.
    const pages = [kv, log, kv.root, kv.free].reduce(
      (sum, tree) => sum + tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages,
      2,
    )
    return {
      fileBytes: statSync(join(this.dir, 'data.mdb')).size,
      liveBytes: pages * kv.pageSize,
    }
  }

  close(): Promise<void> {
    return this.#root.close()
  }

  #table(name: string): Table {
    const options = { encoding: 'binary', keyEncoding: 'binary', cache: false } as const
    const opened = opening(this.dir, () => this.#root.openDB<Buffer, Uint8Array>(name, options))
    if (opened === undefined) throw new StoreCorrupt(`open store ${this.dir}: its database '${name}' is missing`)
    return opened as Table
  }

  /** Whatever LMDB says about a read means that the file is not what it should be. */
  #reading<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw new StoreCorrupt(`S3: store ${this.dir}: reading failed: ${String(error)}`, { cause: error })
    }
  }
}

function openRoot(dir: string, access: 'readOnly' | 'readWrite'): RootDatabase<Buffer, Uint8Array> {
  return open<Buffer, Uint8Array>({
    path: dir,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    pageSize: pageBytes,
    cache: false,
    maxDbs: 2,
    mapSize: mapBytes,
    // Blocks are marked by `batch` itself, so nothing needs to wait for the end of the event turn.
    eventTurnBatching: false,
    readOnly: access === 'readOnly',
  })
}

/** What LMDB calls by a name of its own is wrong with the file; the rest (no right, no memory) is not. */
function opening<T>(dir: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    if (text.startsWith('MDB_')) throw new StoreCorrupt(`open store ${dir}: it is damaged: ${text}`, { cause: error })
    throw new Error(`open store ${dir}: ${text}`, { cause: error })
  }
}

export function dataFileOf(dir: string): string {
  return join(dir, 'data.mdb')
}

export function holdsStore(dir: string): boolean {
  return existsSync(dataFileOf(dir))
}

function isEmpty({ from, to, limit }: Span): boolean {
  checkBound(from)
  if (to !== undefined) checkBound(to)
  return limit === 0 || (to !== undefined && (to.length === 0 || Buffer.compare(from, to) >= 0))
}

/** LMDB starts a reversed range at its upper end, and knows no empty key: [0] is the smallest there is. */
function lmdbRange({ from, to, reverse, limit }: Span): Record<string, unknown> {
  const low = from.length === 0 ? new Uint8Array(1) : from
  const upTo = limit === undefined ? {} : { limit }
  if (reverse !== true) return to === undefined ? { start: low, ...upTo } : { start: low, end: to, ...upTo }
  const high = to === undefined ? {} : { start: to, exclusiveStart: true }
  return { ...high, end: low, inclusiveEnd: true, reverse: true, ...upTo }
}

/** LMDB hands out Buffers, whose `slice` does not copy: a trap for who expects a Uint8Array. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}
