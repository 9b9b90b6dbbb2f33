/**
 * One version of one key as bytes. Where it stands in history (`main`, `sub`) is the key it is stored under, so the bytes
 * hold the rest:
 *
 *   flags 1 │ create varint │ version varint │ key length varint │ [lease length 1 │ lease] │ key │ value
 *
 * `flags`: 1 a tombstone, 2 a lease follows. The value is what remains, so reading it costs no length. Varints hold safe
 * integers, seven bits a byte, lowest first.
 */
import { invariant } from '../../base/assert.ts'
import { mix32 } from '../../base/digest.ts'

/** Lease id of a key without one. */
export const noLease = '0'

export interface RecordFields {
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** 0 in a tombstone, as is `version`. */
  readonly create: number
  readonly version: number
  readonly lease: string
  readonly deleted: boolean
}

/** What the index needs of a record; `key` is a view. */
export interface RecordHead {
  readonly key: Uint8Array
  readonly create: number
  readonly version: number
  readonly lease: string
  readonly deleted: boolean
  /** Where the value begins. */
  readonly valueAt: number
}

const flagDeleted = 1
const flagLease = 2

/** Lease ids are at most 20 characters of ASCII: the decimal text of 64 bits. */
const leaseLengthMax = 20

export function encodeRecord(fields: RecordFields): Uint8Array {
  const { key, value, create, version, lease, deleted } = fields
  const leased = lease !== noLease
  invariant(lease.length <= leaseLengthMax, () => `K1: a lease id has at most ${leaseLengthMax} characters: ${lease}`)
  const length =
    1 +
    varintLength(create) +
    varintLength(version) +
    varintLength(key.length) +
    (leased ? 1 + lease.length : 0) +
    key.length +
    value.length
  const bytes = new Uint8Array(length)
  bytes[0] = (deleted ? flagDeleted : 0) | (leased ? flagLease : 0)
  let at = writeVarint(bytes, 1, create)
  at = writeVarint(bytes, at, version)
  at = writeVarint(bytes, at, key.length)
  if (leased) {
    bytes[at++] = lease.length
    for (let i = 0; i < lease.length; i++) bytes[at++] = lease.charCodeAt(i)
  }
  bytes.set(key, at)
  bytes.set(value, at + key.length)
  return bytes
}

export function decodeHead(record: Uint8Array): RecordHead {
  const flags = record[0] as number
  let at = 1
  const create = readVarint(record, at)
  at += varintLength(create)
  const version = readVarint(record, at)
  at += varintLength(version)
  const keyLength = readVarint(record, at)
  at += varintLength(keyLength)
  let lease = noLease
  if ((flags & flagLease) !== 0) {
    const end = at + 1 + (record[at] as number)
    lease = ''
    for (at += 1; at < end; at++) lease += String.fromCharCode(record[at] as number)
  }
  const valueAt = at + keyLength
  invariant(keyLength > 0 && valueAt <= record.length, () => `K1: a record of ${record.length} bytes ends in its key`)
  return { key: record.subarray(at, valueAt), create, version, lease, deleted: (flags & flagDeleted) !== 0, valueAt }
}

/** Where the value of a record begins: what `decodeHead` says, for reads that want nothing else. */
export function valueStart(record: Uint8Array): number {
  let at = 1
  while ((record[at++] as number) >= 0x80);
  while ((record[at++] as number) >= 0x80);
  const keyLength = readVarint(record, at)
  at += varintLength(keyLength)
  if (((record[0] as number) & flagLease) !== 0) at += 1 + (record[at] as number)
  return at + keyLength
}

/**
 * The most bytes a put can add to the history: key, value and bookkeeping. What the quota looks ahead with; what it
 * counts is the exact length.
 */
export function recordBytesMax(keyLength: number, valueLength: number): number {
  return 1 + 8 + 8 + 4 + 1 + leaseLengthMax + keyLength + valueLength
}

/**
 * The hash of one record in its place, 32 bits, signed. Sums of these are independent of order, which lets the hash of a
 * whole history be kept up to date by adding and subtracting.
 */
export function recordHash(main: number, sub: number, record: Uint8Array): number {
  // Four bytes a round: a hash a byte would cost more than the rest of a put does.
  let hash = Math.imul(main | 0, 0x9e3779b1) ^ Math.imul((main / 0x1_0000_0000) | 0, 0x85ebca77) ^ mix32(sub + 1)
  const whole = record.length & ~3
  let i = 0
  for (; i < whole; i += 4) {
    const word =
      (record[i] as number) |
      ((record[i + 1] as number) << 8) |
      ((record[i + 2] as number) << 16) |
      ((record[i + 3] as number) << 24)
    hash = Math.imul(hash ^ word, 0x01000193)
    hash ^= hash >>> 15
  }
  for (; i < record.length; i++) hash = Math.imul(hash ^ (record[i] as number), 0x01000193)
  return mix32(hash ^ record.length) | 0
}

function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1
  return length
}

function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  invariant(Number.isSafeInteger(value) && value >= 0, () => `K1: a varint holds a safe integer, not ${value}`)
  let rest = value
  let to = at
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[to++] = (rest % 0x80) | 0x80
  bytes[to] = rest
  return to + 1
}

function readVarint(bytes: Uint8Array, at: number): number {
  let value = 0
  let scale = 1
  for (let i = at; ; i++) {
    const byte = bytes[i]
    invariant(byte !== undefined && scale <= 2 ** 49, 'K1: a varint ends within its record')
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
    scale *= 0x80
  }
}
