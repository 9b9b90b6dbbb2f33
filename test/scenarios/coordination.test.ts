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
coordinated('G8', 'nobody passes a barrier that stands, and who waits passes when it is lifted', 'meetings')
coordinated('G9', 'parties begin together and end together, and the dead hold nobody up', 'meetings', 9)
coordinated('G10', 'one leads at a time, each with a greater term', 'elections')
coordinated('G11', 'no message is lost, and one at a time has it', 'queues')
coordinated('G14', 'counters add up, and sequences have no gap', 'numbers')
coordinated('G16', 'a limiter gives out no more than it may, whoever leads and whatever clocks do', 'limits')
coordinated('G17', 'an instance is listed while it lives, and says itself how it is', 'services')

function coordinated(rule: string, title: string, name: WorkloadName, firstSeed: number = 1): void {
  const workloads = [{ name, clients: 5 }]
  testScenario({
    ...mixWorkload({ nodes: undefined, workloads }),
    name: rule,
    title: `${rule}: ${title}`,
    seeds: Array.from({ length: 8 }, (_, at) => firstSeed + at),
    words: [],
  })
}
