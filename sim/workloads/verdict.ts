/**
 * The end of a run: a last look at what each workload used, taken from the history alone, so that a run that is played back
 * takes the same; and the verdict of each.
 */
import type { StrictState } from '../../actors/strict/machine.ts'
import type { SimCluster } from '../cluster.ts'
import { defaultGroup, type Within } from '../cluster-body.ts'
import type { Operation, Outcome } from '../operation.ts'
import { workloadOf } from './all.ts'
import { askedToFail } from './user-actor.ts'
import type { WorkloadPlan } from './workload.ts'

/** An actor that was just restarted may still be on its way. */
const triesMax = 4

export function lookOnceMore(cluster: SimCluster, plans: readonly WorkloadPlan[], within: Within): void {
  for (const { name } of plans) {
    const { settles } = workloadOf(name)
    if (settles === undefined) continue
    const states = (): StrictState[] =>
      [...cluster.members].flatMap((id) => (cluster.replica(id)?.machineState as StrictState | undefined) ?? [])
    cluster.await(settles.what, () => settles.come(states()), within)
  }
  const notes = [...cluster.history.notes]
  for (const { name } of plans)
    for (const operation of workloadOf(name).closing(notes)) {
      for (let tries = 1; ask(cluster, operation, within).type === 'unknown' && tries < triesMax; tries++)
        cluster.run({ ms: 500 })
    }
}

function ask(cluster: SimCluster, operation: Operation, { withinMs }: Within): Outcome {
  let outcome: Outcome | undefined
  cluster.client('last').session.start(operation, (ended) => {
    outcome = ended
  })
  // Its own patience, and what an election takes.
  cluster.await(`an end of ${operation.type}`, () => outcome !== undefined, { withinMs: withinMs + 10_000 })
  return outcome ?? { type: 'unknown' }
}

/** @throws {Violation} The law of a workload was broken. */
export function checkWorkloads(cluster: SimCluster, plans: readonly WorkloadPlan[]): void {
  const { notes } = cluster.history
  const replicas = cluster.replicaEvidence()
  const nodes = [...cluster.world.nodes.values()]
  const damaged = nodes.filter(
    ({ lost, disks }) => lost.size > 0 || disks.some(({ struck, forgotten }) => struck || forgotten > 0),
  )
  const leases = cluster.world.checkers.leases(defaultGroup).lives
  const committed = cluster.world.checkers.committed(defaultGroup)
  const wiped = new Set(damaged.map(({ id }) => id))
  for (const { name } of plans) workloadOf(name).check({ notes, replicas, wiped, leases, committed })
}

/** Failures that a workload asked for, and what its supervisors make of them. */
export function expectFailures({ world }: SimCluster): void {
  const { failureExplained } = world.checkers
  world.checkers.failureExplained = (node, error) => error.includes(askedToFail) || failureExplained(node, error)
}
