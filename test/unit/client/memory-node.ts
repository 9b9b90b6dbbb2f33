/**
 * A cluster in memory, as a client sees one: revisions, history, compaction, leases, and writes that are applied once for each
 * number. Its members answer the same; each can be told to fail before it does something, or after.
 */
import type { KeyValue, TxnOperation, TxnOperationResponse } from '../../../actors/keyspace/messages.ts'
import type { WatchCancelCause, WatchEvent, WatchResponse, WatchSpec } from '../../../actors/watch/messages.ts'
import { compareBytes } from '../../../base/bytes.ts'
import {
  AspenError,
  type CallOptions,
  type Header,
  type NodeClient,
  type WatchStream,
} from '../../../client/interface.ts'

interface Range {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
}

export class MemoryCluster {
  revision = 1
  compacted = 0
  records: KeyValue[] = []
  readonly history: WatchEvent[] = []
  readonly leases: Map<string, number> = new Map()
  readonly streams: Set<MemoryStream> = new Set()
  /** The member that leads, and since which term. */
  leader = 1
  term = 2
  clientUrls: readonly string[] = []
  /** Set: nobody is heard without it. */
  token: string | undefined
  /** Set: why nobody may watch keys that begin so. */
  forbidden: { readonly first: number; readonly cause: WatchCancelCause } | undefined
  readonly #answers = new Map<string, unknown>()
  #lastLease = 100

  /** @throws {AspenError} `invalidAuthToken`. */
  letIn(options: Pick<CallOptions, 'credentials'> | undefined): void {
    if (this.token !== undefined && options?.credentials?.token !== this.token) throw new AspenError('invalidAuthToken')
  }

  /** Applies once for each number. */
  once<T>(options: CallOptions | undefined, apply: () => T): T {
    const { request } = options ?? {}
    const id = request === undefined ? undefined : `${request.client}/${request.number}`
    if (id !== undefined && this.#answers.has(id)) return this.#answers.get(id) as T
    const answer = apply()
    if (id !== undefined) this.#answers.set(id, answer)
    return answer
  }

  commit(operations: readonly TxnOperation[]): TxnOperationResponse[] {
    const revision = this.revision + 1
    const before = this.history.length
    const responses = operations.map((operation) => this.#operate(operation, revision))
    if (this.history.length > before) {
      this.revision = revision
      for (const stream of this.streams) stream.feed()
    }
    return responses
  }

  grant(id: string | undefined, ttlSeconds: number): { id: string; ttlSeconds: number } {
    this.#lastLease += 1
    const lease = id ?? String(this.#lastLease)
    this.leases.set(lease, ttlSeconds)
    return { id: lease, ttlSeconds }
  }

  revoke(id: string): void {
    if (!this.leases.delete(id)) throw new AspenError('leaseNotFound')
    const keys = this.records.filter(({ lease }) => lease === id)
    this.commit(keys.map(({ key }): TxnOperation => ({ type: 'deleteRange', key })))
  }

  #operate(operation: TxnOperation, revision: number): TxnOperationResponse {
    switch (operation.type) {
      case 'range': {
        const found = this.records.filter(({ key }) => within(operation, key))
        const kvs = operation.limit ? found.slice(0, operation.limit) : found
        const more = kvs.length < found.length
        return { type: 'range', kvs: operation.countOnly === true ? [] : kvs, more, count: found.length }
      }
      case 'put': {
        const old = this.records.find(({ key }) => compareBytes(key, operation.key) === 0)
        if (operation.lease !== undefined && !this.leases.has(operation.lease)) throw new AspenError('leaseNotFound')
        const kv: KeyValue = {
          key: operation.key.slice(),
          value: operation.value.slice(),
          createRevision: old?.createRevision ?? revision,
          modRevision: revision,
          version: (old?.version ?? 0) + 1,
          lease: operation.lease ?? '0',
        }
        this.records = [...this.records.filter((one) => one !== old), kv].sort((a, b) => compareBytes(a.key, b.key))
        this.history.push({ type: 'put', kv, ...(old !== undefined && { prevKv: old }) })
        return { type: 'put', ...(operation.prevKv === true && old !== undefined && { prevKv: old }) }
      }
      case 'deleteRange': {
        const gone = this.records.filter(({ key }) => within(operation, key))
        this.records = this.records.filter((kv) => !gone.includes(kv))
        for (const prevKv of gone) {
          const empty = { value: new Uint8Array(), createRevision: 0, version: 0, lease: '0' }
          this.history.push({ type: 'delete', kv: { ...empty, key: prevKv.key, modRevision: revision }, prevKv })
        }
        return { type: 'deleteRange', deleted: gone.length, prevKvs: operation.prevKv === true ? gone : [] }
      }
      default:
        throw new Error('this fake nests no transactions')
    }
  }
}

export interface Call {
  readonly method: string
  readonly options: CallOptions | undefined
}

/** What goes wrong with a call: thrown before it did anything, or after it did. */
export type Trouble = (method: string) => Error | undefined

export interface MemoryNode extends NodeClient {
  readonly calls: Call[]
  before: Trouble
  after: Trouble
  /** The watch streams that were opened here, newest last. */
  readonly opened: MemoryStream[]
  /** What `openWatch` fails with. */
  refuseWatch: Error | undefined
}

export function memoryNode(cluster: MemoryCluster, memberId = 1): MemoryNode {
  const header = (): Header => ({ clusterId: 7, memberId, revision: cluster.revision, raftTerm: cluster.term })
  const none: Trouble = () => undefined
  const calls: Call[] = []
  const opened: MemoryStream[] = []
  const run = async <T extends object>(
    method: string,
    options: CallOptions | undefined,
    act: () => T,
  ): Promise<T & { readonly header: Header }> => {
    calls.push({ method, options })
    const trouble = node.before(method)
    if (trouble !== undefined) throw trouble
    if (method !== 'authenticate' && method !== 'status') cluster.letIn(options)
    const answer = cluster.once(options, act)
    const late = node.after(method)
    if (late !== undefined) throw late
    return { header: header(), ...answer }
  }
  const one = (operation: TxnOperation): never => cluster.commit([operation])[0] as never
  const methods = {
    calls,
    opened,
    before: none,
    after: none,
    refuseWatch: undefined,
    range: (request, options) => run('range', options, () => one({ ...request, type: 'range' })),
    put: (request, options) => run('put', options, () => one({ ...request, type: 'put' })),
    deleteRange: (request, options) => run('deleteRange', options, () => one({ ...request, type: 'deleteRange' })),
    txn: (request, options) =>
      run('txn', options, () => {
        const held = request.compare.every(({ key, target, result }) => {
          const kv = cluster.records.find((record) => compareBytes(record.key, key) === 0)
          const present = { create: kv?.createRevision ?? 0, mod: kv?.modRevision ?? 0, version: kv?.version ?? 0 }
          if (target.type === 'value' || target.type === 'lease') throw new Error('this fake compares numbers only')
          const order = present[target.type] - target.value
          return { equal: order === 0, greater: order > 0, less: order < 0, notEqual: order !== 0 }[result]
        })
        return { succeeded: held, responses: cluster.commit(held ? request.success : request.failure) }
      }),
    leaseGrant: ({ ttlSeconds, id }, options) => run('leaseGrant', options, () => cluster.grant(id, ttlSeconds)),
    leaseRevoke: ({ id }, options) =>
      run('leaseRevoke', options, () => {
        cluster.revoke(id)
        return {}
      }),
    leaseKeepAlive: ({ id }, options) =>
      run('leaseKeepAlive', options, () => ({ id, ttlSeconds: cluster.leases.get(id) ?? 0 })),
    leaseTimeToLive: ({ id }, options) =>
      run('leaseTimeToLive', options, () => {
        const ttlSeconds = cluster.leases.get(id)
        const keys = cluster.records.flatMap(({ key, lease }) => (lease === id ? [key] : []))
        return { id, ttlSeconds: ttlSeconds ?? -1, grantedTtlSeconds: ttlSeconds ?? 0, keys }
      }),
    leaseList: (options) => run('leaseList', options, () => ({ ids: [...cluster.leases.keys()] })),
    authenticate: ({ password }, options) =>
      run('authenticate', options, () => {
        if (cluster.token === undefined) throw new AspenError('authNotEnabled')
        if (password !== 'right') throw new AspenError('authFailed')
        return { token: cluster.token }
      }),
    status: (options) =>
      run('status', options, () => ({
        version: '3.5.21',
        dbSizeBytes: 0,
        dbSizeInUseBytes: 0,
        leader: cluster.leader,
        raftIndex: 1,
        raftTerm: cluster.term,
        raftAppliedIndex: 1,
        learner: false,
        errors: [],
      })),
    memberList: (options) =>
      run('memberList', options, () => ({
        members: cluster.clientUrls.map((url, at) => ({
          id: at + 1,
          name: `n${at + 1}`,
          peerUrls: [],
          clientUrls: [url],
          learner: false,
        })),
      })),
    health: async () => ({ healthy: true, reason: '' }),
    openWatch: (options) => {
      const refusal = node.refuseWatch ?? refusalOf(() => cluster.letIn(options))
      const stream = new MemoryStream(cluster, refusal)
      opened.push(stream)
      return stream
    },
  } satisfies Partial<MemoryNode>
  const node = methods as unknown as MemoryNode
  return node
}

function refusalOf(check: () => void): Error | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    return error as Error
  }
}

interface Watcher {
  readonly spec: WatchSpec
  next: number
}

export class MemoryStream implements WatchStream {
  readonly responses: AsyncIterable<WatchResponse>
  readonly created: { readonly watchId: number; readonly spec: WatchSpec }[] = []
  readonly canceled: number[] = []
  closed = false
  /** What is asked arrives, and nothing comes of it. */
  deaf = false
  /** How many responses were taken. */
  taken = 0
  readonly #cluster: MemoryCluster
  readonly #watchers = new Map<number, Watcher>()
  readonly #queue: WatchResponse[] = []
  #failure: Error | undefined
  #wake: () => void = () => undefined

  constructor(cluster: MemoryCluster, refusal: Error | undefined) {
    this.#cluster = cluster
    this.#failure = refusal
    this.closed = refusal !== undefined
    if (refusal === undefined) cluster.streams.add(this)
    this.responses = this.#read()
  }

  create(spec: WatchSpec, watchId = 0): void {
    if (this.closed) return
    this.created.push({ watchId, spec })
    if (this.deaf) return
    const { revision, compacted, forbidden } = this.#cluster
    if (forbidden !== undefined && spec.ranges.some(({ key }) => key[0] === forbidden.first)) {
      this.tell({ type: 'canceled', watchId, revision, cause: forbidden.cause, compactRevision: 0 })
      return
    }
    if (spec.startRevision !== 0 && spec.startRevision < compacted) {
      this.tell({ type: 'canceled', watchId, revision, cause: 'compacted', compactRevision: compacted })
      return
    }
    this.tell({ type: 'created', watchId, revision })
    this.#watchers.set(watchId, { spec, next: spec.startRevision || revision + 1 })
    this.feed()
  }

  cancel(watchId: number): void {
    this.canceled.push(watchId)
    this.#watchers.delete(watchId)
  }

  requestProgress(): void {
    this.tell({ type: 'progress', watchId: -1, revision: this.#cluster.revision })
  }

  close(): void {
    this.closed = true
    this.#cluster.streams.delete(this)
    this.#wake()
  }

  /** Ends the stream from the other side. */
  break(failure?: Error): void {
    this.#failure = failure
    this.close()
  }

  tell(response: WatchResponse): void {
    this.#queue.push(response)
    this.#wake()
  }

  feed(): void {
    for (const [watchId, watcher] of this.#watchers) {
      const events = this.#cluster.history.filter(
        ({ kv }) => kv.modRevision >= watcher.next && watcher.spec.ranges.some((range) => within(range, kv.key)),
      )
      watcher.next = this.#cluster.revision + 1
      const { revision } = this.#cluster
      if (events.length > 0) this.tell({ type: 'events', watchId, revision, events, more: false })
    }
  }

  async *#read(): AsyncGenerator<WatchResponse> {
    for (;;) {
      const next = this.#queue.shift()
      if (next !== undefined) {
        this.taken += 1
        yield next
      } else if (this.closed) {
        if (this.#failure !== undefined) throw this.#failure
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}

function within({ key: from, rangeEnd }: Range, key: Uint8Array): boolean {
  if (rangeEnd === undefined) return compareBytes(key, from) === 0
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0
  return compareBytes(key, from) >= 0 && (open || compareBytes(key, rangeEnd) < 0)
}
