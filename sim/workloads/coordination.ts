/**
 * Clients that coordinate: locks of three kinds (`locks`), elections (`elections`), queues (`queues`), counters and sequences
 * (`numbers`), barriers and meetings (`meetings`), rate limiters (`limits`), a registry (`services`). Leases are short, and some
 * are not kept alive, so holders lose what they hold in the middle of their work. What protects the store then is the token that
 * their writes carry; without it stale writes would land, lock or no lock.
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
import { checkLimits } from './limit-check.ts'
import { checkGates, checkMeetings } from './meeting-check.ts'
import type { GateProgram, MeetProgram } from './meeting-program.ts'
import { checkServices } from './service-check.ts'
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

/** The last of all passes what it can, and meets with itself: by then nobody is left who could hold it up. */
const lastLease = 5.9e12

export const meetings: Workload = {
  ...workload('meetings', [checkGates, checkMeetings], (client, seat) =>
    seat.roll('kind') < 0.35 ? client.gate() : client.meet(),
  ),
  settles: {
    what: 'every lease of meetings has ended',
    come: (replicas) =>
      replicas.every(({ leases }) => ![...leases.leases.keys()].some((id) => isOf('meetings', Number(id)))),
  },
  closing: (notes): readonly Operation[] => {
    const last = { name: `${coordinationPrefix}gate`, lease: undefined, ttlMs: 0, pauseMs: undefined }
    const met = notes.flatMap(({ operation }) =>
      operation.type === 'program' && operation.program.use === 'meet' ? [operation.program.name] : [],
    )
    const meets = [...new Set(met)].map((name, at): MeetProgram => {
      const lease = String(lastLease + 100 * at)
      return { use: 'meet', name, lease, ttlMs: 30_000, parties: 1, pauseMs: 1, keepAlive: true, letsGo: true }
    })
    const gates = (['lift', 'pass'] as const).map((act): GateProgram => ({ use: 'gate', act, ...last }))
    return [...gates, ...meets].map((program) => ({ type: 'program', program }))
  },
}

export const limits: Workload = workload('limits', [checkLimits], (client, seat) => ({
  use: 'limit',
  name: client.nameOf('limit'),
  lease: client.lease(),
  perSecond: 250 / seat.tickMs,
  capacity: 4,
  permits: 1 + pick(seat, 'permits', 3),
  wait: seat.roll('wait') < 0.05,
  grainMs: seat.tickMs,
}))

export const services: Workload = workload('services', [checkServices], (client, seat) => {
  const name = client.nameOf('service')
  if (seat.roll('kind') < 0.35) return { use: 'follow', name, times: 1 + pick(seat, 'times', 3) }
  const instance = seat.roll('instance') < 0.4 ? 'solo' : `shared-${pick(seat, 'which', 2)}`
  return {
    use: 'serve',
    name,
    instance,
    lease: client.lease(),
    ttlMs: client.ttlMs(),
    reports: pick(seat, 'reports', 4),
    pauseMs: client.pauseMs(),
    replace: instance !== 'solo' && seat.roll('replace') < 0.7,
    keepAlive: seat.roll('keep') < 0.6,
    letsGo: seat.roll('let-go') < 0.75,
  }
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
const leaseBase: Readonly<Record<string, number>> = {
  locks: 2e12,
  elections: 3e12,
  queues: 4e12,
  meetings: 5e12,
  limits: 6e12,
  services: 7e12,
}
/** From one workload to the next. */
const leasesOfWorkload = 1e12
const leasesOfClient = 1_000_000

function isOf(name: WorkloadName, lease: number): boolean {
  const base = leaseBase[name] ?? 0
  return lease >= base && lease < base + leasesOfWorkload
}

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

  /** Mostly one passes, for barriers are raised for a while. */
  gate(): GateProgram {
    const roll = this.#seat.roll('act')
    const leased = this.#seat.roll('leased') < 0.6
    return {
      use: 'gate',
      act: roll < 0.5 ? 'pass' : roll < 0.9 ? 'raise' : 'lift',
      name: this.nameOf('gate'),
      lease: leased ? this.lease() : undefined,
      ttlMs: this.ttlMs(),
      // What hangs on no lease is lifted by whoever raised it, if it is not by another.
      pauseMs: leased && this.#seat.roll('let-go') < 0.3 ? undefined : 2 * this.pauseMs(),
    }
  }

  meet(): MeetProgram {
    const seat = this.#seat
    const parties = seat.roll('parties') < 0.7 ? 2 : 3
    return {
      use: 'meet',
      name: this.nameOf(`meeting-of-${parties}`),
      lease: this.lease(),
      ttlMs: this.ttlMs(),
      parties,
      pauseMs: this.pauseMs(),
      keepAlive: seat.roll('keep') < 0.7,
      letsGo: seat.roll('let-go') < 0.85,
    }
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
