/**
 * A client as programs use it: keys, watches and leases of one keyspace, over whatever transport. Everything that goes wrong
 * on the way and can be mended there is mended there; what is thrown is worth reading.
 */
import { randomUUID } from 'node:crypto'
import { Caller } from './caller.ts'
import { type Bytes, bytesCodec, type Codec } from './codec.ts'
import type { KeyRange, Target } from './keys.ts'
import { createKv, type Kv } from './kv.ts'
import { Lease, type LeaseOptions } from './lease.ts'
import { RequestNumbers } from './request-numbers.ts'
import type { NodeCalls, Transport } from './transport.ts'
import { beyondEtcd, type WatchOptions, watchSpec } from './watch/options.ts'
import { WatchStreams } from './watch/streams.ts'
import { Watch, type WatchChange, type WatchMarker } from './watch/watch.ts'

export interface ClientOptions {
  /** `default` when absent. */
  readonly keyspace?: string
  /** How long a call goes on when it does not say, in milliseconds; 10 s when absent. */
  readonly deadlineMs?: number
  /** Look for other members so often, in milliseconds, and use them; never when absent. */
  readonly syncEveryMs?: number
}

/** What all keyspaces of a client share. */
interface Shared {
  readonly transport: Transport
  readonly closing: AbortController
  readonly streams: Map<string | undefined, WatchStreams>
  syncing: NodeJS.Timeout | undefined
}

const deadlineMsDefault = 10_000

export class Client implements AsyncDisposable {
  readonly kv: Kv
  readonly #caller: Caller
  readonly #shared: Shared

  private constructor(caller: Caller, shared: Shared) {
    this.#caller = caller
    this.#shared = shared
    this.kv = createKv(caller)
  }

  static over(transport: Transport, options: ClientOptions = {}): Client {
    const closing = new AbortController()
    const caller = new Caller({
      transport,
      keyspace: options.keyspace,
      deadlineMs: options.deadlineMs ?? deadlineMsDefault,
      closing: closing.signal,
      numbers: new RequestNumbers(randomUUID()),
    })
    const client = new Client(caller, { transport, closing, streams: new Map(), syncing: undefined })
    if (options.syncEveryMs !== undefined) client.#syncEvery(options.syncEveryMs)
    return client
  }

  /**
   * The calls of the transport as they are: users and roles, members, maintenance, keyspaces. Each is tried once, and takes
   * its keyspace from its own options.
   */
  get node(): NodeCalls {
    return this.#shared.transport.node
  }

  /** Where it may turn to; empty where that is not its business. */
  get endpoints(): readonly string[] {
    return this.#shared.transport.endpoints
  }

  /** The same client on another keyspace. Closing one closes both. */
  keyspace(name: string): Client {
    return new Client(this.#caller.within(name), this.#shared)
  }

  /**
   * Watches a key, a range, or several ranges. It goes on by itself after lost connections, members and leaders.
   *
   * @throws {RangeError} There is nothing to watch, or nothing to tell of it.
   *
   * @example
   * for await (const change of client.watch(prefix('jobs/'))) {
   *   if (change.type !== 'delete') console.log(change.key, change.entry.text)
   * }
   */
  watch(
    target: Target | readonly KeyRange[],
    options: WatchOptions & { readonly markers: true },
  ): Watch<Uint8Array, WatchChange<Uint8Array> | WatchMarker>
  watch(target: Target | readonly KeyRange[], options?: WatchOptions): Watch<Uint8Array>
  watch(target: Target | readonly KeyRange[], options: WatchOptions = {}): Watch<Uint8Array> {
    return this.watchAs<Uint8Array, Bytes>(bytesCodec, target, options)
  }

  /** The same, with values of another kind. */
  watchAs<V, W = V>(
    codec: Codec<V, W>,
    target: Target | readonly KeyRange[],
    options: WatchOptions & { readonly markers: true },
  ): Watch<V, WatchChange<V> | WatchMarker>
  watchAs<V, W = V>(codec: Codec<V, W>, target: Target | readonly KeyRange[], options?: WatchOptions): Watch<V>
  watchAs<V, W = V>(
    codec: Codec<V, W>,
    target: Target | readonly KeyRange[],
    options: WatchOptions = {},
  ): Watch<V, WatchChange<V>> {
    const spec = watchSpec(target, options)
    const closing = this.#shared.closing.signal
    return new Watch({
      streams: this.#streams(),
      spec,
      options,
      codec,
      closing,
      admitted: this.#admit(beyondEtcd(spec)),
    })
  }

  /**
   * Grants a lease, and keeps it alive until it is revoked.
   *
   * @throws {RangeError} The TTL is not a whole number of at least one second.
   *
   * @example
   * await using lease = await client.lease({ ttlSeconds: 10 })
   * await client.kv.put('workers/7', 'here', { lease })
   */
  lease(options: LeaseOptions): Promise<Lease> {
    return Lease.grant(this.#caller, options)
  }

  /** Takes the members that the cluster has now as endpoints. @returns Them. */
  async sync(): Promise<readonly string[]> {
    const { members } = await this.#caller.read({}, (node, call) => node.memberList(call))
    const urls = members.flatMap(({ clientUrls, learner }) => (learner ? [] : clientUrls))
    // A cluster that advertises nothing is better reached as it was.
    if (urls.length > 0) this.#shared.transport.replaceEndpoints(urls)
    return this.endpoints
  }

  /** Ends what runs: calls fail as `canceled`, watches end. Leases are not revoked: they end with their TTL. */
  close(): void {
    clearInterval(this.#shared.syncing)
    this.#shared.closing.abort()
    this.#shared.transport.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  #syncEvery(everyMs: number): void {
    // A failed look is followed by another.
    this.#shared.syncing = setInterval(() => void this.sync().catch(() => undefined), everyMs)
    this.#shared.syncing.unref()
  }

  #streams(): WatchStreams {
    const { streams } = this.#shared
    const { keyspace } = this.#caller
    const present = streams.get(keyspace)
    if (present !== undefined) return present
    const made = new WatchStreams(this.node, keyspace)
    streams.set(keyspace, made)
    return made
  }

  async #admit(beyond: readonly string[]): Promise<void> {
    if (beyond.length === 0) return
    const aspen = await this.#caller.read({}, () => this.#shared.transport.isAspen())
    if (aspen === false) throw new RangeError(`an etcd cannot watch with ${beyond.join(', ')}`)
  }
}
