/**
 * I17: clients that hold leases, hang keys on them, keep them alive for a while, revoke them or forget them; judged by the
 * true times at which leases were there (`checkers/lease-safety.ts`). Clients know no clock of a node, nor does the judge.
 */
import { type LeaseLife, ownPrefix } from '../checkers/lease-safety.ts'
import { check } from '../checkers/violation.ts'
import type { HistoryNote, Operation, Outcome } from '../operation.ts'
import { type ClientSeat, pick, type Workload, type WorkloadClient } from './workload.ts'

/** Keys that move from lease to lease. */
const sharedKeys = 3
const sharedPrefix = 'lent/'

/** Where its ids begin: other workloads have leases as well. */
const firstId = 5_517_000_000
const idsMax = 1_000_000_000

type Told = HistoryNote & {
  readonly operation: { readonly lease: string }
  readonly outcome: Outcome & { type: 'done' }
}

export const leases: Workload = {
  name: 'leases',
  setup: () => undefined,
  start: (seat) => new LeaseHolder(seat),
  closing: (notes) => namesIn(notes).map((lease) => ({ type: 'leaseKeys', lease })),
  settles: {
    what: 'every lease has ended',
    come: (replicas) => replicas.every(({ leases: { leases: there } }) => ![...there.keys()].some(isOurs)),
  },
  check: ({ notes, leases: lives }) => {
    for (const note of notes) {
      checkRefusal(note, lives)
      if (note.outcome?.type !== 'done' || !('lease' in note.operation)) continue
      const told = note as Told
      const lived = livesOf(told, lives)
      if (note.operation.type === 'leaseGrant') promised(told, lived, note.operation.ttlMs, told.beganMs, notes)
      if (note.operation.type === 'leaseKeep' || note.operation.type === 'leaseLook') judge(told, lived, notes)
      if (note.operation.type === 'leaseKeys') checkKeys(told, lived)
      if (note.operation.type === 'leasePut')
        check(lived.length > 0, 'I17', () => `${textOf(told)} hung a key on a lease that was nowhere`)
    }
  },
}

function isOurs(id: string): boolean {
  return Number(id) >= firstId && Number(id) < firstId + idsMax
}

/** What the lessor said. */
function judge(told: Told, lived: readonly LeaseLife[], notes: readonly HistoryNote[]): void {
  const { leftMs, sentMs } = told.outcome.lease as { leftMs: number; sentMs: number }
  if (!told.outcome.succeeded) {
    // Of a lease that was there all the while it would be a lie.
    const present = lived.find(
      ({ firstMs, goneMs = Number.POSITIVE_INFINITY }) => firstMs < sentMs && goneMs > endOf(told),
    )
    check(present === undefined, 'I17', () => `${textOf(told)} was told that there is no such lease`)
    return
  }
  const possible = lived.filter(({ goneMs = Number.POSITIVE_INFINITY }) => goneMs > sentMs)
  check(possible.length > 0, 'I17', () => `${textOf(told)} was told of ${leftMs} ms, when the lease was gone`)
  promised(told, possible, leftMs, sentMs, notes)
}

/** The lease is there for `forMs` from `sinceMs`, unless somebody asks for its end. */
function promised(
  told: Told,
  lived: readonly LeaseLife[],
  forMs: number,
  sinceMs: number,
  notes: readonly HistoryNote[],
): void {
  const early = lived.filter(({ goneMs = Number.POSITIVE_INFINITY }) => goneMs < sinceMs + forMs)
  // An id may have been granted anew: it is enough that one of its leases, there at the time, kept what was promised.
  if (early.length < lived.length || early.length === 0) return
  const last = early[early.length - 1] as LeaseLife
  const goneMs = last.goneMs as number
  const revoked = notes.some(
    ({ operation, beganMs }) =>
      operation.type === 'leaseRevoke' && operation.lease === told.operation.lease && beganMs <= goneMs,
  )
  check(
    revoked,
    'I17',
    () =>
      `lease ${last.id} ended ${(goneMs - sinceMs).toFixed(3)} ms after ${textOf(told)} was sent, which promised ${forMs.toFixed(3)} ms`,
  )
}

/** Nobody is told that a lease is missing which was there all the while. */
function checkRefusal(note: HistoryNote, lives: readonly LeaseLife[]): void {
  const { operation, outcome, beganMs } = note
  if (!('lease' in operation) || outcome?.type !== 'refused' || outcome.reason !== 'leaseNotFound') return
  const present = lives.find(
    ({ id, firstMs, goneMs = Number.POSITIVE_INFINITY }) =>
      id === operation.lease && firstMs < beganMs && goneMs > endOf(note),
  )
  check(present === undefined, 'I17', () => `${textOf(note)} was refused: there is no such lease`)
}

/** Keys of a lease are there with it alone. */
function checkKeys(told: Told, lived: readonly LeaseLife[]): void {
  const { found, succeeded } = told.outcome
  check(succeeded || found.size === 0, 'I17', () => `${textOf(told)} found ${[...found.keys()].join()} without a lease`)
  check(!succeeded || lived.length > 0, 'I17', () => `${textOf(told)} found a lease that no replica ever had then`)
}

/** The leases of the id that were there at some moment of the operation. */
function livesOf(told: Told, lives: readonly LeaseLife[]): readonly LeaseLife[] {
  return lives.filter(
    ({ id, firstMs, goneMs = Number.POSITIVE_INFINITY }) =>
      id === told.operation.lease && goneMs >= told.beganMs && firstMs <= endOf(told),
  )
}

function endOf({ endedMs }: HistoryNote): number {
  return endedMs ?? Number.POSITIVE_INFINITY
}

function textOf({ client, operation, beganMs, endedMs }: HistoryNote): string {
  return `${operation.type} of ${client} (${beganMs.toFixed(3)} to ${endedMs?.toFixed(3)})`
}

function namesIn(notes: readonly HistoryNote[]): readonly string[] {
  return [
    ...new Set(notes.flatMap(({ operation }) => (operation.type === 'leaseGrant' ? [operation.lease] : []))),
  ].slice(-4)
}

class LeaseHolder implements WorkloadClient {
  readonly #seat: ClientSeat
  #grants = 0
  #lease: string | undefined
  /** Those it left to themselves, oldest first. */
  readonly #left: string[] = []

  constructor(seat: ClientSeat) {
    this.#seat = seat
  }

  next(): Operation {
    const seat = this.#seat
    const lease = this.#lease
    if (lease === undefined) return this.#grant()
    const kind = seat.roll('kind')
    if (kind < 0.35) return { type: 'leaseKeep', lease }
    if (kind < 0.6) return { type: 'leasePut', lease, key: this.#key(lease), value: seat.unique('l') }
    if (kind < 0.7) return { type: 'leaseLook', lease }
    if (kind < 0.78) return { type: 'leaseKeys', lease }
    // Late, when it may be gone.
    const old = this.#left[pick(seat, 'old', Math.max(1, this.#left.length))]
    if (kind < 0.86 && old !== undefined)
      return { type: seat.roll('late') < 0.7 ? 'leaseKeep' : 'leaseLook', lease: old }
    if (kind < 0.92) return { type: 'leaseRevoke', lease }
    this.#left.push(lease)
    if (this.#left.length > 4) this.#left.shift()
    return this.#grant()
  }

  learn(operation: Operation, outcome: Outcome): void {
    if (operation.type === 'leaseGrant') this.#lease = operation.lease
    if (!('lease' in operation) || operation.lease !== this.#lease) return
    const gone =
      (outcome.type === 'refused' && outcome.reason === 'leaseNotFound') ||
      (outcome.type === 'done' && (operation.type === 'leaseRevoke' || !outcome.succeeded))
    if (gone) this.#lease = undefined
  }

  #grant(): Operation {
    const seat = this.#seat
    // Sometimes the id of a lease that was: it may be free again.
    if (this.#grants === 0 || seat.roll('again') > 0.15) this.#grants += 1
    const lease = String(firstId + 1_000_000 * seat.at + this.#grants)
    const ticks = 3 + 40 * seat.roll('ttl') * seat.roll('ttl.more')
    return { type: 'leaseGrant', lease, ttlMs: Math.round(seat.tickMs * ticks) }
  }

  #key(lease: string): string {
    const seat = this.#seat
    return seat.roll('shared') < 0.3
      ? `${sharedPrefix}${pick(seat, 'key', sharedKeys)}`
      : `${ownPrefix(lease)}${pick(seat, 'key', 4)}`
  }
}
