/**
 * The channels of a client, one for each endpoint, and what is done about them beside calling: an endpoint that failed rests
 * for a while, is asked for its health, and is used again when it says that it serves; who leads is asked of all.
 */
import { Metadata } from '@grpc/grpc-js'
import { type Balance, EndpointBook, type Route } from './endpoints.ts'
import type { WireHeader, WireHealthResponse, WireStatusResponse } from './etcd-wire.ts'
import { EndpointChannel, failureOf, isDeadline } from './grpc/channel.ts'
import { methodOf } from './grpc/method.ts'
import { AspenError } from './interface.ts'
import { ChannelWays, type ClientTls } from './tls.ts'

/** How long a question may take that nobody waits for. */
export const sideCallMs = 1_000

export class EndpointPool {
  readonly #ways: ChannelWays
  readonly #book: EndpointBook
  readonly #channels = new Map<string, EndpointChannel>()
  readonly #probes = new Map<string, NodeJS.Timeout>()
  readonly #leaderAsked = new Set<string>()
  #closed = false

  /** @throws {RangeError} There is no endpoint, or one is not an address; `tls` cannot be used. */
  constructor(endpoints: readonly string[], balance: Balance, tls: ClientTls | undefined) {
    if (endpoints.length === 0) throw new RangeError('connecting needs at least one endpoint, and got none')
    this.#ways = new ChannelWays(tls)
    this.#book = new EndpointBook([...new Set(endpoints.map(addressOf))], balance)
  }

  get addresses(): readonly string[] {
    return this.#book.addresses
  }

  get closed(): boolean {
    return this.#closed
  }

  /** All addresses, in the order in which to try them. */
  order(route: Route, keyspace: string): readonly string[] {
    return this.#book.order(route, keyspace, Date.now())
  }

  /** @throws {AspenError} `canceled`: the pool is closed. */
  channel(address: string): EndpointChannel {
    if (this.#closed) throw new AspenError('canceled', 'the connection is closed')
    const present = this.#channels.get(address)
    if (present !== undefined) return present
    const channel = new EndpointChannel(address, this.#ways.to(address))
    this.#channels.set(address, channel)
    return channel
  }

  answered(address: string, keyspace: string, header: WireHeader | null | undefined): void {
    const facts = {
      keyspace,
      memberId: Number(header?.member_id ?? 0),
      raftTerm: Number(header?.raft_term ?? 0),
    }
    this.#book.answered(address, facts)
  }

  failed(address: string): void {
    if (this.#closed) return
    const restMs = this.#book.failed(address, Date.now())
    if (this.addresses.length === 1 || this.#probes.has(address)) return
    const timer = setTimeout(() => void this.#probe(address), restMs)
    timer.unref()
    this.#probes.set(address, timer)
  }

  /** True: with whom the writes of this keyspace go is not known, and worth asking. */
  leaderWanted(keyspace: string): boolean {
    return !this.#closed && !this.#leaderAsked.has(keyspace) && this.#book.leaderWanted(keyspace)
  }

  /** Asks everybody, for that also tells which member stands behind which endpoint. One question at a time. */
  async learnLeader(keyspace: string, metadata: Metadata): Promise<void> {
    if (!this.leaderWanted(keyspace)) return
    this.#leaderAsked.add(keyspace)
    const method = methodOf('maintenance', 'Status')
    const asked = this.addresses.map(async (address) => {
      const attempt = { metadata, deadline: Date.now() + sideCallMs, signal: undefined }
      const answer = (await this.channel(address).unary(method, {}, attempt)) as WireStatusResponse
      this.answered(address, keyspace, answer.header)
      return { leader: Number(answer.leader), term: Number(answer.raftTerm) }
    })
    const answers = (await Promise.allSettled(asked)).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const [newest] = answers.sort((a, b) => b.term - a.term || b.leader - a.leader)
    if (newest !== undefined) this.#book.leads(keyspace, newest.leader, newest.term)
    this.#leaderAsked.delete(keyspace)
  }

  /** Takes these endpoints in place of the present ones. @throws {RangeError} There is none, or one is not an address. */
  replace(endpoints: readonly string[]): void {
    const addresses = [...new Set(endpoints.map(addressOf))]
    this.#book.replace(addresses)
    for (const [address, channel] of this.#channels) {
      if (addresses.includes(address)) continue
      this.#channels.delete(address)
      clearTimeout(this.#probes.get(address))
      this.#probes.delete(address)
      channel.retire()
    }
  }

  /** Cancels what runs. */
  close(): void {
    this.#closed = true
    for (const timer of this.#probes.values()) clearTimeout(timer)
    for (const channel of this.#channels.values()) channel.close()
  }

  async #probe(address: string): Promise<void> {
    this.#probes.delete(address)
    if (this.#closed || !this.addresses.includes(address)) return
    const attempt = { metadata: new Metadata(), deadline: Date.now() + sideCallMs, signal: undefined }
    try {
      const answer = await this.channel(address).unary(methodOf('health', 'Check'), { service: '' }, attempt)
      if ((answer as WireHealthResponse).status === 'SERVING') this.#book.answered(address, undefined)
      else this.failed(address)
    } catch (thrown) {
      // A server without a health service has answered, and so is there.
      if (failureOf(thrown) === 'final' && !isDeadline(thrown)) this.#book.answered(address, undefined)
      else this.failed(address)
    }
  }
}

function addressOf(text: string): string {
  const address = text.replace(/^http:\/\//, '').replace(/\/$/, '')
  if (!/^(https:\/\/)?(\[[0-9a-fA-F:.]+\]|[^\s/:@?#[\]]+):\d{1,5}$/.test(address)) {
    throw new RangeError(`an endpoint has the form http://host:port or https://host:port, and this one is "${text}"`)
  }
  return address
}
