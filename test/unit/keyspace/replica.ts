/** One replica of a keyspace over a store in memory, and short words for what tests say often. */
import assert from 'node:assert/strict'
import { compactStep } from '../../../actors/keyspace/compact.ts'
import { keyspace } from '../../../actors/keyspace/machine.ts'
import type {
  Compare,
  DeleteRangeRequest,
  KeyspaceCommand,
  KeyspaceError,
  KeyspaceQuery,
  KeyspaceReply,
  KeyspaceResponse,
  KeyValue,
  PutRequest,
  RangeRequest,
  RangeResponse,
  TxnOperation,
  TxnRequest,
} from '../../../actors/keyspace/messages.ts'
import type { KeyspaceState } from '../../../actors/keyspace/state.ts'
import type { MachineContext } from '../../../actors/raft/state-machine.ts'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { MemoryStore } from './memory-store.ts'

/** A machine's context of which only the store is real: what the keyspace needs of it. */
export function contextOf(store: MemoryStore): MachineContext {
  return { group: 'keyspace/test', node: 1, store, actor: {} as MachineContext['actor'], heard: false }
}

export class Replica {
  store: MemoryStore = new MemoryStore()
  state: KeyspaceState
  #index = 0
  readonly #cacheBytesMax: number

  constructor(cacheBytesMax: number = 4_096) {
    this.#cacheBytesMax = cacheBytesMax
    this.state = keyspace.init(contextOf(this.store), { cacheBytesMax })
  }

  apply(command: KeyspaceCommand): KeyspaceReply {
    this.#index += 1
    return keyspace.apply(this.state, command, { index: this.#index, term: 1, wallMs: 0 }).reply
  }

  /** Applies what must succeed. */
  run<T extends KeyspaceResponse['type']>(
    command: KeyspaceCommand & { readonly type: T | 'alarm' },
  ): Extract<KeyspaceResponse, { type: T }> {
    return responseOf<T>(this.apply(command))
  }

  query(query: KeyspaceQuery): KeyspaceReply {
    return keyspace.query(this.state, query)
  }

  range(key: string, more: Partial<RangeRequest> = {}): RangeResponse {
    return responseOf<'range'>(this.query(range(key, more)))
  }

  hashKv(revision: number = 0): number {
    return responseOf<'hashKv'>(this.query({ type: 'hashKv', revision })).hash
  }

  get status(): Extract<KeyspaceResponse, { type: 'status' }> {
    return responseOf<'status'>(this.query({ type: 'status' }))
  }

  get digest(): number {
    return keyspace.digest?.(this.state) ?? assert.fail('the keyspace has a digest')
  }

  /** Removes what compactions dropped, all of it. */
  removeDropped(): void {
    while (compactStep(this.state, 7));
  }

  /** Forgets all but the store. */
  restart(): void {
    this.state = keyspace.init(contextOf(this.store), { cacheBytesMax: this.#cacheBytesMax })
  }

  snapshot(): Uint8Array[] {
    const { chunks, done } = keyspace.snapshot(this.state)
    const all: Uint8Array[] = []
    for (let next = chunks.next(); next.done !== true; next = chunks.next()) all.push(next.value)
    done()
    return all
  }

  restore(chunks: Iterable<Uint8Array>): void {
    this.store = new MemoryStore()
    this.state = keyspace.restore(contextOf(this.store), { cacheBytesMax: this.#cacheBytesMax }, chunks)
  }
}

export function responseOf<T extends KeyspaceResponse['type']>(
  reply: KeyspaceReply,
): Extract<KeyspaceResponse, { type: T }> {
  if (reply.type === 'refused') assert.fail(`refused: ${reply.error}`)
  return reply.response as Extract<KeyspaceResponse, { type: T }>
}

export function assertRefused(reply: KeyspaceReply, error: KeyspaceError): void {
  assert.deepEqual(reply.type === 'refused' ? reply.error : reply, error)
}

/** The end of every key from some key on. */
export const toTheEnd = '\0'

export function put(key: string, value: string = '', more: Partial<PutRequest> = {}): PutRequest {
  return { type: 'put', key: utf8(key), value: utf8(value), ...more }
}

export function del(key: string, rangeEnd?: string, more: Partial<DeleteRangeRequest> = {}): DeleteRangeRequest {
  return {
    type: 'deleteRange',
    key: utf8(key),
    ...(rangeEnd === undefined ? {} : { rangeEnd: utf8(rangeEnd) }),
    ...more,
  }
}

export function range(key: string, more: Partial<RangeRequest> = {}): RangeRequest {
  return { type: 'range', key: utf8(key), ...more }
}

/** The whole keyspace. */
export function all(more: Partial<RangeRequest> = {}): RangeRequest {
  return range('\0', { rangeEnd: utf8(toTheEnd), ...more })
}

export function txn(
  compare: readonly Compare[],
  success: readonly TxnOperation[],
  failure: readonly TxnOperation[] = [],
): TxnRequest {
  return { type: 'txn', compare, success, failure }
}

export function compare(
  key: string,
  target: Compare['target'],
  result: Compare['result'] = 'equal',
  rangeEnd?: string,
): Compare {
  return { key: utf8(key), target, result, ...(rangeEnd === undefined ? {} : { rangeEnd: utf8(rangeEnd) }) }
}

/** `key=value create/mod/version`, to compare at a glance. */
export function told(kv: KeyValue): string {
  const lease = kv.lease === '0' ? '' : ` lease ${kv.lease}`
  return `${fromUtf8(kv.key)}=${fromUtf8(kv.value)} ${kv.createRevision}/${kv.modRevision}/${kv.version}${lease}`
}

export function keysOf(response: { readonly kvs: readonly KeyValue[] }): string {
  return response.kvs.map(({ key }) => fromUtf8(key)).join(' ')
}
