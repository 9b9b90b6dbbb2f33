/**
 * The checksum that every stored value carries, because LMDB notices no flipped bit.
 *
 *   stored = crc32( space, key length, key, payload ) · payload
 *
 * The sum binds where the value lies, so a value that turns up under another key, or in the other database, is as
 * wrong as one whose bits changed. CRC-32 finds every single-bit flip and all but one in 2^32 of the rest.
 */
import { crc32 } from 'node:zlib'
import { hex, readUint32, writeUint32 } from '../../../base/bytes.ts'
import { StoreCorrupt } from '../../ports/store.ts'

/** The databases of one environment: who owns it, the key-value pairs, the Raft logs. */
export type Space = 'identity' | 'kv' | 'log'

export const sealBytes = 4

const spaceSeeds: Readonly<Record<Space, number>> = { identity: 0x1d0b_71e5, kv: 0x6b76_a5e1, log: 0x106c_39d2 }

/** What to store for `payload`: its own buffer, so the caller may reuse the payload at once. */
export function seal(space: Space, key: Uint8Array, payload: Uint8Array): Uint8Array {
  const stored = Buffer.allocUnsafe(sealBytes + payload.length)
  stored.set(payload, sealBytes)
  writeUint32(stored, 0, sumOf(space, key, payload))
  return stored
}

/**
 * The payload of `stored`: a copy, since LMDB reads into a buffer that the next read overwrites.
 *
 * @throws {StoreCorrupt} S3: this was not written under `key`.
 */
export function unseal(space: Space, key: Uint8Array, stored: Uint8Array, where: string): Uint8Array {
  const length = stored.length - sealBytes
  const payload = new Uint8Array(length < 0 ? 0 : length)
  if (length > 0) payload.set(stored.subarray(sealBytes))
  if (length < 0 || readUint32(stored, 0) !== sumOf(space, key, payload)) {
    throw unsealable(space, key, where)
  }
  return payload
}

/**
 * The same without a copy, where nobody else can write `stored` meanwhile.
 *
 * @throws {StoreCorrupt} S3: this was not written under `key`.
 */
export function checkSeal(space: Space, key: Uint8Array, stored: Uint8Array, where: string): void {
  const isSealed = stored.length >= sealBytes && readUint32(stored, 0) === sumOf(space, key, stored.subarray(sealBytes))
  if (!isSealed) throw unsealable(space, key, where)
}

function unsealable(space: Space, key: Uint8Array, where: string): StoreCorrupt {
  return new StoreCorrupt(`S3: ${where}: the value under ${space} key ${hex(key)} is not what was written there`)
}

function sumOf(space: Space, key: Uint8Array, payload: Uint8Array): number {
  // The length keeps key and payload apart: their bytes in a row could be split in another place.
  const start = (spaceSeeds[space] ^ key.length) >>> 0
  const keySum = crc32(key, start)
  // zlib takes some empty arrays for a null pointer and answers 0, whatever went before.
  return payload.length === 0 ? keySum : crc32(payload, keySum)
}
