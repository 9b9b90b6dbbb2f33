/**
 * The load of the crash rounds, and the record of what it was told. Every value is written once, so whatever is found
 * later names the write it came from.
 *
 *   W1  an acknowledged write is in the history at the revision of its acknowledgement
 *   W2  a key holds its last acknowledged value, or one whose outcome is unknown
 *   W3  two keys written in one transaction are always equal
 *   W4  a write with a request number is applied once, however often it is sent
 *   W5  a linearizable read sees every write that was acknowledged before it began
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { EtcdUnreachableError } from '../../client/etcd-connection.ts'
import { connectEtcd, type EtcdConnection } from '../../client/etcd-grpc.ts'

export interface Acknowledged {
  readonly key: string
  readonly value: string
  readonly revision: number
}

/** What is known about one key, which only one writer writes. */
export interface KeyRecord {
  last: Acknowledged | undefined
  /** Writes that were sent and not answered; any of them may be there. */
  readonly unknown: Set<string>
}

export interface Book {
  readonly keys: Map<string, KeyRecord>
  readonly acknowledged: Acknowledged[]
  /** Pairs of keys that are only ever written together. */
  readonly pairs: (readonly [string, string])[]
  /** Keys written with request numbers, with the number of different requests that were acknowledged. */
  readonly counted: Map<string, number>
  unknownTotal: number
  readsTotal: number
  readonly violations: string[]
}

export function createBook(): Book {
  const book = { keys: new Map(), acknowledged: [], pairs: [], counted: new Map() }
  return { ...book, unknownTotal: 0, readsTotal: 0, violations: [] }
}

export interface WritersOptions {
  readonly endpoints: readonly string[]
  readonly writers: number
  readonly valueBytes: number
  /** Keeps apart what two runs on one cluster write. */
  readonly run: string
}

const deadlineMs = 3_000
const keysPerWriter = 8
/** After a refusal, so that a cluster without a leader is not asked ten thousand times a second. */
const breathMs = 15

/** Writes until `stop`; resolves when the last call was answered. */
export function startWriters(options: WritersOptions, book: Book): { stop(): Promise<void> } {
  const ending = new AbortController()
  const connections = options.endpoints.map((endpoint) => connectEtcd({ endpoints: [endpoint], deadlineMs }))
  const loops = Array.from({ length: options.writers }, (_, at) => {
    const writer = new Writer(options, at, connections, book, ending.signal)
    return writer.run()
  })
  return {
    stop: async () => {
      ending.abort()
      await Promise.all(loops)
      for (const connection of connections) connection.close()
    },
  }
}

class Writer {
  readonly #prefix: string
  readonly #connections: readonly EtcdConnection[]
  readonly #book: Book
  readonly #ended: AbortSignal
  readonly #filling: string
  readonly #kind: 'plain' | 'pair' | 'counted'
  #at: number
  #turn = 0

  constructor(
    { run, valueBytes }: WritersOptions,
    at: number,
    connections: readonly EtcdConnection[],
    book: Book,
    ended: AbortSignal,
  ) {
    this.#prefix = `${run}/w${at}`
    this.#connections = connections
    this.#book = book
    this.#ended = ended
    this.#at = at
    this.#filling = '.'.repeat(valueBytes)
    // Half of them plain, the rest pairs and counted keys in turn.
    this.#kind = at % 2 === 0 ? 'plain' : at % 4 === 1 ? 'pair' : 'counted'
  }

  async run(): Promise<void> {
    if (this.#kind === 'pair') this.#book.pairs.push([`${this.#prefix}/left`, `${this.#prefix}/right`])
    while (!this.#ended.aborted) {
      this.#turn += 1
      const value = `${this.#prefix}#${this.#turn}${this.#filling}`
      if (this.#kind === 'plain') await this.#plain(`${this.#prefix}/k${this.#turn % keysPerWriter}`, value)
      else if (this.#kind === 'pair') await this.#pair(value)
      else await this.#counted(`${this.#prefix}/once`, value)
    }
  }

  get #connection(): EtcdConnection {
    return this.#connections[this.#at % this.#connections.length] as EtcdConnection
  }

  async #plain(key: string, value: string): Promise<void> {
    const written = await this.#write([key], value, async (connection) => {
      const { header } = await connection.put({ key: utf8(key), value: utf8(value) })
      return header.revision
    })
    if (written && this.#turn % 4 === 0) await this.#readBack(key)
  }

  async #pair(value: string): Promise<void> {
    const [left, right] = [`${this.#prefix}/left`, `${this.#prefix}/right`]
    const put = (key: string): { type: 'put'; key: Uint8Array; value: Uint8Array } => ({
      type: 'put',
      key: utf8(key),
      value: utf8(value),
    })
    await this.#write([left, right], value, async (connection) => {
      const { header } = await connection.txn({ compare: [], success: [put(left), put(right)], failure: [] })
      return header.revision
    })
    if (this.#turn % 3 === 0) await this.#readPair(left, right)
  }

  /** Sent again, to whichever node, until it is acknowledged: the outcome is never unknown in the end. */
  async #counted(key: string, value: string): Promise<void> {
    const request = { client: this.#prefix, number: this.#turn }
    for (;;) {
      try {
        await this.#connection.put({ key: utf8(key), value: utf8(value) }, { request })
        this.#book.counted.set(key, this.#turn)
        return
      } catch {
        await this.#elsewhere()
        // The last one may stay open: the count is then one more, or not.
        if (this.#ended.aborted) {
          this.#book.unknownTotal += 1
          return
        }
      }
    }
  }

  /** @returns Whether it was acknowledged. */
  async #write(
    keys: readonly string[],
    value: string,
    send: (connection: EtcdConnection) => Promise<number>,
  ): Promise<boolean> {
    const records = keys.map((key) => this.#record(key))
    // Noted before it is sent: from here on it may be there.
    for (const record of records) record.unknown.add(value)
    try {
      const revision = await send(this.#connection)
      for (const [at, key] of keys.entries()) {
        const acknowledged = { key, value, revision }
        const record = records[at] as KeyRecord
        record.unknown.delete(value)
        record.last = acknowledged
        this.#book.acknowledged.push(acknowledged)
      }
      return true
    } catch (error) {
      // Never sent, so it is certainly not there.
      if (error instanceof EtcdUnreachableError) for (const record of records) record.unknown.delete(value)
      else this.#book.unknownTotal += 1
      await this.#elsewhere()
      return false
    }
  }

  /** W5, at another node than the one that acknowledged. */
  async #readBack(key: string): Promise<void> {
    const { last } = this.#record(key)
    if (last === undefined) return
    this.#at += 1
    try {
      const { kvs, header } = await this.#connection.range({ key: utf8(key) })
      this.#book.readsTotal += 1
      const seen = kvs[0]?.modRevision ?? 0
      if (seen < last.revision || header.revision < last.revision) {
        this.#book.violations.push(
          `W5: ${key} was acknowledged at revision ${last.revision}, then read at ${header.revision} with modRevision ${seen}`,
        )
      }
    } catch {
      await this.#elsewhere()
    }
  }

  /** W3, while the writes go on. */
  async #readPair(left: string, right: string): Promise<void> {
    const range = (key: string): { type: 'range'; key: Uint8Array } => ({ type: 'range', key: utf8(key) })
    this.#at += 1
    try {
      const { responses } = await this.#connection.txn({
        compare: [],
        success: [range(left), range(right)],
        failure: [],
      })
      this.#book.readsTotal += 1
      const values = responses.map((one) => (one.type === 'range' && one.kvs[0] ? fromUtf8(one.kvs[0].value) : ''))
      if (values[0] !== values[1]) this.#book.violations.push(`W3: ${left} and ${right} differ: ${values.join(' / ')}`)
    } catch {
      await this.#elsewhere()
    }
  }

  async #elsewhere(): Promise<void> {
    this.#at += 1
    await sleep(breathMs)
  }

  #record(key: string): KeyRecord {
    const present = this.#book.keys.get(key)
    if (present !== undefined) return present
    const record: KeyRecord = { last: undefined, unknown: new Set() }
    this.#book.keys.set(key, record)
    return record
  }
}
