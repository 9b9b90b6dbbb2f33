/**
 * The default workload of a seed: everything about it is drawn. A few clients write, read, compare and move money between
 * accounts while a fault plan is at work; then the world heals, and what was promised must follow.
 *
 *   safety     every delivery is checked; anything may fail or take long, nothing may go wrong
 *   liveness   the faults end; within some election timeouts there is a leader, every client is answered, replicas are equal
 *   verdict    registers linearizable, sums whole, acknowledged writes on every replica
 */
import { draw } from '../base/draw.ts'
import { Chaos } from './chaos.ts'
import { check } from './checkers/violation.ts'
import type { SimClient } from './client.ts'
import { SimCluster } from './cluster.ts'
import { drawFaults } from './faults.ts'
import type { Operation, Outcome } from './operation.ts'
import type { Scenario } from './scenario.ts'

export interface WorkloadOptions {
  /** Undefined: 3 or 5, as drawn. */
  readonly nodes: number | undefined
}

/** Election timeouts until everything is well again after the faults ended. */
const recoveryElections = 40
const accounts = 4
const startBalance = 100

export function mixWorkload({ nodes }: WorkloadOptions): Scenario {
  return {
    name: 'mix',
    title: 'mix: clients of every kind under whatever the seed brings',
    seeds: [],
    open: (seed) => {
      const roll = (site: string): number => draw(seed, `workload.${site}`, 0)
      const keep = roll('log-keep')
      return new SimCluster({
        seed,
        nodes: nodes ?? (roll('nodes') < 0.75 ? 3 : 5),
        executors: roll('executors') < 0.5 ? 1 : 2,
        tickMs: [10, 20, 50][Math.floor(roll('tick') * 3)] as number,
        logKeepEntries: keep < 0.5 ? 4 + Math.floor(keep * 60) : 10_000,
        faults: drawFaults(seed),
      })
    },
    body: runMix,
  }
}

function runMix(cluster: SimCluster): void {
  const { world } = cluster
  const roll = (site: string): number => draw(world.seed, `workload.${site}`, 0)
  const chaos = new Chaos(cluster)
  chaos.start()
  const count = 2 + Math.floor(roll('clients') * 4)
  const clients = Array.from({ length: count }, (_, at) => new Worker(cluster, at))
  for (const client of clients) client.start()

  cluster.run({ ms: 1_500 + 2_500 * roll('duration') })
  chaos.stop()
  for (const client of clients) client.stop()
  heal(cluster)

  const withinMs = recoveryElections * cluster.electionMs
  cluster.awaitLeader({ withinMs })
  cluster.await('every client is answered', () => clients.every((client) => client.idle), {
    withinMs: withinMs + patienceMs,
  })
  // Whoever watches the disks looks now and then, so the last alarm may come after the room did.
  cluster.run({ ms: alarmLagMs })
  cluster.clearAlarms({ withinMs })
  cluster.client('last').put('end', 'end', { withinMs })
  cluster.expectConverged({ withinMs })
  cluster.checkHistory()
  cluster.history.checkSum('account/', accounts * startBalance, accounts)
}

function heal(cluster: SimCluster): void {
  const { world } = cluster
  world.calm()
  for (const id of cluster.nodes) if (!cluster.removed.has(id)) world.start(id)
}

const patienceMs = 3_000
const alarmLagMs = 1_500

/** One client, one operation at a time. The first of them opens the accounts. */
class Worker {
  readonly #cluster: SimCluster
  readonly #session: SimClient
  readonly #at: number
  readonly #balances = new Map<string, string>()
  #operations = 0
  #over = false
  idle = true

  constructor(cluster: SimCluster, at: number) {
    this.#cluster = cluster
    this.#at = at
    this.#session = cluster.client(`client-${at}`, { attemptMs: 300, patienceMs }).session
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
    const operation = this.#operation()
    const beganMs = this.#cluster.world.nowMs
    this.idle = false
    this.#session.start(operation, (outcome) => {
      this.idle = true
      check(
        this.#cluster.world.nowMs - beganMs < 2 * patienceMs,
        'I23',
        () => `client-${this.#at} waited ${this.#cluster.world.nowMs - beganMs} ms`,
      )
      this.#learn(operation, outcome)
      this.#cluster.world.later(this.#roll('think') ** 2 * 60, () => this.#next())
    })
  }

  #roll(site: string): number {
    return draw(this.#cluster.world.seed, `worker.${site}`, this.#at, this.#operations)
  }

  #operation(): Operation {
    // Whoever is first opens the accounts; a second who tries the same finds them open.
    if (this.#at === 0 && this.#operations <= accounts) {
      const key = `account/${this.#operations}`
      return { type: 'cas', key, expected: undefined, value: this.#session.unique(String(startBalance)) }
    }
    const key = `key/${Math.floor(this.#roll('key') * 6)}`
    const kind = this.#roll('kind')
    if (kind < 0.35) return { type: 'put', key, value: this.#session.unique('v') }
    if (kind < 0.65) return { type: 'get', key }
    if (kind < 0.8) return { type: 'cas', key, expected: this.#balances.get(key), value: this.#session.unique('c') }
    if (kind < 0.9) return { type: 'list', prefix: 'account/' }
    return this.#move() ?? { type: 'list', prefix: 'account/' }
  }

  /** Between two accounts whose balance this client saw last; it fails when somebody was quicker. */
  #move(): Operation | undefined {
    const from = `account/${1 + Math.floor(this.#roll('from') * accounts)}`
    const to = `account/${1 + Math.floor(this.#roll('to') * accounts)}`
    const fromHas = this.#balances.get(from)
    const toHas = this.#balances.get(to)
    if (from === to || fromHas === undefined || toHas === undefined) return undefined
    const amount = 1 + Math.floor(this.#roll('amount') * 5)
    const take = this.#session.unique(`${Number.parseInt(fromHas, 10) - amount}`)
    const give = this.#session.unique(`${Number.parseInt(toHas, 10) + amount}`)
    return {
      type: 'move',
      from: { key: from, expected: fromHas, value: `${take}-` },
      to: { key: to, expected: toHas, value: `${give}+` },
    }
  }

  /** What it saw last is what it will expect next. */
  #learn(operation: Operation, outcome: Outcome): void {
    if (outcome.type !== 'done') return
    if (operation.type === 'get' || operation.type === 'list') {
      for (const [key, value] of outcome.found) this.#balances.set(key, value)
    } else if (operation.type === 'move') {
      this.#balances.delete(operation.from.key)
      this.#balances.delete(operation.to.key)
    }
  }
}
