/** What every store takes and refuses, so that a simulation never accepts what a disk would not. */

import { utf8 } from '../../base/bytes.ts'

/** Longest key that may be written. What LMDB takes at its page size is a little more, which lets range ends be longer. */
export const keyBytesMax = 4_000
/** Longest key that may be read, or end a range. */
export const boundBytesMax = 4_026
export const valueBytesMax = 0x1000_0000
export const logNameBytesMax = 1_024

/** @throws {RangeError} `key` cannot be stored. */
export function checkKey(action: string, key: Uint8Array): void {
  if (key.length >= 1 && key.length <= keyBytesMax) return
  throw new RangeError(`${action}: a key must have 1 to ${keyBytesMax} bytes, not ${key.length}`)
}

/** @throws {RangeError} `key` is longer than any stored key and its neighbours. */
export function checkBound(key: Uint8Array): void {
  if (key.length <= boundBytesMax) return
  throw new RangeError(`read: a key or range end must have at most ${boundBytesMax} bytes, not ${key.length}`)
}

/** @throws {RangeError} `value` is too long. */
export function checkValue(value: Uint8Array): void {
  if (value.length <= valueBytesMax) return
  throw new RangeError(`put: a value must have at most ${valueBytesMax} bytes, not ${value.length}`)
}

/** The bytes of a log's name. @throws {RangeError} It is empty or too long. */
export function logNameBytes(name: string): Uint8Array {
  const bytes = utf8(name)
  if (bytes.length >= 1 && bytes.length <= logNameBytesMax) return bytes
  throw new RangeError(`log name: must have 1 to ${logNameBytesMax} bytes, not ${bytes.length}`)
}
