/**
 * One simulated disk with the store of one executor on it. It outlives the store: processes crash, disks remember.
 *
 *   commit ─▶ in flight ──after commitMs()──▶ on the medium ─▶ done
 *                 └── crash: lost or kept, as the caller draws; whole either way (S2)
 *
 * Faults, each switched from outside so that the draw has a name
 *   found by whoever reads    `rot` (flipped bit), `misdirect` (a write lands where it does not belong)
 *   told                      `capacityBytes` (full), `fail` (a flush that fails), `commitMs` (slow)
 *   known to its owner        `wipe` (disk lost)
 *   silent                    `lying` (acknowledges what it has not flushed, which a power cut shows), `stale` (an old value
 *                             under the right key), `restore` (an old copy of all of it), `misdirect` that leaves the old
 *                             value where the new one should be: no checksum finds these, and no protocol survives them all
 */
import { invariant } from '../base/assert.ts'
import type { CommitOutcome, Store } from '../runtime/ports/store.ts'
import { type Batch, type Cell, Medium, type Stray } from './disk-medium.ts'
import { SimStore, type StoreDisk } from './disk-store.ts'

export interface SimDiskOptions {
  /** Runs `run` after `delayMs` of virtual time, never before `schedule` has returned. */
  readonly schedule: (delayMs: number, run: () => void) => void
  /** How long the next commit takes, in virtual milliseconds. Default 0.3 each. */
  readonly commitMs?: () => number
}

/** What was once on a disk. */
export interface DiskCopy {
  readonly medium: Medium
  readonly commits: number
}

const commitMsDefault = 0.3

export class SimDisk implements StoreDisk {
  readonly #schedule: (delayMs: number, run: () => void) => void
  readonly #commitMs: () => number
  #medium = new Medium()
  /** What a power cut would leave, while the disk lies about its flushes. */
  #flushed: Medium | undefined = undefined
  #unflushed = 0
  #stale: Medium | undefined = undefined
  #misdirected: { readonly choice: number; readonly found: 'onRead' | 'never' } | undefined = undefined
  #open: SimStore | undefined = undefined
  #inFlight: Batch | undefined = undefined
  #failure: string | undefined = undefined
  /** Commits that add more than fits are answered `full`; those that only remove always fit. */
  capacityBytes: number = Number.POSITIVE_INFINITY
  /** Commits that reached the medium since the disk was made. */
  commits = 0
  /** Something on it was damaged at least once. */
  struck = false
  /** How often it gave back, or holds, less than it promised, with nobody the wiser. */
  forgotten = 0

  constructor(options: SimDiskOptions) {
    this.#schedule = options.schedule
    this.#commitMs = options.commitMs ?? (() => commitMsDefault)
  }

  get medium(): Medium {
    return this.#medium
  }

  get usedBytes(): number {
    return this.#medium.usedBytes
  }

  /** @throws {RangeError} The store is open already: a store has one owner. */
  open(): Store {
    if (this.#open !== undefined) throw new RangeError('open disk: wanted a disk nobody uses, but its store is open')
    this.#open = new SimStore(this)
    return this.#open
  }

  /**
   * The process dies. What was in flight is on the disk whole (`kept`) or not at all, and nobody is told.
   *
   * @param cut - `power`: what a lying disk has not flushed is gone. A process that dies by itself leaves it to be flushed.
   */
  crash(inFlight: 'lost' | 'kept', cut: 'power' | 'process' = 'power'): void {
    this.#open?.abandon()
    this.#open = undefined
    this.#failure = undefined
    const batch = this.#inFlight
    this.#inFlight = undefined
    const lied = this.#flushed !== undefined && cut === 'power'
    if (batch !== undefined && inFlight === 'kept' && !lied) this.#medium.apply(batch)
    if (this.#flushed === undefined || !lied) return
    this.forgotten += this.#unflushed
    this.#unflushed = 0
    this.#medium = this.#flushed
    this.#flushed = new Medium(this.#medium)
  }

  /** The disk is replaced by an empty one. The store must be closed or crashed. */
  wipe(): void {
    invariant(this.#open === undefined, 'S1: a disk was wiped under an open store')
    this.#replace(new Medium())
  }

  /** Everything on it, as it is now. */
  copy(): DiskCopy {
    return { medium: new Medium(this.#medium), commits: this.commits }
  }

  /** An old copy takes the place of what is there. The store must be closed or crashed. */
  restore({ medium, commits }: DiskCopy): void {
    invariant(this.#open === undefined, 'S1: a disk was replaced under an open store')
    this.forgotten += this.commits - commits
    this.#replace(new Medium(medium))
  }

  #replace(medium: Medium): void {
    this.#medium = medium
    this.#misdirected = undefined
    if (this.#stale !== undefined) this.#stale = new Medium(medium)
    if (this.#flushed !== undefined) this.#flushed = new Medium(medium)
    this.#unflushed = 0
  }

  /** The next write that can goes astray: `choice` (0 to 1, excluded) says which, and where to. */
  misdirect(choice: number, found: 'onRead' | 'never'): void {
    this.#misdirected = { choice, found }
  }

  /** Something on it is not what was written, and whoever reads it will find that out. */
  get damaged(): boolean {
    return this.#medium.damaged
  }

  /** It is damaged, or its next write may be. */
  get atRisk(): boolean {
    return this.#misdirected !== undefined || this.damaged
  }

  /** No trouble from now on but what already happened. */
  calm(): void {
    this.capacityBytes = Number.POSITIVE_INFINITY
    this.lying = false
    this.stale = false
    this.#misdirected = undefined
    this.#failure = undefined
  }

  get stale(): boolean {
    return this.#stale !== undefined
  }

  /** While true, values are read as they were when it began. */
  set stale(stale: boolean) {
    if (stale !== this.stale) this.#stale = stale ? new Medium(this.#medium) : undefined
  }

  read(key: string): Cell | undefined {
    const cell = this.#medium.pairs.get(key)
    const old = this.#stale?.pairs.get(key)
    // A key that is new, or was deleted: the index is read from elsewhere.
    if (old === undefined || cell === undefined || old === cell) return cell
    this.forgotten += 1
    return old
  }

  /** Flips a bit of one stored value; `choice` (0 to 1, excluded) says where. False when the disk is empty. */
  rot(choice: number): boolean {
    const rotten = this.#medium.rot(choice)
    if (rotten) this.struck = true
    return rotten
  }

  /** A flush fails: the next commit is answered `broken`, and so is every later one of this process. */
  fail(reason: string): void {
    this.#failure = reason
  }

  get lying(): boolean {
    return this.#flushed !== undefined
  }

  /** While true, commits are acknowledged and read back, but a crash loses all since it began. False flushes them. */
  set lying(lies: boolean) {
    if (lies === this.lying) return
    this.#flushed = lies ? new Medium(this.#medium) : undefined
    this.#unflushed = 0
  }

  carry(batch: Batch, settle: (outcome: CommitOutcome) => void): void {
    const owner = this.#open
    this.#inFlight = batch
    this.#schedule(this.#commitMs(), () => {
      if (this.#open !== owner || this.#inFlight !== batch) return
      this.#inFlight = undefined
      settle(this.#flush(batch))
    })
  }

  release(done: () => void): void {
    const owner = this.#open
    this.#schedule(0, () => {
      if (this.#open !== owner) return
      this.#open = undefined
      done()
    })
  }

  #flush(batch: Batch): CommitOutcome {
    if (this.#failure !== undefined) return { type: 'broken', reason: this.#failure }
    if (batch.bytes > 0 && this.#medium.usedBytes + batch.bytes > this.capacityBytes) {
      const free = Math.max(0, this.capacityBytes - this.#medium.usedBytes)
      return { type: 'full', reason: `${batch.bytes} bytes do not fit into ${free}` }
    }
    const stray = this.#misdirected === undefined ? undefined : this.#medium.aim(batch, this.#misdirected.choice)
    this.#medium.apply(batch)
    this.commits += 1
    if (this.#flushed !== undefined) this.#unflushed += 1
    if (stray !== undefined) this.#goAstray(stray)
    return { type: 'durable' }
  }

  #goAstray(stray: Stray): void {
    const silent = this.#misdirected?.found === 'never'
    if (!this.#medium.misplace(stray, silent)) return
    this.#misdirected = undefined
    this.struck = true
    if (silent) this.forgotten += 1
  }
}
