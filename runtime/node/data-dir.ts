/**
 * The directory of one node.
 *
 *   <dir>/identity.json   whose it is, how many stores, which incarnation each has
 *   <dir>/lock            who is using it
 *   <dir>/reserve         room to give back when the disk is full
 *   <dir>/store-<k>/      one LMDB environment per executor
 *   <dir>/store-<k>.damaged-<n>/   what `quarantine` moved aside
 *
 *   D1  one process at a time
 *   D2  a directory serves the member it was made for, or nobody
 *   D3  a store that `identity.json` names and the disk does not hold is a loss, never a fresh start
 *   D4  a store made anew has a higher incarnation and says `wiped` until somebody has dealt with it
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { utf8 } from '../../base/bytes.ts'
import { DirLock } from './dir-lock.ts'
import { replaceFile, syncDirectory } from './durable-file.ts'
import { type CheckOptions, checkStores, type StoreVerdict } from './lmdb/check.ts'
import { checkIdentity, type StoreIdentity, StoreRefused, storeFormat } from './lmdb/identity.ts'
import { createLmdbStore } from './lmdb/store.ts'
import { Reserve, reserveBytesDefault } from './reserve.ts'

/** What `identity.json` says. */
export interface DirIdentity {
  readonly format: 1
  readonly clusterId: number
  readonly memberId: number
  readonly name: string
  readonly stores: readonly { readonly incarnation: number; readonly wiped: boolean }[]
}

const record: z.ZodType<DirIdentity> = z.strictObject({
  format: z.literal(storeFormat),
  clusterId: z.int().nonnegative(),
  memberId: z.int().nonnegative(),
  name: z.string(),
  stores: z.array(z.strictObject({ incarnation: z.int().positive(), wiped: z.boolean() })).min(1),
})

export interface DataDirOptions {
  readonly dir: string
  readonly clusterId: number
  readonly memberId: number
  /** For people; a new name replaces the old one. */
  readonly name: string
  /** 1 to 1024. Must be what it was when the directory was made. */
  readonly stores: number
  /** 0: no reserve. Default 16 MiB. */
  readonly reserveBytes?: number
  /** Made for a member that had one before and lost it whole: its stores begin as `wiped` (D4). */
  readonly lost?: boolean
}

export interface StoreSlot {
  readonly dir: string
  /** What `openLmdbStore` must be given. */
  readonly identity: StoreIdentity
  /** The store lost what it held: its votes and acknowledgements count for nothing until the layer above has settled it. */
  readonly wiped: boolean
}

/** Whose directory `dir` is; undefined where nobody has made one yet. @throws {StoreRefused} `identity.json` is unreadable. */
export function readDirIdentity(dir: string): DirIdentity | undefined {
  const path = join(dir, 'identity.json')
  if (!existsSync(path)) return undefined
  let present: unknown
  try {
    present = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new StoreRefused(`read ${path}: wanted JSON, but it is damaged: ${String(error)}`)
  }
  const format = (present as { readonly format?: unknown } | null)?.format
  if (format !== storeFormat)
    throw new StoreRefused(`read ${path}: wanted format ${storeFormat}, but it has format ${String(format)}`)
  const parsed = record.safeParse(present)
  if (!parsed.success) throw new StoreRefused(`read ${path}: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/**
 * Opens the directory of a node, or makes it, and keeps it for this process until `close`.
 *
 * @throws {StoreRefused} It is in use, another member's, of another format, has another number of stores, or holds
 *   stores but no identity.
 */
export async function openDataDir(options: DataDirOptions): Promise<DataDir> {
  const { dir, stores } = options
  if (!Number.isInteger(stores) || stores < 1 || stores > 1_024) {
    throw new RangeError(`open ${dir}: stores must be a whole number of 1 to 1024, not ${stores}`)
  }
  const reserve = new Reserve(dir, options.reserveBytes ?? reserveBytesDefault)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const lock = new DirLock(dir)
  try {
    const present = readDirIdentity(dir)
    const identity = present === undefined ? await create(options) : compare(options, present)
    // A finished directory must not carry the mark under which an unfinished one is started over.
    rmSync(join(dir, 'creating'), { force: true })
    syncDirectory(dir)
    reserve.restore()
    lock.check()
    return new DataDir(dir, identity, reserve, lock, present === undefined)
  } catch (error) {
    lock.release()
    throw error
  }
}

export class DataDir {
  readonly dir: string
  readonly reserve: Reserve
  /** Made just now. */
  readonly created: boolean
  /** The last process that used it crashed or was killed. */
  readonly unclean: boolean
  readonly #lock: DirLock
  #identity: DirIdentity

  constructor(dir: string, identity: DirIdentity, reserve: Reserve, lock: DirLock, created: boolean) {
    this.dir = dir
    this.#identity = identity
    this.reserve = reserve
    this.#lock = lock
    this.created = created
    this.unclean = lock.unclean
  }

  get identity(): DirIdentity {
    return this.#identity
  }

  get stores(): readonly StoreSlot[] {
    return this.#identity.stores.map((_, store) => this.#slot(store))
  }

  /** Tries every store out in a throw-away process, and compares its identity. Before any of them is opened. */
  async check(options: CheckOptions = {}): Promise<readonly StoreVerdict[]> {
    const slots = this.stores
    const verdicts = await checkStores(
      slots.map((slot) => slot.dir),
      options,
    )
    for (const [k, verdict] of verdicts.entries()) {
      if (verdict.type !== 'sound') continue
      const { dir, identity } = slots[k] as StoreSlot
      checkIdentity(`check store ${dir}`, verdict.identity === '' ? undefined : utf8(verdict.identity), identity)
    }
    return verdicts
  }

  /**
   * Moves a damaged or lost store aside and makes an empty one in its place (D4). Nothing is deleted.
   *
   * @returns Where the damaged store lies now; undefined when there was none.
   */
  async quarantine(store: number): Promise<string | undefined> {
    const slot = this.#slot(store)
    let moved: string | undefined
    if (existsSync(slot.dir)) {
      moved = unusedName(slot.dir)
      renameSync(slot.dir, moved)
    }
    // Before the empty store is made: a crash in between leaves a store missing, never one that passes for the old.
    this.#change(store, { incarnation: slot.identity.incarnation + 1, wiped: true })
    await createLmdbStore(slot.dir, this.#slot(store).identity)
    return moved
  }

  /** The loss has been dealt with: the store holds again what this member is taken to know. */
  settle(store: number): void {
    const { identity, wiped } = this.#slot(store)
    if (wiped) this.#change(store, { incarnation: identity.incarnation, wiped: false })
  }

  /** Gives the directory up. The stores must be closed. */
  close(): void {
    this.#lock.release()
  }

  #slot(store: number): StoreSlot {
    const { clusterId, memberId, stores } = this.#identity
    const slot = stores[store]
    if (slot === undefined) throw new RangeError(`${this.dir}: store must be 0 to ${stores.length - 1}, not ${store}`)
    return {
      dir: storeDir(this.dir, store),
      identity: { clusterId, memberId, store, stores: stores.length, incarnation: slot.incarnation },
      wiped: slot.wiped,
    }
  }

  #change(store: number, slot: DirIdentity['stores'][number]): void {
    this.#identity = { ...this.#identity, stores: this.#identity.stores.map((old, k) => (k === store ? slot : old)) }
    writeIdentity(this.dir, this.#identity)
  }
}

async function create({ dir, clusterId, memberId, name, stores, lost = false }: DataDirOptions): Promise<DirIdentity> {
  const creating = join(dir, 'creating')
  const leftover = readdirSync(dir).filter((entry) => /^store-\d+$/.test(entry))
  if (leftover.length > 0 && !existsSync(creating)) {
    throw new StoreRefused(`open ${dir}: wanted an identity.json, but there is none beside ${leftover.join(', ')}`)
  }
  // The marker says that stores without an identity are of an unfinished start, and hold nothing.
  replaceFile(creating, utf8(''))
  for (const entry of leftover) rmSync(join(dir, entry), { recursive: true })
  const identity: DirIdentity = {
    format: storeFormat,
    clusterId,
    memberId,
    name,
    stores: Array.from({ length: stores }, () => ({ incarnation: 1, wiped: lost })),
  }
  for (let store = 0; store < stores; store++) {
    await createLmdbStore(storeDir(dir, store), { clusterId, memberId, store, stores, incarnation: 1 })
  }
  writeIdentity(dir, identity)
  return identity
}

function compare({ dir, clusterId, memberId, name, stores }: DataDirOptions, present: DirIdentity): DirIdentity {
  const refuse = (what: string, wanted: number, found: number): never => {
    throw new StoreRefused(
      `open ${dir}: wanted ${what} ${wanted}, but it belongs to ${what} ${found} (name '${present.name}')`,
    )
  }
  if (present.clusterId !== clusterId) refuse('cluster', clusterId, present.clusterId)
  if (present.memberId !== memberId) refuse('member', memberId, present.memberId)
  if (present.stores.length !== stores) {
    throw new StoreRefused(`open ${dir}: wanted ${stores} stores, but it has ${present.stores.length}`)
  }
  if (present.name === name) return present
  const renamed = { ...present, name }
  writeIdentity(dir, renamed)
  return renamed
}

function writeIdentity(dir: string, identity: DirIdentity): void {
  replaceFile(join(dir, 'identity.json'), utf8(`${JSON.stringify(identity, undefined, 2)}\n`))
}

function storeDir(dir: string, store: number): string {
  return join(dir, `store-${store}`)
}

function unusedName(dir: string): string {
  let n = 1
  while (existsSync(`${dir}.damaged-${n}`)) n += 1
  return `${dir}.damaged-${n}`
}
