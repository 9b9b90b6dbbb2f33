/** The workloads there are, by name, and which of them a run has. */
import { draw } from '../../base/draw.ts'
import { userActors } from './actors.ts'
import { append } from './append.ts'
import { auth } from './auth.ts'
import { bank } from './bank.ts'
import { compaction } from './compaction.ts'
import { elections, limits, locks, meetings, numbers, queues, services } from './coordination.ts'
import { cycle } from './cycle.ts'
import { leases } from './leases.ts'
import { membership } from './membership.ts'
import { nested } from './nested.ts'
import { registerMix } from './register.ts'
import { stale } from './stale.ts'
import { watch } from './watch.ts'
import type { Workload, WorkloadName, WorkloadPlan } from './workload.ts'

export const workloads: readonly Workload[] = [
  registerMix,
  bank,
  cycle,
  append,
  compaction,
  membership,
  userActors,
  nested,
  stale,
  leases,
  locks,
  elections,
  queues,
  numbers,
  meetings,
  limits,
  services,
  watch,
  auth,
]

/** @throws {RangeError} There is none of that name. */
export function workloadOf(name: WorkloadName): Workload {
  const found = workloads.find((workload) => workload.name === name)
  if (found === undefined)
    throw new RangeError(`workload '${name}': wanted one of ${workloads.map((each) => each.name).join(', ')}`)
  return found
}

/** Drawn more often than others: most of the code that only they reach is reached seldom. */
const weights: Partial<Record<WorkloadName, number>> = { watch: 3, leases: 3 }

/** Some workloads, each with at least one of 2 to 5 clients: as many as a run can take. */
export function drawWorkloads(seed: number): readonly WorkloadPlan[] {
  const clients = 2 + Math.floor(draw(seed, 'workload.clients', 0) * 4)
  const count = 1 + Math.floor(draw(seed, 'workload.count', 0) * Math.min(clients, 4))
  const ranked = workloads.map(({ name }) => {
    const draws = Array.from({ length: weights[name] ?? 1 }, (_, at) => draw(seed, `workload.rank.${name}`, at))
    return { name, rank: Math.min(...draws) }
  })
  ranked.sort((a, b) => a.rank - b.rank)
  const share = Math.floor(clients / count)
  return ranked.slice(0, count).map(({ name }, at) => ({ name, clients: share + (at < clients % count ? 1 : 0) }))
}
