/**
 * Values as bytes. MessagePack, without records or shared structures, so that every frame stands for itself.
 *
 * `pack`/`unpack` serve threads of one process and our own files. `unpackUntrusted` is for bytes from a socket: it looks
 * through the frame first and refuses what could hurt (depth, element counts beyond the frame, extension types other
 * than `undefined`), because a decoder that allocates what a length field says is a remote control for our memory.
 */
import { Packr, Unpackr } from 'msgpackr'

// A size up to 2^53 travels as a float64 or an int; beyond that nothing of ours goes.
const options = { useRecords: false, int64AsType: 'number', mapsAsObjects: true, moreTypes: false } as const
const packr = new Packr(options)
const unpackr = new Unpackr(options)

/** The result is a view of a larger buffer that nobody writes again: keep it, but do not transfer its `buffer`. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value)
}

export function unpack(bytes: Uint8Array): unknown {
  return unpackr.unpack(bytes)
}

/** Bytes that are not a frame of ours. */
export class CodecError extends Error {
  override readonly name = 'CodecError'
}

/**
 * Unpacks bytes that somebody else wrote.
 *
 * @throws {CodecError} The bytes are no valid frame, nest deeper than 32 or carry extension types.
 */
export function unpackUntrusted(bytes: Uint8Array): unknown {
  const end = scan(bytes, 0, 0)
  if (end !== bytes.length) throw new CodecError(`unpack: frame of ${bytes.length} bytes ends at ${end}`)
  try {
    return unpackr.unpack(bytes)
  } catch (error) {
    throw new CodecError(`unpack: ${String(error)}`)
  }
}

const depthMax = 32

/** Walks one value and returns where it ends. Costs a pass over the headers, not over the payloads. */
function scan(bytes: Uint8Array, start: number, depth: number): number {
  if (depth > depthMax) throw new CodecError(`unpack: nested deeper than ${depthMax}`)
  if (start >= bytes.length) throw new CodecError(`unpack: frame of ${bytes.length} bytes is cut short`)
  const head = bytes[start] as number
  if (head < 0x80 || head >= 0xe0) return start + 1
  if (head < 0x90) return scanMany(bytes, start + 1, (head & 0x0f) * 2, depth)
  if (head < 0xa0) return scanMany(bytes, start + 1, head & 0x0f, depth)
  if (head < 0xc0) return start + 1 + (head & 0x1f)
  return scanLong(bytes, start, head, depth)
}

function scanMany(bytes: Uint8Array, start: number, count: number, depth: number): number {
  // Each element takes at least a byte: a count beyond the frame is refused before anything is allocated for it.
  if (count > bytes.length - start)
    throw new CodecError(`unpack: ${count} elements announced, ${bytes.length - start} bytes left`)
  let at = start
  for (let i = 0; i < count; i++) at = scan(bytes, at, depth + 1)
  return at
}

/** Bytes of a fixed-size scalar after its head; indexed from 0xca. */
const scalarBytes: readonly number[] = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8]

function scanLong(bytes: Uint8Array, start: number, head: number, depth: number): number {
  switch (head) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return start + 1
    case 0xc4:
    case 0xd9:
      return start + 2 + length(bytes, start + 1, 1)
    case 0xc5:
    case 0xda:
      return start + 3 + length(bytes, start + 1, 2)
    case 0xc6:
    case 0xdb:
      return start + 5 + length(bytes, start + 1, 4)
    case 0xdc:
      return scanMany(bytes, start + 3, length(bytes, start + 1, 2), depth)
    case 0xdd:
      return scanMany(bytes, start + 5, length(bytes, start + 1, 4), depth)
    case 0xde:
      return scanMany(bytes, start + 3, length(bytes, start + 1, 2) * 2, depth)
    case 0xdf:
      return scanMany(bytes, start + 5, length(bytes, start + 1, 4) * 2, depth)
    case 0xd4:
      // The one extension we write: `undefined`, as a fixext 1 of type 0.
      if (bytes[start + 1] === 0) return start + 3
      throw new CodecError(`unpack: extension type ${bytes[start + 1]} is not accepted`)
    default:
      if (head >= 0xca && head <= 0xd3) return start + 1 + (scalarBytes[head - 0xca] as number)
      throw new CodecError(`unpack: byte 0x${head.toString(16)} begins no value that we accept`)
  }
}

function length(bytes: Uint8Array, at: number, size: 1 | 2 | 4): number {
  if (at + size > bytes.length) throw new CodecError(`unpack: frame of ${bytes.length} bytes is cut short`)
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + i] as number)
  return value
}
