/**
 * One simulated disk with the store of one executor on it. It outlives the store: processes crash, disks remember.
 *
 *   commit ─▶ in flight ──after commitMs()──▶ on the medium ─▶ done
 *                 └── crash: lost or kept, as the caller draws; whole either way (S2)
 *
 * Faults, each switched from outside so that the draw has a name: `crash`, `commitMs` (slow), `capacityBytes` (full),
 * `fail` (a flush that fails), `rot` (flipped bit), `lying` (acknowledges what it has not flushed), `wipe` (disk lost).
 */
import { invariant } from '../base/assert.ts'
import type { CommitOutcome, Store } from '../runtime/ports/store.ts'
import { type Batch, Medium } from './disk-medium.ts'
import { SimStore, type StoreDisk } from './disk-store.ts'

export interface SimDiskOptions {
  /** Runs `run` after `delayMs` of virtual time, never before `schedule` has returned. */
  readonly schedule: (delayMs: number, run: () => void) => void
  /** How long the next commit takes, in virtual milliseconds. Default 0.3 each. */
  readonly commitMs?: () => number
}

const commitMsDefault = 0.3

export class SimDisk implements StoreDisk {
  readonly #schedule: (delayMs: number, run: () => void) => void
  readonly #commitMs: () => number
  #medium = new Medium()
  /** What a power cut would leave, while the disk lies about its flushes. */
  #flushed: Medium | undefined = undefined
  #open: SimStore | undefined = undefined
  #inFlight: Batch | undefined = undefined
  #failure: string | undefined = undefined
  /** Commits that add more than fits are answered `full`; those that only remove always fit. */
  capacityBytes: number = Number.POSITIVE_INFINITY
  /** Commits that reached the medium since the disk was made. */
  commits = 0

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

  /** The process dies. What was in flight is on the disk whole (`kept`) or not at all, and nobody is told. */
  crash(inFlight: 'lost' | 'kept'): void {
    this.#open?.abandon()
    this.#open = undefined
    this.#failure = undefined
    const batch = this.#inFlight
    this.#inFlight = undefined
    if (batch !== undefined && inFlight === 'kept' && this.#flushed === undefined) this.#medium.apply(batch)
    if (this.#flushed === undefined) return
    this.#medium = this.#flushed
    this.#flushed = new Medium(this.#medium)
  }

  /** The disk is replaced by an empty one. The store must be closed or crashed. */
  wipe(): void {
    invariant(this.#open === undefined, 'S1: a disk was wiped under an open store')
    this.#medium = new Medium()
    if (this.#flushed !== undefined) this.#flushed = new Medium()
  }

  /** Flips a bit of one stored value; `choice` (0 to 1, excluded) says where. False when the disk is empty. */
  rot(choice: number): boolean {
    return this.#medium.rot(choice)
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
    this.#medium.apply(batch)
    this.commits += 1
    return { type: 'durable' }
  }
}
