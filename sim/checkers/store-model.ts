/**
 * What operations do to a store of text, in memory: the specification that histories of clients are held against. Branches
 * of a transaction, nested ones included, are chosen on the state before its first write; its steps then see one another.
 */
import { type Operation, type Outcome, type Txn, type TxnSeen, type TxnStep, txnWrote } from '../operation.ts'

export type Pairs = ReadonlyMap<string, string>

/** Operations on the store as a whole, at one moment. */
export type StoreOperation = Extract<Operation, { type: 'put' | 'get' | 'cas' | 'move' | 'list' | 'txn' }>

export type StoreAnswer = {
  readonly succeeded: boolean
  readonly found: ReadonlyMap<string, string>
  readonly seen?: TxnSeen
}

/** What an operation leaves behind: key → value, undefined where it is gone. */
export type Changes = ReadonlyMap<string, string | undefined>

/** What `operation` would be answered by a store that holds `pairs`, and what it would change there. */
export function carryOut(
  pairs: Pairs,
  operation: StoreOperation,
): { readonly changes: Changes; readonly answer: StoreAnswer } {
  switch (operation.type) {
    case 'put':
      return { changes: new Map([[operation.key, operation.value]]), answer: nothingFound(true) }
    case 'get':
      return { changes: noChanges, answer: { succeeded: true, found: pairAt(pairs, operation.key) } }
    case 'list':
      return { changes: noChanges, answer: { succeeded: true, found: pairsUnder(pairs, operation.prefix) } }
    case 'cas': {
      const succeeded = pairs.get(operation.key) === operation.expected
      const changes = succeeded ? new Map([[operation.key, operation.value]]) : noChanges
      return { changes, answer: nothingFound(succeeded) }
    }
    case 'move': {
      const sides = [operation.from, operation.to]
      const succeeded = sides.every(({ key, expected }) => pairs.get(key) === expected)
      const changes = succeeded ? new Map(sides.map(({ key, value }) => [key, value])) : noChanges
      return { changes, answer: nothingFound(succeeded) }
    }
    case 'txn': {
      const changes = new Map<string, string | undefined>()
      const seen = run(pairs, changes, choose(pairs, operation))
      return { changes, answer: { succeeded: seen.succeeded, found: nothing, seen } }
    }
  }
}

/** Whether what a client was told is what the store would have said. */
export function agrees(operation: StoreOperation, told: Outcome & { type: 'done' }, answer: StoreAnswer): boolean {
  switch (operation.type) {
    case 'put':
      return true
    case 'get':
      return told.found.get(operation.key) === answer.found.get(operation.key)
    case 'list':
      return samePairs(told.found, answer.found)
    case 'cas':
    case 'move':
      return told.succeeded === answer.succeeded
    case 'txn':
      if (told.succeeded !== answer.succeeded) return false
      return told.seen === undefined || answer.seen === undefined || sameSeen(told.seen, answer.seen)
  }
}

/** The pairs that a path through `operation` could put. */
export function puttable(operation: Operation): readonly (readonly [key: string, value: string])[] {
  switch (operation.type) {
    case 'put':
    case 'cas':
      return [[operation.key, operation.value]]
    case 'move':
      return [operation.from, operation.to].map(({ key, value }) => [key, value])
    case 'txn':
      return puttableIn(operation)
    default:
      return []
  }
}

/** What an operation that ended like this left behind: of a transaction, the puts of the branches it took. */
export function putsOf(
  operation: Operation,
  outcome: Outcome & { type: 'done' },
): readonly (readonly [key: string, value: string])[] {
  if (operation.type !== 'txn') return outcome.succeeded ? puttable(operation) : []
  const left = new Map<string, string>()
  if (outcome.seen !== undefined && txnWrote(operation, outcome.seen)) follow(operation, outcome.seen, left)
  return [...left]
}

function follow({ success, failure }: Txn, seen: TxnSeen, left: Map<string, string>): void {
  for (const [at, step] of (seen.succeeded ? success : failure).entries()) {
    if (step.type === 'put') left.set(step.key, step.value)
    else if (step.type === 'delete') left.delete(step.key)
    else if (step.type === 'txn') follow(step, seen.steps[at] as TxnSeen, left)
  }
}

/** Whether what `operation` finds or does depends on `key`, or changes it. */
export function touches(operation: Operation | TxnStep, key: string): boolean {
  switch (operation.type) {
    case 'put':
    case 'get':
    case 'cas':
    case 'delete':
      return operation.key === key
    case 'move':
      return operation.from.key === key || operation.to.key === key
    case 'list':
    case 'listAt':
    case 'peek':
      return key.startsWith(operation.prefix)
    case 'txn':
      return (
        operation.compare.some((each) => each.key === key) ||
        [...operation.success, ...operation.failure].some((step) => touches(step, key))
      )
    default:
      return false
  }
}

/** The keys that a path through `operation` could write or delete. */
export function writable(operation: Operation): readonly string[] {
  if (operation.type !== 'txn') return puttable(operation).map(([key]) => key)
  return stepsOf(operation).flatMap((step) => (step.type === 'put' || step.type === 'delete' ? [step.key] : []))
}

/** The steps of all branches, those of nested transactions among them. */
export function stepsOf({ success, failure }: Txn): readonly TxnStep[] {
  return [...success, ...failure].flatMap((step) => (step.type === 'txn' ? [step, ...stepsOf(step)] : [step]))
}

export function pairsUnder(pairs: Pairs, prefix: string): Pairs {
  const found = new Map<string, string>()
  for (const [key, value] of pairs) if (key.startsWith(prefix)) found.set(key, value)
  return found
}

export function samePairs(a: Pairs, b: Pairs): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) if (b.get(key) !== value) return false
  return true
}

const nothing: Pairs = new Map()
const noChanges: Changes = new Map()

function nothingFound(succeeded: boolean): StoreAnswer {
  return { succeeded, found: nothing }
}

function pairAt(pairs: Pairs, key: string): Pairs {
  const value = pairs.get(key)
  return value === undefined ? nothing : new Map([[key, value]])
}

function puttableIn(txn: Txn): readonly (readonly [string, string])[] {
  return stepsOf(txn).flatMap((step) => (step.type === 'put' ? [[step.key, step.value] as const] : []))
}

interface Path {
  readonly succeeded: boolean
  readonly steps: readonly (Exclude<TxnStep, Txn> | Path)[]
}

function choose(pairs: Pairs, { compare, success, failure }: Txn): Path {
  const succeeded = compare.every(({ key, expected }) => pairs.get(key) === expected)
  const steps = succeeded ? success : failure
  return { succeeded, steps: steps.map((step) => (step.type === 'txn' ? choose(pairs, step) : step)) }
}

/** Carries out `path` on `pairs` as they are after `changes`, which grow. */
function run(pairs: Pairs, changes: Map<string, string | undefined>, { succeeded, steps }: Path): TxnSeen {
  return { succeeded, steps: steps.map((step) => runStep(pairs, changes, step)) }
}

function runStep(
  pairs: Pairs,
  changes: Map<string, string | undefined>,
  step: Path['steps'][number],
): TxnSeen['steps'][number] {
  if ('steps' in step) return run(pairs, changes, step)
  switch (step.type) {
    case 'put':
      changes.set(step.key, step.value)
      return 1
    case 'delete': {
      const there = (changes.has(step.key) ? changes.get(step.key) : pairs.get(step.key)) !== undefined
      if (there) changes.set(step.key, undefined)
      return there ? 1 : 0
    }
    case 'get':
      return pairAt(changed(pairs, changes, step.key), step.key)
    case 'list':
      return pairsUnder(changed(pairs, changes, step.prefix), step.prefix)
  }
}

/** What of `pairs` lies under `prefix`, after `changes`. */
function changed(pairs: Pairs, changes: Changes, prefix: string): Pairs {
  if (changes.size === 0) return pairs
  const found = new Map(pairsUnder(pairs, prefix))
  applyTo(found, changes)
  return found
}

export function applyTo(pairs: Map<string, string>, changes: Changes): void {
  for (const [key, value] of changes) {
    if (value === undefined) pairs.delete(key)
    else pairs.set(key, value)
  }
}

function sameSeen(a: TxnSeen, b: TxnSeen): boolean {
  if (a.succeeded !== b.succeeded || a.steps.length !== b.steps.length) return false
  return a.steps.every((step, at) => {
    const other = b.steps[at] as (typeof b.steps)[number]
    if (typeof step === 'number' || typeof other === 'number') return step === other
    if (step instanceof Map || other instanceof Map) return samePairs(step as Pairs, other as Pairs)
    return sameSeen(step as TxnSeen, other as TxnSeen)
  })
}
