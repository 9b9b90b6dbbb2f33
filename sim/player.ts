/**
 * Plays back what was written down of a run: each act at its moment, each operation when its client is free again.
 */
import { perform } from './acts.ts'
import type { SimClient } from './client.ts'
import type { SimCluster } from './cluster.ts'
import type { Script, TimedOperation } from './run-plan.ts'

const actKey = 7

export class Player {
  readonly #cluster: SimCluster
  readonly #script: Script
  readonly #lanes = new Map<string, Lane>()

  constructor(cluster: SimCluster, script: Script) {
    this.#cluster = cluster
    this.#script = script
  }

  /** @param session - The client of a name. */
  start(session: (name: string) => SimClient): void {
    const { queue } = this.#cluster.world
    for (const { atMs, act } of this.#script.acts) {
      queue.at(Math.max(queue.nowMs, atMs), actKey, () => perform(this.#cluster, act))
    }
    for (const timed of this.#script.operations) {
      let lane = this.#lanes.get(timed.client)
      if (lane === undefined) {
        lane = { session: session(timed.client), waiting: [], busy: false }
        this.#lanes.set(timed.client, lane)
      }
      const present = lane
      queue.at(Math.max(queue.nowMs, timed.atMs), actKey, () => {
        present.waiting.push(timed)
        next(present)
      })
    }
  }

  get idle(): boolean {
    return [...this.#lanes.values()].every(({ busy, waiting }) => !busy && waiting.length === 0)
  }
}

interface Lane {
  readonly session: SimClient
  readonly waiting: TimedOperation[]
  busy: boolean
}

/** One operation at a time: a client that was answered later than in the run that is played back begins later. */
function next(lane: Lane): void {
  if (lane.busy) return
  const timed = lane.waiting.shift()
  if (timed === undefined) return
  lane.busy = true
  lane.session.start(timed.operation, () => {
    lane.busy = false
    next(lane)
  })
}
