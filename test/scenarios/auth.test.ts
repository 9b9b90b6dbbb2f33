/** Users, roles and permissions while the cluster comes and goes: at no place of the log is there a window. */
import { draw } from '../../base/draw.ts'
import { check } from '../../sim/checkers/violation.ts'
import { startWorkers } from '../../sim/worker.ts'
import { checkWorkloads, lookOnceMore } from '../../sim/workloads/verdict.ts'
import { scenario } from './scenario.ts'

const plans = [{ name: 'auth', clients: 5 }] as const

// Snapshots are needed all the time, so that what a replica knows of users comes by every way there is.
scenario(
  'I26: what a caller says is judged by the users of its place in the log, whatever becomes of nodes',
  { seeds: [1, 2], nodes: 3, logKeepEntries: 8 },
  (cluster) => {
    cluster.awaitLeader({ withinMs: 3_000 })
    const workers = startWorkers(cluster, plans)
    const { seed } = cluster.world
    for (let round = 0; round < 4; round++) {
      cluster.run({ ms: 200 + 400 * draw(seed, 'scenario.calm', round) })
      const node = 1 + Math.floor(draw(seed, 'scenario.node', round) * 3)
      const away = draw(seed, 'scenario.away', round) < 0.5
      if (away) cluster.partition([node], cluster.others(node))
      else cluster.crash(node)
      cluster.run({ ms: 700 * draw(seed, 'scenario.down', round) })
      if (away) cluster.heal()
      else cluster.restart(node)
    }
    for (const worker of workers) worker.stop()
    cluster.await('every client is answered', () => workers.every(({ idle }) => idle), { withinMs: 20_000 })

    lookOnceMore(cluster, plans, { withinMs: 5_000 })
    cluster.expectConverged({ withinMs: 5_000 })
    cluster.checkHistory()
    checkWorkloads(cluster, plans)
    const { allowed, refused } = cluster.users.judged
    check(allowed > 0 && refused > 0, 'I26', () => `${allowed} were allowed and ${refused} refused: nothing was tried`)
  },
)
