/**
 * A client of a workload: one operation at a time, with pauses, until it is told to stop.
 */
import { draw, squared } from '../base/draw.ts'
import { check } from './checkers/violation.ts'
import type { ClientOptions, SimClient } from './client.ts'
import type { SimCluster } from './cluster.ts'
import type { Operation, Outcome } from './operation.ts'
import { workloadOf } from './workloads/all.ts'
import type { ClientSeat, Workload, WorkloadClient, WorkloadPlan } from './workloads/workload.ts'

/** How long clients of `cluster` wait: for one answer, and for the end of an operation. In a slow world, longer. */
export function patienceOf(cluster: SimCluster): Pick<ClientOptions, 'attemptMs' | 'patienceMs'> {
  const tempo = tempoOf(cluster)
  return { attemptMs: 300 * tempo, patienceMs: 3_000 * tempo }
}

/** How much slower a world is than one of ticks of 20 ms. */
function tempoOf({ tickMs }: SimCluster): number {
  return Math.max(1, tickMs / 20)
}

/** How the clients of workloads are called. */
export const workerPrefix = 'client-'

/** The clients of all workloads of a run. */
export function startWorkers(cluster: SimCluster, plans: readonly WorkloadPlan[]): readonly Worker[] {
  const workers = plans.flatMap(({ name, clients }) =>
    Array.from({ length: clients }, (_, at) => new Worker(cluster, workloadOf(name), at)),
  )
  for (const worker of workers) worker.start()
  return workers
}

export class Worker {
  readonly #cluster: SimCluster
  readonly #workload: Workload
  readonly #session: SimClient
  readonly #seat: ClientSeat
  readonly #client: WorkloadClient
  #operations = 0
  /** What its workload begins with is known to be there, or another's matter. */
  #ready: boolean
  #over = false
  idle = true

  constructor(cluster: SimCluster, workload: Workload, at: number) {
    this.#cluster = cluster
    this.#workload = workload
    this.#session = cluster.client(`${workerPrefix}${workload.name}-${at}`, patienceOf(cluster)).session
    this.#seat = {
      at,
      nodes: cluster.founders,
      tickMs: cluster.tickMs,
      roll: (site) => draw(cluster.world.seed, `${workload.name}.${site}`, at, this.#operations),
      unique: (text) => this.#session.unique(text),
    }
    this.#client = workload.start(this.#seat)
    this.#ready = at > 0
  }

  start(): void {
    this.#next()
  }

  stop(): void {
    this.#over = true
  }

  #next(): void {
    if (this.#over) return
    this.#operations += 1
    const setup = this.#ready ? undefined : this.#workload.setup(this.#seat)
    const operation = setup ?? this.#client.next()
    const { world } = this.#cluster
    const { patienceMs } = patienceOf(this.#cluster)
    const beganMs = world.nowMs
    this.idle = false
    this.#session.start(operation, (outcome) => {
      this.idle = true
      const { name } = this.#session
      check(world.nowMs - beganMs < 2 * patienceMs, 'I23', () => `${name} waited ${world.nowMs - beganMs} ms`)
      this.#learn(operation, outcome, setup !== undefined)
      world.later(squared(this.#seat.roll('think')) * 15 * tempoOf(this.#cluster), () => this.#next())
    })
  }

  #learn(operation: Operation, outcome: Outcome, setup: boolean): void {
    if (!setup) this.#client.learn(operation, outcome)
    // Whether this one did it or an earlier one whose answer was lost: it is there.
    else if (outcome.type === 'done') this.#ready = true
  }
}
