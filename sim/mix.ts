/**
 * The default scenario: clients of every kind while a fault plan is at work; then the world heals, and what was promised must
 * follow. All of it is drawn from the seed, or played back from a script.
 *
 *   safety     every delivery is checked; anything may fail or take long, nothing may go wrong
 *   liveness   the faults end; within some election timeouts there is a leader, every client is answered, replicas are equal
 *   verdict    registers linearizable, sums whole, acknowledged writes on every replica
 */
import { Chaos } from './chaos.ts'
import type { SimClient } from './client.ts'
import { SimCluster } from './cluster.ts'
import { Player } from './player.ts'
import { drawPlan, type RunPlan, type Script } from './run-plan.ts'
import type { Scenario } from './scenario.ts'
import { accounts, patienceMs, startBalance, Worker } from './worker.ts'

export interface MixOptions {
  /** Undefined: 3 or 5, as drawn. */
  readonly nodes: number | undefined
}

/** Election timeouts until everything is well again after the faults ended. */
const recoveryElections = 40
const alarmLagMs = 1_500

export function mixWorkload({ nodes }: MixOptions): Scenario {
  return {
    name: 'mix',
    title: 'mix: clients of every kind under whatever the seed brings',
    seeds: [],
    open: (seed, decisions, script) => new SimCluster({ ...(script?.plan ?? drawPlan(seed, nodes)), seed, decisions }),
    body: (cluster, script) => runMix(cluster, script?.plan ?? drawPlan(cluster.world.seed, nodes), script),
  }
}

/** Makes things happen: by draws, or by a script. */
interface Driver {
  readonly idle: boolean
  stop(): void
}

function runMix(cluster: SimCluster, plan: RunPlan, script: Script | undefined): void {
  const driver = script === undefined ? drawn(cluster, plan) : played(cluster, script)
  cluster.run({ ms: plan.durationMs })
  driver.stop()
  heal(cluster)

  const withinMs = recoveryElections * cluster.electionMs
  cluster.awaitLeader({ withinMs })
  cluster.await('every client is answered', () => driver.idle, { withinMs: withinMs + patienceMs })
  // Whoever watches the disks looks now and then, so the last alarm may come after the room did.
  cluster.run({ ms: alarmLagMs })
  cluster.clearAlarms({ withinMs })
  cluster.client('last').put('end', 'end', { withinMs })
  cluster.expectConverged({ withinMs })
  cluster.checkHistory()
  cluster.history.checkSum('account/', accounts * startBalance, accounts)
}

function drawn(cluster: SimCluster, plan: RunPlan): Driver {
  const chaos = new Chaos(cluster)
  cluster.acts = chaos.acts
  chaos.start()
  const workers = Array.from({ length: plan.clients }, (_, at) => new Worker(cluster, at))
  for (const worker of workers) worker.start()
  return {
    get idle(): boolean {
      return workers.every((worker) => worker.idle)
    },
    stop: () => {
      chaos.stop()
      for (const worker of workers) worker.stop()
    },
  }
}

function played(cluster: SimCluster, script: Script): Driver {
  const player = new Player(cluster, script)
  cluster.acts = script.acts
  const session = (name: string): SimClient => cluster.client(name, Worker.patience).session
  player.start(session)
  return {
    get idle(): boolean {
      return player.idle
    },
    stop: () => {},
  }
}

function heal(cluster: SimCluster): void {
  const { world } = cluster
  world.calm()
  for (const id of cluster.nodes) if (!cluster.removed.has(id)) world.start(id)
}
