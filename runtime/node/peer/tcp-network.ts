/**
 * The `PeerNetwork` port over TCP, or over TLS: one instance for each executor thread, with a listener of its own and one outgoing
 * link for each executor it talks to.
 *
 *   executor i ──send(node, j, frame)──▶ link (node, j) ═══TCP═══▶ listener of executor j ──onFrame──▶ executor j
 *
 * Executor 0 listens at the peer URL, the others at ports the system chose, on the same address. A link exists from the
 * first send on: executors that never talk never connect.
 */
import { id53 } from '../../../base/digest.ts'
import type { PeerNetwork } from '../../ports/network.ts'
import type { TlsSettings } from '../tls/settings.ts'
import { WatchedTls } from '../tls/watched.ts'
import { PeerAddresses } from './addresses.ts'
import { createPeerCounters, type PeerCounters } from './connection.ts'
import { defaultMaxFrameBytes } from './frame.ts'
import { type LinkOwner, type LinkTuning, PeerLink, type PeerLog } from './link.ts'
import { type AnswerRequest, PeerListener } from './listener.ts'
import type { PeerAddress } from './url.ts'

export interface TcpPeerNetworkOptions {
  readonly clusterId: number
  readonly nodeId: number
  /** Of this instance, and how many the node has. */
  readonly executor: number
  readonly executors: number
  /** Executor 0: the address of the peer URL. Others: the same host, port 0. */
  readonly listen: PeerAddress
  /** Listening port of each executor of this node, 0 where not known yet; told to those who connect. */
  readonly ports: () => readonly number[]
  /** Where others find this node; told to those who are dialled, so that they can answer whoever they never heard of. */
  readonly urls?: readonly string[]
  /** Of this node: needed to listen at an address of TLS, and to dial one. */
  readonly tls?: TlsSettings
  readonly log?: PeerLog
  /** Executor 0 only: see `askPeer`. */
  readonly onRequest?: AnswerRequest
  readonly pendingMax?: number
  readonly tuning?: Partial<LinkTuning>
}

export const defaultTuning: LinkTuning = {
  queueBytesMax: 64 * 1024 * 1024,
  maxFrameBytes: defaultMaxFrameBytes,
  handshakeTimeoutMs: 5_000,
  backoffBaseMs: 50,
  backoffMaxMs: 2_000,
  pingEveryMs: 1_000,
  deadAfterMs: 5_000,
}

/** What listener and links have in common. */
type Shared = Pick<LinkOwner, 'addresses' | 'counters' | 'log'> & { readonly tls: WatchedTls | undefined }

/** Where frames go; listener and port share it because the listener must exist first. */
interface Inbox {
  deliver: (node: number, executor: number, frame: Uint8Array) => void
}

const pendingMaxDefault = 64
const drainMs = 500

export class TcpPeerNetwork implements PeerNetwork {
  readonly counters: PeerCounters
  readonly #owner: LinkOwner
  readonly #listener: PeerListener
  readonly #addresses: PeerAddresses
  readonly #tls: WatchedTls | undefined
  readonly #links = new Map<number, Map<number, PeerLink>>()
  readonly #upLinks = new Map<number, number>()
  readonly #inbox: Inbox
  #notice: (node: number, up: boolean) => void = () => undefined
  #closing = false

  private constructor(
    options: TcpPeerNetworkOptions,
    tuning: LinkTuning,
    listener: PeerListener,
    shared: Shared,
    inbox: Inbox,
  ) {
    const { clusterId, nodeId, executor, ports, urls = [] } = options
    this.#listener = listener
    this.#addresses = shared.addresses
    this.#tls = shared.tls
    this.#inbox = inbox
    this.counters = shared.counters
    this.#owner = {
      ...shared,
      clusterId,
      nodeId,
      executor,
      ports,
      urls,
      tuning,
      seed: id53(`${clusterId}/${nodeId}/${executor}`) >>> 0,
      onUp: (node) => this.#countUp(node, 1),
      onDown: (node) => this.#countUp(node, -1),
    }
  }

  /**
   * Starts listening.
   *
   * @throws {RangeError} An option is out of its bounds, or an address of TLS comes without certificates.
   * @throws {TlsFileError} A certificate or key cannot be used. @throws {Error} The address cannot be listened at.
   */
  static async open(options: TcpPeerNetworkOptions): Promise<TcpPeerNetwork> {
    const tuning = { ...defaultTuning, ...options.tuning }
    checkOptions(options, tuning)
    const log = options.log ?? ((): void => undefined)
    const tls = options.tls && (await WatchedTls.open(options.tls, { log }))
    const shared = { addresses: new PeerAddresses(), counters: createPeerCounters(), log, tls }
    try {
      return await TcpPeerNetwork.#listen(options, tuning, shared)
    } catch (error) {
      tls?.close()
      throw error
    }
  }

  static async #listen(options: TcpPeerNetworkOptions, tuning: LinkTuning, shared: Shared): Promise<TcpPeerNetwork> {
    // Whatever arrives before the executor says where to bring it is lost, as on any network.
    const inbox: Inbox = { deliver: () => undefined }
    const greeted: { call: (node: number) => void } = { call: () => undefined }
    const listener = await PeerListener.open(options.listen, {
      ...shared,
      clusterId: options.clusterId,
      nodeId: options.nodeId,
      executor: options.executor,
      executors: options.executors,
      ports: options.ports,
      maxFrameBytes: tuning.maxFrameBytes,
      handshakeTimeoutMs: tuning.handshakeTimeoutMs,
      deadAfterMs: tuning.deadAfterMs,
      pendingMax: options.pendingMax ?? pendingMaxDefault,
      onRequest: options.onRequest,
      onHello: (node) => greeted.call(node),
      onFrame: (node, executor, frame) => inbox.deliver(node, executor, frame),
    })
    const network = new TcpPeerNetwork(options, tuning, listener, shared, inbox)
    greeted.call = (node) => network.#nudge(node)
    return network
  }

  /** Where this executor listens. */
  get port(): number {
    return this.#listener.port
  }

  /** Bytes accepted for `node` and not yet given to the operating system. */
  waitingBytes(node: number): number {
    let bytes = 0
    for (const link of this.#links.get(node)?.values() ?? []) bytes += link.waitingBytes
    return bytes
  }

  /** @throws {RangeError} `executor` is not a whole number of 0 to 65534. */
  send(node: number, executor: number, frame: Uint8Array): boolean {
    if (!Number.isInteger(executor) || executor < 0 || executor > 0xfffe) {
      throw new RangeError(`send to node ${node}: executor must be a whole number of 0 to 65534, not ${executor}`)
    }
    const link = this.#linkTo(node, executor)
    if (link !== undefined) return link.send(frame)
    this.counters.framesDropped += 1
    return false
  }

  /** @throws {TypeError} One of `urls` is no peer URL. @throws {RangeError} `node` is this node or no node id. */
  setPeer(node: number, urls: readonly string[]): void {
    if (!Number.isSafeInteger(node) || node < 0 || node === this.#owner.nodeId) {
      throw new RangeError(`set a peer: the node must be another one than this (${this.#owner.nodeId}), not ${node}`)
    }
    this.#addresses.set(node, urls)
    if (urls.length > 0) return
    for (const link of this.#links.get(node)?.values() ?? []) {
      if (link.up) this.#countUp(node, -1)
      link.close(() => undefined)
    }
    this.#links.delete(node)
  }

  onFrame(deliver: (node: number, executor: number, frame: Uint8Array) => void): void {
    this.#inbox.deliver = deliver
  }

  onLink(notice: (node: number, up: boolean) => void): void {
    this.#notice = notice
  }

  /** Stops listening, gives what waits half a second to leave, and closes every link. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    const links = [...this.#links.values()].flatMap((each) => [...each.values()])
    const ended = links.map((link) => new Promise<void>((resolve) => link.close(resolve)))
    const patience = setTimeout(() => {
      for (const link of links) link.abort()
    }, drainMs)
    await Promise.all([...ended, this.#listener.close()])
    clearTimeout(patience)
    this.#tls?.close()
  }

  #linkTo(node: number, executor: number): PeerLink | undefined {
    if (this.#closing || !this.#addresses.has(node)) return undefined
    let links = this.#links.get(node)
    if (links === undefined) {
      links = new Map()
      this.#links.set(node, links)
    }
    let link = links.get(executor)
    if (link === undefined) {
      link = new PeerLink(this.#owner, node, executor)
      links.set(executor, link)
    }
    return link
  }

  /** Who just connected can be reached: links to it need not wait out their pause. */
  #nudge(node: number): void {
    for (const link of this.#links.get(node)?.values() ?? []) link.nudge()
  }

  /** A node is up while any link to it is. */
  #countUp(node: number, change: 1 | -1): void {
    const before = this.#upLinks.get(node) ?? 0
    const after = before + change
    this.#upLinks.set(node, after)
    if (before === 0 && after === 1) this.#notice(node, true)
    if (after === 0) this.#notice(node, false)
  }
}

function checkOptions(options: TcpPeerNetworkOptions, tuning: LinkTuning): void {
  const { executor, executors } = options
  if (!Number.isInteger(executors) || executors < 1 || executors > 0xffff) {
    throw new RangeError(`open the peer network: executors must be a whole number of 1 to 65535, not ${executors}`)
  }
  if (!Number.isInteger(executor) || executor < 0 || executor >= executors) {
    throw new RangeError(`open the peer network: executor must be one of 0 to ${executors - 1}, not ${executor}`)
  }
  if (tuning.maxFrameBytes < 1 || tuning.maxFrameBytes > defaultMaxFrameBytes) {
    throw new RangeError(
      `open the peer network: maxFrameBytes must be 1 to ${defaultMaxFrameBytes}, not ${tuning.maxFrameBytes}`,
    )
  }
  if (tuning.deadAfterMs <= tuning.pingEveryMs) {
    throw new RangeError(
      `open the peer network: deadAfterMs must exceed pingEveryMs (${tuning.pingEveryMs}), not be ${tuning.deadAfterMs}`,
    )
  }
}
