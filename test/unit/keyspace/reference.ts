/**
 * A keyspace as one would write it on a blackboard: every change ever made, in a list, replayed for each question. Slow,
 * plain, and without a thought for storage; the machine must answer as this does.
 */
import type {
  Compare,
  KeyspaceCommand,
  KeyspaceError,
  KeyspaceQuery,
  KeyspaceReply,
  KeyspaceResponse,
  KeyValue,
  RangeRequest,
  TxnOperation,
  TxnOperationResponse,
  TxnRequest,
} from '../../../actors/keyspace/messages.ts'
import { compareBytes, equalBytes } from '../../../base/bytes.ts'

interface Change {
  readonly revision: number
  readonly key: Uint8Array
  /** Undefined: deleted. */
  readonly value: Uint8Array | undefined
  readonly lease: string
}

interface Selection {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
}

export class Reference {
  readonly #leases: readonly string[]
  #changes: Change[] = []
  #revision = 1
  #compactRevision = -1
  /** The revision of the writes under way, in a transaction. */
  #writing = 0

  constructor(leases: readonly string[]) {
    this.#leases = leases
  }

  get revision(): number {
    return this.#revision
  }

  apply(command: KeyspaceCommand): KeyspaceReply {
    this.#writing = this.#revision + 1
    const before = this.#changes.length
    const outcome = this.#applyCommand(command)
    if (this.#changes.length > before) this.#revision += 1
    return this.#reply(outcome)
  }

  query(query: KeyspaceQuery): KeyspaceReply {
    if (query.type === 'range') return this.#reply(this.#badRevision(query) ?? this.#range(query))
    if (query.type === 'txn') return this.#reply(this.#txn(query))
    throw new Error(`the reference does not answer ${query.type}`)
  }

  #reply(outcome: KeyspaceResponse | KeyspaceError): KeyspaceReply {
    const revision = this.#revision
    return typeof outcome === 'string'
      ? { type: 'refused', revision, error: outcome }
      : { type: 'done', revision, response: outcome }
  }

  #applyCommand(command: KeyspaceCommand): KeyspaceResponse | KeyspaceError {
    switch (command.type) {
      case 'put':
      case 'deleteRange': {
        const refusal = this.#refusal(command, true)
        return refusal ?? this.#run(command)
      }
      case 'txn':
        return this.#txn(command)
      case 'compact':
        if (command.revision <= this.#compactRevision) return 'compacted'
        if (command.revision > this.#revision) return 'futureRevision'
        this.#compactRevision = command.revision
        return { type: 'compact' }
      case 'alarm':
        throw new Error('the reference knows no alarms')
    }
  }

  /** All keys as of `revision`, in order. */
  #at(revision: number): KeyValue[] {
    const found: KeyValue[] = []
    for (const { key, value, lease, revision: modRevision } of this.#changes) {
      if (modRevision > revision) continue
      const i = found.findIndex((kv) => equalBytes(kv.key, key))
      const before = found[i]
      if (i >= 0) found.splice(i, 1)
      if (value === undefined) continue
      const createRevision = before?.createRevision ?? modRevision
      found.push({ key, value, createRevision, modRevision, version: (before?.version ?? 0) + 1, lease })
    }
    return found.sort((a, b) => compareBytes(a.key, b.key))
  }

  #select({ key, rangeEnd }: Selection, revision: number): KeyValue[] {
    return this.#at(revision).filter((kv) => {
      if (rangeEnd === undefined || rangeEnd.length === 0) return equalBytes(kv.key, key)
      const open = rangeEnd.length === 1 && rangeEnd[0] === 0
      return compareBytes(kv.key, key) >= 0 && (open || compareBytes(kv.key, rangeEnd) < 0)
    })
  }

  #badRevision({ revision = 0 }: RangeRequest): KeyspaceError | undefined {
    if (revision === 0) return undefined
    if (revision > this.#revision) return 'futureRevision'
    return revision < this.#compactRevision ? 'compacted' : undefined
  }

  #range(request: RangeRequest): TxnOperationResponse {
    const { limit = 0, sortOrder = 'none', sortTarget = 'key' } = request
    let kvs = this.#select(request, request.revision === 0 ? Infinity : (request.revision ?? Infinity))
    const count = kvs.length
    if (request.countOnly === true) return { type: 'range', kvs: [], more: false, count }
    const { minModRevision = 0, maxModRevision = 0, minCreateRevision = 0, maxCreateRevision = 0 } = request
    const filtered = minModRevision + maxModRevision + minCreateRevision + maxCreateRevision > 0
    // The corner of etcd's: a target without an order is sorted after the limit, and one extra for `more`, were applied.
    if (limit > 0 && !filtered && sortOrder === 'none') kvs = kvs.slice(0, limit + 1)
    kvs = kvs.filter(
      (kv) =>
        kv.modRevision >= minModRevision &&
        kv.createRevision >= minCreateRevision &&
        (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
        (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision),
    )
    const compareKvs = (a: KeyValue, b: KeyValue): number => {
      if (sortTarget === 'key') return compareBytes(a.key, b.key)
      if (sortTarget === 'value') return compareBytes(a.value, b.value)
      if (sortTarget === 'version') return a.version - b.version
      return sortTarget === 'create' ? a.createRevision - b.createRevision : a.modRevision - b.modRevision
    }
    kvs.sort((a, b) => (sortOrder === 'descend' ? compareKvs(b, a) : compareKvs(a, b)))
    const more = limit > 0 && kvs.length > limit
    if (more) kvs = kvs.slice(0, limit)
    if (request.keysOnly === true) kvs = kvs.map((kv) => ({ ...kv, value: new Uint8Array(0) }))
    return { type: 'range', kvs, more, count }
  }

  #holds({ key, rangeEnd, target, result }: Compare): boolean {
    const judge = (order: number): boolean => {
      if (result === 'equal') return order === 0
      if (result === 'notEqual') return order !== 0
      return result === 'greater' ? order > 0 : order < 0
    }
    const order = (kv: KeyValue): number => {
      if (target.type === 'value') return compareBytes(kv.value, target.value)
      if (target.type === 'lease') return Number(BigInt(kv.lease) - BigInt(target.value))
      if (target.type === 'version') return kv.version - target.value
      return (target.type === 'create' ? kv.createRevision : kv.modRevision) - target.value
    }
    const kvs = this.#select(rangeEnd === undefined ? { key } : { key, rangeEnd }, Infinity)
    if (kvs.length > 0) return kvs.every((kv) => judge(order(kv)))
    const nothing = { key, value: new Uint8Array(0), createRevision: 0, modRevision: 0, version: 0, lease: '0' }
    return target.type !== 'value' && judge(order(nothing))
  }

  /** The operations that a transaction comes to, nested ones with their own list. */
  #decide(request: TxnRequest): Decided {
    const succeeded = request.compare.every((each) => this.#holds(each))
    const operations = succeeded ? request.success : request.failure
    return { succeeded, steps: operations.map((each) => (each.type === 'txn' ? this.#decide(each) : each)) }
  }

  #txn(request: TxnRequest): TxnOperationResponse | KeyspaceError {
    if (clashes(request)) return 'duplicateKey'
    const before = this.#changes.length
    const outcome = this.#runDecided(this.#decide(request))
    // Whole or not at all: what was written ahead of the first fault is struck out.
    if (typeof outcome === 'string') this.#changes.length = before
    return outcome
  }

  /** Each operation is judged, then carried out, on what those before it left. */
  #runDecided({ succeeded, steps }: Decided): TxnOperationResponse | KeyspaceError {
    const responses: TxnOperationResponse[] = []
    for (const step of steps) {
      const outcome = 'steps' in step ? this.#runDecided(step) : (this.#refusal(step, false) ?? this.#run(step))
      if (typeof outcome === 'string') return outcome
      responses.push(outcome)
    }
    return { type: 'txn', succeeded, responses }
  }

  #refusal(operation: Simple, leaseFirst: boolean): KeyspaceError | undefined {
    if (operation.type === 'range') return this.#badRevision(operation)
    if (operation.type === 'deleteRange') return undefined
    const { key, lease = '0', ignoreLease, ignoreValue } = operation
    const noLease = lease !== '0' && !this.#leases.includes(lease)
    const noKey = (ignoreLease === true || ignoreValue === true) && this.#select({ key }, Infinity).length === 0
    if (leaseFirst && noLease) return 'leaseNotFound'
    if (noKey) return 'keyNotFound'
    return noLease ? 'leaseNotFound' : undefined
  }

  #run(operation: Simple): TxnOperationResponse {
    if (operation.type === 'range') return this.#range(operation)
    const revision = this.#writing
    if (operation.type === 'deleteRange') {
      const kvs = this.#select(operation, Infinity)
      for (const { key } of kvs) this.#changes.push({ revision, key, value: undefined, lease: '0' })
      return { type: 'deleteRange', deleted: kvs.length, prevKvs: operation.prevKv === true ? kvs : [] }
    }
    const { key } = operation
    const before = this.#select({ key }, Infinity)[0]
    const value = operation.ignoreValue === true ? before?.value : operation.value
    const lease = operation.ignoreLease === true ? before?.lease : operation.lease
    this.#changes.push({ revision, key, value, lease: lease ?? '0' })
    return operation.prevKv === true && before !== undefined ? { type: 'put', prevKv: before } : { type: 'put' }
  }
}

type Simple = Exclude<TxnOperation, TxnRequest>
interface Decided {
  readonly succeeded: boolean
  readonly steps: readonly (Simple | Decided)[]
}

/** Whether some path puts a key twice, or puts one that it deletes by name or by a closed range. */
function clashes(request: TxnRequest): boolean {
  return touch(request.success) === 'clash' || touch(request.failure) === 'clash'
}

type Touch = { readonly puts: Uint8Array[]; readonly deletes: Selection[] } | 'clash'

function touch(operations: readonly TxnOperation[]): Touch {
  const deletes: Selection[] = operations.filter((each) => each.type === 'deleteRange')
  const puts: Uint8Array[] = []
  const taken = (key: Uint8Array, before: readonly Uint8Array[]): boolean =>
    before.some((each) => equalBytes(each, key)) ||
    deletes.some(({ key: from, rangeEnd }) => {
      if (rangeEnd === undefined || rangeEnd.length === 0) return equalBytes(from, key)
      return compareBytes(from, key) <= 0 && compareBytes(key, rangeEnd) < 0
    })
  for (const operation of operations) {
    if (operation.type !== 'txn') continue
    const branches = [touch(operation.success), touch(operation.failure)]
    const before = [...puts]
    for (const branch of branches) {
      if (branch === 'clash' || branch.puts.some((key) => taken(key, before))) return 'clash'
      puts.push(...branch.puts)
    }
    for (const branch of branches) if (branch !== 'clash') deletes.push(...branch.deletes)
  }
  for (const operation of operations) {
    if (operation.type !== 'put') continue
    if (taken(operation.key, puts)) return 'clash'
    puts.push(operation.key)
  }
  return { puts, deletes }
}
