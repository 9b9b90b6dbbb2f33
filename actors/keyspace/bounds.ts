/** What `key` and `rangeEnd` of a request select, in the one place that knows their special values. */
import { compareBytes, equalBytes } from '../../base/bytes.ts'

/** Keys of `from` (included) to `to` (excluded; undefined: to the end). `single`: `from` alone. */
export interface KeyBounds {
  readonly from: Uint8Array
  readonly to: Uint8Array | undefined
  readonly single: boolean
}

/**
 * An empty `rangeEnd` is none, as the wire cannot tell the two apart; one zero byte is the end of all keys. Since a key
 * has at least one byte, `key` of one zero byte needs no care of its own: every key is at or after it.
 */
export function boundsOf(request: { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array }): KeyBounds {
  const { key, rangeEnd } = request
  if (rangeEnd === undefined || rangeEnd.length === 0) return { from: key, to: undefined, single: true }
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0
  return { from: key, to: open ? undefined : rangeEnd, single: false }
}

export function covers({ from, to, single }: KeyBounds, key: Uint8Array): boolean {
  if (single) return equalBytes(from, key)
  return compareBytes(from, key) <= 0 && (to === undefined || compareBytes(key, to) < 0)
}
