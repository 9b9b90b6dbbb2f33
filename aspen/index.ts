/** The package `aspen`: open a node, define and spawn actors, replicate state machines. */
export {
  type Applied,
  type ApplyPosition,
  defineStateMachine,
  type MachineContext,
  type MachineEffect,
  type StateMachine,
} from '../actors/raft/state-machine.ts'
export { AspenError, type AspenErrorCode, type CallOptions, type NodeClient } from '../client/interface.ts'
export {
  type ActorContext,
  type ActorDefinition,
  type ActorRef,
  type Answer,
  type ChildEvent,
  type DownReason,
  defineActor,
  type MailboxLimits,
  type Placement,
} from '../runtime/kernel/actor.ts'
export type { ActorStatus } from '../runtime/kernel/inspect.ts'
export { child, type SupervisorSpec } from '../supervisors/spec.ts'
export { defineSupervisor, type SupervisorDefinition } from '../supervisors/supervisor.ts'
export type {
  CreateGroupOptions,
  Group,
  GroupCallOptions,
  GroupOf,
  GroupStatus,
  ProposeOptions,
  ReadOptions,
} from './group.ts'
export { AskError, type AskOptions, type Handle, type HandleOf, type SubscribeOptions } from './handle.ts'
export type { AspenNode } from './node.ts'
export { Aspen, type ClusterOptions, type OpenOptions } from './open.ts'
export { NotRecordable, type RecordOptions } from './recording.ts'
export { DataDamaged, type RuntimeStats } from './runtime.ts'
export type { SpawnOptions } from './user-actors.ts'
