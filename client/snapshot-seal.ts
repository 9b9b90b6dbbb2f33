/**
 * What makes a stream of snapshot bytes a snapshot file, as etcd's tools expect one:
 *
 *   blob ‖ 0x80 ‖ zeros up to a multiple of 512 bytes ‖ SHA-256 of everything before it
 *
 * etcd's own command takes a file whose length is not 32 bytes beyond a multiple of 512 for one without a checksum. The
 * 0x80 is always there, so the blob's end is found again whatever its last bytes are.
 *
 * Rules:
 *   N1  a sealed file opens to exactly the bytes that were sealed
 *   N2  a file with any byte changed, missing or added does not open
 */
import { createHash, timingSafeEqual } from 'node:crypto'

const sectorBytes = 512
const hashBytes = 32
const endMark = 0x80

export interface SnapshotSealer {
  update(blob: Uint8Array): void
  /** The end of the file: padding and hash. Called once, after the last `update`. */
  seal(): Uint8Array
}

export function createSnapshotSealer(): SnapshotSealer {
  const hash = createHash('sha256')
  let length = 0
  return {
    update: (blob) => {
      hash.update(blob)
      length += blob.length
    },
    seal: () => {
      const padding = new Uint8Array(sectorBytes - (length % sectorBytes))
      padding[0] = endMark
      return Buffer.concat([padding, hash.update(padding).digest()])
    },
  }
}

/** A snapshot file that is not whole, or not one. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError'
}

/**
 * The blob of a sealed file.
 *
 * @throws {SnapshotError} The file is too short, of no snapshot's length, or its hash does not match.
 */
export function openSnapshot(file: Uint8Array): Uint8Array {
  const sealedBytes = file.length - hashBytes
  if (sealedBytes < sectorBytes || sealedBytes % sectorBytes !== 0) {
    throw new SnapshotError(
      `a snapshot file has a multiple of ${sectorBytes} bytes and ${hashBytes} more, not ${file.length}`,
    )
  }
  const sealed = file.subarray(0, sealedBytes)
  if (!timingSafeEqual(createHash('sha256').update(sealed).digest(), file.subarray(sealedBytes))) {
    throw new SnapshotError('the SHA-256 at the end of the snapshot does not match its contents: it is damaged or cut')
  }
  let end = sealedBytes - 1
  while (end >= 0 && sealed[end] === 0) end -= 1
  if (end < 0 || sealed[end] !== endMark || sealedBytes - end > sectorBytes) {
    throw new SnapshotError('the snapshot is whole, but was not written by Aspen')
  }
  return sealed.subarray(0, end)
}
