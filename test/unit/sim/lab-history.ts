/** Histories for the judges, written by hand or made at random. */

import { applyTo, carryOut, type StoreOperation } from '../../../sim/checkers/store-model.ts'
import type { HistoryNote, Operation, Outcome, Txn, TxnSeen } from '../../../sim/operation.ts'

/** Who did what when: `[began, ended]`, ended undefined where nobody was told. */
export function note(
  span: readonly [began: number, ended?: number],
  operation: Operation,
  outcome?: Outcome,
  client: string = 'alice',
): HistoryNote {
  const [began, ended] = span
  return {
    client,
    operation,
    beganMs: began,
    began,
    floor: 0,
    endedMs: ended,
    ended,
    outcome: ended === undefined ? undefined : outcome,
  }
}

/** An end at `revision`. */
export function done(
  revision: number,
  found: Readonly<Record<string, string>> = {},
  succeeded: boolean = true,
): Outcome & { type: 'done' } {
  return { type: 'done', revision, succeeded, found: new Map(Object.entries(found)) }
}

export function txnDone(revision: number, seen: TxnSeen): Outcome {
  return { type: 'done', revision, succeeded: seen.succeeded, found: new Map(), seen }
}

export const put = (key: string, value: string): Operation => ({ type: 'put', key, value })
export const get = (key: string): Operation => ({ type: 'get', key })
export const list = (prefix: string): Operation => ({ type: 'list', prefix })
export const cas = (key: string, expected: string | undefined, value: string): Operation => ({
  type: 'cas',
  key,
  expected,
  value,
})

/** A choice of 0 to `count - 1`. */
export type Choose = (count: number) => number

/** A generator of whole numbers that is the same everywhere: histories of ten thousand are no matter for fast-check. */
export function chooser(seed: number): Choose {
  let state = seed >>> 0 || 1
  return (count) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    state = (state ^ (state >>> 13)) >>> 0
    return state % count
  }
}

export interface MadeHistory {
  readonly keys: number
  readonly operations: number
  /** How many are under way at once. */
  readonly clients: number
  /** One in so many is never answered; 0: none. */
  readonly lostOneIn: number
  /** Without transactions and ranges. */
  readonly single?: boolean
}

/**
 * A history that a store made: each operation takes effect at one moment between its beginning and its end, and has the
 * revision that moment gives it.
 */
export function makeHistory(choose: Choose, shape: MadeHistory): HistoryNote[] {
  const pairs = new Map<string, string>()
  const mods = new Map<string, number>()
  const notes: HistoryNote[] = []
  let revision = 1
  let moment = 0
  const open: { note: HistoryNote; done: boolean }[] = []
  let begun = 0
  const effect = (at: { note: HistoryNote; done: boolean }): void => {
    at.done = true
    const operation = at.note.operation as StoreOperation
    const { changes, answer } = carryOut(pairs, operation)
    applyTo(pairs, changes)
    if (changes.size > 0) revision += 1
    for (const key of changes.keys()) mods.set(key, revision)
    const shown = [...answer.found.keys()].map((key): [string, number] => [key, mods.get(key) as number])
    at.note.outcome = { type: 'done', revision, ...answer, mods: new Map(shown) }
  }
  while (begun < shape.operations || open.length > 0) {
    moment += 1
    const at = open[choose(Math.max(1, open.length))]
    if (begun < shape.operations && (at === undefined || (open.length < shape.clients && choose(2) === 0))) {
      begun += 1
      const made = note([moment], makeOperation(choose, shape, begun, pairs), undefined, `client-${open.length}`)
      notes.push(made)
      open.push({ note: made, done: false })
    } else if (at !== undefined && !at.done && choose(2) === 0) effect(at)
    else if (at !== undefined) {
      const lost = shape.lostOneIn > 0 && choose(shape.lostOneIn) === 0
      if (!at.done && !(lost && choose(2) === 0)) effect(at)
      if (lost) at.note.outcome = undefined
      else {
        at.note.ended = moment
        at.note.endedMs = moment
      }
      open.splice(open.indexOf(at), 1)
    }
  }
  return notes
}

function makeOperation(
  choose: Choose,
  { keys, single }: MadeHistory,
  number: number,
  pairs: ReadonlyMap<string, string>,
): Operation {
  const key = `k${choose(keys)}`
  const other = `k${choose(keys)}`
  const value = `v${number}`
  // Mostly what is there, so that comparing succeeds now and then.
  const expected = choose(4) === 0 ? `v${choose(number)}` : pairs.get(key)
  switch (choose(single === true ? 4 : 7)) {
    case 0:
      return put(key, value)
    case 1:
    case 2:
      return get(key)
    case 3:
      return cas(key, expected, value)
    case 4:
      return list('k')
    case 5: {
      if (key === other || expected === undefined || pairs.get(other) === undefined) return put(key, value)
      const to = { key: other, expected: pairs.get(other) as string, value: `${value}+` }
      return { type: 'move', from: { key, expected, value: `${value}-` }, to }
    }
    default: {
      const inner: Txn = {
        type: 'txn',
        compare: [{ key: other, expected: undefined }],
        success: [],
        failure: [{ type: 'get', key: other }],
      }
      return {
        type: 'txn',
        compare: [{ key, expected }],
        success: [{ type: 'put', key, value }, inner],
        failure: [{ type: 'list', prefix: 'k' }],
      }
    }
  }
}
