/**
 * Whether a request may be asked at all, judged by the request alone. The front doors call this before they propose, so
 * that nonsense never reaches the log; `apply` and `query` call it again, because a replica believes nobody.
 *
 * Of two kinds of overlap etcd takes no notice, and neither do we: a delete of everything from a key on (`rangeEnd` of one
 * zero byte) never clashes with a put, and a put within one nested transaction never clashes with a delete within a
 * later one beside it. Both are carried out in order.
 */
import { compareBytes } from '../../base/bytes.ts'
import type {
  Compare,
  DeleteRangeRequest,
  KeyspaceError,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnRequest,
} from './messages.ts'
import { noLease } from './record-codec.ts'

export interface RequestLimits {
  /** Compares, then-operations and else-operations of one transaction, each; a nested one gets what its parent left. */
  readonly operationsMax: number
}

export const defaultLimits: RequestLimits = { operationsMax: 128 }

/** Deeper than any limit on operations lets anybody nest; guards the stack. */
const nestingMax = 256

const sortOrders: readonly unknown[] = [undefined, 'none', 'ascend', 'descend']
const sortTargets: readonly unknown[] = [undefined, 'key', 'version', 'create', 'mod', 'value']

/** The first fault of `request`; undefined when there is none. */
export function checkRequest(request: TxnOperation, limits: RequestLimits = defaultLimits): KeyspaceError | undefined {
  if (request.type !== 'txn') return checkOperation(request, 0, 0)
  const fault = checkTxn(request, limits.operationsMax, 0)
  if (fault !== undefined) return fault
  // Only after the number of operations is known to be small.
  const clean = clashFree(request.success) !== undefined && clashFree(request.failure) !== undefined
  return clean ? undefined : 'duplicateKey'
}

/** True of a transaction that writes nothing on any path, so that it need not go through the log. */
export function isReadOnly({ success, failure }: TxnRequest): boolean {
  const reads = (operation: TxnOperation): boolean =>
    operation.type === 'range' || (operation.type === 'txn' && isReadOnly(operation))
  return success.every(reads) && failure.every(reads)
}

/** True of a read-only transaction whose every range may be served by any replica as it is. */
export function isSerializable({ success, failure }: TxnRequest): boolean {
  const loose = (operation: TxnOperation): boolean =>
    (operation.type === 'range' && operation.serializable === true) ||
    (operation.type === 'txn' && isSerializable(operation))
  return success.every(loose) && failure.every(loose)
}

/** True when a put stands on any path, taken or not. */
export function holdsPut({ success, failure }: TxnRequest): boolean {
  const puts = (operation: TxnOperation): boolean =>
    operation.type === 'put' || (operation.type === 'txn' && holdsPut(operation))
  return success.some(puts) || failure.some(puts)
}

function checkTxn(request: TxnRequest, operationsMax: number, depth: number): KeyspaceError | undefined {
  const { compare, success, failure } = request
  const operations = Math.max(compare.length, success.length, failure.length)
  if (operations > operationsMax || depth > nestingMax) return 'tooManyOperations'
  if (compare.some(({ key }: Compare) => key.length === 0)) return 'emptyKey'
  for (const branch of [success, failure]) {
    for (const operation of branch) {
      const fault = checkOperation(operation, operationsMax - operations, depth + 1)
      if (fault !== undefined) return fault
    }
  }
  return undefined
}

function checkOperation(request: TxnOperation, operationsMax: number, depth: number): KeyspaceError | undefined {
  switch (request.type) {
    case 'range':
      return checkRange(request)
    case 'put':
      return checkPut(request)
    case 'deleteRange':
      return checkKey(request)
    case 'txn':
      return checkTxn(request, operationsMax, depth)
    default:
      // An operation that says nothing, as the wire allows: etcd's answer, for want of a better one.
      return 'keyNotFound'
  }
}

function checkKey({ key }: DeleteRangeRequest | RangeRequest | PutRequest): KeyspaceError | undefined {
  return key.length === 0 ? 'emptyKey' : undefined
}

function checkRange(request: RangeRequest): KeyspaceError | undefined {
  if (request.key.length === 0) return 'emptyKey'
  const { sortOrder, sortTarget } = request
  return sortOrders.includes(sortOrder) && sortTargets.includes(sortTarget) ? undefined : 'invalidSortOption'
}

function checkPut(request: PutRequest): KeyspaceError | undefined {
  if (request.key.length === 0) return 'emptyKey'
  if (request.ignoreValue === true && request.value.length > 0) return 'valueProvided'
  return request.ignoreLease === true && (request.lease ?? noLease) !== noLease ? 'leaseProvided' : undefined
}

/** What a list of operations may write, on any path through it. */
interface Touched {
  readonly puts: Map<string, Uint8Array>
  readonly deletes: DeletedKeys
}

/** What `operations` touch; undefined when one path puts a key twice, or puts one that it also deletes. */
function clashFree(operations: readonly TxnOperation[]): Touched | undefined {
  const puts = new Map<string, Uint8Array>()
  const deletes = new DeletedKeys()
  for (const operation of operations) if (operation.type === 'deleteRange') deletes.add(operation)
  for (const operation of operations) {
    if (operation.type !== 'txn') continue
    const then = clashFree(operation.success)
    const otherwise = clashFree(operation.failure)
    if (then === undefined || otherwise === undefined) return undefined
    // Both branches may put the same key, since only one is taken: so they are compared to what came before, not to
    // each other.
    for (const branch of [then, otherwise]) {
      for (const [text, key] of branch.puts) if (puts.has(text) || deletes.has(key)) return undefined
    }
    for (const branch of [then, otherwise]) {
      for (const [text, key] of branch.puts) puts.set(text, key)
      deletes.addAll(branch.deletes)
    }
  }
  for (const operation of operations) {
    if (operation.type !== 'put') continue
    const text = keyText(operation.key)
    if (puts.has(text) || deletes.has(operation.key)) return undefined
    puts.set(text, operation.key)
  }
  return { puts, deletes }
}

/** A key as text with a character a byte, to stand in a map. */
function keyText(key: Uint8Array): string {
  let text = ''
  for (const byte of key) text += String.fromCharCode(byte)
  return text
}

interface Interval {
  readonly from: Uint8Array
  to: Uint8Array
}

/** The keys that a list of deletes covers. */
class DeletedKeys {
  readonly #singles = new Set<string>()
  /** By `from`, overlaps joined, once `#sorted`. */
  #intervals: Interval[] = []
  #sorted = true

  add({ key, rangeEnd }: DeleteRangeRequest): void {
    if (rangeEnd === undefined || rangeEnd.length === 0) this.#singles.add(keyText(key))
    else if (compareBytes(key, rangeEnd) < 0) this.#addInterval({ from: key, to: rangeEnd })
  }

  addAll(others: DeletedKeys): void {
    for (const single of others.#singles) this.#singles.add(single)
    for (const interval of others.#intervals) this.#addInterval(interval)
  }

  #addInterval(interval: Interval): void {
    this.#intervals.push(interval)
    this.#sorted = false
  }

  has(key: Uint8Array): boolean {
    if (this.#singles.size > 0 && this.#singles.has(keyText(key))) return true
    if (!this.#sorted) this.#sort()
    let low = 0
    let high = this.#intervals.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareBytes((this.#intervals[middle] as Interval).from, key) <= 0) low = middle + 1
      else high = middle
    }
    const before = this.#intervals[low - 1]
    return before !== undefined && compareBytes(key, before.to) < 0
  }

  #sort(): void {
    const joined: Interval[] = []
    for (const next of this.#intervals.sort((a, b) => compareBytes(a.from, b.from))) {
      const last = joined[joined.length - 1]
      if (last === undefined || compareBytes(next.from, last.to) > 0) joined.push({ ...next })
      else if (compareBytes(next.to, last.to) > 0) last.to = next.to
    }
    this.#intervals = joined
    this.#sorted = true
  }
}
