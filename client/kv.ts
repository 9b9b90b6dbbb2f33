/**
 * Keys and values of one keyspace. Keys are text or bytes, values what the codec makes of them; answers carry the revision
 * that they were true at.
 *
 * Every call goes on until it has an answer or its deadline has passed. Writes are applied once, however often they had to be
 * sent: at an Aspen they carry a number; at an etcd one whose outcome is unknown is not sent again, and fails.
 */
import type { CompactRequest, Compare } from '../actors/keyspace/messages.ts'
import type { Caller, CallLimits } from './caller.ts'
import { type Bytes, bytesCodec, type Codec } from './codec.ts'
import { Entry } from './entry.ts'
import { keyAfter, notEmpty, type Target, toRange } from './keys.ts'
import {
  type AnswersOf,
  type Deleted,
  type Entries,
  expect,
  missing,
  type Operation,
  Operations,
  type PutOptions,
  putRequest,
  type RangeOptions,
  rangeRequest,
  unchanged,
  type Written,
} from './operation.ts'

/** Of the keyspace, when the answer was true. */
export interface AtRevision {
  readonly revision: number
}

export interface Branches<T extends readonly Operation<unknown>[], E extends readonly Operation<unknown>[]> {
  /** All of them must hold; none always do. */
  readonly when?: readonly Compare[]
  readonly do?: readonly [...T]
  readonly else?: readonly [...E]
}

export type Outcome<T extends readonly Operation<unknown>[], E extends readonly Operation<unknown>[]> =
  | ({ readonly succeeded: true; readonly answers: AnswersOf<T> } & AtRevision)
  | ({ readonly succeeded: false; readonly answers: AnswersOf<E> } & AtRevision)

export interface ScanOptions extends Omit<RangeOptions, 'limit' | 'sort'>, CallLimits {
  /** Entries read at once; 500 when absent. */
  readonly pageSize?: number
}

const pageSizeDefault = 500

/** What an update makes of a value; `undefined` deletes the key. */
export type Change<V, W> = (value: V | undefined) => W | undefined

export class Kv<V = Uint8Array, W = Bytes> {
  /** Operations on this codec's values, for transactions. */
  readonly op: Operations<V, W>
  readonly #caller: Caller
  readonly #codec: Codec<V, W>

  constructor(caller: Caller, codec: Codec<V, W>) {
    this.#caller = caller
    this.#codec = codec
    this.op = new Operations(codec)
  }

  /** The same keys, with values of another kind. */
  as<X, Y = X>(codec: Codec<X, Y>): Kv<X, Y> {
    return new Kv(this.#caller, codec)
  }

  /** @returns Undefined where there is no such key. */
  async get(
    key: Bytes,
    options: Omit<RangeOptions, 'limit' | 'sort'> & CallLimits = {},
  ): Promise<Entry<V> | undefined> {
    return (await this.#range(notEmpty(key), options)).entries[0]
  }

  /** All of a range, in one answer. For large ranges there is `scan`. */
  getAll(target: Target, options: RangeOptions & CallLimits = {}): Promise<Entries<V> & AtRevision> {
    return this.#range(target, options)
  }

  /**
   * All of a range, page by page, in the order of keys and as of one revision: whatever is written meanwhile is not seen.
   *
   * @throws {AspenError} `compacted`: reading took so long that the revision is gone.
   */
  async *scan(target: Target, options: ScanOptions = {}): AsyncGenerator<Entry<V>, void> {
    const { pageSize = pageSizeDefault, ...rest } = options
    const range = toRange(target)
    if (range.rangeEnd === undefined) throw new RangeError('a scan needs a range, and got a single key')
    let { key } = range
    let { revision } = rest
    for (;;) {
      const at = revision === undefined ? {} : { revision }
      const page = await this.#range({ ...range, key }, { ...rest, ...at, limit: pageSize })
      revision ??= page.revision
      yield* page.entries
      const last = page.entries.at(-1)
      if (!page.more || last === undefined) return
      key = keyAfter(last.keyBytes)
    }
  }

  async count(
    target: Target,
    options: Pick<RangeOptions, 'revision' | 'serializable'> & CallLimits = {},
  ): Promise<number> {
    const [limits, what] = apart(options)
    const request = { ...rangeRequest(target, what), countOnly: true }
    return (await this.#caller.read(limits, (node, call) => node.range(request, call))).count
  }

  async put(key: Bytes, value: W, options: PutOptions & CallLimits = {}): Promise<Written<V> & AtRevision> {
    const [limits, what] = apart(options)
    const request = putRequest(notEmpty(key), this.#codec.encode(value), what)
    const { header, prevKv } = await this.#caller.write(limits, (node, call) => node.put(request, call))
    const previous = prevKv === undefined ? undefined : new Entry(prevKv, this.#codec)
    return { revision: header.revision, previous }
  }

  async delete(
    target: Target,
    options: { readonly previous?: boolean } & CallLimits = {},
  ): Promise<Deleted<V> & AtRevision> {
    const [limits, { previous = false }] = apart(options)
    const request = { ...toRange(target), prevKv: previous }
    const { header, deleted, prevKvs } = await this.#caller.write(limits, (node, call) =>
      node.deleteRange(request, call),
    )
    return { revision: header.revision, deleted, previous: prevKvs.map((kv) => new Entry(kv, this.#codec)) }
  }

  /**
   * All of `do` at one revision if every claim of `when` holds, and else all of `else`.
   *
   * @example
   * const { succeeded } = await kv.transact({
   *   when: [compare('stock').value('>', '0')],
   *   do: [kv.op.put('order/7', 'taken')],
   *   else: [kv.op.get('stock')],
   * })
   */
  async transact<T extends readonly Operation<unknown>[] = [], E extends readonly Operation<unknown>[] = []>(
    branches: Branches<T, E>,
    limits: CallLimits = {},
  ): Promise<Outcome<T, E>> {
    const success: readonly Operation<unknown>[] = branches.do ?? []
    const failure: readonly Operation<unknown>[] = branches.else ?? []
    const request = {
      compare: branches.when ?? [],
      success: success.map((operation) => operation.request),
      failure: failure.map((operation) => operation.request),
    }
    const reads = [...success, ...failure].every((operation) => operation.request.type === 'range')
    const send = reads ? this.#caller.read.bind(this.#caller) : this.#caller.write.bind(this.#caller)
    const answer = await send(limits, (node, call) => node.txn(request, call))
    const taken = answer.succeeded ? success : failure
    if (taken.length !== answer.responses.length) {
      throw new TypeError(`${taken.length} operations were answered with ${answer.responses.length} answers`)
    }
    const answers = answer.responses.map((response, at) => taken[at]?.read(response))
    return { succeeded: answer.succeeded, answers, revision: answer.header.revision } as Outcome<T, E>
  }

  /** Puts unless there is such a key. @returns Whether it did. */
  async create(key: Bytes, value: W, options: Omit<PutOptions, 'previous'> & CallLimits = {}): Promise<boolean> {
    const [limits, what] = apart(options)
    return (await this.transact({ when: [missing(key)], do: [this.op.put(key, value, what)] }, limits)).succeeded
  }

  /** Puts if nobody has changed the entry since it was read. @returns Whether it did. */
  async replace(
    entry: Pick<Entry<unknown>, 'keyBytes' | 'modRevision'>,
    value: W,
    options: Omit<PutOptions, 'previous'> & CallLimits = {},
  ): Promise<boolean> {
    const [limits, what] = apart(options)
    const put = this.op.put(entry.keyBytes, value, what)
    return (await this.transact({ when: [unchanged(entry)], do: [put] }, limits)).succeeded
  }

  /**
   * Reads, asks `change` what is to become of it, and writes that unless somebody was faster; then again from the start.
   * `change` may be called any number of times. A lease of the key is kept.
   *
   * @returns The revision of the write; of the read, where there was nothing to do.
   */
  async update(key: Bytes, change: Change<V, W>, limits: CallLimits = {}): Promise<AtRevision> {
    let known = await this.#range(notEmpty(key), limits)
    for (;;) {
      const [present] = known.entries
      const next = change(present?.value)
      if (next === undefined && present === undefined) return { revision: known.revision }
      const outcome = await this.transact(
        {
          when: [present === undefined ? missing(key) : unchanged(present)],
          do: [next === undefined ? this.op.delete(key) : this.op.put(key, next, { keepLease: present !== undefined })],
          else: [this.op.range(key)],
        },
        limits,
      )
      if (outcome.succeeded) return { revision: outcome.revision }
      known = { ...outcome.answers[0], revision: outcome.revision }
    }
  }

  /** Forgets what was before `revision`. @param options.physical - Answer only when the space is free. */
  async compact(revision: number, options: { readonly physical?: boolean } & CallLimits = {}): Promise<void> {
    const [limits, what] = apart(options)
    const request: Omit<CompactRequest, 'type'> = { revision, ...what }
    await this.#caller.write(limits, (node, call) => node.compact(request, call))
  }

  async #range(target: Target, options: RangeOptions & CallLimits): Promise<Entries<V> & AtRevision> {
    const [limits, what] = apart(options)
    const request = rangeRequest(target, what)
    const { header, ...response } = await this.#caller.read(limits, (node, call) => node.range(request, call))
    const { kvs, more, count } = expect({ type: 'range', ...response }, 'range')
    return { revision: header.revision, entries: kvs.map((kv) => new Entry(kv, this.#codec)), more, count }
  }
}

/** Keys and values as bytes. */
export function createKv(caller: Caller): Kv {
  return new Kv(caller, bytesCodec)
}

/** What is said about the call, and what about the request. */
function apart<T extends CallLimits>(options: T): readonly [CallLimits, Omit<T, keyof CallLimits>] {
  const { deadlineMs, signal, ...rest } = options
  return [{ ...(deadlineMs !== undefined && { deadlineMs }), ...(signal !== undefined && { signal }) }, rest]
}
