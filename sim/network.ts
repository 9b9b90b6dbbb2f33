/**
 * The network between simulated nodes: real encoded frames between (node, executor) pairs.
 *
 *   send ─▶ cut? lost? ─▶ copy(ies), one perhaps with a flipped bit ─▶ latency ─▶ checksum ─▶ receiver, if it still is there
 *
 * Each ordered pair of executors is a link; without faults it keeps the order, as a socket does. Every decision is a draw
 * keyed by (site, link, contents of the frame, which copy of those contents), so that one frame more or less leaves the
 * fate of all others as it was. A frame that arrives damaged ends its connection: what was under way with it is lost.
 *
 * A link comes up when a frame arrives over it, and goes down when one finds nobody, arrives damaged or is cut off: like a
 * socket's, its state is what the sender has seen, not what is.
 */
import { hash32, mix32 } from '../base/digest.ts'
import type { PeerNetwork } from '../runtime/ports/network.ts'
import { type Decisions, decisionSite } from './decisions.ts'
import type { EventQueue } from './event-queue.ts'

export interface NetworkFaults {
  /** Shares of all frames, 0 to 1. */
  loss: number
  duplicate: number
  reorder: number
  corrupt: number
  /** This share of the frames takes up to `slowMs` longer. */
  slow: number
  slowMs: number
  /** Every frame takes at least `latencyMinMs`, on average about `latencyMeanMs` more. */
  latencyMinMs: number
  latencyMeanMs: number
}

export const calmNetwork: NetworkFaults = {
  loss: 0,
  duplicate: 0,
  reorder: 0,
  corrupt: 0,
  slow: 0,
  slowMs: 0,
  latencyMinMs: 0.2,
  latencyMeanMs: 0.3,
}

export interface NetworkCounts {
  sent: number
  delivered: number
  duplicated: number
  /** Lost, cut off, addressed to nobody, or of a connection that ended. */
  dropped: number
  corrupted: number
}

interface Link {
  readonly key: number
  /** The node it leads to. */
  readonly to: number
  /** How often each content was sent, for the key of its draws. */
  readonly copies: Map<number, number>
  lastArrivalMs: number
  /** Grows when the connection ends. */
  connection: number
}

interface Endpoint {
  readonly node: number
  readonly incarnation: number
  /** The nodes it was told of. */
  readonly peers: Set<number>
  /** Links from here that are up. */
  readonly live: Set<Link>
  deliver: ((node: number, executor: number, frame: Uint8Array) => void) | undefined
  notice: ((node: number, up: boolean) => void) | undefined
}

const reconnectMs = 20

const lossSite = decisionSite('net.loss')
const corruptSite = decisionSite('net.corrupt')
const flippedSite = decisionSite('net.corrupt.bit')
const reorderSite = decisionSite('net.reorder')
const duplicateSite = decisionSite('net.duplicate')
const duplicateLaterSite = decisionSite('net.duplicate.later')
const latencySite = decisionSite('net.latency')
const tailSite = decisionSite('net.latency.tail')
const slowSite = decisionSite('net.slow')
const slowBySite = decisionSite('net.slow.by')

export class SimNetwork {
  readonly #queue: EventQueue
  readonly #decisions: Decisions
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #links = new Map<string, Link>()
  readonly #cuts = new Set<string>()
  /** Until when a paused node reads nothing. */
  readonly pausedUntilMs: Map<number, number> = new Map()
  faults: NetworkFaults = { ...calmNetwork }
  readonly counts: NetworkCounts = { sent: 0, delivered: 0, duplicated: 0, dropped: 0, corrupted: 0 }

  constructor(queue: EventQueue, decisions: Decisions) {
    this.#queue = queue
    this.#decisions = decisions
  }

  /** The network as one executor sees it, from now until `detach`. */
  attach(node: number, executor: number, incarnation: number): PeerNetwork {
    const endpoint: Endpoint = {
      node,
      incarnation,
      peers: new Set(),
      live: new Set(),
      deliver: undefined,
      notice: undefined,
    }
    this.#endpoints.set(`${node}/${executor}`, endpoint)
    return {
      send: (to, at, frame) => this.#send(endpoint, executor, to, at, frame),
      setPeer: (peer, urls) => {
        if (urls.length > 0) endpoint.peers.add(peer)
        else if (endpoint.peers.delete(peer)) this.#disconnect(endpoint, peer)
      },
      onFrame: (deliver) => {
        endpoint.deliver = deliver
      },
      onLink: (notice) => {
        endpoint.notice = notice
      },
    }
  }

  detach(node: number, executor: number): void {
    this.#endpoints.delete(`${node}/${executor}`)
  }

  /** Nothing passes from `from` to `to` any more; the other way is another link. */
  cut(from: number, to: number): void {
    if (this.#cuts.has(`${from}/${to}`)) return
    this.#cuts.add(`${from}/${to}`)
    for (const endpoint of this.#endpoints.values()) if (endpoint.node === from) this.#disconnect(endpoint, to)
  }

  join(from: number, to: number): void {
    this.#cuts.delete(`${from}/${to}`)
  }

  joinAll(): void {
    for (const cut of [...this.#cuts]) {
      const [from, to] = cut.split('/').map(Number) as [number, number]
      this.join(from, to)
    }
  }

  isCut(from: number, to: number): boolean {
    return this.#cuts.has(`${from}/${to}`)
  }

  #send(sender: Endpoint, source: number, to: number, at: number, frame: Uint8Array): boolean {
    this.counts.sent += 1
    if (!sender.peers.has(to)) {
      this.counts.dropped += 1
      return false
    }
    const from = sender.node
    const link = this.#link(from, source, to, at)
    const contents = hash32(frame)
    const copy = (link.copies.get(contents) ?? 0) + 1
    link.copies.set(contents, copy)
    const decisions = this.#decisions
    const { key } = link
    const { faults } = this
    if (this.#cuts.has(`${from}/${to}`) || decisions.happens(lossSite, faults.loss, key, contents, copy)) {
      this.counts.dropped += 1
      return true
    }
    const receiver = this.#endpoints.get(`${to}/${at}`)
    // Copied, as a socket would: nobody shares memory with another node.
    const bytes = copyOf(frame)
    const latency = this.#latency(key, contents, copy)
    if (decisions.happens(corruptSite, faults.corrupt, key, contents, copy))
      flip(bytes, decisions.share(flippedSite, key, contents, copy))
    const inOrder = !decisions.happens(reorderSite, faults.reorder, key, contents, copy)
    const arrival = this.#queue.nowMs + latency
    this.#ship(
      link,
      receiver,
      { sender, source, to, at, bytes, contents },
      inOrder ? Math.max(arrival, link.lastArrivalMs) : arrival,
      inOrder,
    )
    if (decisions.happens(duplicateSite, faults.duplicate, key, contents, copy)) {
      this.counts.duplicated += 1
      const again = arrival + decisions.share(duplicateLaterSite, key, contents, copy) * Math.max(1, faults.slowMs)
      this.#ship(link, receiver, { sender, source, to, at, bytes: copyOf(frame), contents }, again, false)
    }
    return true
  }

  #latency(key: number, contents: number, copy: number): number {
    const decisions = this.#decisions
    const { latencyMinMs, latencyMeanMs, slow, slowMs } = this.faults
    // Two draws multiplied: mostly short, now and then a multiple of the mean, never endless.
    const ordinary =
      latencyMinMs +
      4 *
        latencyMeanMs *
        decisions.share(latencySite, key, contents, copy) *
        decisions.share(tailSite, key, contents, copy)
    const late = decisions.happens(slowSite, slow, key, contents, copy)
    return late ? ordinary + decisions.share(slowBySite, key, contents, copy) * slowMs : ordinary
  }

  #ship(link: Link, receiver: Endpoint | undefined, frame: Flying, arrivalMs: number, inOrder: boolean): void {
    if (inOrder) link.lastArrivalMs = arrivalMs
    const { connection } = link
    this.#queue.at(arrivalMs, link.key, () => this.#arrive(link, connection, receiver, frame))
  }

  #arrive(link: Link, connection: number, receiver: Endpoint | undefined, frame: Flying): void {
    const present = this.#endpoints.get(`${frame.to}/${frame.at}`)
    const { sender } = frame
    const gone = receiver === undefined || present !== receiver
    if (gone || link.connection !== connection || this.#cuts.has(`${sender.node}/${frame.to}`)) {
      this.counts.dropped += 1
      if (gone) this.#down(sender, link)
      return
    }
    const resumeMs = this.pausedUntilMs.get(frame.to) ?? 0
    if (resumeMs > this.#queue.nowMs) {
      this.#queue.at(resumeMs, link.key, () => this.#arrive(link, connection, receiver, frame))
      return
    }
    if (hash32(frame.bytes) !== frame.contents) {
      this.counts.corrupted += 1
      link.connection += 1
      link.lastArrivalMs = this.#queue.nowMs + reconnectMs
      this.#down(sender, link)
      return
    }
    this.counts.delivered += 1
    this.#up(sender, frame.source, link)
    receiver.deliver?.(sender.node, frame.source, frame.bytes)
  }

  #link(from: number, source: number, to: number, at: number): Link {
    const name = `${from}.${source}-${to}.${at}`
    const known = this.#links.get(name)
    if (known !== undefined) return known
    const key = mix32(((from * 64 + source) * 4_096 + to) * 64 + at)
    const link: Link = { key, to, copies: new Map(), lastArrivalMs: 0, connection: 0 }
    this.#links.set(name, link)
    return link
  }

  #up(sender: Endpoint, source: number, link: Link): void {
    // Whoever sent it may be gone while its frames are still under way.
    if (sender.live.has(link) || this.#endpoints.get(`${sender.node}/${source}`) !== sender) return
    const first = !reaches(sender, link.to)
    sender.live.add(link)
    if (first) sender.notice?.(link.to, true)
  }

  #down(sender: Endpoint, link: Link): void {
    if (sender.live.delete(link) && !reaches(sender, link.to)) sender.notice?.(link.to, false)
  }

  #disconnect(sender: Endpoint, node: number): void {
    for (const link of [...sender.live]) if (link.to === node) this.#down(sender, link)
  }
}

/** A node is up for an executor as long as one link to it is. */
function reaches({ live }: Endpoint, node: number): boolean {
  for (const link of live) if (link.to === node) return true
  return false
}

interface Flying {
  readonly sender: Endpoint
  /** The executor of `sender`. */
  readonly source: number
  readonly to: number
  readonly at: number
  readonly bytes: Uint8Array
  /** The checksum that travels with it. */
  readonly contents: number
}

/** A plain Uint8Array: the `slice` of Node's Buffer does not copy. */
function copyOf(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frame.length)
  bytes.set(frame)
  return bytes
}

function flip(bytes: Uint8Array, where: number): void {
  const bit = Math.floor(where * bytes.length * 8)
  const at = bit >> 3
  if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
}
