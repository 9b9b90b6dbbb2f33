/**
 * The order that a store itself claims. Every write has a revision of its own and every read names the revision it is of; so
 * a history proposes its own linearization, and to verify one is far cheaper than to find one (n log n):
 *
 *   contents   carried out in the order of revisions, every operation is answered as its client was told
 *   time       nothing stands before what had ended when it began
 *
 * Both hold: the history is linearizable, for here is the order. One of them breaks: a `contradiction`, whatever another
 * order might explain, for the store has promised this one. Only what clients never learned the outcome of can leave it open
 * (`unexplained`); then the search of `partition.ts` is the judge.
 *
 * Reads of the past and reads of one replica (which may be old) take no part in time, but are held against the contents as
 * of their revision: they are never torn.
 */
import { type HistoryNote, mayWrite, type Operation, type Outcome, wrote } from '../operation.ts'
import {
  agrees,
  applyTo,
  carryOut,
  type Pairs,
  pairsUnder,
  puttable,
  type StoreOperation,
  samePairs,
  touches,
  writable,
} from './store-model.ts'

/** A version of a key that somebody holds or was shown: evidence of who wrote it, where its writer never learned. */
export interface Version {
  readonly key: string
  readonly value: string
  readonly revision: number
}

export type OrderVerdict =
  | { readonly type: 'linearizable' }
  | { readonly type: 'contradiction'; readonly text: string }
  | { readonly type: 'unexplained'; readonly text: string }

type Told = Outcome & { type: 'done' }

interface Placed {
  readonly note: HistoryNote
  readonly told: Told | undefined
  /** The revision whose contents it is of. */
  readonly revision: number
  readonly wrote: boolean
}

/** @param versions - What replicas hold at the end, where that is known. */
export function checkRevisionOrder(notes: readonly HistoryNote[], versions: readonly Version[] = []): OrderVerdict {
  const evidence = evidenceOf(notes, versions)
  const { placed, lost } = place(notes, evidence)
  placed.sort(byRevision)
  return checkTwice(placed) ?? checkContents(placed, lost) ?? checkTime(placed) ?? { type: 'linearizable' }
}

/** `key\0value` → the revision that wrote it. */
function evidenceOf(notes: readonly HistoryNote[], versions: readonly Version[]): ReadonlyMap<string, number> {
  const evidence = new Map<string, number>()
  for (const { key, value, revision } of versions) evidence.set(`${key}\u0000${value}`, revision)
  for (const { outcome } of notes) {
    if (outcome?.type !== 'done' || outcome.mods === undefined) continue
    for (const [key, revision] of outcome.mods) evidence.set(`${key}\u0000${outcome.found.get(key)}`, revision)
  }
  return evidence
}

/** Everything that has a revision, and the writes of which nobody knows whether they have one. */
function place(
  notes: readonly HistoryNote[],
  evidence: ReadonlyMap<string, number>,
): { readonly placed: Placed[]; readonly lost: readonly Operation[] } {
  const placed: Placed[] = []
  const lost: Operation[] = []
  for (const note of notes) {
    const { operation, outcome } = note
    if (outcome?.type === 'done') {
      const revision = operation.type === 'listAt' ? operation.revision : outcome.revision
      placed.push({ note, told: outcome, revision, wrote: wrote(operation, outcome) })
    } else if (outcome?.type !== 'refused' && mayWrite(operation)) {
      const revision = shownAt(operation, evidence)
      if (revision === undefined) lost.push(operation)
      else placed.push({ note, told: undefined, revision, wrote: true })
    }
  }
  return { placed, lost }
}

function shownAt(operation: Operation, evidence: ReadonlyMap<string, number>): number | undefined {
  for (const [key, value] of puttable(operation)) {
    const revision = evidence.get(`${key}\u0000${value}`)
    if (revision !== undefined) return revision
  }
  return undefined
}

/** A write before the reads of its revision; those in the order they began, which no order of theirs can break. */
function byRevision(a: Placed, b: Placed): number {
  if (a.revision !== b.revision) return a.revision - b.revision
  if (a.wrote !== b.wrote) return a.wrote ? -1 : 1
  return a.note.began - b.note.began
}

function checkTwice(placed: readonly Placed[]): OrderVerdict | undefined {
  for (let i = 1; i < placed.length; i++) {
    const [one, two] = [placed[i - 1] as Placed, placed[i] as Placed]
    if (one.wrote && two.wrote && one.revision === two.revision)
      return contradiction(`two writes have revision ${one.revision}: ${textOf(one.note)} and ${textOf(two.note)}`)
  }
  return undefined
}

function checkContents(placed: readonly Placed[], lost: readonly Operation[]): OrderVerdict | undefined {
  const pairs = new Map<string, string>()
  const mods = new Map<string, number>()
  // Nobody knows whether these keys were written once more, and when.
  const doubtful = new Set(lost.flatMap(writable))
  for (const each of placed) {
    const { note, revision } = each
    const text = contradictionOf(each, pairs, mods)
    if (text !== undefined) {
      const open = [...doubtful].some((key) => touches(note.operation, key))
      return { type: open ? 'unexplained' : 'contradiction', text: `${textOf(note)} ${text}` }
    }
    if (!each.wrote || !isOfStore(note.operation)) continue
    const { changes } = carryOut(pairs, note.operation)
    applyTo(pairs, changes)
    for (const key of changes.keys()) mods.set(key, revision)
  }
  return undefined
}

function contradictionOf(
  { note, told, revision, wrote: writes }: Placed,
  pairs: Pairs,
  mods: ReadonlyMap<string, number>,
): string | undefined {
  const { operation } = note
  if (operation.type === 'peek' || operation.type === 'listAt') {
    const wanted = pairsUnder(pairs, operation.prefix)
    if (told !== undefined && !samePairs(told.found, wanted))
      return `differs from what there was as of revision ${revision}: ${shown(wanted)}`
  } else if (isOfStore(operation)) {
    const { changes, answer } = carryOut(pairs, operation)
    const right = (told === undefined || agrees(operation, told, answer)) && writes === changes.size > 0
    if (!right) return `does not fit what was written up to revision ${revision}: ${shown(pairs)}`
  }
  for (const [key, mod] of told?.mods ?? []) {
    if (mods.get(key) !== mod) return `was shown ${key} as of revision ${mod}, its newest is of ${mods.get(key)}`
  }
  return undefined
}

/** What stands later in the order did not end before what stands earlier began. */
function checkTime(placed: readonly Placed[]): OrderVerdict | undefined {
  let first: HistoryNote | undefined
  for (let i = placed.length - 1; i >= 0; i--) {
    const { note } = placed[i] as Placed
    if (note.operation.type === 'peek' || note.operation.type === 'listAt') continue
    if (first?.ended !== undefined && first.ended < note.began)
      return contradiction(`${textOf(first)} had ended when ${textOf(note)} began, and stands after it`)
    if (note.ended !== undefined && (first?.ended === undefined || note.ended < first.ended)) first = note
  }
  return undefined
}

function isOfStore(operation: Operation): operation is StoreOperation {
  switch (operation.type) {
    case 'put':
    case 'get':
    case 'cas':
    case 'move':
    case 'list':
    case 'txn':
      return true
    default:
      return false
  }
}

function contradiction(text: string): OrderVerdict {
  return { type: 'contradiction', text }
}

function shown(pairs: Pairs): string {
  return JSON.stringify(Object.fromEntries(pairs))
}

export function textOf({ client, operation, outcome, beganMs, endedMs }: HistoryNote): string {
  const told =
    outcome?.type === 'done'
      ? ` → ${outcome.succeeded ? '' : 'not '}at revision ${outcome.revision}, found ${shown(outcome.found)}`
      : ` → ${outcome?.type ?? 'no end'}`
  const span = `${beganMs.toFixed(3)} to ${endedMs?.toFixed(3) ?? 'nobody knows when'}`
  return `[${client} ${span}: ${JSON.stringify(operation)}${told}]`
}
