/**
 * Byte strings: order, equality, joining, text and fixed-width numbers. Keys order as unsigned bytes everywhere (memory,
 * LMDB, wire), so `compareBytes` is the only order of the house.
 */

declare const TextEncoder: new () => { encode(text: string): Uint8Array }
declare const TextDecoder: new (label?: string, options?: { fatal?: boolean }) => { decode(bytes: Uint8Array): string }

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Up to here a call into the engine costs more than the text. */
const shortText = 64

export const emptyBytes: Uint8Array = new Uint8Array(0)

/** Negative, zero or positive as `a` sorts before, with or after `b`; a prefix sorts first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = a.length < b.length ? a.length : b.length
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** The first key after every key that starts with `prefix`; undefined when no such key exists (all 0xff). */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] as number
    if (byte === 0xff) continue
    const end = prefix.slice(0, i + 1)
    end[i] = byte + 1
    return end
  }
  return undefined
}

export function utf8(text: string): Uint8Array {
  const { length } = text
  if (length > shortText) return encoder.encode(text)
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0x80) return encoder.encode(text)
    bytes[i] = unit
  }
  return bytes
}

export function fromUtf8(bytes: Uint8Array): string {
  const { length } = bytes
  if (length > shortText) return decoder.decode(bytes)
  for (let i = 0; i < length; i++) if ((bytes[i] as number) >= 0x80) return decoder.decode(bytes)
  return unitsText(bytes)
}

/** Bytes as text of one unit a byte: the order of the texts is the order of the bytes. */
export function unitsText(bytes: Uint8Array, from: number = 0, to: number = bytes.length): string {
  const length = to - from
  if (length > shortText) return longUnitsText(bytes, from, to)
  // A plain array is laid out as arguments at once; of a typed one the engine makes a list first.
  const units = unitLists[length] as number[]
  for (let i = 0; i < length; i++) units[i] = bytes[from + i] as number
  return String.fromCharCode.apply(undefined, units)
}

const unitsPerCall = 4_096
/** By length. */
const unitLists: readonly number[][] = Array.from({ length: shortText + 1 }, (_, length) =>
  Array.from({ length }, () => 0),
)

function longUnitsText(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let at = from; at < to; at += unitsPerCall) {
    const part = bytes.subarray(at, Math.min(to, at + unitsPerCall))
    text += String.fromCharCode.apply(undefined, part as unknown as number[])
  }
  return text
}

/** A safe integer of 0 to 2^53-1 as 8 big-endian bytes, so that byte order is number order. */
export function uint64Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  writeUint64(bytes, 0, value)
  return bytes
}

export function writeUint64(bytes: Uint8Array, at: number, value: number): void {
  writeUint32(bytes, at, Math.floor(value / 0x1_0000_0000))
  writeUint32(bytes, at + 4, value >>> 0)
}

export function readUint64(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) * 0x1_0000_0000 + readUint32(bytes, at + 4)
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  )
}

/** Lower-case hexadecimal, two digits a byte. */
export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += (byte < 16 ? '0' : '') + byte.toString(16)
  return text
}
