/**
 * What the host may ask of a worker, by comlink: control only (start, wire, inspect, stop). Messages between actors never
 * come this way: a call costs some 15 µs, a batched message a quarter of one.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Parentage } from '../../kernel/flight-recorder.ts'
import type { ActorStatus } from '../../kernel/inspect.ts'
import type { LmdbStoreOptions } from '../lmdb/store.ts'
import type { TlsSettings } from '../tls/settings.ts'

/** Code that runs on each thread before its first actor: `exportName` of `module`, called with `argument`, may be asynchronous. */
export interface WorkerBoot {
  readonly module: string
  readonly exportName: string
  readonly argument: unknown
}

export interface WorkerInit {
  readonly node: number
  readonly index: number
  readonly executors: number
  readonly incarnation: number
  readonly seed: number
  readonly store: LmdbStoreOptions
  /** The node's directory: what it holds in reserve is given up when a commit finds no room. */
  readonly dataDir: string
  readonly peer: PeerInit | undefined
  readonly boot: WorkerBoot | undefined
  /** The version of the product, for recordings. */
  readonly product: string
  readonly control: MessagePort
}

/** What a worker needs to talk to other nodes; undefined for a runtime on its own. */
export interface PeerInit {
  readonly clusterId: number
  /** Where this node's peer URL listens; workers take ports of their own there. */
  readonly listenHost: string
  /** The peer URL is one of TLS, and so are the ports of the workers. */
  readonly secure: boolean
  /** Paths, not secrets: each thread reads the files itself, and again when they change. */
  readonly tls: TlsSettings | undefined
  /** Where others find this node. */
  readonly urls: readonly string[]
}

export interface PeerAddress {
  readonly node: number
  readonly urls: readonly string[]
}

export interface ExecutorStats {
  readonly actors: number
  readonly turns: number
  readonly commits: number
  readonly deadLetters: number
  readonly storeFull: boolean
  readonly fileBytes: number
  readonly liveBytes: number
}

/** What an actor is recorded within. */
export interface RecordingLimits {
  readonly bytesMax: number
  readonly deliveriesMax: number
}

/** The flight recorder of one executor, as the host asks for it. Refusals are text: an error loses its kind on the way. */
export interface FlightControl {
  parentOf(name: string): Parentage
  /** Whether the actor `id` is a supervisor that can be asked for its children. */
  supervises(id: number): boolean
  /** Resolves when the actor `name` has started anew: undefined. Otherwise with the reason why not. */
  beginRecording(name: string, limits: RecordingLimits): Promise<string | undefined>
  /** The file; undefined when there is nothing to give. */
  endRecording(name: string): Uint8Array | undefined
  /** The last deliveries, of one actor or of all, in words. */
  recent(name: string | undefined, linesMax: number): readonly string[]
}

export interface WorkerControl extends FlightControl {
  /** Opens the store and listens. Resolves with the port that other nodes' workers reach this one at (0: none). */
  start(): Promise<number>
  connect(executor: number, port: MessagePort): void
  up(executor: number, incarnation: number): void
  down(executor: number): void
  setPeers(peers: readonly PeerAddress[]): void
  inspect(): readonly ActorStatus[]
  stats(): ExecutorStats
  /** Commits what is pending and closes. The thread's task ends after it. */
  stop(): Promise<void>
  /** For tests: ends the thread as a fault would. */
  crash(how: 'throw' | 'exit'): void
}
