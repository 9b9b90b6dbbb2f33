/**
 * Writing: puts and deletes of one command, which share one main revision and count their changes as sub-revisions.
 *
 *   K8  a command that changes nothing leaves the revision where it was; one that does moves it by one
 *
 * What can refuse a write is asked before the first change (`refusePut`): from then on nothing fails.
 */
import { invariant } from '../../base/assert.ts'
import { emptyBytes } from '../../base/bytes.ts'
import { sometimes } from '../../base/fault-points.ts'
import { boundsOf } from './bounds.ts'
import type { KeyEntry, Revision } from './key-index.ts'
import type {
  Change,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyspaceError,
  KeyValue,
  PutRequest,
  PutResponse,
} from './messages.ts'
import { writtenUnderSnapshot } from './probes.ts'
import { keyValueOf, newest, pairOf, select, storedValue } from './range.ts'
import { encodeRecord, noLease, type RecordFields, recordBytesMax, recordHash } from './record-codec.ts'
import { recordKeyBytes } from './record-store.ts'
import type { KeyspaceState } from './state.ts'

/** The writes of one command, so far. */
export interface Write {
  readonly main: number
  changes: number
}

export function beginWrite(state: KeyspaceState): Write {
  return { main: state.revision + 1, changes: 0 }
}

export function endWrite(state: KeyspaceState, write: Write): void {
  if (write.changes > 0) state.revision = write.main
}

/** True of a put that leaves the value or the lease as it is, and so needs a key to be there. */
export function keepsSomething({ ignoreValue, ignoreLease }: PutRequest): boolean {
  return ignoreValue === true || ignoreLease === true
}

/** Why a put cannot be carried out on the present state. */
export function refusePut(state: KeyspaceState, request: PutRequest): KeyspaceError | undefined {
  if (keepsSomething(request) && liveVersion(state.index.find(request.key)) === undefined) return 'keyNotFound'
  return refuseLease(state, request)
}

export function refuseLease(state: KeyspaceState, { lease = noLease }: PutRequest): KeyspaceError | undefined {
  return lease === noLease || state.leaseExists(lease) ? undefined : 'leaseNotFound'
}

/** The most bytes that a put adds to the history. */
export function growthOf(state: KeyspaceState, { key, value, ignoreValue }: PutRequest): number {
  const kept = ignoreValue === true ? (liveVersion(state.index.find(key))?.bytes ?? 0) : value.length
  return recordKeyBytes + recordBytesMax(key.length, kept)
}

/** Carries out a put that `refusePut` has nothing against. */
export function put(state: KeyspaceState, write: Write, request: PutRequest): PutResponse {
  const { key } = request
  const entry = state.index.find(key)
  const before = liveVersion(entry)
  invariant(
    before !== undefined || !keepsSomething(request),
    'K9: a put that keeps something finds a key to keep it of',
  )
  const prevKv: KeyValue | undefined =
    request.prevKv === true && before !== undefined ? keyValueOf(state.records, before) : undefined
  const value =
    request.ignoreValue === true && before !== undefined ? storedValue(state.records, before) : request.value
  const lease = request.ignoreLease === true && before !== undefined ? before.lease : (request.lease ?? noLease)
  append(state, write, entry, {
    key,
    value,
    create: before === undefined ? write.main : before.create,
    version: before === undefined ? 1 : before.version + 1,
    lease,
    deleted: false,
  })
  return prevKv === undefined ? { type: 'put' } : { type: 'put', prevKv }
}

export function deleteRange(state: KeyspaceState, write: Write, request: DeleteRangeRequest): DeleteRangeResponse {
  const { found } = select(state.index, boundsOf(request), newest, Number.POSITIVE_INFINITY)
  const prevKvs = request.prevKv === true ? found.map((revision) => keyValueOf(state.records, revision)) : []
  for (const { entry } of found) append(state, write, entry, tombstone(entry.key))
  return { type: 'deleteRange', deleted: found.length, prevKvs }
}

/** Deletes every key that hangs on `lease`; how many there were. */
export function deleteLeased(state: KeyspaceState, write: Write, lease: string): number {
  const entries = state.index.leasedBy(lease)
  for (const entry of entries) append(state, write, entry, tombstone(entry.key))
  return entries.length
}

function tombstone(key: Uint8Array): RecordFields {
  return { key, value: emptyBytes, create: 0, version: 0, lease: noLease, deleted: true }
}

function append(state: KeyspaceState, write: Write, entry: KeyEntry | undefined, fields: RecordFields): void {
  sometimes(writtenUnderSnapshot, state.snapshotsOpen > 0)
  const { main, changes: sub } = write
  const { create, version, lease, deleted } = fields
  const record = encodeRecord(fields)
  const before = entry?.newest
  if (state.changes !== undefined) state.changes.push(changeOf(state, main, fields, before))
  const bytes = recordKeyBytes + record.length
  const hash = recordHash(main, sub, record)
  const added = state.index.add(entry, fields.key, { main, sub, create, version, lease, deleted, bytes, hash })
  state.records.put(main, sub, record)
  state.records.remember(added, deleted ? undefined : record, before)
  write.changes += 1
}

function changeOf(
  state: KeyspaceState,
  main: number,
  { key, value, create, version, lease, deleted }: RecordFields,
  before: Revision | undefined,
): Change {
  const there = before !== undefined && !before.deleted
  const record = there ? state.records.peek(before) : undefined
  return {
    kv: { key, value, createRevision: create, modRevision: main, version, lease },
    deleted,
    previous: there && record !== undefined ? pairOf(before, record) : undefined,
    previousUnread: there && record === undefined,
  }
}

function liveVersion(entry: KeyEntry | undefined): Revision | undefined {
  return entry === undefined || entry.newest.deleted ? undefined : entry.newest
}
