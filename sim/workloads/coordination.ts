/**
 * Clients that coordinate: locks of three kinds (`locks`), elections (`elections`), queues (`queues`), counters and sequences
 * (`numbers`). Leases are short, and some are not kept alive, so holders lose what they hold in the middle of their work. What
 * protects the store then is the token that their writes carry; without it stale writes would land, lock or no lock.
 */
import type { Operation } from '../operation.ts'
import {
  checkCounters,
  checkInside,
  checkLeased,
  checkLooks,
  checkQueues,
  checkRows,
  checkSequences,
  checkTokens,
} from './coordination-check.ts'
import { coordinationPrefix, type HoldProgram, type Program } from './coordination-program.ts'
import { type ClientSeat, type Evidence, pick, type Workload, type WorkloadName } from './workload.ts'

export const locks: Workload = workload('locks', [checkInside, checkTokens, checkRows, checkLeased], (client, seat) => {
  const kind = seat.roll('kind')
  if (kind < 0.45) return client.hold('lock')
  if (kind < 0.75) return client.hold(seat.roll('side') < 0.6 ? 'read' : 'write')
  return client.hold('permit')
})

export const elections: Workload = workload(
  'elections',
  [checkInside, checkTokens, checkRows, checkLeased, checkLooks],
  (client, seat) => (seat.roll('kind') < 0.65 ? client.hold('lead') : { use: 'look', name: client.nameOf('lead') }),
)

export const queues: Workload = workload('queues', [checkInside, checkQueues], (client, seat) => {
  const name = client.nameOf('queue')
  if (seat.roll('kind') < 0.4)
    return { use: 'send', name, id: `${seat.at}-${client.next()}`, priority: pick(seat, 'priority', 2) }
  const end = seat.roll('end')
  return {
    use: 'work',
    name,
    lease: client.lease(),
    ttlMs: client.ttlMs(),
    pauseMs: client.pauseMs(),
    finally: end < 0.55 ? 'finish' : end < 0.7 ? 'extend' : end < 0.85 ? 'giveBack' : 'forget',
  }
})

export const numbers: Workload = workload('numbers', [checkCounters, checkSequences], (client, seat) => {
  const count = 1 + pick(seat, 'count', 4)
  return seat.roll('kind') < 0.5
    ? { use: 'count', name: client.nameOf('counter'), amount: count }
    : { use: 'number', name: client.nameOf('sequence'), count, by: `${seat.at}-${client.next()}` }
})

function workload(
  name: WorkloadName,
  laws: readonly ((evidence: Evidence) => void)[],
  choose: (client: Client, seat: ClientSeat) => Program,
): Workload {
  return {
    name,
    setup: () => undefined,
    start: (seat) => {
      const client = new Client(name, seat)
      return { next: (): Operation => ({ type: 'program', program: choose(client, seat) }), learn: () => {} }
    },
    // What was left unfinished is seen on the replicas.
    closing: () => [],
    check: (evidence) => {
      for (const law of laws) law(evidence)
    },
  }
}

/** Ids of leases of one workload, beside those of the others; a lease that a program has not named itself has the next. */
const leaseBase: Readonly<Record<string, number>> = { locks: 2e12, elections: 3e12, queues: 4e12 }
const leasesOfClient = 1_000_000

class Client {
  readonly #workload: WorkloadName
  readonly #seat: ClientSeat
  #count = 0

  constructor(name: WorkloadName, seat: ClientSeat) {
    this.#workload = name
    this.#seat = seat
  }

  nameOf(thing: string): string {
    return `${coordinationPrefix}${thing}`
  }

  /** Another number each time. */
  next(): number {
    this.#count += 1
    return this.#count
  }

  lease(): string {
    const base = leaseBase[this.#workload] ?? 0
    return String(base + leasesOfClient * this.#seat.at + 100 * this.next())
  }

  ttlMs(): number {
    return Math.round(this.#seat.tickMs * (2 + 25 * this.#seat.roll('ttl') * this.#seat.roll('ttl.more')))
  }

  pauseMs(): number {
    return Math.round(this.#seat.tickMs * 5 * this.#seat.roll('pause') * this.#seat.roll('pause.more'))
  }

  hold(use: HoldProgram['use']): HoldProgram {
    const seat = this.#seat
    return {
      use,
      // Readers and writers meet.
      name: this.nameOf(use === 'read' || use === 'write' ? 'shelf' : use),
      lease: this.lease(),
      ttlMs: this.ttlMs(),
      writes: 1 + pick(seat, 'writes', 4),
      pauseMs: this.pauseMs(),
      keepAlive: seat.roll('keep') < 0.6,
      letsGo: seat.roll('let-go') < 0.85,
    }
  }
}
