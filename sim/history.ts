/**
 * What all clients did and were told, and the verdict on it: revisions never run backwards (while it runs), each register
 * is linearizable, sums are never seen torn, and nothing acknowledged is missing (at the end).
 */

import { Ledger } from './checkers/ledger.ts'
import { checkRegister, type RegisterOperation } from './checkers/linearizability.ts'
import { check } from './checkers/violation.ts'
import type { Operation, Outcome } from './operation.ts'

export interface HistoryNote {
  readonly client: string
  readonly operation: Operation
  readonly beganMs: number
  /** The newest revision anybody had been told when it began. */
  readonly floor: number
  endedMs: number | undefined
  outcome: Outcome | undefined
}

export class History {
  readonly ledger: Ledger = new Ledger()
  readonly #notes: HistoryNote[] = []
  undecided = 0

  get notes(): readonly HistoryNote[] {
    return this.#notes
  }

  began(client: string, operation: Operation, beganMs: number): HistoryNote {
    const note: HistoryNote = {
      client,
      operation,
      beganMs,
      floor: this.ledger.newest,
      endedMs: undefined,
      outcome: undefined,
    }
    this.#notes.push(note)
    return note
  }

  ended(note: HistoryNote, outcome: Outcome, endedMs: number): void {
    note.outcome = outcome
    if (outcome.type === 'unknown') return
    note.endedMs = endedMs
    const { operation, client, floor } = note
    const wrote = outcome.type === 'done' && outcome.succeeded && operation.type !== 'get' && operation.type !== 'list'
    this.ledger.answered(floor, outcome.revision, wrote, () => `${operation.type} of ${client}`)
    if (!wrote) return
    const { revision } = outcome
    if (operation.type === 'move') {
      for (const { key, value } of [operation.from, operation.to]) this.ledger.acknowledged({ key, value, revision })
    } else this.ledger.acknowledged({ key: operation.key, value: operation.value, revision })
  }

  count(type: Outcome['type']): number {
    return this.#notes.filter(({ outcome }) => outcome?.type === type).length
  }

  /** Judges every register by itself. */
  checkRegisters(): void {
    const registers = new Map<string, RegisterOperation[]>()
    for (const note of this.#notes) {
      const operation = registerOperation(note)
      if (operation === undefined) continue
      const register = registers.get(operation.key)
      if (register === undefined) registers.set(operation.key, [operation])
      else register.push(operation)
    }
    for (const [key, operations] of registers) {
      const verdict = checkRegister(operations, undefined)
      if (verdict.type === 'undecided') this.undecided += 1
      check(
        verdict.type !== 'impossible',
        'I16',
        () => `no order explains what was seen of '${key}':\n${operations.map(textOf).join('\n')}`,
      )
    }
  }

  /** Under `prefix` money only moves: whoever saw all accounts saw the same sum. */
  checkSum(prefix: string, sum: number, accounts: number): void {
    for (const { operation, outcome, client } of this.#notes) {
      if (operation.type !== 'list' || operation.prefix !== prefix || outcome?.type !== 'done') continue
      if (outcome.found.size < accounts) continue
      const seen = [...outcome.found.values()].reduce((total, value) => total + Number.parseInt(value, 10), 0)
      check(
        seen === sum,
        'I16',
        () => `${client} saw ${seen} in all accounts at revision ${outcome.revision}, there is ${sum}`,
      )
    }
  }
}

function registerOperation({
  operation,
  outcome,
  beganMs,
  endedMs,
}: HistoryNote): (RegisterOperation & { readonly key: string }) | undefined {
  if (outcome?.type === 'refused') return undefined
  switch (operation.type) {
    case 'put':
      return { type: 'put', key: operation.key, value: operation.value, beganMs, endedMs }
    case 'get':
      if (outcome?.type !== 'done') return undefined
      return { type: 'get', key: operation.key, found: outcome.found.get(operation.key), beganMs, endedMs }
    case 'cas': {
      const { key, expected, value } = operation
      return {
        type: 'cas',
        key,
        expected,
        value,
        ok: outcome?.type === 'done' ? outcome.succeeded : undefined,
        beganMs,
        endedMs,
      }
    }
    default:
      return undefined
  }
}

function textOf(operation: RegisterOperation): string {
  const { beganMs, endedMs, ...rest } = operation
  return `  ${beganMs.toFixed(3)} to ${endedMs?.toFixed(3) ?? 'nobody knows when'}: ${JSON.stringify(rest)}`
}
