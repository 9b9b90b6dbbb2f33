/** One strict keyspace over a store in memory, commands one after the other, and what its listeners would have heard. */
import assert from 'node:assert/strict'
import type { LeaseMark } from '../../../actors/lease/messages.ts'
import type { MachineContext } from '../../../actors/raft/state-machine.ts'
import { type StrictState, strictKeyspace } from '../../../actors/strict/machine.ts'
import type {
  StrictCommand,
  StrictFeedItem,
  StrictQuery,
  StrictReply,
  StrictResponse,
} from '../../../actors/strict/messages.ts'
import { fromUtf8, utf8 } from '../../../base/bytes.ts'
import { MemoryStore } from '../keyspace/memory-store.ts'
import { all } from '../keyspace/replica.ts'

export class StrictReplica {
  store: MemoryStore = new MemoryStore()
  state: StrictState
  term: number = 1
  index: number = 0
  /** Of the command that was applied last. */
  feed: readonly StrictFeedItem[] = []

  constructor() {
    this.state = strictKeyspace.init(contextOf(this.store), {})
  }

  apply(command: StrictCommand): StrictReply {
    this.index += 1
    const { reply, feed } = strictKeyspace.apply(this.state, command, { index: this.index, term: this.term, wallMs: 0 })
    this.feed = (feed ?? []) as readonly StrictFeedItem[]
    return reply
  }

  /** Applies what must succeed. */
  run<T extends StrictResponse['type']>(command: StrictCommand, type: T): Extract<StrictResponse, { type: T }> {
    return responseOf(this.apply(command), type)
  }

  query<T extends StrictResponse['type']>(query: StrictQuery, type: T): Extract<StrictResponse, { type: T }> {
    return responseOf(strictKeyspace.query(this.state, query), type)
  }

  grant(id: string, ttlSeconds: number = 60): LeaseMark {
    this.run({ type: 'leaseGrant', id, ttlSeconds }, 'leaseGranted')
    return { id, granted: this.index }
  }

  put(key: string, lease: string): StrictReply {
    return this.apply({ type: 'put', key: utf8(key), value: utf8('v'), lease })
  }

  /** Every key that is there, with its lease. */
  get keys(): string {
    const { kvs } = this.query(all(), 'range')
    return kvs.map(({ key, lease }) => `${fromUtf8(key)}@${lease}`).join(' ')
  }

  get revision(): number {
    return this.state.keyspace.revision
  }

  get digest(): number {
    return strictKeyspace.digest?.(this.state) ?? assert.fail('it has a digest')
  }

  /** Forgets all but the store. */
  restart(): void {
    this.state = strictKeyspace.init(contextOf(this.store), {})
  }

  /** A snapshot of now, read when the caller likes. */
  open(): ReturnType<typeof strictKeyspace.snapshot> {
    return strictKeyspace.snapshot(this.state)
  }

  snapshot(): Uint8Array[] {
    return drain(this.open())
  }

  restore(chunks: Iterable<Uint8Array>): void {
    this.store = new MemoryStore()
    this.state = strictKeyspace.restore(contextOf(this.store), {}, chunks)
  }
}

export function drain({ chunks, done }: ReturnType<typeof strictKeyspace.snapshot>): Uint8Array[] {
  const found: Uint8Array[] = []
  for (let next = chunks.next(); next.done !== true; next = chunks.next()) found.push(next.value)
  done()
  return found
}

export function assertRefused(reply: StrictReply, error: string): void {
  assert.equal(reply.type === 'refused' ? reply.error : reply.response.type, error)
}

function contextOf(store: MemoryStore): MachineContext {
  return { group: 'default', node: 1, store, actor: {} as MachineContext['actor'], heard: true }
}

function responseOf<T extends StrictResponse['type']>(
  reply: StrictReply,
  type: T,
): Extract<StrictResponse, { type: T }> {
  if (reply.type === 'refused') assert.fail(`refused: ${reply.error}`)
  assert.equal(reply.response.type, type)
  return reply.response as Extract<StrictResponse, { type: T }>
}
