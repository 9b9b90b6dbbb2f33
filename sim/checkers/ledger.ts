/**
 * What clients were promised: every acknowledged write with its revision, and the newest revision anybody was told of.
 *
 *   while it runs   who asks after an answer was given is answered at that revision or a later one, a write above it (I16)
 *   at the end      every acknowledged write is in the history of every replica, under its revision (I21), and nothing
 *                   that was written once is there twice (I20)
 */
import { check } from './violation.ts'

export interface AckedWrite {
  readonly key: string
  readonly value: string
  readonly revision: number
}

/** What a replica may have forgotten: the past up to a revision, but for what was the newest then. */
export interface Compacted {
  /** -1: nothing was compacted. */
  readonly revision: number
  /** Keys that may have been deleted: of those nothing need be left. */
  readonly deletable: ReadonlySet<string>
}

const wholeHistory: Compacted = { revision: -1, deletable: new Set() }

/** One version of a key, as a replica holds it. */
export interface HeldVersion {
  readonly key: string
  readonly value: string
  readonly revision: number
}

export class Ledger {
  readonly #writes: AckedWrite[] = []
  #newest = 0

  get writes(): readonly AckedWrite[] {
    return this.#writes
  }

  /** The revision that any operation which begins now must not fall behind. */
  get newest(): number {
    return this.#newest
  }

  /** An operation that began when `newest` was `floor` was answered at `revision`. */
  answered(floor: number, revision: number, wrote: boolean, text: () => string): void {
    const right = wrote ? revision > floor : revision >= floor
    check(right, 'I16', () => `${text()} was answered at revision ${revision}, after ${floor} had been told`)
    if (revision > this.#newest) this.#newest = revision
  }

  acknowledged(write: AckedWrite): void {
    this.#writes.push(write)
  }

  /** Compares with everything a replica holds; values are unique to a request. */
  checkAgainst(replica: string, versions: readonly HeldVersion[], compacted: Compacted = wholeHistory): void {
    const held = new Map<string, HeldVersion>()
    /** The newest version of each key that a compaction has to keep. */
    const kept = new Map<string, number>()
    const byValue = new Map<string, number>()
    for (const version of versions) {
      held.set(`${version.revision} ${version.key}`, version)
      if (version.revision <= compacted.revision) kept.set(version.key, version.revision)
      const other = byValue.get(version.value) ?? version.revision
      check(
        other === version.revision,
        'I20',
        () =>
          `${replica}: ${JSON.stringify(version.value)} was written twice, at revisions ${other} and ${version.revision}`,
      )
      byValue.set(version.value, version.revision)
    }
    for (const { key, value, revision } of this.#writes) {
      const found = held.get(`${revision} ${key}`)
      const overwritten = revision <= compacted.revision && (kept.get(key) ?? 0) > revision
      const forgotten =
        found === undefined && (overwritten || (revision <= compacted.revision && compacted.deletable.has(key)))
      check(
        found?.value === value || forgotten,
        'I21',
        () =>
          `${replica}: the acknowledged write ${key} = ${value} of revision ${revision} is gone, found ${found?.value}`,
      )
    }
  }
}
