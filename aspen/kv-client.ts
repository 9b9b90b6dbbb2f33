/**
 * The key-value half of a node's client: requests of the front doors become commands and queries of a keyspace's replica,
 * and its replies become answers with headers, or errors.
 */
import type {
  CompactRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyspaceCommand,
  KeyspaceQuery,
  PutRequest,
  PutResponse,
  QuotaStamp,
  RangeRequest,
  RangeResponse,
  TxnOperation,
  TxnRequest,
  TxnResponse,
} from '../actors/keyspace/messages.ts'
import { AspenError, type CallOptions, type Header, type WithHeader } from '../client/interface.ts'
import type { StrictAnswer, StrictStore } from './strict-store.ts'

export interface KvClientOptions {
  readonly store: StrictStore
  readonly memberId: number
  /** 0: none. */
  readonly quotaBytes: number
}

export class KvClient {
  readonly #options: KvClientOptions

  constructor(options: KvClientOptions) {
    this.#options = options
  }

  async range(request: Omit<RangeRequest, 'type'>, options?: CallOptions): Promise<WithHeader<RangeResponse>> {
    const consistency = request.serializable === true ? 'serializable' : 'linearizable'
    const { header, response } = await this.query({ type: 'range', ...request }, consistency, options)
    return { header, ...(response as RangeResponse) }
  }

  async put(request: Omit<PutRequest, 'type'>, options?: CallOptions): Promise<WithHeader<PutResponse>> {
    const quota = this.#quota()
    const { header, response } = await this.command({ type: 'put', ...request, ...quota }, options)
    return { header, ...(response as PutResponse) }
  }

  async deleteRange(
    request: Omit<DeleteRangeRequest, 'type'>,
    options?: CallOptions,
  ): Promise<WithHeader<DeleteRangeResponse>> {
    const { header, response } = await this.command({ type: 'deleteRange', ...request }, options)
    return { header, ...(response as DeleteRangeResponse) }
  }

  async txn(request: Omit<TxnRequest, 'type'>, options?: CallOptions): Promise<WithHeader<TxnResponse>> {
    const full: TxnRequest = { type: 'txn', ...request }
    const { header, response } = readsOnly(full)
      ? // Every range of it must be content with this replica's own state, or none is.
        await this.query(full, serializable(full) ? 'serializable' : 'linearizable', options)
      : await this.command({ ...full, ...this.#quota() }, options)
    return { header, ...(response as TxnResponse) }
  }

  async compact(request: Omit<CompactRequest, 'type'>, options?: CallOptions): Promise<{ readonly header: Header }> {
    const { header } = await this.command({ type: 'compact', ...request }, options)
    if (request.physical === true) await this.#untilRemoved(options)
    return { header }
  }

  /** Through the log. */
  command(command: KeyspaceCommand, options: CallOptions | undefined): Promise<StrictAnswer> {
    return this.#options.store.command(command, options)
  }

  /** From this member's state. */
  query(
    query: KeyspaceQuery,
    consistency: 'linearizable' | 'serializable',
    options: CallOptions | undefined,
  ): Promise<StrictAnswer> {
    return this.#options.store.query(query, consistency, options)
  }

  #quota(): { readonly quota?: QuotaStamp } {
    const { quotaBytes, memberId } = this.#options
    return quotaBytes > 0 ? { quota: { bytes: quotaBytes, member: memberId } } : {}
  }

  /** What compaction dropped is removed little by little; waits until nothing of it is left on this member. */
  async #untilRemoved(options: CallOptions | undefined): Promise<void> {
    const signal = options?.signal
    for (;;) {
      const { response } = await this.query({ type: 'status' }, 'serializable', options)
      if (response.type !== 'status' || response.removable === 0) return
      if (signal?.aborted === true) throw new AspenError('canceled')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

function readsOnly(request: TxnRequest): boolean {
  const reads = (operation: TxnOperation): boolean =>
    operation.type === 'range' || (operation.type === 'txn' && readsOnly(operation))
  return request.success.every(reads) && request.failure.every(reads)
}

function serializable(request: TxnRequest): boolean {
  const content = (operation: TxnOperation): boolean =>
    operation.type === 'range' ? operation.serializable === true : operation.type === 'txn' && serializable(operation)
  const all = [...request.success, ...request.failure]
  return all.length > 0 && all.every(content)
}
