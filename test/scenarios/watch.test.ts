/** Watching (I18) while nodes come and go, feeds are lost, buffers are tiny and history is compacted under the watchers. */
import { draw } from '../../base/draw.ts'
import { check } from '../../sim/checkers/violation.ts'
import { calm } from '../../sim/faults.ts'
import { startWorkers } from '../../sim/worker.ts'
import { checkWorkloads, lookOnceMore } from '../../sim/workloads/verdict.ts'
import { scenario } from './scenario.ts'

const plans = [{ name: 'watch', clients: 5 }] as const

// Snapshots are needed all the time, so that feeds jump; sites are bent, so that every bound of watching is small somewhere.
scenario(
  'I18: a watcher is told what was committed, wherever it looks from, and whatever becomes of nodes',
  { seeds: [1, 2, 14], nodes: 3, logKeepEntries: 8, faults: { ...calm, sites: true } },
  (cluster) => {
    cluster.awaitLeader({ withinMs: 5_000 })
    const workers = startWorkers(cluster, plans)
    const { seed } = cluster.world
    for (let round = 0; round < 3; round++) {
      cluster.run({ ms: 200 + 400 * draw(seed, 'scenario.calm', round) })
      const node = 1 + Math.floor(draw(seed, 'scenario.node', round) * 3)
      const away = draw(seed, 'scenario.away', round) < 0.5
      if (away) cluster.partition([node], cluster.others(node))
      else cluster.crash(node)
      cluster.run({ ms: 500 * draw(seed, 'scenario.down', round) })
      if (away) cluster.heal()
      else cluster.restart(node)
    }
    for (const worker of workers) worker.stop()
    cluster.await('every client is answered', () => workers.every(({ idle }) => idle), { withinMs: 20_000 })

    cluster.world.calm()
    lookOnceMore(cluster, plans, { withinMs: 5_000 })
    cluster.expectConverged({ withinMs: 20_000 })
    cluster.checkHistory()
    checkWorkloads(cluster, plans)
    const events = cluster.history.notes.flatMap(({ outcome }) =>
      outcome?.type === 'watched' ? outcome.words.flatMap((word) => (word.type === 'events' ? word.events : [])) : [],
    )
    check(events.length > 0, 'I18', () => `${events.length} changes were told: nothing was tried`)
  },
)
