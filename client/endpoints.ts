/**
 * What a client knows of its endpoints: which of them failed a moment ago, which member stands behind each, and who leads
 * which keyspace. It answers one question: in which order to try them.
 *
 *   read    over all healthy ones in turn, or the first that works (`balance`)
 *   write   the leader's first: any other member would only pass it on
 *   local   always the same one, until it fails: the call is about that member
 *
 * Everything is learnt from answers: each carries the member that gave it and the term it lives in. A term above the one
 * a leader was learnt in means that the leader may be another, and is to be asked for again.
 *
 * Rules:
 *   B1  every endpoint is in every order, once: resting only moves it to the end
 *   B2  among resting ones the one that rests shortest comes first
 *   B3  a leader is believed only as long as no answer of its keyspace was of a later term
 */
import { type BackoffLimits, backoffMs, chance } from './backoff.ts'

export type Route = 'read' | 'write' | 'local'
export type Balance = 'first' | 'roundRobin'

/** What an answer's header says. */
export interface AnswerFacts {
  readonly keyspace: string
  readonly memberId: number
  readonly raftTerm: number
}

interface Endpoint {
  readonly address: string
  memberId: number
  failures: number
  restUntilMs: number
}

interface Leader {
  memberId: number
  /** The term it was learnt in. */
  term: number
  /** The latest term heard of. */
  heardTerm: number
}

const restLimits: BackoffLimits = { firstMs: 200, mostMs: 10_000 }

export class EndpointBook {
  #endpoints: readonly Endpoint[]
  readonly #balance: Balance
  readonly #random: () => number
  readonly #leaders = new Map<string, Leader>()
  /** Where `local` calls and those of a client that does not balance go. */
  #first = 0
  #turn = 0

  constructor(addresses: readonly string[], balance: Balance, random: () => number = chance) {
    this.#endpoints = addresses.map(unknownEndpoint)
    this.#balance = balance
    this.#random = random
  }

  get addresses(): readonly string[] {
    return this.#endpoints.map(({ address }) => address)
  }

  /** All addresses, in the order in which to try them. */
  order(route: Route, keyspace: string, nowMs: number): readonly string[] {
    const count = this.#endpoints.length
    if (count === 1) return this.addresses
    const turns = this.#balance === 'roundRobin' && route !== 'local'
    const start = turns ? this.#turn++ % count : this.#first
    const rotated = [...this.#endpoints.slice(start), ...this.#endpoints.slice(0, start)]
    const leader = route === 'write' ? this.#leaderOf(keyspace) : 0
    const rank = (endpoint: Endpoint): number => {
      if (endpoint.restUntilMs > nowMs) return 2
      return leader !== 0 && endpoint.memberId === leader ? 0 : 1
    }
    // Array sorting is stable, so equals keep the order of their turn.
    rotated.sort((a, b) => rank(a) - rank(b) || (rank(a) === 2 ? a.restUntilMs - b.restUntilMs : 0))
    return rotated.map(({ address }) => address)
  }

  answered(address: string, facts: AnswerFacts | undefined): void {
    const endpoint = this.#find(address)
    if (endpoint === undefined) return
    endpoint.failures = 0
    endpoint.restUntilMs = 0
    if (facts === undefined) return
    if (facts.memberId !== 0) endpoint.memberId = facts.memberId
    const leader = this.#leaders.get(facts.keyspace)
    if (leader !== undefined && facts.raftTerm > leader.heardTerm) leader.heardTerm = facts.raftTerm
  }

  /** Lets it rest for a while. @returns For how many milliseconds. */
  failed(address: string, nowMs: number): number {
    const at = this.#endpoints.findIndex((endpoint) => endpoint.address === address)
    const endpoint = this.#endpoints[at]
    if (endpoint === undefined) return 0
    // Another call may have moved on already: two steps for one failure would skip an endpoint.
    if (this.#first === at) this.#first = (at + 1) % this.#endpoints.length
    endpoint.failures += 1
    const restMs = backoffMs(endpoint.failures, restLimits, this.#random)
    endpoint.restUntilMs = nowMs + restMs
    return restMs
  }

  /** True: with whom the writes of this keyspace go is not known, and worth asking. */
  leaderWanted(keyspace: string): boolean {
    return this.#endpoints.length > 1 && this.#leaderOf(keyspace) === 0
  }

  /** @param memberId - 0: there is none at the moment. */
  leads(keyspace: string, memberId: number, term: number): void {
    const heardTerm = Math.max(term, this.#leaders.get(keyspace)?.heardTerm ?? 0)
    this.#leaders.set(keyspace, { memberId, term, heardTerm })
  }

  /** Takes other endpoints; what is known of those that stay is kept. @throws {RangeError} There would be none. */
  replace(addresses: readonly string[]): void {
    if (addresses.length === 0) throw new RangeError('a client needs at least one endpoint, and would have none')
    this.#endpoints = addresses.map((address) => this.#find(address) ?? unknownEndpoint(address))
    this.#first = 0
  }

  #leaderOf(keyspace: string): number {
    const leader = this.#leaders.get(keyspace)
    return leader !== undefined && leader.term >= leader.heardTerm ? leader.memberId : 0
  }

  #find(address: string): Endpoint | undefined {
    return this.#endpoints.find((endpoint) => endpoint.address === address)
  }
}

function unknownEndpoint(address: string): Endpoint {
  return { address, memberId: 0, failures: 0, restUntilMs: 0 }
}
