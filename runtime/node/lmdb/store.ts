/**
 * The `Store` port on LMDB: one environment, owned by the thread that opened it.
 *
 *   commit ─▶ plan (checks, seals) ─▶ committer (one transaction on LMDB's thread) ─▶ bounds of logs ─▶ done
 *   get, range, log ─▶ environment ─▶ unseal ─▶ the caller's own bytes
 *
 * Guarantees S1 to S4 of the port, and
 *   S5  from `commit` until `done`, a log's view hides what the commit cuts and does not yet show what it appends
 *   S6  a store is opened only by the member whose identity it carries
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { invariant } from '../../../base/assert.ts'
import {
  type CommitOutcome,
  type LogView,
  type RangeOptions,
  type Store,
  StoreCorrupt,
  type StoreStats,
  type Write,
} from '../../ports/store.ts'
import { syncDirectory } from '../durable-file.ts'
import { Committer, freeBytesOf } from './committer.ts'
import { Environment, holdsStore, type Span } from './environment.ts'
import { checkIdentity, encodeIdentity, identityKey, type StoreIdentity, StoreRefused } from './identity.ts'
import { inspectFile } from './inspect.ts'
import { LmdbLog, loadLogs } from './log.ts'
import { type Plan, planCommit } from './plan.ts'
import { Scrubber, type ScrubStep } from './scrub.ts'
import { seal } from './seal.ts'

/** Plain data, but for `onFull`: it may be sent to the thread that is to open the store. */
export interface LmdbStoreOptions {
  readonly dir: string
  readonly identity: StoreIdentity
  /** A commit that takes longer is taken for lost. Default 30_000. */
  readonly watchdogMs?: number
  /** Called when a commit found no room, before its outcome is reported: the place to free a reserve. */
  readonly onFull?: () => void
}

export interface LmdbStore extends Store {
  /**
   * Verifies up to `rowsMax` stored values, continuing where the last call stopped. For idle time.
   *
   * @throws {StoreCorrupt} Rot was found.
   */
  scrub(rowsMax: number): ScrubStep
  /** Commits that succeeded only at the second attempt. */
  readonly commitRetries: number
}

const watchdogMsDefault = 30_000
const chunkRowsFirst = 32
const chunkRowsMax = 1_024
const chunkBytesMax = 1024 * 1024

/**
 * Makes an empty store in `dir` and closes it again.
 *
 * @throws {RangeError} There is a store in `dir`.
 */
export async function createLmdbStore(dir: string, identity: StoreIdentity): Promise<void> {
  if (holdsStore(dir)) throw new RangeError(`create store ${dir}: wanted no store there, but there is one`)
  mkdirSync(dir, { recursive: true })
  const env = new Environment(dir, 'readWrite')
  const sealed = seal('identity', identityKey, encodeIdentity(identity))
  await env.write([{ space: 'identity', key: identityKey, sealed }])
  await env.close()
  // The file is on the disk, but is its name?
  syncDirectory(dir)
  syncDirectory(dirname(dir))
}

/**
 * Opens the store in `dir`. Synchronous: it seeks each log and reads nothing else.
 *
 * @throws {StoreRefused} There is no store, or it is another's.
 * @throws {StoreCorrupt} It is damaged. Not every damage shows here without killing the process: `checkStores` first.
 */
export function openLmdbStore(options: LmdbStoreOptions): LmdbStore {
  const verdict = inspectFile(options.dir)
  if (verdict.type === 'missing') throw new StoreRefused(`open store ${options.dir}: wanted a store, but there is none`)
  if (verdict.type === 'damaged') throw new StoreCorrupt(`open store ${options.dir}: it is damaged: ${verdict.reason}`)
  return new OpenStore(options)
}

class OpenStore implements LmdbStore {
  readonly #env: Environment
  readonly #committer: Committer
  readonly #scrubber: Scrubber
  readonly #logs: Map<string, LmdbLog>
  readonly #onFull: (() => void) | undefined
  #inFlight: Plan | undefined = undefined
  #commits = 0
  #closing = false
  #drained: (() => void) | undefined = undefined

  constructor({ dir, identity, watchdogMs = watchdogMsDefault, onFull }: LmdbStoreOptions) {
    this.#env = new Environment(dir, 'readWrite')
    try {
      checkIdentity(`open store ${dir}`, this.#env.get('identity', identityKey), identity)
      this.#logs = loadLogs(this.#env)
    } catch (error) {
      void this.#env.close()
      throw error
    }
    this.#onFull = onFull
    this.#committer = new Committer({
      write: (steps) => this.#env.write(steps),
      freeBytes: () => freeBytesOf(dir),
      watchdogMs,
    })
    this.#scrubber = new Scrubber(this.#env, () => (this.#inFlight === undefined ? this.#commits : undefined))
  }

  get commitRetries(): number {
    return this.#committer.retries
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen('get')
    return this.#env.get('kv', key)
  }

  *range(options: RangeOptions): Generator<readonly [key: Uint8Array, value: Uint8Array], void, undefined> {
    this.#checkOpen('range')
    const commits = this.#commits
    let left = options.limit ?? Number.POSITIVE_INFINITY
    let rows = chunkRowsFirst
    let { from, to } = options
    // Chunk by chunk, so that no cursor is open while the caller does something else, or never comes back.
    while (left > 0) {
      invariant(commits === this.#commits && !this.#closing, 'S1: a range was read on after a commit or close')
      const limit = Math.min(left, rows)
      const { chunk, end } = this.#chunk({ from, to, limit, reverse: options.reverse === true })
      yield* chunk
      const last = chunk.at(-1)
      if (end || last === undefined) return
      left -= chunk.length
      rows = Math.min(rows * 4, chunkRowsMax)
      if (options.reverse === true) to = last[0]
      else from = Buffer.concat([last[0], Buffer.alloc(1)])
    }
  }

  logNames(): string[] {
    this.#checkOpen('logNames')
    const names: string[] = []
    for (const [name, log] of this.#logs) if (log.bounds !== undefined) names.push(name)
    return names.sort()
  }

  log(name: string): LogView {
    this.#checkOpen('log')
    return this.#log(name)
  }

  commit(writes: readonly Write[], done: (outcome: CommitOutcome) => void): void {
    this.#checkOpen('commit')
    invariant(this.#inFlight === undefined, 'S4: a commit was begun while another is in flight')
    const plan = planCommit(writes, {
      bounds: (log) => this.#logs.get(log)?.bounds,
      keys: (from, to) => this.#env.keys('kv', { from, to }),
    })
    this.#inFlight = plan
    for (const [name, { shared }] of plan.logs) this.#log(name).share(shared)
    this.#committer.run(plan.steps, plan.bytes, (outcome) => this.#settle(plan, outcome, done))
  }

  stats(): StoreStats {
    this.#checkOpen('stats')
    const { fileBytes, liveBytes } = this.#env.stats()
    return { fileBytes, liveBytes }
  }

  scrub(rowsMax: number): ScrubStep {
    this.#checkOpen('scrub')
    return this.#scrubber.step(rowsMax)
  }

  close(done: () => void): void {
    this.#checkOpen('close')
    this.#closing = true
    const release = (): void => {
      // A commit that never ended holds a lock that closing waits for: the process is about to end anyway.
      if (this.#committer.stuck) setImmediate(done)
      else void this.#env.close().then(done)
    }
    if (this.#inFlight === undefined) release()
    else this.#drained = release
  }

  #settle(plan: Plan, outcome: CommitOutcome, done: (outcome: CommitOutcome) => void): void {
    this.#inFlight = undefined
    const durable = outcome.type === 'durable'
    if (durable) this.#commits += 1
    for (const [name, { after }] of plan.logs) {
      const log = this.#log(name)
      log.settle(durable ? after : log.bounds)
    }
    if (outcome.type === 'full') this.#onFull?.()
    try {
      done(outcome)
    } finally {
      this.#drained?.()
    }
  }

  /** Up to `span.limit` pairs, or a megabyte; `end`: there are no more. */
  #chunk(span: Span & { readonly limit: number }): {
    readonly chunk: (readonly [Uint8Array, Uint8Array])[]
    readonly end: boolean
  } {
    const chunk: (readonly [Uint8Array, Uint8Array])[] = []
    let bytes = 0
    this.#env.scan('kv', span, (key, value) => {
      chunk.push([key, value])
      bytes += value.length
      return bytes < chunkBytesMax
    })
    return { chunk, end: chunk.length < span.limit && bytes < chunkBytesMax }
  }

  #log(name: string): LmdbLog {
    let log = this.#logs.get(name)
    if (log === undefined) {
      log = new LmdbLog(this.#env, name, undefined)
      this.#logs.set(name, log)
    }
    return log
  }

  #checkOpen(action: string): void {
    if (this.#closing) throw new Error(`${action}: wanted an open store, but ${this.#env.dir} is closed`)
  }
}
