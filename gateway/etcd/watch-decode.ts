/** From etcd's request for a watcher, and our additions to it, to a `WatchSpec`. */
import type { ChangeKind, ValueTest, WatchRange, WatchSpec } from '../../actors/watch/messages.ts'
import { compareBytes } from '../../base/bytes.ts'
import type { WireValueTest, WireWatchCreateRequest, WireWatchRange } from '../../client/etcd-wire-watch.ts'
import { countOf, plain } from './decode.ts'

const changeKinds = { CREATE: 'create', UPDATE: 'update', DELETE: 'delete' } as const
const filterKinds: Readonly<Record<'NOPUT' | 'NODELETE', readonly ChangeKind[]>> = {
  NOPUT: ['create', 'update'],
  NODELETE: ['delete'],
}

export function decodeWatch(wire: WireWatchCreateRequest): WatchSpec {
  const without = new Set<ChangeKind>()
  // A filter or a kind that is newer than we are is none, as in etcd: more is told than was wanted, never less.
  for (const filter of wire.filters ?? []) {
    for (const kind of (typeof filter === 'string' ? filterKinds[filter] : undefined) ?? []) without.add(kind)
  }
  for (const kind of wire.without ?? []) if (typeof kind === 'string') without.add(changeKinds[kind])
  const value = decodeValueTest(wire.value)
  const sampleMs = wire.sample_ms ?? 0
  return {
    ranges: [decodeRange(wire), ...(wire.more_ranges ?? []).map(decodeRange)],
    startRevision: countOf(wire.start_revision ?? 0),
    prevKv: wire.prev_kv === true,
    progressNotify: wire.progress_notify === true,
    without: [...without],
    ...(wire.key_suffix !== undefined && wire.key_suffix.length > 0 && { keySuffix: plain(wire.key_suffix) }),
    ...(wire.key_pattern !== undefined && wire.key_pattern !== '' && { keyPattern: wire.key_pattern }),
    ...(value !== undefined && { value }),
    ...(wire.only_if_changed === true && { onlyIfChanged: true }),
    ...(wire.latest_only === true && { latestOnly: true }),
    ...(sampleMs > 0 && { sampleMs }),
  }
}

/** A range that no key is in: refused, as etcd does. */
export function isEmptyRange({ key, rangeEnd }: WatchRange): boolean {
  if (rangeEnd === undefined || (rangeEnd.length === 1 && rangeEnd[0] === 0)) return false
  return compareBytes(key, rangeEnd) >= 0
}

function decodeRange({ key, range_end: end }: WireWatchRange): WatchRange {
  // No key is the smallest one: with an end, a watch from the beginning.
  const from = key.length === 0 ? new Uint8Array(1) : plain(key)
  return end === undefined || end.length === 0 ? { key: from } : { key: from, rangeEnd: plain(end) }
}

function decodeValueTest(wire: WireValueTest | null | undefined): ValueTest | undefined {
  if (wire === null || wire === undefined) return undefined
  if (wire.equals !== undefined) return { type: 'equals', bytes: plain(wire.equals) }
  if (wire.not_equals !== undefined) return { type: 'notEquals', bytes: plain(wire.not_equals) }
  if (wire.contains !== undefined) return { type: 'contains', bytes: plain(wire.contains) }
  if (wire.starts_with !== undefined) return { type: 'startsWith', bytes: plain(wire.starts_with) }
  if (wire.at_least !== undefined) return { type: 'atLeast', number: wire.at_least }
  if (wire.at_most !== undefined) return { type: 'atMost', number: wire.at_most }
  if (wire.json) return { type: 'json', pointer: wire.json.pointer, equals: wire.json.equals }
  return undefined
}
