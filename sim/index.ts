/**
 * The package `aspen/sim`. `simulate` runs a scenario of one's own for many seeds, with actors and state machines of one's
 * own on simulated nodes; what the simulator is made of lies beside it. To step through one node by hand there is
 * `aspen/testing`. Recordings of running actors are played back here, too.
 */
export {
  type RecordedCall,
  type RecordedDelivery,
  type Recording,
  type RecordingEnd,
  type RecordingHeader,
  readRecording,
  type StateDigest,
} from '../runtime/kernel/flight/recording.ts'
export { RecordingRefused } from '../runtime/kernel/flight/tape-bytes.ts'
export type { Capture } from './capture.ts'
export { check, Violation } from './checkers/violation.ts'
export type { ClientOptions, SimClient } from './client.ts'
export { type ClusterOptions, SimCluster } from './cluster.ts'
export type { Within } from './cluster-body.ts'
export { calm, drawFaults, type FaultPlan, type Happening } from './faults.ts'
export type { History, HistoryNote } from './history.ts'
export type { SimNetwork } from './network.ts'
export type { NetworkCounts, NetworkFaults } from './network-faults.ts'
export type { SimNode } from './node.ts'
export type { Change, Operation, Outcome } from './operation.ts'
export {
  type ReplayedDelivery,
  type ReplayOptions,
  type ReplayOutcome,
  type ReplayResult,
  replayActor,
} from './replay-actor.ts'
export type { CallDifference } from './replay-tape.ts'
export {
  defineScenario,
  reproduction,
  runSeed,
  runSeedTwice,
  type Scenario,
  type ScenarioOptions,
  type SeedFailure,
  type SeedResult,
} from './scenario.ts'
export type { ScenarioClient } from './scenario-client.ts'
export type { SchedulerPlan } from './schedulers/scheduler.ts'
export type { SchedulerName } from './schedulers/select.ts'
export { type Simulated, simulate } from './simulate.ts'
export type { AnswerOf, AskOf, AskOptions, SimulatedActor, SpawnOptions } from './simulate-actors.ts'
export type { SimulatedClient, TriedPut } from './simulate-client.ts'
export type { ActorFailure, SimulatedCluster, SpawnOnOptions, StartedNode } from './simulate-cluster.ts'
export type { GroupReadOptions, Proposed, ProposeOptions, SimulatedGroup, SimulatedGroupOf } from './simulate-group.ts'
export type { Exhaustive, FaultBudget, SimulateOptions } from './simulate-options.ts'
export { SimulationFailed } from './simulation-failed.ts'
export type { Exported, SimWorld } from './world.ts'
