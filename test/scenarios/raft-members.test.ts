/** Changing the members of a group (R13 of `actors/raft/README.md`), where it could go wrong. */
import { isJoint } from '../../actors/raft/membership.ts'
import { draw } from '../../base/draw.ts'
import { check } from '../../sim/checkers/violation.ts'
import { calm } from '../../sim/faults.ts'
import { scenario } from './scenario.ts'
import { changeTo, core, probe, refused, seeds, settled, until, withinMs, writers } from './situations.ts'

const lossy = { ...calm, network: { ...calm.network, loss: 0.05, duplicate: 0.05, reorder: 0.1 } }

scenario(
  'R13.1: joint configurations come and go under crashes and cuts, and lose nothing',
  { seeds, nodes: 5, faults: lossy },
  (cluster) => {
    cluster.awaitLeader({ withinMs })
    const stop = writers(cluster, 3)
    const { seed } = cluster.world
    for (let round = 0; round < 24; round++) {
      const roll = (site: string): number => draw(seed, `scenario.${site}`, round)
      const leader = cluster.leader()
      const voters = cluster.nodes.filter((id) => roll(`voter.${id}`) < 0.55)
      if (leader !== undefined && voters.length > 0) {
        const learners = cluster.others(...voters)
        probe(cluster, leader, { type: 'changeConfiguration', wanted: { voters, learners } })
      }
      cluster.run({ ms: 5 + 60 * roll('moment') })
      if (roll('cut') < 0.5) {
        const side = cluster.nodes.filter((id) => roll(`side.${id}`) < 0.5)
        cluster.partition(side, cluster.others(...side))
      } else if (roll('crash') < 0.4) {
        const victim = 1 + Math.floor(roll('victim') * 5)
        cluster.crash(victim)
        cluster.world.later(100, () => cluster.restart(victim))
      }
      cluster.run({ ms: 20 + 200 * roll('lasts') })
      cluster.heal()
    }
    stop()
    cluster.world.calm()
    cluster.run({ ms: 500 })

    const simple = (): boolean => cluster.upNodes.every((id) => !isJoint(core(cluster, id).membership.current))
    cluster.await('joint configurations are left', simple, { withinMs: 2 * withinMs })
    cluster.client('last').put('z', 'end', { withinMs: 2 * withinMs })
    cluster.expectConverged({ withinMs: 2 * withinMs })
    cluster.checkHistory()
  },
)

scenario('R13.2: a change is refused while another is not committed', { seeds, nodes: 3 }, (cluster) => {
  const leader = settled(cluster)
  const [a = 0, b = 0] = cluster.others(leader)

  cluster.partition([leader], [a, b])
  const first = probe(cluster, leader, changeTo([leader, a], [b]))
  cluster.run({ ms: 5 })
  const second = probe(cluster, leader, changeTo([leader, b], [a]))
  cluster.run({ ms: 20 })

  check(first.reply === undefined, 'R13', () => `the first change was answered: ${JSON.stringify(first.reply)}`)
  refused(second.reply, 'configurationPending')
  cluster.heal()
  cluster.expectConverged({ withinMs })
})

// The majorities of two changes of one voter each need not meet, unless the second leader has committed something first.
scenario('R13.3: a leader changes nothing before it committed in its term', { seeds, nodes: 3 }, (cluster) => {
  const old = settled(cluster)
  const [a = 0, b = 0] = cluster.others(old)
  cluster.crash(old)

  until(cluster, () => cluster.leader('default', [a, b]) !== undefined)
  const leader = cluster.leader('default', [a, b]) as number
  cluster.cut(a, b)
  const { commit, termStart } = core(cluster, leader)
  check(commit < termStart, 'R8', () => `node ${leader} committed ${commit} before anybody answered`)
  const change = probe(cluster, leader, changeTo([leader, leader === a ? b : a], [old]))
  cluster.run({ ms: 20 })

  refused(change.reply, 'notReady')
  cluster.heal()
  cluster.restart(old)
  cluster.expectConverged({ withinMs: 2 * withinMs })
})

scenario('R13.4: a configuration whose entry was replaced is no longer in force', { seeds, nodes: 3 }, (cluster) => {
  const old = settled(cluster)
  const [a = 0, b = 0] = cluster.others(old)

  cluster.partition([old], [a, b])
  probe(cluster, old, changeTo([old, a], [b]))
  cluster.run({ ms: 20 })
  const inForce = (): number => core(cluster, old).membership.current.voters.length
  check(inForce() === 2, 'R13', () => 'a configuration is in force with its entry')
  const next = cluster.awaitLeader({ withinMs: 20 * cluster.electionMs, among: [a, b] })
  cluster.client('free', { nodes: () => [a, b] }).put('a', 'newer')
  cluster.heal()
  cluster.await('the old leader follows', () => core(cluster, old).leader === next, { withinMs })
  until(cluster, () => core(cluster, old).log.last === core(cluster, next).log.last)

  check(inForce() === 3, 'R13', () => `node ${old} still counts ${inForce()} voters`)
  cluster.expectConverged({ withinMs })
})
