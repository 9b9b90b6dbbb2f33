/**
 * Watching through a node: for each stream a session beside the replica of its keyspace on this node, and at this end of it an
 * iterable that pulls.
 *
 *   create, cancel, … ──▶ collected ──one message at a time──▶ session
 *   responses ◀── a batch in hand, one more on its way ◀──next── session
 *
 * So what an unread stream costs is two batches here and a bounded buffer there, however much happens.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { unpackBatch } from '../actors/watch/batch.ts'
import { watchHubName } from '../actors/watch/hub.ts'
import type { WatchStats } from '../actors/watch/hub-messages.ts'
import type {
  SessionBatch,
  StreamCommand,
  WatchCancelCause,
  WatchPrincipal,
  WatchResponse,
  WatchSpec,
} from '../actors/watch/messages.ts'
import { watchSession } from '../actors/watch/session.ts'
import type { SessionLimits } from '../actors/watch/session-state.ts'
import {
  AspenError,
  type AspenErrorCode,
  type CallOptions,
  type WatchApi,
  type WatchStream,
} from '../client/interface.ts'
import type { ActorRef } from '../runtime/kernel/actor.ts'
import { edgeSpawn, edgeTell } from '../runtime/kernel/edge.ts'
import type { Executor } from '../runtime/kernel/executor.ts'
import { AskError, askActor } from './handle.ts'
import type { StrictStore } from './strict-store.ts'

export interface WatchClientOptions {
  readonly executor: Executor
  readonly store: Pick<StrictStore, 'groupOf' | 'principalOf' | 'require'>
  readonly limits?: Partial<SessionLimits>
}

type OpenOptions = Pick<CallOptions, 'keyspace' | 'credentials'>

const pullMs = 20_000
const pullBytesMax = 1_048_576
/** How much longer than it may wait a session has for its answer, before it is taken for lost. */
const graceMs = 30_000
const commandsMs = 10_000
const commandsMax = 256
const stayMs = 15_000
/** With fewer responses than this in hand the next batch is asked for. */
const inHandMin = 64

export class WatchClient implements WatchApi {
  readonly #options: WatchClientOptions

  constructor(options: WatchClientOptions) {
    this.#options = options
  }

  openWatch(options: OpenOptions = {}): WatchStream {
    return new SessionStream(this.#options, options)
  }

  /** Of one keyspace on this node; undefined when it is not here, or does not answer. */
  async stats(options?: Pick<CallOptions, 'keyspace'>): Promise<WatchStats | undefined> {
    const { executor, store } = this.#options
    const hub: ActorRef = { type: 'named', node: executor.node, name: watchHubName(store.groupOf(options)) }
    const asked = askActor(executor, hub, { type: 'stats' }, 1_000, undefined)
    return asked.then((stats) => stats as WatchStats).catch(() => undefined)
  }
}

class SessionStream implements WatchStream {
  readonly #executor: Executor
  readonly #session: ActorRef
  readonly #principal: () => Promise<WatchPrincipal | undefined>
  readonly #stay: NodeJS.Timeout
  #commands: StreamCommand[] = []
  #telling = false
  #inHand: WatchResponse[] = []
  /** Of what is in hand, the first that was not given yet. */
  #next = 0
  #pulling = false
  #end: { readonly error: AspenError | undefined } | undefined
  #wake: (() => void) | undefined

  constructor({ executor, store, limits }: WatchClientOptions, options: OpenOptions) {
    const group = store.groupOf(options)
    const near: ActorRef = { type: 'named', node: executor.node, name: `replica/${group}` }
    this.#executor = executor
    const args = limits === undefined ? { group } : { group, limits }
    this.#session = edgeSpawn(executor, watchSession, args, { place: { type: 'near', ref: near } })
    // Asked for each watcher, as tokens run out while a stream lasts.
    this.#principal = async () => {
      // What was known of him may be outdated: this finds out, and learns it anew.
      await store.require([], 'serializable', options)
      return store.principalOf(options)
    }
    this.#stay = setInterval(() => edgeTell(executor, this.#session, { type: 'stay' }), stayMs)
    this.#stay.unref()
  }

  create(spec: WatchSpec, watchId?: number): void {
    this.#command({ type: 'create', watchId, spec })
  }

  cancel(watchId: number): void {
    this.#command({ type: 'cancel', watchId })
  }

  requestProgress(): void {
    this.#command({ type: 'requestProgress' })
  }

  close(): void {
    this.#finish(undefined)
    edgeTell(this.#executor, this.#session, { type: 'end' })
  }

  get responses(): AsyncIterable<WatchResponse> {
    const iterator: AsyncIterableIterator<WatchResponse> = {
      [Symbol.asyncIterator]: () => iterator,
      next: () => this.#give(),
      return: async () => {
        this.close()
        return { done: true, value: undefined }
      },
    }
    return iterator
  }

  #command(command: StreamCommand): void {
    if (this.#end !== undefined) return
    this.#commands.push(command)
    if (!this.#telling) void this.#tell()
  }

  /** One message under way, so that the session's mailbox bounds what it has to keep, and this end keeps the rest. */
  async #tell(): Promise<void> {
    this.#telling = true
    try {
      // What is said in one go goes in one message.
      await undefined
      while (this.#commands.length > 0 && this.#end === undefined) {
        const commands: StreamCommand[] = []
        for (const command of this.#commands.splice(0, commandsMax)) commands.push(await this.#known(command))
        await this.#ask({ type: 'commands', commands }, commandsMs)
      }
    } catch (error) {
      this.#finish(lost(error))
    } finally {
      this.#telling = false
    }
  }

  async #known(command: StreamCommand): Promise<StreamCommand> {
    if (command.type !== 'create') return command
    try {
      const principal = await this.#principal()
      return principal === undefined ? command : { ...command, principal }
    } catch (error) {
      if (!(error instanceof AspenError)) throw error
      return { ...command, rejected: rejectionOf(error.code) }
    }
  }

  async #give(): Promise<IteratorResult<WatchResponse>> {
    for (;;) {
      const left = this.#inHand.length - this.#next
      if (left < inHandMin && !this.#pulling && this.#end === undefined) void this.#pull()
      const response = this.#inHand[this.#next]
      if (response !== undefined) {
        this.#next += 1
        return { done: false, value: response }
      }
      if (this.#end?.error !== undefined) throw this.#end.error
      if (this.#end !== undefined) return { done: true, value: undefined }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async #pull(): Promise<void> {
    this.#pulling = true
    try {
      const asked = { type: 'next', waitMs: pullMs, bytesMax: pullBytesMax }
      const batch = (await this.#ask(asked, pullMs + graceMs)) as SessionBatch
      const responses = unpackBatch(batch)
      // What was given is let go with every batch.
      this.#inHand = [...this.#inHand.slice(this.#next), ...responses]
      this.#next = 0
    } catch (error) {
      this.#finish(lost(error))
    } finally {
      this.#pulling = false
      this.#ping()
    }
  }

  /** Tries again while the session is too busy to take it. */
  async #ask(message: unknown, deadlineMs: number): Promise<unknown> {
    for (;;) {
      try {
        return await askActor(this.#executor, this.#session, message, deadlineMs, undefined)
      } catch (error) {
        if (!(error instanceof AskError) || error.code !== 'overloaded' || this.#end !== undefined) throw error
        await sleep(5)
      }
    }
  }

  #finish(error: AspenError | undefined): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#commands = []
    if (error === undefined) this.#inHand = []
    clearInterval(this.#stay)
    this.#ping()
  }

  #ping(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}

function rejectionOf(code: AspenErrorCode): WatchCancelCause {
  switch (code) {
    case 'invalidAuthToken':
    case 'authOldRevision':
      return 'invalidAuthToken'
    case 'userEmpty':
    case 'permissionDenied':
      return 'permissionDenied'
    default:
      return 'unavailable'
  }
}

function lost(error: unknown): AspenError {
  if (error instanceof AspenError) return error
  return new AspenError(
    'stopped',
    `the watch stream is lost: ${error instanceof Error ? error.message : String(error)}`,
  )
}
