/**
 * Transactions. Which branches are taken, nested ones included, is decided on the state before the first write, and so is
 * whether anything on that path must be refused; then the path is carried out in order, each operation seeing the writes
 * before it.
 *
 *   K9  a transaction is carried out whole or refused whole
 *
 * Writes of the path itself can make one fault: a put that keeps the value or the lease of a key which a delete earlier on
 * the path takes away finds nothing to keep. It is refused as if the key had never been there. Puts never mend or make a
 * fault, since no path puts a key twice (`check.ts`).
 */
import { invariant, unreachable } from '../../base/assert.ts'
import { boundsOf, covers, type KeyBounds } from './bounds.ts'
import { holds } from './compare.ts'
import type { KeyspaceError, TxnOperation, TxnOperationResponse, TxnRequest, TxnResponse } from './messages.ts'
import { checkRevision, readRange } from './range.ts'
import type { KeyspaceState } from './state.ts'
import { deleteRange, growthOf, keepsSomething, put, refusePut, type Write } from './write.ts'

/** The branches that a transaction takes: its own, and those of the transactions nested in that branch, in order. */
export interface TxnPath {
  readonly succeeded: boolean
  readonly operations: readonly TxnOperation[]
  readonly nested: readonly TxnPath[]
}

export function choosePath(state: KeyspaceState, request: TxnRequest): TxnPath {
  const succeeded = request.compare.every((compare) => holds(state, compare))
  const operations = succeeded ? request.success : request.failure
  const nested: TxnPath[] = []
  for (const operation of operations) if (operation.type === 'txn') nested.push(choosePath(state, operation))
  return { succeeded, operations, nested }
}

/** Why the path cannot be carried out: the first fault on it. `deleted`: what the operations before it take away. */
export function refusePath(state: KeyspaceState, path: TxnPath, deleted: KeyBounds[] = []): KeyspaceError | undefined {
  let nested = 0
  for (const operation of path.operations) {
    let fault: KeyspaceError | undefined
    if (operation.type === 'range') fault = checkRevision(state, operation)
    else if (operation.type === 'deleteRange') deleted.push(boundsOf(operation))
    else if (operation.type === 'txn') fault = refusePath(state, nestedOf(path, nested++), deleted)
    else if (keepsSomething(operation) && deleted.some((bounds) => covers(bounds, operation.key))) fault = 'keyNotFound'
    else fault = refusePut(state, operation)
    if (fault !== undefined) return fault
  }
  return undefined
}

/** The most bytes that the puts of the path add to the history. */
export function pathGrowth(state: KeyspaceState, path: TxnPath): number {
  let bytes = 0
  for (const operation of path.operations) if (operation.type === 'put') bytes += growthOf(state, operation)
  for (const nested of path.nested) bytes += pathGrowth(state, nested)
  return bytes
}

/** Carries out a path that `refusePath` has nothing against. `write` undefined: it holds no writes. */
export function runPath(state: KeyspaceState, write: Write | undefined, path: TxnPath): TxnResponse {
  let nested = 0
  const responses = path.operations.map((operation): TxnOperationResponse => {
    if (operation.type === 'range') return readRange(state, operation)
    if (operation.type === 'txn') return runPath(state, write, nestedOf(path, nested++))
    invariant(write !== undefined, () => `M3: a query changes nothing, and holds no ${operation.type}`)
    switch (operation.type) {
      case 'put':
        return put(state, write, operation)
      case 'deleteRange':
        return deleteRange(state, write, operation)
      default:
        return unreachable(operation)
    }
  })
  return { type: 'txn', succeeded: path.succeeded, responses }
}

function nestedOf(path: TxnPath, position: number): TxnPath {
  const nested = path.nested[position]
  invariant(nested !== undefined, () => `K9: a path has a branch for nested transaction ${position}`)
  return nested
}
