/**
 * Reading: which versions a range selects, and in which order and part they are answered.
 *
 *   select (index only) → count → filters → sort → limit → values (store)
 *
 *   K6  `count` is of all live keys in the range at the revision read: limit and revision filters leave it alone
 *   K7  `more` says that the limit cut something off that passed the filters
 *
 * One corner is etcd's own: where a sort target is named and no order, answers ascend by that target, but the limit is
 * applied in order of keys first. Clients got used to it, so it stays.
 */
import { compareBytes, emptyBytes } from '../../base/bytes.ts'
import { buggify } from '../../base/fault-points.ts'
import { boundsOf, type KeyBounds } from './bounds.ts'
import { selectByWalk } from './fault-sites.ts'
import { type KeyIndex, type Revision, revisionAt } from './key-index.ts'
import type { KeyspaceError, KeyValue, RangeRequest, RangeResponse } from './messages.ts'
import { valueStart } from './record-codec.ts'
import type { RecordStore } from './record-store.ts'
import type { KeyspaceState } from './state.ts'

/** Reads at no revision in particular: the newest, this transaction's own writes included. */
export const newest: number = Number.POSITIVE_INFINITY

/** Why `request` cannot be read at the revision it names. */
export function checkRevision(state: KeyspaceState, { revision = 0 }: RangeRequest): KeyspaceError | undefined {
  if (revision <= 0) return undefined
  if (revision > state.revision) return 'futureRevision'
  return revision < state.facts.compactRevision ? 'compacted' : undefined
}

/** Answers a range whose revision was checked. */
export function readRange(state: KeyspaceState, request: RangeRequest): RangeResponse {
  const { revision = 0, limit = 0, countOnly = false, keysOnly = false } = request
  const at = revision > 0 ? revision : newest
  const bounds = boundsOf(request)
  if (countOnly) return { type: 'range', kvs: [], more: false, count: select(state.index, bounds, at, 0).count }
  const filtered = hasFilters(request)
  const early = limit > 0 && !filtered && (request.sortOrder ?? 'none') === 'none'
  const { found, count } = select(state.index, bounds, at, early ? limit + 1 : Number.POSITIVE_INFINITY)
  const passed = filtered ? found.filter((each) => passes(request, each)) : found
  const sorted = sort(state.records, passed, request)
  const more = limit > 0 && sorted.length > limit
  const cut = more ? sorted.slice(0, limit) : sorted
  const kvs = cut.map((each) => (keysOnly ? keyOf(each) : keyValueOf(state.records, each)))
  return { type: 'range', kvs, more, count }
}

/** Live versions within `bounds` as of revision `at`, by key: the first `limit` of them, and how many there are. */
export function select(
  index: KeyIndex,
  bounds: KeyBounds,
  at: number,
  limit: number,
): { readonly found: Revision[]; readonly count: number } {
  const found: Revision[] = []
  if (bounds.single) {
    const entry = index.find(bounds.from)
    const revision = entry === undefined ? undefined : revisionAt(entry, at)
    if (revision !== undefined) found.push(revision)
    return { found, count: found.length }
  }
  if (at === newest && !buggify(selectByWalk)) {
    if (limit > 0) {
      index.visit(bounds.from, bounds.to, (entry) => {
        if (!entry.newest.deleted) found.push(entry.newest)
        return found.length < limit
      })
    }
    const count = found.length < limit ? found.length : index.countLive(bounds.from, bounds.to)
    return { found, count }
  }
  let count = 0
  index.visit(bounds.from, bounds.to, (entry) => {
    const revision = revisionAt(entry, at)
    if (revision !== undefined) {
      count += 1
      if (count <= limit) found.push(revision)
    }
    return true
  })
  return { found, count }
}

/** The pair of a version, read from the store where it is not at hand. */
export function keyValueOf(records: RecordStore, revision: Revision): KeyValue {
  return pairOf(revision, records.read(revision))
}

/** Key and value are copies: what is answered belongs to the caller, who may do with it what he likes. */
export function pairOf(revision: Revision, record: Uint8Array): KeyValue {
  return {
    key: revision.entry.key.slice(),
    value: record.slice(valueStart(record)),
    createRevision: revision.create,
    modRevision: revision.main,
    version: revision.version,
    lease: revision.lease,
  }
}

/** The value of a version, to be read, never written or handed out. */
export function storedValue(records: RecordStore, revision: Revision): Uint8Array {
  const record = records.read(revision)
  return record.subarray(valueStart(record))
}

function keyOf(revision: Revision): KeyValue {
  return {
    key: revision.entry.key.slice(),
    value: emptyBytes,
    createRevision: revision.create,
    modRevision: revision.main,
    version: revision.version,
    lease: revision.lease,
  }
}

/** 0 is no filter, whatever its name says. */
function hasFilters({ minModRevision, maxModRevision, minCreateRevision, maxCreateRevision }: RangeRequest): boolean {
  return (
    (minModRevision ?? 0) !== 0 ||
    (maxModRevision ?? 0) !== 0 ||
    (minCreateRevision ?? 0) !== 0 ||
    (maxCreateRevision ?? 0) !== 0
  )
}

function passes(request: RangeRequest, { main, create }: Revision): boolean {
  const { minModRevision = 0, maxModRevision = 0, minCreateRevision = 0, maxCreateRevision = 0 } = request
  if (maxModRevision !== 0 && main > maxModRevision) return false
  if (minModRevision !== 0 && main < minModRevision) return false
  if (maxCreateRevision !== 0 && create > maxCreateRevision) return false
  return minCreateRevision === 0 || create >= minCreateRevision
}

/** `found` is in order of keys, and may be reordered in place. Equal ones stay in the order of their keys. */
function sort(records: RecordStore, found: Revision[], request: RangeRequest): Revision[] {
  const { sortTarget = 'key', sortOrder = 'none' } = request
  if (sortTarget === 'key') return sortOrder === 'descend' ? found.reverse() : found
  const sign = sortOrder === 'descend' ? -1 : 1
  switch (sortTarget) {
    case 'version':
      return found.sort((a, b) => sign * (a.version - b.version))
    case 'create':
      return found.sort((a, b) => sign * (a.create - b.create))
    case 'mod':
      return found.sort((a, b) => sign * (a.main - b.main))
    case 'value':
      // Each value is read once, not once a comparison.
      return found
        .map((revision) => ({ revision, value: storedValue(records, revision) }))
        .sort((a, b) => sign * compareBytes(a.value, b.value))
        .map(({ revision }) => revision)
  }
}
