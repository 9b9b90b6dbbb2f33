/**
 * What all clients did and were told, and the verdict on it: revisions never run backwards (while it runs), what was seen
 * fits one order, and nothing acknowledged is missing (at the end).
 */
import { type HeldVersion, Ledger } from './checkers/ledger.ts'
import { checkStore } from './checkers/partition.ts'
import { checkRevisionOrder, textOf } from './checkers/revision-order.ts'
import { putsOf, stepsOf } from './checkers/store-model.ts'
import { check } from './checkers/violation.ts'
import { type HistoryNote, type Operation, type Outcome, wrote } from './operation.ts'

export type { HistoryNote } from './operation.ts'

export class History {
  readonly ledger: Ledger = new Ledger()
  readonly #notes: HistoryNote[] = []
  #moments = 0
  /** Searches that were given up. */
  undecided = 0

  get notes(): readonly HistoryNote[] {
    return this.#notes
  }

  began(client: string, operation: Operation, beganMs: number): HistoryNote {
    const note: HistoryNote = {
      client,
      operation,
      beganMs,
      began: this.#moments++,
      floor: this.ledger.newest,
      endedMs: undefined,
      ended: undefined,
      outcome: undefined,
    }
    this.#notes.push(note)
    return note
  }

  ended(note: HistoryNote, outcome: Outcome, endedMs: number): void {
    note.outcome = outcome
    if (outcome.type === 'unknown') return
    note.endedMs = endedMs
    note.ended = this.#moments++
    if (outcome.type === 'told' || outcome.type === 'observed' || outcome.type === 'watched') return
    const { operation, client, floor } = note
    // What one replica has applied may be old.
    if (operation.type === 'peek') return
    const changed = wrote(operation, outcome)
    this.ledger.answered(floor, outcome.revision, changed, () => `${operation.type} of ${client}`)
    if (!changed || outcome.type !== 'done') return
    for (const [key, value] of putsOf(operation, outcome))
      this.ledger.acknowledged({ key, value, revision: outcome.revision })
  }

  /** Keys that some operation may have deleted. */
  get deletable(): ReadonlySet<string> {
    const keys = new Set<string>()
    for (const { operation } of this.#notes) {
      if (operation.type !== 'txn') continue
      for (const step of stepsOf(operation)) if (step.type === 'delete') keys.add(step.key)
    }
    return keys
  }

  count(type: Outcome['type']): number {
    return this.#notes.filter(({ outcome }) => outcome?.type === type).length
  }

  /**
   * Judges all that clients saw: by the order that revisions claim, and where that leaves something open, by search.
   *
   * @param versions - What replicas hold, where that is known.
   */
  checkOrder(versions: readonly HeldVersion[] = []): void {
    const verdict = checkRevisionOrder(this.#notes, versions)
    check(
      verdict.type !== 'contradiction',
      'I16',
      () => `revisions tell another story: ${(verdict as { text: string }).text}`,
    )
    if (verdict.type === 'linearizable') return
    const found = checkStore(this.#notes)
    if (found.verdict.type === 'undecided') this.undecided += 1
    check(
      found.verdict.type !== 'impossible',
      'I16',
      () => `no order explains what was seen of ${found.part?.keys.join()}:\n${this.#notes.map(textOf).join('\n')}`,
    )
  }
}
