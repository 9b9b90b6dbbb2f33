/**
 * The network between simulated nodes: real encoded frames between (node, executor) pairs.
 *
 *   send ─▶ cut? lost? ─▶ copy(ies), one perhaps with a flipped bit ─▶ latency ─▶ checksum ─▶ receiver, if it still is there
 *
 * Each ordered pair of executors is a link; without faults it keeps the order, as a socket does. Every decision is a draw
 * keyed by (site, link, contents of the frame, which copy of those contents), so that one frame more or less leaves the
 * fate of all others as it was. A frame that arrives damaged, or elsewhere, ends its connection: what was under way with it
 * is lost. Which faults pass a link of the real world, and which are stopped by it, stands in `network-faults.ts`.
 *
 * A link comes up when a frame arrives over it, and goes down when one finds nobody, arrives damaged or is cut off: like a
 * socket's, its state is what the sender has seen, not what is.
 */
import { hash32, mix32 } from '../base/digest.ts'
import type { PeerNetwork } from '../runtime/ports/network.ts'
import { type Decisions, decisionSite } from './decisions.ts'
import type { EventQueue } from './event-queue.ts'
import { flip } from './frame-bytes.ts'
import { calmNetwork, type NetworkCounts, type NetworkFaults } from './network-faults.ts'
import { type Endpoint, type Flying, type HeldBack, type Link, reaches } from './network-links.ts'
import { Passages } from './passages.ts'
import { Slab } from './slab.ts'
import type { Standstill } from './standstill.ts'

const reconnectMs = 20
const clogKey = 11

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
const misdirectSite = decisionSite('net.misdirect')
const replaySite = decisionSite('net.replay')
const replayAfterSite = decisionSite('net.replay.after')

export class SimNetwork {
  readonly #queue: EventQueue
  readonly #decisions: Decisions
  /** By `placeOf`. */
  readonly #endpoints = new Map<number, Endpoint>()
  readonly #links = new Map<number, Link>()
  /** What is cut and what is clogged. */
  readonly passages: Passages = new Passages()
  /** Nodes that may stand still and read nothing meanwhile. */
  readonly standstills: Map<number, Standstill> = new Map()
  #heldBack: HeldBack[] = []
  readonly #slab = new Slab()
  faults: NetworkFaults = { ...calmNetwork }
  readonly counts: NetworkCounts = {
    sent: 0,
    delivered: 0,
    duplicated: 0,
    replayed: 0,
    dropped: 0,
    corrupted: 0,
    misdirected: 0,
  }

  /** Hears what is sent: the checksum of each frame. */
  onSent: ((contents: number) => void) | undefined = undefined
  /** Told which frame is a copy of which, when somebody records the run. */
  onCopy: ((frame: Uint8Array, copy: Uint8Array) => void) | undefined = undefined

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
    this.#endpoints.set(placeOf(node, executor), endpoint)
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
    this.#endpoints.delete(placeOf(node, executor))
  }

  /** Nothing passes from `from` to `to` any more; the other way is another link. */
  cut(from: number, to: number, holder: number = 0): void {
    if (!this.passages.cut(from, to, holder)) return
    for (const endpoint of this.#endpoints.values()) if (endpoint.node === from) this.#disconnect(endpoint, to)
  }

  /** Ends the cut of `holder`; the way stays shut while others hold it. */
  join(from: number, to: number, holder: number = 0): void {
    this.passages.join(from, to, holder)
  }

  /** What goes from `from` to `to` is held back for `forMs`, and then arrives. */
  clog(from: number, to: number, forMs: number): void {
    const untilMs = this.#queue.nowMs + forMs
    this.passages.clog(from, to, untilMs)
    this.#queue.at(untilMs, clogKey, () => this.#letGo())
  }

  /** Opens all ways, whoever shut them. */
  joinAll(): void {
    this.passages.joinAll()
    this.#letGo()
  }

  isCut(from: number, to: number): boolean {
    return this.passages.isCut(from, to)
  }

  #letGo(): void {
    const held = this.#heldBack
    this.#heldBack = []
    // Those whose way is still clogged come back here.
    for (const { link, connection, receiver, frame } of held) {
      this.#queue.after(0, link.key, () => this.#arrive(link, connection, receiver, frame))
    }
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
    // As a signed number, which a map keeps without an object for it.
    const copy = (link.copies.get(contents | 0) ?? 0) + 1
    link.copies.set(contents | 0, copy)
    this.onSent?.(contents)
    const decisions = this.#decisions
    const { key } = link
    const { faults } = this
    if (this.passages.isCut(from, to) || decisions.happens(lossSite, faults.loss, key, contents, copy)) {
      this.counts.dropped += 1
      return true
    }
    const waitMs = this.#carriedAfterMs(link)
    if (waitMs === undefined) {
      this.counts.dropped += 1
      return false
    }
    const receiver = this.#endpoints.get(placeOf(to, at))
    const latency = waitMs + this.#latency(key, contents, copy)
    // Copied once, as a socket would: the sender may use its bytes again. Who receives them does not write on them.
    const sent = this.#copyOf(frame)
    let bytes = sent
    if (decisions.happens(corruptSite, faults.corrupt, key, contents, copy)) {
      bytes = this.#copyOf(sent)
      flip(bytes, decisions.share(flippedSite, key, contents, copy))
    }
    const inOrder = !decisions.happens(reorderSite, faults.reorder, key, contents, copy)
    const arrival = this.#queue.nowMs + latency
    const astray = decisions.happens(misdirectSite, faults.misdirect, key, contents, copy)
    this.#ship(
      link,
      receiver,
      { sender, source, to, at, bytes, touched: bytes !== sent, contents, astray, replayed: false },
      inOrder ? Math.max(arrival, link.lastArrivalMs) : arrival,
      inOrder,
    )
    if (decisions.happens(duplicateSite, faults.duplicate, key, contents, copy)) {
      this.counts.duplicated += 1
      const again = arrival + decisions.share(duplicateLaterSite, key, contents, copy) * Math.max(1, faults.slowMs)
      this.#ship(
        link,
        receiver,
        { sender, source, to, at, bytes: sent, touched: false, contents, astray: false, replayed: false },
        again,
        false,
      )
    }
    if (decisions.happens(replaySite, faults.replay, key, contents, copy)) {
      this.counts.duplicated += 1
      this.counts.replayed += 1
      const later = arrival + decisions.share(replayAfterSite, key, contents, copy) * faults.replayMs
      this.#ship(
        link,
        receiver,
        { sender, source, to, at, bytes: sent, touched: false, contents, astray: false, replayed: true },
        later,
        false,
      )
    }
    return true
  }

  #copyOf(frame: Uint8Array): Uint8Array {
    const bytes = this.#slab.copy(frame)
    this.onCopy?.(frame, bytes)
    return bytes
  }

  /** How long a frame waits until its link has carried those before it; undefined where too many wait already. */
  #carriedAfterMs(link: Link): number | undefined {
    const { framesPerMs, queueFrames } = this.faults
    if (framesPerMs <= 0) return 0
    const waitMs = Math.max(0, link.freeMs - this.#queue.nowMs)
    if (waitMs * framesPerMs > queueFrames) return undefined
    link.freeMs = this.#queue.nowMs + waitMs + 1 / framesPerMs
    return waitMs
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
    const present = this.#endpoints.get(placeOf(frame.to, frame.at))
    const { sender } = frame
    // What was sent arrives although its sender is gone; what is repeated needs a connection that is still there.
    const ended = frame.replayed && this.#endpoints.get(placeOf(sender.node, frame.source)) !== sender
    const gone = receiver === undefined || present !== receiver || ended
    if (gone || link.connection !== connection || this.passages.isCut(sender.node, frame.to)) {
      this.counts.dropped += 1
      if (gone) this.#down(sender, link)
      return
    }
    if (this.passages.clearMs(sender.node, frame.to) > this.#queue.nowMs) {
      this.#heldBack.push({ link, connection, receiver, frame })
      return
    }
    const standstill = this.standstills.get(frame.to)
    if (standstill?.now === true) {
      standstill.park(link.key, () => this.#arrive(link, connection, receiver, frame))
      return
    }
    if (frame.astray || (frame.touched && hash32(frame.bytes) !== frame.contents)) {
      if (frame.astray) this.counts.misdirected += 1
      else this.counts.corrupted += 1
      link.connection += 1
      link.lastArrivalMs = this.#queue.nowMs + reconnectMs
      this.#down(sender, link)
      return
    }
    this.counts.delivered += 1
    this.#up(sender, frame.source, link)
    this.#greet(link, sender, receiver)
    receiver.deliver?.(sender.node, frame.source, frame.bytes)
  }

  #link(from: number, source: number, to: number, at: number): Link {
    const name = placeOf(from, source) * 0x4_0000 + placeOf(to, at)
    const known = this.#links.get(name)
    if (known !== undefined) return known
    const key = mix32(((from * 64 + source) * 4_096 + to) * 64 + at)
    const link: Link = { key, to, copies: new Map(), lastArrivalMs: 0, freeMs: 0, connection: 0, greeted: undefined }
    this.#links.set(name, link)
    return link
  }

  #up(sender: Endpoint, source: number, link: Link): void {
    // Whoever sent it may be gone while its frames are still under way.
    if (sender.live.has(link) || this.#endpoints.get(placeOf(sender.node, source)) !== sender) return
    const first = !reaches(sender, link.to)
    sender.live.add(link)
    if (first) sender.notice?.(link.to, true)
  }

  /** Whoever was dialled knows from then on where the dialler is. */
  #greet(link: Link, by: Endpoint, of: Endpoint): void {
    if (link.greeted?.by === by && link.greeted.of === of) return
    link.greeted = { by, of }
    of.peers.add(by.node)
  }

  #down(sender: Endpoint, link: Link): void {
    link.greeted = undefined
    if (sender.live.delete(link) && !reaches(sender, link.to)) sender.notice?.(link.to, false)
  }

  #disconnect(sender: Endpoint, node: number): void {
    for (const link of [...sender.live]) if (link.to === node) this.#down(sender, link)
  }
}

/** Of an executor: nodes of a world are few, and have at most 64 each. */
function placeOf(node: number, executor: number): number {
  return node * 64 + executor
}
