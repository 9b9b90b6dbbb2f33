/**
 * Coordination under whatever a seed brings: the recipes that the product runs, carried out by clients of a cluster that loses
 * messages, nodes, leaders and leases; judged by the store's own account.
 */
import { mixWorkload } from '../../sim/mix.ts'
import type { WorkloadName } from '../../sim/workloads/workload.ts'
import { testScenario } from './scenario.ts'

coordinated(
  'G1',
  'locks, read-write locks and semaphores keep their bounds, and guarded writes land in the order of tokens',
  'locks',
)
coordinated('G10', 'one leads at a time, each with a greater term', 'elections')
coordinated('G11', 'no message is lost, and one at a time has it', 'queues')
coordinated('G14', 'counters add up, and sequences have no gap', 'numbers')

function coordinated(rule: string, title: string, name: WorkloadName): void {
  const workloads = [{ name, clients: 5 }]
  testScenario({
    ...mixWorkload({ nodes: undefined, workloads }),
    name: rule,
    title: `${rule}: ${title}`,
    seeds: [1, 2, 3, 4, 5, 6, 7, 8],
    words: [],
  })
}
