/**
 * The real world of one node, opened and closed as a whole.
 *
 *   open:   data directory locked ─▶ stores tried out in a throw-away process ─▶ executor 0 ─▶ worker threads ─▶ wired
 *   close:  actors stopped from the root ─▶ every executor drained ─▶ stores closed ─▶ threads ended ─▶ lock released
 *
 * A damaged store is moved aside and made anew where others can fill it again; where there is nobody to fill it, the node
 * refuses to start, because an empty store that passes for a full one is the one thing worse than none.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { aspenVersion } from '../client/version.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import { type ActorStatus, inspectActors } from '../runtime/kernel/inspect.ts'
import { type DataDir, openDataDir, readDirIdentity } from '../runtime/node/data-dir.ts'
import type { AnswerRequest } from '../runtime/node/peer/listener.ts'
import { TcpPeerNetwork } from '../runtime/node/peer/tcp-network.ts'
import type { PeerAddress } from '../runtime/node/peer/url.ts'
import { runBoot } from '../runtime/node/thread/boot.ts'
import type { ExecutorStats, FlightControl, WorkerBoot } from '../runtime/node/thread/control.ts'
import {
  type ExecutorThread,
  silentNetwork,
  startExecutorThread,
  statsOf,
} from '../runtime/node/thread/executor-thread.ts'
import { PortLinks } from '../runtime/node/thread/links.ts'
import { ThreadPool } from '../runtime/node/thread/pool.ts'
import type { TlsSettings } from '../runtime/node/tls/settings.ts'
import { damagedStore } from '../runtime/ports/world.ts'

export interface RuntimeOptions {
  readonly dir: string
  readonly clusterId: number
  readonly memberId: number
  readonly name: string
  /** Worker threads; 0: everything runs on the calling thread. A directory made with another number keeps its own. */
  readonly workers: number
  readonly seed: number
  /** Whether other members can fill a store that was lost. */
  readonly repairable: boolean
  /** The member had a directory before: where there is none now, it is a loss and no beginning. */
  readonly lost: boolean
  /** Runs on each thread before its first actor, here too. */
  readonly boot: WorkerBoot
  /** Undefined: a node on its own, which listens to no peers. */
  readonly peer:
    | {
        readonly listen: PeerAddress
        readonly urls: readonly string[]
        readonly tls: TlsSettings | undefined
        readonly onRequest: AnswerRequest
      }
    | undefined
  readonly log: (level: 'info' | 'warn' | 'error', fields: Record<string, unknown>, text: string) => void
}

/** As it looks from another thread. */
export type Asynchronous<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never
}

const reserveEveryMs = 5_000

export interface RuntimeStats extends ExecutorStats {
  readonly executor: number
}

/** The data cannot be used as it is, and nobody can repair it. */
export class DataDamaged extends Error {
  override readonly name = 'DataDamaged'
}

export class NodeRuntime {
  readonly #dir: DataDir
  readonly #host: ExecutorThread
  readonly #pool: ThreadPool | undefined
  readonly #network: TcpPeerNetwork | undefined
  readonly #links: PortLinks
  readonly executors: number
  /** Executors whose store was found damaged or missing and was made anew, empty. */
  readonly wiped: readonly number[]
  /** Resolves when the node cannot go on. */
  readonly died: Promise<{ readonly reason: string }>
  readonly #reserveTimer: NodeJS.Timeout
  readonly #fatal: (reason: string) => void
  #threadUp: (executor: number) => void = () => {}

  private constructor(parts: {
    dir: DataDir
    host: ExecutorThread
    pool: ThreadPool | undefined
    network: TcpPeerNetwork | undefined
    links: PortLinks
    executors: number
    wiped: readonly number[]
    died: Promise<{ readonly reason: string }>
    fatal: (reason: string) => void
  }) {
    this.#dir = parts.dir
    this.#host = parts.host
    this.#pool = parts.pool
    this.#network = parts.network
    this.#links = parts.links
    this.executors = parts.executors
    this.wiped = parts.wiped
    this.died = parts.died
    this.#fatal = parts.fatal
    // Taken again only when there is plenty of room, so a look now and then is enough.
    this.#reserveTimer = setInterval(() => this.#dir.reserve.restore(), reserveEveryMs).unref()
  }

  static async open(options: RuntimeOptions): Promise<NodeRuntime> {
    const { dir, clusterId, memberId, name, lost, log } = options
    const stores = storesOf(options)
    const data = await openDataDir({ dir, clusterId, memberId, name, stores, lost })
    try {
      return await NodeRuntime.#openIn(data, stores, options)
    } catch (error) {
      log('error', { error: String(error) }, 'the node cannot start')
      data.close()
      throw error
    }
  }

  static async #openIn(data: DataDir, executors: number, options: RuntimeOptions): Promise<NodeRuntime> {
    const wiped = await checkedStores(data, options)
    let fatal: (reason: string) => void = () => {}
    const died = new Promise<{ readonly reason: string }>((resolve) => {
      fatal = (reason) => {
        if (reason.includes(damagedStore)) writeFileSync(suspectFile(options.dir), '')
        resolve({ reason })
      }
    })
    const links = new PortLinks(executors)
    const ports = new Array<number>(executors).fill(0)
    const network = await openNetwork(options, executors, () => ports)
    await runBoot(options.boot)
    const slots = data.stores
    const onFull = (): void => void data.reserve.release()
    const host = startExecutorThread({
      node: options.memberId,
      index: 0,
      incarnation: Math.floor(Date.now() / 1_000) % 16_384,
      seed: options.seed,
      store: { dir: slots[0]?.dir as string, identity: slots[0]?.identity as never, onFull },
      links,
      origin: { product: aspenVersion, boot: options.boot },
      network: network ?? silentNetwork,
      fatal,
      actorFailed: logFailures(options),
      failed: (error) =>
        fatal(
          `the kernel failed on the host thread: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        ),
    })
    let up: (executor: number) => void = () => {}
    const pool =
      executors === 1
        ? undefined
        : await ThreadPool.open({
            node: options.memberId,
            workers: executors - 1,
            seed: options.seed,
            dataDir: options.dir,
            store: (executor) => ({
              dir: slots[executor]?.dir as string,
              identity: slots[executor]?.identity as never,
            }),
            peer: options.peer && {
              clusterId: options.clusterId,
              listenHost: options.peer.listen.host,
              secure: options.peer.listen.secure === true,
              tls: options.peer.tls,
              urls: options.peer.urls,
            },
            boot: options.boot,
            product: aspenVersion,
            links,
            onDeath: (executor, reason) =>
              options.log('error', { executor, reason }, 'a worker thread died; it is being replaced'),
            onUp: (executor, port) => {
              ports[executor] = port
              up(executor)
            },
            onFatal: fatal,
          })
    const runtime = new NodeRuntime({ dir: data, host, pool, network, links, executors, wiped, died, fatal })
    up = (executor) => runtime.#threadUp(executor)
    return runtime
  }

  /** The host's own executor, where the front doors stand. */
  get executor(): Executor {
    return this.#host.executor
  }

  /** Ends the node: `died` resolves with the reason. */
  fail(reason: string): void {
    this.#fatal(reason)
  }

  /** Calls back when a thread that died was replaced. */
  onThreadUp(callback: (executor: number) => void): void {
    this.#threadUp = callback
  }

  async actors(): Promise<readonly ActorStatus[]> {
    const own = inspectActors(this.#host.executor)
    const others = await Promise.all(this.#controls().map((control) => control.inspect()))
    return [...own, ...others.flat()]
  }

  /**
   * The flight recorder of one executor.
   *
   * @throws {Error} There is no such executor, or its thread died: of the calls.
   */
  flight(executor: number): Asynchronous<FlightControl> {
    const on = <T>(call: (control: FlightControl | Asynchronous<FlightControl>) => T | Promise<T>): Promise<T> =>
      executor === 0 || this.#pool === undefined
        ? Promise.resolve().then(() => call(this.#host.flight))
        : this.#pool.ask(executor, (control) => Promise.resolve(call(control as Asynchronous<FlightControl>)))
    return {
      parentOf: (name) => on((flight) => flight.parentOf(name)),
      supervises: (id) => on((flight) => flight.supervises(id)),
      beginRecording: (name, limits) => on((flight) => flight.beginRecording(name, limits)),
      endRecording: (name) => on((flight) => flight.endRecording(name)),
      recent: (name, linesMax) => on((flight) => flight.recent(name, linesMax)),
    }
  }

  async stats(): Promise<readonly RuntimeStats[]> {
    const own = { executor: 0, ...statsOf(this.#host) }
    const others = await Promise.all(
      (this.#pool?.executors ?? []).map(
        async (executor) => ({ executor, ...(await this.#pool?.control(executor)?.stats()) }) as RuntimeStats,
      ),
    )
    return [own, ...others]
  }

  /** What was lost with the store of `executor` is made good: the next start begins from what it holds. */
  settle(executor: number): void {
    this.#dir.settle(executor)
  }

  /** For tests: makes a worker thread die. */
  async crashThread(executor: number, how: 'throw' | 'exit'): Promise<void> {
    await this.#pool?.control(executor)?.crash(how)
  }

  /** Everything this process wrote is on disk and everything is closed. The actors must have been stopped. */
  async close(withinMs: number): Promise<void> {
    clearInterval(this.#reserveTimer)
    await this.#pool?.close(withinMs)
    await this.#host.close()
    await this.#network?.close()
    this.#links.close()
    this.#dir.close()
  }

  #controls(): { inspect(): Promise<readonly ActorStatus[]> }[] {
    const executors = this.#pool?.executors ?? []
    return executors.map((executor) => ({
      inspect: async () => (await this.#pool?.control(executor)?.inspect()) ?? [],
    }))
  }
}

/** What is in a store stays in it: the number of stores is that of the directory, once it has one. */
function storesOf({ dir, workers, log }: RuntimeOptions): number {
  const wanted = workers + 1
  const present = readDirIdentity(dir)?.stores.length ?? wanted
  if (present !== wanted) {
    log(
      'warn',
      { workers, present: present - 1 },
      `the data directory was made with ${present - 1} worker threads and keeps them`,
    )
  }
  return present
}

/** An actor that fails again and again must not fill the disk with its complaints. */
const failuresLoggedPerSecond = 20

function logFailures({ log }: RuntimeOptions): (actor: string, error: string, recent: readonly string[]) => void {
  let second = 0
  let count = 0
  return (actor, error, recent) => {
    const now = Math.floor(performance.now() / 1_000)
    if (now !== second) {
      if (count > failuresLoggedPerSecond)
        log('error', { failures: count - failuresLoggedPerSecond }, 'more actors failed')
      second = now
      count = 0
    }
    count += 1
    if (count <= failuresLoggedPerSecond)
      log('error', { actor, error, recent }, 'an actor failed; its supervisor decides')
  }
}

async function openNetwork(
  { peer, clusterId, memberId, log }: RuntimeOptions,
  executors: number,
  ports: () => readonly number[],
): Promise<TcpPeerNetwork | undefined> {
  if (peer === undefined) return undefined
  return TcpPeerNetwork.open({
    clusterId,
    nodeId: memberId,
    executor: 0,
    executors,
    listen: peer.listen,
    urls: peer.urls,
    ...(peer.tls !== undefined && { tls: peer.tls }),
    ports,
    onRequest: peer.onRequest,
    log: (level, text) => log(level, {}, text),
  })
}

/** Left behind by a process that met rot: the next one looks through every store before it opens them. */
function suspectFile(dir: string): string {
  return join(dir, 'suspect')
}

async function checkedStores(data: DataDir, options: RuntimeOptions): Promise<number[]> {
  if (!data.created) {
    if (data.unclean)
      options.log(
        'warn',
        { dir: options.dir },
        'the last process that used the data directory ended without closing it',
      )
    // Every value is read only where rot was met: on a large store that takes a while.
    const suspect = suspectFile(options.dir)
    const verdicts = await data.check({ depth: existsSync(suspect) ? 'full' : 'quick' })
    for (const [store, verdict] of verdicts.entries()) {
      if (verdict.type === 'sound') continue
      if (!options.repairable) {
        throw new DataDamaged(
          `open ${options.dir}: store ${store} is damaged (${verdict.reason}) and no other member can repair it; ` +
            'restore the directory from a snapshot, or remove it to begin anew',
        )
      }
      const moved = await data.quarantine(store)
      options.log(
        'error',
        { store, reason: verdict.reason, moved },
        'a damaged store was moved aside; the other members will fill it again',
      )
    }
  }
  rmSync(suspectFile(options.dir), { force: true })
  return data.stores.flatMap(({ wiped }, store) => (wiped ? [store] : []))
}
