/**
 * Looks for rot before somebody needs the value: walks both databases in small steps, from idle time.
 *
 * Each pair is checked three ways: its checksum (it is what was written), its place (keys ascend), and the way to it (a
 * look-up finds it, so the branch pages above are sound). When nothing was committed during a pass, and nothing was about
 * to be, the number of pairs is compared with the one LMDB keeps, so a subtree that vanished is noticed too.
 */
import { compareBytes, hex } from '../../../base/bytes.ts'
import { StoreCorrupt } from '../../ports/store.ts'
import type { Environment } from './environment.ts'
import type { Space } from './seal.ts'

export interface ScrubStep {
  /** `passed`: everything has been seen once; the next step starts over. */
  readonly type: 'more' | 'passed'
  readonly rows: number
}

const order: readonly Space[] = ['kv', 'log']
const stepBytesMax = 1024 * 1024

export class Scrubber {
  readonly #env: Environment
  readonly #commits: () => number | undefined
  #at = 0
  #last: Uint8Array | undefined = undefined
  #rows = 0
  #since: number | undefined = undefined

  /**
   * `commits` counts the durable commits of the store; undefined while one is under way, for readers may see it a while
   * before the store hears that it is durable.
   */
  constructor(env: Environment, commits: () => number | undefined) {
    this.#env = env
    this.#commits = commits
  }

  /**
   * Checks up to `rowsMax` pairs, or one megabyte.
   *
   * @throws {StoreCorrupt} Something is not what was written.
   */
  step(rowsMax: number): ScrubStep {
    const space = order[this.#at] as Space
    if (this.#last === undefined) this.#since = this.#commits()
    const keys = this.#walk(space, rowsMax)
    for (const key of keys) {
      if (this.#env.get(space, key) !== undefined) continue
      throw new StoreCorrupt(`S3: store ${this.#env.dir}: ${space} key ${hex(key)} exists but is not found`)
    }
    if (keys.length > 0) return { type: 'more', rows: keys.length }
    this.#checkCount(space)
    this.#last = undefined
    this.#rows = 0
    this.#at = this.#at === order.length - 1 ? 0 : this.#at + 1
    return { type: this.#at === 0 ? 'passed' : 'more', rows: 0 }
  }

  #walk(space: Space, rowsMax: number): Uint8Array[] {
    const keys: Uint8Array[] = []
    let bytes = 0
    // The first key behind the last one seen: the same bytes and a zero.
    const from = this.#last === undefined ? new Uint8Array(0) : Buffer.concat([this.#last, Buffer.alloc(1)])
    this.#env.scan(space, { from, to: undefined, limit: rowsMax }, (key, payload) => {
      if (this.#last !== undefined && compareBytes(this.#last, key) >= 0) {
        throw new StoreCorrupt(`S3: store ${this.#env.dir}: ${space} keys are out of order at ${hex(key)}`)
      }
      this.#last = key
      keys.push(key)
      bytes += payload.length
      return bytes < stepBytesMax
    })
    this.#rows += keys.length
    return keys
  }

  #checkCount(space: Space): void {
    const counted = this.#env.count(space)
    if (this.#since === undefined || this.#commits() !== this.#since || counted === this.#rows) return
    throw new StoreCorrupt(
      `S3: store ${this.#env.dir}: ${space} should hold ${counted} pairs, but ${this.#rows} were found`,
    )
  }
}
