/**
 * Ranges of keys that somebody may touch. What several permissions allow is joined first, so that a request is allowed when
 * they cover its range together: two grants that meet count as one.
 */
import { compareBytes, equalBytes } from '../../base/bytes.ts'
import type { Permission, Want } from './messages.ts'

/** `to` undefined: to the end. A single key is the range that holds it and nothing else. */
interface Span {
  readonly from: Uint8Array
  readonly to: Uint8Array | undefined
}

interface Ranged {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
}

export type RangeWant = Want & { readonly type: 'read' | 'write' }

/** What somebody may touch: for reads and for writes, spans in order, none of which meets the next. */
export interface Coverage {
  readonly read: readonly Span[]
  readonly write: readonly Span[]
}

export function coverageOf(permissions: readonly Permission[]): Coverage {
  const ordered = permissions
    .map((permission) => ({ type: permission.type, span: spanOf(permission) }))
    // A grant of nothing must not come to mean its first key.
    .filter(({ span }) => !isEmpty(span))
    .sort((a, b) => compareBytes(a.span.from, b.span.from))
  const allowing = (type: 'read' | 'write'): Span[] =>
    join(ordered.filter((each) => each.type === type || each.type === 'readwrite').map(({ span }) => span))
  return { read: allowing('read'), write: allowing('write') }
}

/** U3. A want that selects no key needs the permission of its first key all the same, as etcd has it. */
export function allows(coverage: Coverage, want: RangeWant): boolean {
  const wanted = spanOf(want)
  const { from, to } = isEmpty(wanted) ? spanOf({ key: want.key }) : wanted
  const span = lastAtOrBefore(coverage[want.type], from)
  if (span === undefined) return false
  if (span.to === undefined) return true
  return to !== undefined && compareBytes(to, span.to) <= 0
}

/** One permission a range: a new one for the same range takes the place of the old. */
export function mergePermission(permissions: readonly Permission[], added: Permission): readonly Permission[] {
  return [...permissions.filter((permission) => !sameRange(permission, added)), added].sort(
    (a, b) => compareBytes(a.key, b.key) || compareBytes(endOf(a), endOf(b)),
  )
}

/** U6: as it was written; ranges that select the same keys in other words are not the same. */
export function sameRange(a: Ranged, b: Ranged): boolean {
  return equalBytes(a.key, b.key) && equalBytes(endOf(a), endOf(b))
}

/** Whether a permission could allow anything. */
export function isPermission(permission: Ranged): boolean {
  return permission.key.length > 0 && !isEmpty(spanOf(permission))
}

/** U3: the one place where a request's range becomes a span, for wants and permissions alike. */
function spanOf(ranged: Ranged): Span {
  const { key } = ranged
  const end = endOf(ranged)
  if (end.length === 0) return { from: key, to: after(key) }
  const open = end.length === 1 && end[0] === 0
  return { from: key, to: open ? undefined : end }
}

const none = new Uint8Array(0)

/** The wire cannot tell an empty end from none. */
function endOf({ rangeEnd }: Ranged): Uint8Array {
  return rangeEnd ?? none
}

/** The least key above `key`. */
function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

function isEmpty({ from, to }: Span): boolean {
  return to !== undefined && compareBytes(from, to) >= 0
}

function join(ordered: readonly Span[]): Span[] {
  const joined: Span[] = []
  for (const span of ordered) {
    const last = joined.at(-1)
    if (last === undefined || (last.to !== undefined && compareBytes(last.to, span.from) < 0)) joined.push(span)
    else if (reaches(span, last)) joined[joined.length - 1] = { from: last.from, to: span.to }
  }
  return joined
}

/** Whether `span` ends after `other`. */
function reaches(span: Span, other: Span): boolean {
  return other.to !== undefined && (span.to === undefined || compareBytes(span.to, other.to) > 0)
}

/** The span that begins at or before `key`; it is the only one that can hold it. */
function lastAtOrBefore(spans: readonly Span[], key: Uint8Array): Span | undefined {
  let low = 0
  let high = spans.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareBytes((spans[middle] as Span).from, key) <= 0) low = middle + 1
    else high = middle
  }
  return spans[low - 1]
}
