/**
 * The protocol of a supervisor: what others may ask of it and what it answers, and the conversation of its core with
 * the shell around it. Requests and replies are data; they cross threads.
 */
import type { ActorRef, ChildEvent, DownReason, ReplyHandle } from '../runtime/kernel/actor.ts'
import type { AnyDefinition, ChildSpec, RestartKind } from './spec.ts'

export type Phase = 'gone' | 'running' | 'failed' | 'stopping' | 'finished'

/** Where a definition is found: all that crosses a thread of it. A whole definition is one too. */
export interface DefinitionAddress {
  readonly module: string
  readonly exportName: string
}

/** A child to start by message: plain data but for a definition that may be whole when the sender shares the thread. */
export interface DynamicChild extends Omit<ChildSpec, 'definition'> {
  readonly definition: DefinitionAddress
}

/** What others may ask of a supervisor. `stopChild` also takes children of the spec; they come back if it restarts. */
export type SupervisorRequest =
  | { readonly type: 'startChild'; readonly child: DynamicChild }
  | { readonly type: 'stopChild'; readonly name: string }
  | { readonly type: 'listChildren' }
  /** Stops every child in order, then the supervisor itself. */
  | { readonly type: 'shutDown' }

/** `ref` names the child, not one incarnation of it: it outlives restarts and lost threads. */
export type StartChildReply =
  | { readonly type: 'started'; readonly ref: ActorRef }
  | { readonly type: 'alreadyStarted'; readonly ref: ActorRef }
  | { readonly type: 'full'; readonly childrenMax: number }
  | { readonly type: 'refused'; readonly reason: string }

export type StopChildReply =
  | { readonly type: 'stopped' }
  /** It did not stop within its `stopWithinMs`. The supervisor has let go of it. */
  | { readonly type: 'overdue' }
  | { readonly type: 'unknownChild' }
  | { readonly type: 'refused'; readonly reason: string }

export interface ChildStatus {
  readonly name: string
  readonly ref: ActorRef
  readonly phase: Phase
  readonly restart: RestartKind
  /** Failures in a row, the last one included. */
  readonly failures: number
  /** The lost executor it waits for. */
  readonly awaits: number | undefined
}

export interface ListChildrenReply {
  readonly type: 'children'
  readonly children: readonly ChildStatus[]
}

export interface ShutDownReply {
  readonly type: 'stopped'
}

export type SupervisorReply = StartChildReply | StopChildReply | ListChildrenReply | ShutDownReply

/** Told by the composition when the replacement of `executor` takes work. Supervisors pass it down their tree. */
export interface ThreadReady {
  readonly type: 'threadReady'
  readonly executor: number
}

/** Everything a supervisor actor receives. */
export type SupervisorMessage =
  | ChildEvent
  | SupervisorRequest
  | ThreadReady
  /** The supervisor's own timer. */
  | { readonly type: 'wake'; readonly atMs: number }

/** What the core is told. Children are named: refs are the shell's business. */
export type SupervisionEvent =
  | { readonly type: 'childFailed'; readonly name: string | undefined; readonly error: string }
  | {
      readonly type: 'childStopped'
      readonly name: string | undefined
      readonly reason: DownReason
      readonly executor: number | undefined
    }
  | { readonly type: 'wake'; readonly atMs: number }
  | ThreadReady
  | Exclude<SupervisorRequest, { readonly type: 'startChild' }>
  | {
      readonly type: 'startChild'
      readonly child: DynamicChild
      readonly definition: AnyDefinition | undefined
      /** Somebody on the node holds the name: to spawn it again would fail the supervisor. */
      readonly nameTaken: boolean
    }

export type SupervisionEffect =
  | { readonly type: 'spawn'; readonly child: ChildSpec }
  | { readonly type: 'restart'; readonly name: string }
  | { readonly type: 'stop'; readonly name: string }
  /** Asks a subtree to stop its own children in order, and then itself. */
  | { readonly type: 'shutDownSubtree'; readonly name: string }
  | { readonly type: 'passDown'; readonly name: string; readonly notice: ThreadReady }
  /** The child is no more: its ref may be dropped. */
  | { readonly type: 'forget'; readonly name: string }
  | { readonly type: 'wake'; readonly afterMs: number; readonly atMs: number }
  | { readonly type: 'reply'; readonly to: ReplyHandle; readonly reply: SupervisorReply }
  | { readonly type: 'escalate'; readonly reason: string }
  /** All children are gone and the supervisor was asked to shut down. */
  | { readonly type: 'end' }
