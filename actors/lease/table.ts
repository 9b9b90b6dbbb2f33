/**
 * The replicated half of leases: which there are, for how long each was granted, and what was left of it at the last
 * checkpoint. It knows no time: when a lease ends is decided by the lessor of the leader, and comes as a command.
 *
 *   J1  an expiry or a checkpoint counts only in the term of the leader that decided it, and for the lease it was decided of,
 *       not for another that bears the id by now
 *   J2  a lease ends once, and its keys go in the same command
 *   J3  an id is of one lease at a time
 *
 * In the store: `l` and the id → TTL, what was left, where it was granted.
 */
import { invariant } from '../../base/assert.ts'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { pack, unpack } from '../../mailbox/codec.ts'
import type { ActorStore } from '../../runtime/kernel/actor.ts'
import { hashLease } from './lease-hash.ts'
import {
  type LeaseCommand,
  type LeaseError,
  type LeaseFeedItem,
  type LeaseMark,
  type LeaseRecord,
  leaseTtlSecondsMax,
} from './messages.ts'

export interface LeaseTable {
  readonly store: ActorStore
  readonly leases: Map<string, LeaseRecord>
  /** Equal on replicas with equal leases; kept up to date, so that asking is cheap. */
  digest: number
}

const keyPrefix = 'l'
const keysEnd = utf8('m')
const pageRows = 1_024
/** Leases of one chunk of a snapshot: about 1 MiB. */
const chunkLeases = 16_384

export function openLeaseTable(store: ActorStore): LeaseTable {
  const table: LeaseTable = { store, leases: new Map(), digest: 0 }
  let start = utf8(keyPrefix)
  for (;;) {
    const page = store.range(start, keysEnd, { limit: pageRows })
    for (const [key, value] of page) admit(table, decode(fromUtf8(key.subarray(1)), unpack(value)))
    const last = page[pageRows - 1]
    if (last === undefined) return table
    start = utf8(`${fromUtf8(last[0])}\0`)
  }
}

/** Why a command cannot be carried out; nothing has changed then. */
export function refuseLeaseCommand(table: LeaseTable, command: LeaseCommand): LeaseError | undefined {
  switch (command.type) {
    case 'leaseGrant':
      if (command.ttlSeconds > leaseTtlSecondsMax) return 'leaseTtlTooLarge'
      return table.leases.has(command.id) ? 'leaseExists' : undefined
    case 'leaseRevoke':
      return table.leases.has(command.id) ? undefined : 'leaseNotFound'
    default:
      return undefined
  }
}

export function grant(table: LeaseTable, id: string, ttlSeconds: number, granted: number): LeaseFeedItem {
  invariant(!table.leases.has(id), () => `J3: lease ${id} is granted once at a time`)
  keep(table, { id, granted, ttlSeconds, remainingSeconds: undefined })
  return { type: 'leaseGranted', id, granted, ttlSeconds }
}

/** Whether the very lease is there still. */
export function isThere(table: LeaseTable, { id, granted }: LeaseMark): boolean {
  return table.leases.get(id)?.granted === granted
}

export function end(table: LeaseTable, id: string): LeaseFeedItem {
  const lease = table.leases.get(id)
  invariant(lease !== undefined, () => `J2: lease ${id} ends once`)
  table.leases.delete(id)
  table.digest = (table.digest - hashLease(lease)) | 0
  table.store.delete(keyPrefix + id)
  return { type: 'leaseGone', id, granted: lease.granted }
}

/** Undefined when nothing would change. */
export function checkpoint(
  table: LeaseTable,
  mark: LeaseMark & { readonly seconds: number },
): LeaseFeedItem | undefined {
  const { id, granted } = mark
  const lease = table.leases.get(id)
  if (lease === undefined || lease.granted !== granted || !(mark.seconds > 0)) return undefined
  const seconds = mark.seconds >= lease.ttlSeconds ? undefined : mark.seconds
  if (lease.remainingSeconds === seconds) return undefined
  table.digest = (table.digest - hashLease(lease)) | 0
  keep(table, { ...lease, remainingSeconds: seconds })
  return { type: 'leaseCheckpointed', id, granted, seconds }
}

/** In an order that is the same on every replica that lived through the same. */
export function leasesOf(table: LeaseTable): LeaseRecord[] {
  return [...table.leases.values()]
}

/** The table as it is now; what happens afterwards is not in it. */
export function leaseChunks(table: LeaseTable): Uint8Array[] {
  const rows = leasesOf(table).map((lease) => [lease.id, ...encode(lease)])
  const chunks: Uint8Array[] = []
  for (let at = 0; at < rows.length; at += chunkLeases) chunks.push(pack(rows.slice(at, at + chunkLeases)))
  return chunks
}

/** Adds what a chunk of a snapshot holds. */
export function restoreLeases(table: LeaseTable, chunk: Uint8Array): void {
  for (const [id, ...rest] of unpack(chunk) as [string, number, number, number][]) keep(table, decode(id, rest))
}

function keep(table: LeaseTable, lease: LeaseRecord): void {
  table.store.put(keyPrefix + lease.id, pack(encode(lease)))
  admit(table, lease)
}

function admit(table: LeaseTable, lease: LeaseRecord): void {
  table.leases.set(lease.id, lease)
  table.digest = (table.digest + hashLease(lease)) | 0
}

/** 0 stands for a lease of which nothing was written down. */
function encode({ ttlSeconds, remainingSeconds = 0, granted }: LeaseRecord): number[] {
  return [ttlSeconds, remainingSeconds, granted]
}

function decode(id: string, row: unknown): LeaseRecord {
  const [ttlSeconds, remaining, granted] = row as [number, number, number]
  return { id, granted, ttlSeconds, remainingSeconds: remaining === 0 ? undefined : remaining }
}
