/**
 * Histories of a whole store, judged by search in parts: keys that no operation ever touched together cannot tell of one
 * another, so their histories are linearizable together when each is by itself (Herlihy and Wing's locality).
 */
import type { HistoryNote, Operation, Outcome } from '../operation.ts'
import { type Interval, type LinearizabilityVerdict, linearize, type Model, searchStepsMax } from './linearizability.ts'
import { agrees, applyTo, carryOut, type Pairs, type StoreOperation, stepsOf } from './store-model.ts'

export interface StoreCall {
  readonly operation: StoreOperation
  /** Undefined: nobody knows. */
  readonly told: (Outcome & { type: 'done' }) | undefined
}

export interface Part {
  /** In order of appearance. */
  readonly keys: readonly string[]
  readonly calls: readonly Interval<StoreCall>[]
}

interface StoreState {
  readonly pairs: Pairs
  text: string | undefined
}

export class StoreModel implements Model<StoreState, StoreCall> {
  readonly initial: StoreState

  constructor(initial: Pairs = new Map()) {
    this.initial = { pairs: initial, text: undefined }
  }

  step(state: StoreState, { operation, told }: StoreCall): StoreState | undefined {
    const { changes, answer } = carryOut(state.pairs, operation)
    if (told !== undefined && !agrees(operation, told, answer)) return undefined
    if (changes.size === 0) return state
    const pairs = new Map(state.pairs)
    applyTo(pairs, changes)
    return { pairs, text: undefined }
  }

  reads({ operation, told }: StoreCall): boolean {
    switch (operation.type) {
      case 'get':
      case 'list':
        return true
      case 'cas':
      case 'move':
        return told !== undefined && !told.succeeded
      case 'txn':
        return stepsOf(operation).every(({ type }) => type !== 'put' && type !== 'delete')
      default:
        return false
    }
  }

  key(state: StoreState): string {
    if (state.text !== undefined) return state.text
    const pairs = [...state.pairs].sort(([a], [b]) => (a < b ? -1 : 1))
    state.text = JSON.stringify(pairs)
    return state.text
  }
}

/** Judges every part by itself; `impossible` of one is `impossible` of all. */
export function checkStore(
  notes: readonly HistoryNote[],
  stepsMax: number = searchStepsMax,
): { readonly verdict: LinearizabilityVerdict; readonly part: Part | undefined } {
  let undecided: Part | undefined
  for (const part of partsOf(notes)) {
    const verdict = linearize(new StoreModel(), part.calls, stepsMax)
    if (verdict.type === 'impossible') return { verdict, part }
    if (verdict.type === 'undecided') undecided = part
  }
  return undecided === undefined
    ? { verdict: { type: 'linearizable' }, part: undefined }
    : { verdict: { type: 'undecided' }, part: undecided }
}

/** The history as parts that share no key. What says nothing (a read without an answer, what was refused) is left out. */
export function partsOf(notes: readonly HistoryNote[]): readonly Part[] {
  const calls = notes.flatMap(callOf)
  const keys = new Set<string>()
  for (const { call } of calls) for (const key of keysOf(call)) keys.add(key)
  const owner = new Map<string, string>()
  const root = (key: string): string => {
    let at = key
    for (let up = owner.get(at); up !== undefined; up = owner.get(at)) at = up
    return at
  }
  const join = (a: string, b: string): void => {
    const [top, other] = [root(a), root(b)]
    if (top !== other) owner.set(other, top)
  }
  const touched = calls.map(({ call }) => [
    ...keysOf(call),
    ...prefixesOf(call).flatMap((prefix) => under(keys, prefix)),
  ])
  for (const [first, ...rest] of touched) if (first !== undefined) for (const key of rest) join(first, key)
  const parts = new Map<string, { keys: string[]; calls: Interval<StoreCall>[] }>()
  for (const key of keys) {
    const part = parts.get(root(key))
    if (part === undefined) parts.set(root(key), { keys: [key], calls: [] })
    else part.keys.push(key)
  }
  for (const [at, interval] of calls.entries()) {
    const first = touched[at]?.[0]
    if (first !== undefined) parts.get(root(first))?.calls.push(interval)
  }
  return [...parts.values()]
}

function callOf({ operation, outcome, began, ended }: HistoryNote): readonly Interval<StoreCall>[] {
  if (outcome?.type === 'refused' || outcome?.type === 'told') return []
  const told = outcome?.type === 'done' ? outcome : undefined
  switch (operation.type) {
    case 'get':
    case 'list':
      return told === undefined ? [] : [{ call: { operation, told }, began, ended }]
    case 'put':
    case 'cas':
    case 'move':
      return [{ call: { operation, told }, began, ended: told === undefined ? undefined : ended }]
    case 'txn': {
      const call: StoreCall = { operation, told }
      return told === undefined && stepsOf(operation).every(({ type }) => type !== 'put' && type !== 'delete')
        ? []
        : [{ call, began, ended: told === undefined ? undefined : ended }]
    }
    default:
      return []
  }
}

function keysOf({ operation, told }: StoreCall): readonly string[] {
  const found = told === undefined ? [] : told.found.keys()
  return [...namedIn(operation), ...found]
}

function namedIn(operation: Operation): readonly string[] {
  switch (operation.type) {
    case 'put':
    case 'get':
    case 'cas':
      return [operation.key]
    case 'move':
      return [operation.from.key, operation.to.key]
    case 'txn':
      return [
        ...comparesOf(operation),
        ...stepsOf(operation).flatMap((step) =>
          'key' in step ? [step.key] : step.type === 'txn' ? comparesOf(step) : [],
        ),
      ]
    default:
      return []
  }
}

function comparesOf({ compare }: StoreOperation & { type: 'txn' }): readonly string[] {
  return compare.map(({ key }) => key)
}

function prefixesOf({ operation }: StoreCall): readonly string[] {
  if (operation.type === 'list') return [operation.prefix]
  if (operation.type !== 'txn') return []
  return stepsOf(operation).flatMap((step) => (step.type === 'list' ? [step.prefix] : []))
}

function under(keys: ReadonlySet<string>, prefix: string): readonly string[] {
  return [...keys].filter((key) => key.startsWith(prefix))
}
