/**
 * The one task that a pool thread ever runs: an executor, from start to stop.
 *
 *   host: pool.run(init) ──▶ expose control ──start()──▶ store open, listening ──▶ … ──stop()──▶ drained, closed, task ends
 *
 * Whatever goes wrong here ends the thread in order if it can: writes drained, store closed, then the exit that the host takes
 * for the death of the thread.
 */
import { expose, transferHandlers } from 'comlink'
import nodeEndpointModule from 'comlink/dist/umd/node-adapter.js'
import { inspectActors } from '../../kernel/inspect.ts'
import type { PeerNetwork } from '../../ports/network.ts'
import { TcpPeerNetwork } from '../peer/tcp-network.ts'
import { Reserve } from '../reserve.ts'
import { runBoot } from './boot.ts'
import { nodeEndpointOf, passPorts } from './comlink-ports.ts'
import type { ExecutorStats, RecordingLimits, WorkerControl, WorkerInit } from './control.ts'
import { type ExecutorThread, silentNetwork, startExecutorThread, statsOf } from './executor-thread.ts'
import { PortLinks } from './links.ts'

/** Longer than any healthy commit takes, shorter than anybody would wait for a thread that is lost anyway. */
const closeWithinMs = 5_000

/** The pool's task. Resolves when the host has stopped it. */
export async function run(init: WorkerInit): Promise<void> {
  passPorts(transferHandlers)
  const links = new PortLinks(init.executors)
  await new Promise<void>((resolve, reject) => {
    const worker = new WorkerExecutor(init, links, resolve, reject)
    expose(worker, nodeEndpointOf(nodeEndpointModule, init.control))
  })
  links.close()
  init.control.close()
}

class WorkerExecutor implements WorkerControl {
  readonly #init: WorkerInit
  readonly #links: PortLinks
  readonly #resolve: () => void
  readonly #reject: (error: unknown) => void
  #thread: ExecutorThread | undefined
  #network: TcpPeerNetwork | undefined

  constructor(init: WorkerInit, links: PortLinks, resolve: () => void, reject: (error: unknown) => void) {
    this.#init = init
    this.#links = links
    this.#resolve = resolve
    this.#reject = reject
  }

  async start(): Promise<number> {
    const init = this.#init
    if (init.boot !== undefined) await runBoot(init.boot)
    const network = await this.#openNetwork()
    this.#thread = startExecutorThread({
      ...init,
      store: { ...init.store, onFull: () => void new Reserve(init.dataDir).release() },
      links: this.#links,
      origin: { product: init.product, boot: init.boot },
      network,
      fatal: (reason) => void this.#end(new Error(`fatal: ${reason}`)),
      failed: (error) => void this.#end(error),
    })
    return this.#network?.port ?? 0
  }

  connect(executor: number, port: import('node:worker_threads').MessagePort): void {
    this.#links.connect(executor, port)
  }

  up(executor: number, incarnation: number): void {
    this.#links.up(executor, incarnation)
  }

  down(executor: number): void {
    this.#links.down(executor)
  }

  setPeers(peers: readonly { readonly node: number; readonly urls: readonly string[] }[]): void {
    for (const { node, urls } of peers) this.#network?.setPeer(node, urls)
  }

  inspect(): ReturnType<WorkerControl['inspect']> {
    return this.#thread === undefined ? [] : inspectActors(this.#thread.executor)
  }

  stats(): ExecutorStats {
    return statsOf(this.#thread)
  }

  parentOf(name: string): ReturnType<WorkerControl['parentOf']> {
    return this.#thread?.flight.parentOf(name) ?? { type: 'absent' }
  }

  supervises(id: number): boolean {
    return this.#thread?.flight.supervises(id) ?? false
  }

  async beginRecording(name: string, limits: RecordingLimits): Promise<string | undefined> {
    if (this.#thread === undefined) return 'the thread has not started'
    return this.#thread.flight.beginRecording(name, limits)
  }

  endRecording(name: string): Uint8Array | undefined {
    return this.#thread?.flight.endRecording(name)
  }

  recent(name: string | undefined, linesMax: number): readonly string[] {
    return this.#thread?.flight.recent(name, linesMax) ?? []
  }

  async stop(): Promise<void> {
    await this.#thread?.close()
    await this.#network?.close()
    // The answer to this very call must be on its way before the task ends and its port closes.
    setImmediate(this.#resolve)
  }

  crash(how: 'throw' | 'exit'): void {
    setImmediate(() => {
      if (how === 'exit') process.exit(7)
      throw new Error('crash: asked for by a test')
    })
  }

  async #openNetwork(): Promise<PeerNetwork> {
    const { peer, node, index, executors } = this.#init
    if (peer === undefined) return silentNetwork
    this.#network = await TcpPeerNetwork.open({
      clusterId: peer.clusterId,
      nodeId: node,
      executor: index,
      executors,
      listen: { host: peer.listenHost, port: 0, ...(peer.secure && { secure: true }) },
      ...(peer.tls !== undefined && { tls: peer.tls }),
      urls: peer.urls,
      // Only executor 0 is dialled by URL and asked for the ports of all; whoever comes here knows them.
      ports: () => [],
    })
    return this.#network
  }

  async #end(error: unknown): Promise<void> {
    const closed = this.#thread?.close() ?? Promise.resolve()
    const late = new Promise<void>((resolve) => setTimeout(resolve, closeWithinMs).unref())
    await Promise.race([closed.catch(() => {}), late])
    this.#reject(error)
  }
}
