/**
 * Tickets are sold at three nodes, and no number may be sold twice. The scenario says what is done and what must hold; the
 * seeds bring crashes, partitions, lost messages and slow disks. The first version of the booth breaks within a few seeds,
 * and the report says why; the second passes them all.
 *
 * `simulate` is a plain function that throws: in a test of your own it stands inside `test(…)`, whatever runs your tests.
 */
// prints: the careful booth: 30 seeds, no ticket was sold twice
import assert from 'node:assert/strict'
import { type Simulated, SimulationFailed, simulate } from 'aspen/sim'
import { blocks } from './simulate/blocks.ts'
import { booth, hastyBooth } from './simulate/booth.ts'

function sellTickets(kind: typeof booth): Simulated {
  return simulate(
    'no ticket is sold twice',
    {
      seeds: 30,
      nodes: 3,
      machines: [blocks],
      actors: [kind],
      // What the program on each node does when it starts, and starts again after a crash.
      boot: (node) => node.spawn(kind, null, { name: 'booth', supervise: { restart: 'permanent' } }),
    },
    (cluster) => {
      const ledger = cluster.createGroup('blocks', blocks, null)
      const sold = new Set<number>()
      for (let buyer = 0; buyer < 40; buyer++) {
        const node = cluster.pick('booth', cluster.nodes)
        const counter = cluster.actor(kind, 'booth', { node })
        const answer = counter.ask.sell()
        if (answer.type !== 'reply') continue // the node is down: this buyer goes home

        if (answer.value === undefined) {
          const next = ledger.propose({ size: 10 })
          counter.ask.refill({ next, end: next + 10 })
        } else {
          assert.ok(!sold.has(answer.value), `ticket ${answer.value} was sold twice`)
          sold.add(answer.value)
        }
        cluster.run({ ms: 100 })
      }
    },
  )
}

try {
  sellTickets(hastyBooth)
} catch (error) {
  if (!(error instanceof SimulationFailed)) throw error
  console.log(error.message)
  console.log()
}
const { runs } = sellTickets(booth)
console.log(`the careful booth: ${runs} seeds, no ticket was sold twice`)
