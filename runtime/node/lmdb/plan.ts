/**
 * Turns the writes of a commit into steps for LMDB, before anything is queued: a caller's mistake throws here, while
 * nothing has happened yet. LMDB performs the steps in order, so a later write of a key wins by itself; only what
 * removes many keys must be spelled out.
 */
import { compareBytes } from '../../../base/bytes.ts'
import { type LogBounds, LogPlan, type LogWrite, type PlannedLog } from '../../ports/log-bounds.ts'
import type { Write } from '../../ports/store.ts'
import { checkBound, checkKey, checkValue } from '../../ports/store-limits.ts'
import type { Step } from './environment.ts'
import { encodeEntry, encodeHeader, entryKey, headerKey } from './log.ts'
import { type Space, seal } from './seal.ts'

export interface Plan {
  readonly steps: readonly Step[]
  /** Sum of the keys and sealed values. */
  readonly bytes: number
  /** Logs that the commit touches. */
  readonly logs: ReadonlyMap<string, PlannedLog>
}

/** What the plan must know of the durable state. */
export interface Present {
  bounds(log: string): LogBounds | undefined
  keys(from: Uint8Array, to: Uint8Array): readonly Uint8Array[]
}

/** @throws {RangeError} A write breaks a bound of the store or the order of a log. */
export function planCommit(writes: readonly Write[], present: Present): Plan {
  const planner = new Planner(present)
  for (let i = 0; i < writes.length; i++) planner.add(writes, i)
  return planner.plan()
}

class Planner {
  readonly #present: Present
  readonly #steps: Step[] = []
  readonly #logs: LogPlan
  #bytes = 0

  constructor(present: Present) {
    this.#present = present
    this.#logs = new LogPlan((log) => present.bounds(log))
  }

  add(writes: readonly Write[], at: number): void {
    const write = writes[at] as Write
    switch (write.type) {
      case 'put':
        checkKey('put', write.key)
        checkValue(write.value)
        this.#put('kv', write.key, write.value)
        break
      case 'delete':
        checkKey('delete', write.key)
        this.#remove('kv', write.key)
        break
      case 'deleteRange':
        this.#removeRange(write.from, write.to, writes, at)
        break
      default:
        this.#changeLog(write)
    }
  }

  plan(): Plan {
    return { steps: this.#steps, bytes: this.#bytes, logs: this.#logs.logs }
  }

  #removeRange(from: Uint8Array, to: Uint8Array, writes: readonly Write[], at: number): void {
    checkBound(from)
    checkBound(to)
    if (compareBytes(from, to) >= 0) return
    for (const key of this.#present.keys(from, to)) this.#remove('kv', key)
    // What this very commit put there before is not in the store yet.
    for (let i = 0; i < at; i++) {
      const earlier = writes[i] as Write
      if (earlier.type !== 'put') continue
      if (compareBytes(earlier.key, from) >= 0 && compareBytes(earlier.key, to) < 0) this.#remove('kv', earlier.key)
    }
  }

  #changeLog(write: LogWrite): void {
    const header = headerKey(write.log)
    const { before, after, removeFrom, removeTo } = this.#logs.next(write)
    if (write.type === 'logAppend') {
      for (const entry of write.entries) this.#put('log', entryKey(header, entry.index), encodeEntry(entry))
    }
    for (let index = removeFrom; index <= removeTo; index++) this.#remove('log', entryKey(header, index))
    if (after === undefined) {
      if (before !== undefined) this.#remove('log', header)
    } else if (before === undefined || after.first !== before.first || after.baseTerm !== before.baseTerm) {
      this.#put('log', header, encodeHeader(after))
    }
  }

  #put(space: Space, key: Uint8Array, payload: Uint8Array): void {
    const sealed = seal(space, key, payload)
    this.#bytes += key.length + sealed.length
    this.#steps.push({ space, key, sealed })
  }

  #remove(space: Space, key: Uint8Array): void {
    this.#bytes += key.length
    this.#steps.push({ space, key, sealed: undefined })
  }
}
