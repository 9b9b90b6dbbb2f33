/**
 * A running node in its host process: what `Aspen.open` gives. Actors are spawned, found and watched here; the store is
 * behind `client`.
 */
import type { StateMachine } from '../actors/raft/state-machine.ts'
import type { NodeClient } from '../client/interface.ts'
import type { DeadLetter } from '../mailbox/dead-letters.ts'
import type { ActorDefinition, ActorRef } from '../runtime/kernel/actor.ts'
import type { ActorStatus } from '../runtime/kernel/inspect.ts'
import type { AnyStateMachine, CreateGroupOptions, Group, GroupCallOptions, GroupOf, Groups } from './group.ts'
import { Handle } from './handle.ts'
import { type RecordOptions, recentDeliveries, recordActor } from './recording.ts'
import type { NodeRuntime, RuntimeStats } from './runtime.ts'
import { type SpawnOptions, UserActors } from './user-actors.ts'

export class AspenNode implements AsyncDisposable {
  readonly #runtime: NodeRuntime
  readonly #groups: Groups
  readonly #users: UserActors
  readonly #close: (withinMs: number) => Promise<void>
  readonly client: NodeClient
  readonly memberId: number
  readonly clusterId: number
  /** Resolves, with the reason, when the node cannot go on; never while it is well. */
  readonly died: Promise<{ readonly reason: string }>

  constructor(parts: {
    runtime: NodeRuntime
    client: NodeClient
    groups: Groups
    memberId: number
    clusterId: number
    close: (withinMs: number) => Promise<void>
  }) {
    this.#runtime = parts.runtime
    this.#groups = parts.groups
    this.#users = new UserActors(parts.runtime, parts.memberId)
    this.#close = parts.close
    this.client = parts.client
    this.memberId = parts.memberId
    this.clusterId = parts.clusterId
    this.died = parts.runtime.died
  }

  /**
   * Starts an actor.
   *
   * With `supervise`, the handle stays good over restarts and over the loss of a thread. Definitions travel to other
   * threads by the address of their module, so the module must export the definition under its name.
   *
   * @throws {RangeError} The name is taken or out of bounds, or `supervise` comes without a name.
   */
  spawn<Args, State, P>(
    definition: ActorDefinition<Args, State, P>,
    args: Args,
    options: SpawnOptions = {},
  ): Promise<Handle<P>> {
    return this.#users.spawn(definition, args, options)
  }

  /**
   * Takes a supervised actor, with everything it keeps in its store, to another thread. It stands still meanwhile: what is
   * asked of it is answered `stopped` until it runs again. Handles stay good.
   *
   * @throws {RangeError} This process has not spawned it under supervision, or there is no such executor.
   */
  move(name: string, options: { readonly executor: number }): Promise<void> {
    return this.#users.move(name, options.executor)
  }

  /** A handle on whoever holds `name` on this node, now or later. */
  actor<P = unknown>(name: string): Handle<P> {
    return new Handle<P>(this.#runtime.executor, { type: 'named', node: this.memberId, name })
  }

  /** A handle on a ref that came in a message. */
  handle<P = unknown>(ref: ActorRef): Handle<P> {
    return new Handle<P>(this.#runtime.executor, ref)
  }

  /**
   * Makes a group that replicates a state machine of one's own over the members of the cluster, and waits for its leader.
   *
   * Safe to repeat, here or on another member: a group of that name and machine is found, and `args` counts for nothing.
   *
   * @throws {RangeError} The node was not opened with that machine.
   * @throws {AspenError} `keyspaceExists`: the name is a keyspace's or another machine's; `invalidKeyspaceName`;
   *   `timeout`: no leader in time, perhaps because other members were not opened with the machine.
   */
  createGroup<Args, State, Command, Reply, Query, Answer>(
    options: CreateGroupOptions<Args, StateMachine<Args, State, Command, Reply, Query, Answer>>,
    call: GroupCallOptions = {},
  ): Promise<Group<Command, Reply, Query, Answer>> {
    return this.#groups.create(options, call)
  }

  /** The group of that name, made here or on another member: `node.group<typeof bank>('bank')`. */
  group<M = AnyStateMachine>(name: string): GroupOf<M> {
    return this.#groups.group<M>(name)
  }

  /** Every actor of the node, with its thread, mailbox and counts. */
  actors(): Promise<readonly ActorStatus[]> {
    return this.#runtime.actors()
  }

  /**
   * Records a supervised actor, one of ours or of yours, and gives the recording as a file: `replayActor` of `aspen/sim` and
   * `aspen replay` play it back. The actor **starts anew** first, as after a failure: from its store; what it was asked and
   * has not answered is answered `failed`. A start that a supervisor gives costs it one restart of its limit.
   *
   * @throws {RangeError} A bound is broken.
   * @throws {NotRecordable} There is no such actor, nobody would start it again, or it is being recorded.
   */
  record(name: string, options: RecordOptions): Promise<Uint8Array> {
    return recordActor(this.#runtime, name, options)
  }

  /** The last deliveries of a named actor in words, oldest first, as far as its thread remembers; 50 at most when absent. */
  recentDeliveries(name: string, linesMax: number = 50): Promise<readonly string[]> {
    return recentDeliveries(this.#runtime, name, linesMax)
  }

  /** A row per executor. */
  stats(): Promise<readonly RuntimeStats[]> {
    return this.#runtime.stats()
  }

  /** Messages of the host's thread that reached nobody, from now on. Returns how to stop listening. */
  onDeadLetter(listener: (letter: DeadLetter) => void): () => void {
    return this.#runtime.executor.deadLetters.listen(listener)
  }

  /**
   * Stops every actor in order, makes everything durable and closes.
   *
   * @param withinMs - After this long what has not stopped is cut off; nothing acknowledged is lost by that.
   */
  close(withinMs: number = 5_000): Promise<void> {
    return this.#close(withinMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
