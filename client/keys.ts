/** Keys and ranges of keys, as people write them. */
import { prefixEnd } from '../base/bytes.ts'
import { type Bytes, toBytes } from './codec.ts'

/** Of keys: from `key` to `rangeEnd`, that one excluded; without `rangeEnd`, the one key. */
export interface KeyRange {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
}

/** One key, or a range made with `prefix`, `between`, `from` or `everything`. */
export type Target = Bytes | KeyRange

const zero = Uint8Array.of(0)

/** All keys that begin with `start`; every key when it is empty. */
export function prefix(start: Bytes): KeyRange {
  const key = toBytes(start)
  if (key.length === 0) return everything
  // A prefix of nothing but 0xff has no end of its own: there all keys from it on begin with it.
  return { key, rangeEnd: prefixEnd(key) ?? zero }
}

/** All keys from `start` on and before `end`. @throws {RangeError} One of them is empty. */
export function between(start: Bytes, end: Bytes): KeyRange {
  return { key: notEmpty(start), rangeEnd: notEmpty(end) }
}

/** All keys from `start` on. */
export function from(start: Bytes): KeyRange {
  const key = toBytes(start)
  return { key: key.length === 0 ? zero : key, rangeEnd: zero }
}

export const everything: KeyRange = { key: zero, rangeEnd: zero }

export function toRange(target: Target): KeyRange {
  return typeof target === 'string' || target instanceof Uint8Array ? { key: notEmpty(target) } : target
}

/** @throws {RangeError} It is empty. */
export function notEmpty(key: Bytes): Uint8Array {
  const bytes = toBytes(key)
  if (bytes.length === 0) throw new RangeError('a key has at least one byte, and this one is empty')
  return bytes
}

/** The first key after all those up to `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}
