/**
 * The package `aspen/sim`: scenarios against a simulated cluster of the production actors, run by seed. For actors of one's
 * own on a single simulated node there is `aspen/testing`.
 */
export { check, Violation } from './checkers/violation.ts'
export type { ClientOptions, SimClient } from './client.ts'
export { type ClusterOptions, type ScenarioClient, SimCluster, type Within } from './cluster.ts'
export { calm, drawFaults, type FaultPlan, type Happening } from './faults.ts'
export type { History, HistoryNote } from './history.ts'
export type { SimNetwork } from './network.ts'
export type { NetworkCounts, NetworkFaults } from './network-faults.ts'
export type { SimNode } from './node.ts'
export type { Change, Operation, Outcome } from './operation.ts'
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
export type { Exported, SimWorld } from './world.ts'
