/**
 * The seam between Raft and what it replicates. A state machine is plain synchronous code: `apply` is called with the
 * same commands in the same order on every replica and must do the same everywhere, so it sees no clock, no randomness
 * and nothing outside `state`, the command and `at`.
 *
 * What `apply` writes to `ctx.store` is folded into durable storage in batches, always together with the index it
 * belongs to; after a crash the replica restarts from there and the log is applied again from the next entry.
 *
 *   M1  apply(state, command, at) is a function of its arguments
 *   M2  after restore(snapshot(state)) a machine answers as the original did
 *   M3  query changes nothing
 */
import type { ActorContext, ActorStore } from '../../runtime/kernel/actor.ts'

/** Where in the log a command stands. */
export interface ApplyPosition {
  readonly index: number
  readonly term: number
  /** The leader's wall clock when it proposed, in milliseconds since 1970; never falls from one command to the next. */
  readonly wallMs: number
}

/** Asked of the node after an apply, on the leader alone: acts on the world outside the machine. */
export interface MachineEffect {
  readonly type: string
  readonly [field: string]: unknown
}

/** What a machine may know of the member that proposes. */
export interface ProposerCondition {
  /** A commit of this executor waits for room on the disk. */
  readonly storeFull: boolean
}

export interface Applied<Reply> {
  readonly reply: Reply
  readonly effects?: readonly MachineEffect[]
  /** It changed nothing, and would be judged anew: the answer is not kept for a repetition under the same number. */
  readonly unsettled?: true
  /** Told on every member to the listeners of its replica (`FeedNotice`): what changed, for who derives something of it. */
  readonly feed?: readonly unknown[]
}

export interface MachineContext {
  /** The group's name, e.g. the keyspace's. */
  readonly group: string
  readonly node: number
  /** The machine's own subspace, replicated by being written to alike everywhere. */
  readonly store: ActorStore
  /** For what does not change replicated state: metrics, subscriptions of this node. */
  readonly actor: ActorContext
  /** Somebody on this node listens to what `apply` gives as `feed`. */
  readonly heard: boolean
}

export interface StateMachine<Args, State, Command, Reply, Query, Answer> {
  readonly name: string
  readonly module: string
  readonly exportName: string
  /** Opens the machine from its own subspace (empty on a new replica). */
  readonly init: (ctx: MachineContext, args: Args) => State
  readonly apply: (state: State, command: Command, at: ApplyPosition) => Applied<Reply>
  readonly query: (state: State, query: Query) => Answer
  /**
   * A reply without the log, on the member where a command is proposed: for what could only wait for room. Undefined lets
   * the command go its way. Commands with a request id are never refused so: an earlier copy may be on its way.
   */
  readonly refuse?: ((state: State, command: Command, local: ProposerCondition) => Reply | undefined) | undefined
  /**
   * The whole state as chunks of at most about 1 MiB. Pulled lazily, a chunk a turn, while `apply` goes on: the machine
   * guarantees that the chunks together are the state at the moment of the call. `done` is called when it is no
   * longer needed, finished or not.
   */
  readonly snapshot: (state: State) => { readonly chunks: Iterator<Uint8Array>; readonly done: () => void }
  /** Replaces everything with what `snapshot` gave; the old subspace is cleared before the call. */
  readonly restore: (ctx: MachineContext, args: Args, chunks: Iterable<Uint8Array>) => State
  /** A number that is equal on replicas with equal state (checked at equal applied index). */
  readonly digest?: ((state: State) => number) | undefined
  /**
   * A bounded piece of housekeeping on this replica, which changes no answer and no digest; true when more is left to do
   * at once. Called between applies, in a turn: what it writes to the store is folded like an apply's.
   */
  readonly idle?: ((state: State) => boolean) | undefined
}

export interface StateMachineSpec<Args, State, Command, Reply, Query, Answer> {
  readonly name: string
  /** The name of the export that holds the machine, when it differs from `name`. */
  readonly exportName?: string
  readonly init: (ctx: MachineContext, args: Args) => State
  readonly apply: (state: State, command: Command, at: ApplyPosition) => Applied<Reply>
  readonly query: (state: State, query: Query) => Answer
  readonly refuse?: (state: State, command: Command, local: ProposerCondition) => Reply | undefined
  readonly snapshot: (state: State) => { readonly chunks: Iterator<Uint8Array>; readonly done: () => void }
  readonly restore: (ctx: MachineContext, args: Args, chunks: Iterable<Uint8Array>) => State
  readonly digest?: (state: State) => number
  readonly idle?: (state: State) => boolean
}

/**
 * Makes a state machine that a Raft group can replicate.
 *
 * @param module - `import.meta.url` of the module that exports it, so that any thread and node can load it.
 */
export function defineStateMachine<Args, State, Command, Reply, Query, Answer>(
  module: string,
  spec: StateMachineSpec<Args, State, Command, Reply, Query, Answer>,
): StateMachine<Args, State, Command, Reply, Query, Answer> {
  return { ...spec, module, exportName: spec.exportName ?? spec.name }
}
