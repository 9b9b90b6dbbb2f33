/**
 * The leases that a lessor counts, kept in step with the table of its replica: read whole when a leadership begins, told of
 * every change after that by the feed, and read again when something may be missing. A lease is known by its id and by where
 * it was granted, so hearing of one twice, or late, changes nothing.
 *
 *   J4  a leadership begins with every lease of the table, as of a proof that this node leads, and gives each what is left of
 *       it in full, and an election timeout on top
 *   J5  when a lease is due only ever moves to later
 */
import { buggify, sometimes } from '../../base/fault-points.ts'
import type { FeedNotice } from '../raft/replica-messages.ts'
import { loseFeed } from './fault-sites.ts'
import { hashLease } from './lease-hash.ts'
import {
  type CountedLease,
  countedMs,
  type LessorEffect,
  type LessorState,
  type TableAnswer,
  type Tenure,
} from './lessor-state.ts'
import type { LeaseFeedItem, LeaseMark, LeaseRecord } from './messages.ts'
import { auditDiffered, beganWithLess, feedMissed, tookOver } from './probes.ts'
import { resolve } from './resolve.ts'

/** Notices kept while the first answer is on its way; with more, the table is read again. */
const earlyMax = 4_096

/** The answer to a question for the whole table. */
export function onTable(
  state: LessorState,
  tenure: Tenure,
  answer: TableAnswer | undefined,
  nowMs: number,
  out: LessorEffect[],
): void {
  tenure.tableTicket = undefined
  if (answer === undefined || answer.term !== tenure.term) {
    tenure.tableWanted = true
    tenure.tableAtMs = nowMs + state.limits.retryMs
    return
  }
  if (tenure.phase === 'reading') begin(state, tenure, answer, nowMs, out)
  else merge(state, tenure, answer, nowMs, out)
}

/** What the replica applied, in order. */
export function onFeed(
  state: LessorState,
  tenure: Tenure,
  notice: FeedNotice,
  nowMs: number,
  out: LessorEffect[],
): void {
  if (buggify(loseFeed, 0.4)) return
  if (tenure.phase !== 'counting') {
    if (tenure.early.length < earlyMax) tenure.early.push(notice)
    return
  }
  const { after, upTo, items } = notice
  // Told again, by a replica that started anew at an earlier index.
  if (upTo <= tenure.upTo) return
  if (after > tenure.upTo) {
    sometimes(feedMissed)
    tenure.tableWanted = true
  }
  const known = tenure.upTo
  tenure.upTo = upTo
  for (const item of items) onItem(state, tenure, item as LeaseFeedItem, known, nowMs, out)
}

function onItem(
  state: LessorState,
  tenure: Tenure,
  item: LeaseFeedItem,
  known: number,
  nowMs: number,
  out: LessorEffect[],
): void {
  switch (item.type) {
    case 'leaseGranted': {
      // One of before is here, or gone again.
      if (item.granted <= known) return
      const { id, granted, ttlSeconds } = item
      count(state, tenure, { id, granted, ttlSeconds, remainingSeconds: undefined }, nowMs, out)
      return
    }
    case 'leaseGone': {
      if (tenure.tableTicket !== undefined) tenure.endedSince.add(nameOf(item))
      const lease = tenure.leases.get(item.id)
      if (lease?.granted === item.granted) drop(tenure, lease, out)
      return
    }
    case 'leaseCheckpointed': {
      const lease = tenure.leases.get(item.id)
      if (lease?.granted !== item.granted) return
      note(tenure, lease, item.seconds)
      return
    }
    default:
    // The feed tells of keys and users as well.
  }
}

/**
 * Counts a lease from now, its whole time, unless it is counted already.
 *
 * @returns The lease as it is counted.
 */
export function count(
  state: LessorState,
  tenure: Tenure,
  record: LeaseRecord,
  nowMs: number,
  out: LessorEffect[],
): CountedLease {
  const known = tenure.leases.get(record.id)
  if (known !== undefined && known.granted >= record.granted) return known
  if (known !== undefined) drop(tenure, known, out)
  return admit(state, tenure, record, nowMs, nowMs + countedMs(state, record.ttlSeconds * 1_000))
}

/** The lease is gone from the table: whoever waits to hear of it hears that. */
export function drop(tenure: Tenure, lease: CountedLease, out: LessorEffect[]): void {
  lease.stage = 'gone'
  tenure.leases.delete(lease.id)
  tenure.undo.delete(lease)
  tenure.digest = (tenure.digest - hashLease(lease)) | 0
  const { wishes } = lease
  lease.wishes = []
  for (const wish of wishes) resolve(tenure, wish, undefined, out)
}

/** Begins the TTL of a lease anew, from now. */
export function renew(state: LessorState, lease: CountedLease, nowMs: number): void {
  lease.beganMs = nowMs
  lease.dueMs = Math.max(lease.dueMs, nowMs + countedMs(state, lease.ttlSeconds * 1_000))
}

/** The table holds this of a lease. */
export function note(tenure: Tenure, lease: CountedLease, seconds: number | undefined): void {
  tenure.digest = (tenure.digest - hashLease(lease)) | 0
  lease.remainingSeconds = seconds
  tenure.digest = (tenure.digest + hashLease(lease)) | 0
  // Never back to false here: by the time that the feed tells of a whole TTL, less may have been written down again.
  if (seconds !== undefined) lease.noted = true
}

/** Whether the table, as it was at `index`, is what is counted here. If not, it is read again. */
export function onAudited(
  tenure: Tenure,
  {
    term,
    index,
    count: counted,
    digest,
  }: {
    readonly term: number
    readonly index: number
    readonly count: number
    readonly digest: number
  },
): void {
  if (tenure.phase !== 'counting' || term !== tenure.term || index < tenure.upTo) return
  // What the feed is yet to tell makes a difference as well; to read the table once too often does no harm.
  if (counted === tenure.leases.size && digest === tenure.digest) return
  sometimes(auditDiffered)
  tenure.tableWanted = true
}

function begin(state: LessorState, tenure: Tenure, answer: TableAnswer, nowMs: number, out: LessorEffect[]): void {
  sometimes(tookOver, answer.leases.length > 0)
  tenure.phase = 'counting'
  tenure.upTo = answer.index
  const begun = answer.leases.map((record) => {
    const { ttlSeconds, remainingSeconds } = record
    sometimes(beganWithLess, remainingSeconds !== undefined)
    const leftMs = countedMs(state, (remainingSeconds ?? ttlSeconds) * 1_000)
    return { record, dueMs: nowMs + leftMs + state.config.electionMs }
  })
  begun.sort((a, b) => a.dueMs - b.dueMs)
  const { pileEndsPerSecond } = state.limits
  for (const [at, each] of begun.entries()) {
    // J10: so many at most in any second, however many had the same time left.
    const before = begun[at - pileEndsPerSecond]
    if (before !== undefined) each.dueMs = Math.max(each.dueMs, before.dueMs + 1_000)
    admit(state, tenure, each.record, nowMs, each.dueMs)
  }
  const early = tenure.early
  tenure.early = []
  if (early.length === earlyMax) tenure.tableWanted = true
  for (const notice of early) onFeed(state, tenure, notice, nowMs, out)
}

/** A later answer: what is counted goes on as it is, what was missed is counted from now. */
function merge(state: LessorState, tenure: Tenure, answer: TableAnswer, nowMs: number, out: LessorEffect[]): void {
  const there = new Map(answer.leases.map((record) => [record.id, record]))
  for (const lease of [...tenure.leases.values()]) {
    if (lease.granted <= answer.index && there.get(lease.id)?.granted !== lease.granted) drop(tenure, lease, out)
  }
  for (const record of answer.leases) {
    if (tenure.endedSince.has(nameOf(record))) continue
    const lease = count(state, tenure, record, nowMs, out)
    if (lease.granted === record.granted && tenure.upTo <= answer.index) note(tenure, lease, record.remainingSeconds)
    else if (record.remainingSeconds !== undefined) lease.noted = true
  }
  tenure.endedSince.clear()
  tenure.upTo = Math.max(tenure.upTo, answer.index)
}

function admit(
  state: LessorState,
  tenure: Tenure,
  { id, granted, ttlSeconds, remainingSeconds }: LeaseRecord,
  nowMs: number,
  dueMs: number,
): CountedLease {
  const noted = remainingSeconds !== undefined
  const lease: CountedLease = {
    ...{ id, granted, ttlSeconds, remainingSeconds, noted },
    ...{ beganMs: nowMs, dueMs, stage: 'counting', wishes: [] },
  }
  tenure.leases.set(id, lease)
  tenure.digest = (tenure.digest + hashLease(lease)) | 0
  tenure.dues.push(lease, dueMs)
  if (ttlSeconds * 1_000 > state.limits.checkpointEveryMs)
    tenure.longOnes.push(lease, nowMs + state.limits.checkpointEveryMs)
  return lease
}

function nameOf({ id, granted }: LeaseMark): string {
  return `${id}@${granted}`
}
