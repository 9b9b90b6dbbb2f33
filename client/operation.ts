/**
 * Compares and operations of a transaction, as values: what goes out, and how its answer is read. An operation knows the type
 * of its answer, so a transaction's answers have types of their own.
 */
import type {
  Compare,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnOperationResponse,
} from '../actors/keyspace/messages.ts'
import type { Bytes, Codec } from './codec.ts'
import { toBytes } from './codec.ts'
import { Entry } from './entry.ts'
import { notEmpty, type Target, toRange } from './keys.ts'

/** @typeParam R - What its answer is. */
export interface Operation<R> {
  readonly request: TxnOperation
  read(response: TxnOperationResponse): R
}

/** The answers of some operations, in their order. */
export type AnswersOf<O extends readonly Operation<unknown>[]> = {
  -readonly [I in keyof O]: O[I] extends Operation<infer R> ? R : never
}

export interface RangeOptions {
  /** At most so many entries. */
  readonly limit?: number
  /** As the keyspace was at that revision; the newest when absent. */
  readonly revision?: number
  /** May be answered from one member's own state, which can be behind. Faster, and works without a leader. */
  readonly serializable?: boolean
  /** Leaves the values out. */
  readonly keysOnly?: boolean
  readonly sort?: { readonly by: 'key' | 'version' | 'create' | 'mod' | 'value'; readonly order: 'ascend' | 'descend' }
  readonly minModRevision?: number
  readonly maxModRevision?: number
  readonly minCreateRevision?: number
  readonly maxCreateRevision?: number
}

export interface PutOptions {
  /** The key goes when the lease ends. */
  readonly lease?: string | { readonly id: string }
  /** Answer with what the key held before. */
  readonly previous?: boolean
  /** Keep the lease that the key has. */
  readonly keepLease?: boolean
}

export interface Entries<V> {
  readonly entries: readonly Entry<V>[]
  /** There are more than `limit` let through. */
  readonly more: boolean
  /** How many there are, whatever the limit. */
  readonly count: number
}

export interface Deleted<V> {
  readonly deleted: number
  /** Empty unless asked for. */
  readonly previous: readonly Entry<V>[]
}

export interface Written<V> {
  /** Undefined unless asked for, and when there was no such key. */
  readonly previous: Entry<V> | undefined
}

/** Operations on values of one codec. */
export class Operations<V, W> {
  readonly #codec: Codec<V, W>

  constructor(codec: Codec<V, W>) {
    this.#codec = codec
  }

  get(key: Bytes, options: Pick<RangeOptions, 'serializable'> = {}): Operation<Entry<V> | undefined> {
    return {
      request: rangeRequest(notEmpty(key), options),
      read: (response) => this.#entries(response).entries[0],
    }
  }

  range(target: Target, options: RangeOptions = {}): Operation<Entries<V>> {
    return { request: rangeRequest(target, options), read: (response) => this.#entries(response) }
  }

  put(key: Bytes, value: W, options: PutOptions = {}): Operation<Written<V>> {
    return {
      request: putRequest(notEmpty(key), this.#codec.encode(value), options),
      read: (response) => {
        const { prevKv } = expect(response, 'put')
        return { previous: prevKv === undefined ? undefined : new Entry(prevKv, this.#codec) }
      },
    }
  }

  delete(target: Target, options: { readonly previous?: boolean } = {}): Operation<Deleted<V>> {
    const previous = options.previous === true ? { prevKv: true } : {}
    return {
      request: { type: 'deleteRange', ...toRange(target), ...previous },
      read: (response) => {
        const { deleted, prevKvs } = expect(response, 'deleteRange')
        return { deleted, previous: prevKvs.map((kv) => new Entry(kv, this.#codec)) }
      },
    }
  }

  #entries(response: TxnOperationResponse): Entries<V> {
    const { kvs, more, count } = expect(response, 'range')
    return { entries: kvs.map((kv) => new Entry(kv, this.#codec)), more, count }
  }
}

export function rangeRequest(target: Target, options: RangeOptions): RangeRequest {
  const { sort, ...rest } = options
  return {
    type: 'range',
    ...toRange(target),
    ...rest,
    ...(sort !== undefined && { sortOrder: sort.order, sortTarget: sort.by }),
  }
}

export function putRequest(key: Uint8Array, value: Uint8Array, options: PutOptions): PutRequest {
  const { lease } = options
  return {
    type: 'put',
    key,
    value,
    ...(lease !== undefined && { lease: typeof lease === 'string' ? lease : lease.id }),
    ...(options.previous === true && { prevKv: true }),
    ...(options.keepLease === true && { ignoreLease: true }),
  }
}

export function expect<T extends TxnOperationResponse['type']>(
  response: TxnOperationResponse,
  type: T,
): Extract<TxnOperationResponse, { readonly type: T }> {
  if (response.type !== type) throw new TypeError(`wanted an answer of type ${type}, and got ${response.type}`)
  return response as Extract<TxnOperationResponse, { readonly type: T }>
}

export type Relation = '=' | '!=' | '<' | '>'

const results = { '=': 'equal', '!=': 'notEqual', '<': 'less', '>': 'greater' } as const

/** What is claimed of a key, or of every key of a range: `compare('k').version('=', 1)`. A missing key has only zeros. */
export class Comparison {
  readonly #target: Target

  constructor(target: Target) {
    this.#target = target
  }

  value(relation: Relation, value: Bytes): Compare {
    return this.#that(relation, { type: 'value', value: toBytes(value) })
  }

  version(relation: Relation, value: number): Compare {
    return this.#that(relation, { type: 'version', value })
  }

  createRevision(relation: Relation, value: number): Compare {
    return this.#that(relation, { type: 'create', value })
  }

  modRevision(relation: Relation, value: number): Compare {
    return this.#that(relation, { type: 'mod', value })
  }

  lease(relation: Relation, value: string): Compare {
    return this.#that(relation, { type: 'lease', value })
  }

  #that(relation: Relation, target: Compare['target']): Compare {
    return { ...toRange(this.#target), result: results[relation], target }
  }
}

export function compare(target: Target): Comparison {
  return new Comparison(target)
}

export function exists(key: Bytes): Compare {
  return compare(key).createRevision('>', 0)
}

export function missing(key: Bytes): Compare {
  return compare(key).createRevision('=', 0)
}

/** Of an entry that was read: nobody has changed it since. */
export function unchanged(entry: Pick<Entry<unknown>, 'keyBytes' | 'modRevision'>): Compare {
  return compare(entry.keyBytes).modRevision('=', entry.modRevision)
}
