/**
 * The threads of a node: piscina holds them, each runs one executor for its whole life, comlink carries the host's orders.
 *
 *   open:   n tasks ─▶ start() each ─▶ every pair wired ─▶ `up` to everybody
 *   death:  task rejects ─▶ `down` to everybody ─▶ a new task on a new thread, next incarnation ─▶ wired ─▶ `up`
 *   close:  stop() each (drains, closes) ─▶ destroy the pool
 *
 *   T1  an executor is `up` for others only when its store is open and its ports are wired
 *   T2  a thread that dies more than `deathsMax` times within `deathsWindowMs` ends the node: something is wrong for good
 */
import { fileURLToPath } from 'node:url'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { type Remote, transferHandlers, wrap } from 'comlink'
import nodeEndpointModule from 'comlink/dist/umd/node-adapter.js'
import { Piscina } from 'piscina'
import type { LmdbStoreOptions } from '../lmdb/store.ts'
import { nodeEndpointOf, passPorts } from './comlink-ports.ts'
import type { PeerInit, WorkerBoot, WorkerControl, WorkerInit } from './control.ts'
import type { PortLinks } from './links.ts'

export interface PoolOptions {
  readonly node: number
  /** Worker threads, at least 1; their executors are numbered from 1. */
  readonly workers: number
  readonly seed: number
  readonly store: (executor: number) => LmdbStoreOptions
  readonly dataDir: string
  readonly peer: PeerInit | undefined
  readonly boot: WorkerBoot | undefined
  /** The version of the product, for recordings; empty when absent. */
  readonly product?: string
  /** The host's own links: it is executor 0. */
  readonly links: PortLinks
  /** A thread died; it is being replaced. */
  readonly onDeath: (executor: number, reason: string) => void
  /** A thread (the first or a replacement) is up. */
  readonly onUp: (executor: number, peerPort: number) => void
  readonly onFatal: (reason: string) => void
}

interface Thread {
  readonly control: Remote<WorkerControl>
  readonly incarnation: number
  /** Resolves when its task ended: with the error, or with undefined when it was stopped. */
  readonly gone: Promise<unknown>
}

const deathsMax = 5
const deathsWindowMs = 60_000

export class ThreadPool {
  readonly #options: PoolOptions
  readonly #piscina: Piscina
  readonly #threads = new Map<number, Thread>()
  readonly #deaths: number[] = []
  #incarnations = 1
  #closing = false
  /** Threads are wired one after another, so that each pair is wired once, by the later of the two. */
  #wired: Promise<unknown> = Promise.resolve()

  private constructor(options: PoolOptions) {
    this.#options = options
    passPorts(transferHandlers)
    this.#piscina = new Piscina({
      filename: fileURLToPath(new URL('./worker-main.js', import.meta.url)),
      minThreads: options.workers,
      maxThreads: options.workers,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
      recordTiming: false,
      closeTimeout: 1_000,
    })
  }

  static async open(options: PoolOptions): Promise<ThreadPool> {
    const pool = new ThreadPool(options)
    const executors = Array.from({ length: options.workers }, (_, i) => i + 1)
    try {
      await Promise.all(executors.map((executor) => pool.#start(executor)))
    } catch (error) {
      await pool.close()
      throw error
    }
    return pool
  }

  control(executor: number): Remote<WorkerControl> | undefined {
    return this.#threads.get(executor)?.control
  }

  /**
   * Asks something of a thread that may take long: a call to one that dies meanwhile would never be answered.
   *
   * @throws {Error} There is no such thread, or it died.
   */
  async ask<T>(executor: number, call: (control: Remote<WorkerControl>) => Promise<T>): Promise<T> {
    const thread = this.#threads.get(executor)
    if (thread === undefined) throw new Error(`executor ${executor} does not run`)
    const died = thread.gone.then(() => Promise.reject(new Error(`the thread of executor ${executor} ended`)))
    died.catch(() => {})
    return Promise.race([call(thread.control), died])
  }

  get executors(): number[] {
    return [...this.#threads.keys()]
  }

  /** Stops every executor in order; what does not stop within `withinMs` is cut off. */
  async close(withinMs: number = 5_000): Promise<void> {
    this.#closing = true
    // The end of the task is an answer too: it may overtake the one on the control port, which then closes.
    const stops = [...this.#threads.values()].map(({ control, gone }) => Promise.race([control.stop(), gone]))
    const late = new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref())
    await Promise.race([Promise.allSettled(stops), late])
    await this.#piscina.destroy()
  }

  async #start(executor: number): Promise<void> {
    const { node, workers, seed, dataDir, peer, boot, product = '' } = this.#options
    const { port1, port2 } = new MessageChannel()
    this.#incarnations += 1
    const incarnation = this.#incarnations
    const init: WorkerInit = {
      node,
      index: executor,
      executors: workers + 1,
      incarnation,
      seed,
      store: this.#options.store(executor),
      dataDir,
      peer,
      boot,
      product,
      control: port2,
    }
    const control = wrap<WorkerControl>(nodeEndpointOf(nodeEndpointModule, port1))
    const task = this.#piscina.run(init, { name: 'run', transferList: [port2] }) as Promise<void>
    const gone = task.then(
      () => undefined,
      (error: unknown) => error ?? new Error('the thread ended'),
    )
    const thread: Thread = { control, incarnation, gone }
    // A call to a thread that dies is never answered: whatever is asked of it waits for its end as well.
    const lost = gone.then((error) => Promise.reject(error ?? new Error('the thread was stopped')))
    lost.catch(() => {})
    const peerPort = await Promise.race([control.start(), lost])
    const wiring = this.#wired.then(() => Promise.race([this.#wire(executor, thread), lost]))
    this.#wired = wiring.catch(() => {})
    try {
      await wiring
    } catch (error) {
      this.#threads.delete(executor)
      this.#options.links.down(executor)
      throw error
    }
    gone.then((error) => {
      port1.close()
      if (error !== undefined) void this.#died(executor, thread, error)
    })
    this.#options.onUp(executor, peerPort)
  }

  /** Connects the thread to the host and to every other thread, both ways, then announces it (T1). */
  async #wire(executor: number, thread: Thread): Promise<void> {
    const pair = (): [MessagePort, MessagePort] => {
      const { port1, port2 } = new MessageChannel()
      return [port1, port2]
    }
    const [hostSide, threadSide] = pair()
    const others = [...this.#threads]
    this.#threads.set(executor, thread)
    this.#options.links.connect(executor, hostSide)
    await thread.control.connect(0, threadSide)
    const join = async (other: number, { control, incarnation }: Thread): Promise<void> => {
      const [here, there] = pair()
      await control.connect(executor, there)
      await thread.control.connect(other, here)
      await control.up(executor, thread.incarnation)
      await thread.control.up(other, incarnation)
    }
    // One that dies meanwhile is left out: its replacement will be wired with this one.
    for (const [other, its] of others) await Promise.race([join(other, its), its.gone])
    this.#options.links.up(executor, thread.incarnation)
  }

  async #died(executor: number, thread: Thread, error: unknown): Promise<void> {
    if (this.#closing || this.#threads.get(executor) !== thread) return
    this.#threads.delete(executor)
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.links.down(executor)
    for (const { control } of this.#threads.values()) void Promise.resolve(control.down(executor)).catch(() => {})
    this.#options.onDeath(executor, reason)
    if (reason.startsWith('fatal: ')) {
      this.#options.onFatal(reason.slice('fatal: '.length))
      return
    }
    const now = performance.now()
    this.#deaths.push(now)
    if (this.#deaths.filter((at) => now - at < deathsWindowMs).length > deathsMax) {
      this.#options.onFatal(
        `T2: threads died more than ${deathsMax} times within ${deathsWindowMs} ms, last: ${reason}`,
      )
      return
    }
    await this.#start(executor).catch((failure: unknown) => {
      if (!this.#closing) this.#options.onFatal(`executor ${executor} cannot be replaced: ${String(failure)}`)
    })
  }
}
