/**
 * Values to MessagePack, without records or shared structures. What messages are made of (plain objects, arrays, text, numbers,
 * bytes) is written here; a value with anything else in it is left to the library, whose bytes ours are in every case.
 *
 *   slab  ├─ frame ─┼─ frame ─┼─ frame under way ···      a frame is a view of a slab that nobody writes again
 */

declare const TextEncoder: new () => {
  encodeInto(text: string, into: Uint8Array): { readonly read: number; readonly written: number }
}

const encoder = new TextEncoder()
const slabBytes = 32_768
/** Room for any head and number: kept free behind whatever is written next. */
const headMax = 16
/** Longer text goes to the engine in one call; shorter text is written before such a call would begin. */
const shortText = 64

/** In the value is something that only the library knows how to write. */
const foreign: unique symbol = Symbol('foreign')

const hasOwn = Object.prototype.hasOwnProperty
const scratch = new DataView(new ArrayBuffer(8))
const scratchBytes = new Uint8Array(scratch.buffer)

let target = new Uint8Array(slabBytes)
/** Where the frame under way began, and where its next byte goes. */
let start = 0
let at = 0
let full = target.length - headMax
let busy = false

/** The frame of `value`; undefined where the library has to write it. */
export function packPlain(value: unknown): Uint8Array | undefined {
  // A getter of the value packs something itself: its bytes must not end up within ours.
  if (busy) return undefined
  busy = true
  start = at
  try {
    write(value)
    return target.subarray(start, at)
  } catch (error) {
    at = start
    if (error === foreign) return undefined
    throw error
  } finally {
    busy = false
  }
}

function write(value: unknown): void {
  if (at > full) makeRoom(0)
  // Comparisons, and not a switch: each is one look at the value, and no text is made for its type.
  if (typeof value === 'string') writeText(value)
  else if (typeof value === 'number') writeNumber(value)
  else if (typeof value === 'object') {
    if (value === null) target[at++] = 0xc0
    else writeObject(value)
  } else if (typeof value === 'boolean') target[at++] = value ? 0xc3 : 0xc2
  else if (value === undefined) writeUndefined()
  else throw foreign
}

/** As the library does: a fixext 1 of type 0. */
function writeUndefined(): void {
  target[at] = 0xd4
  target[at + 1] = 0
  target[at + 2] = 0
  at += 3
}

function writeObject(value: object): void {
  if (Array.isArray(value)) writeArray(value)
  else if (value instanceof Uint8Array) writeBytes(value)
  else if (value.constructor === Object || isRecord(value)) writePairs(value)
  else throw foreign
}

function writeArray(array: readonly unknown[]): void {
  const { length } = array
  if (length < 0x10) target[at++] = 0x90 | length
  else if (length < 0x1_0000) writeHead16(0xdc, length)
  else writeHead32(0xdd, length)
  for (let i = 0; i < length; i++) write(array[i])
}

function writePairs(object: object): void {
  // Always the long head, so that one walk is enough: how many they are is filled in behind it.
  target[at] = 0xde
  const head = at - start
  at += 3
  let count = 0
  for (const key in object) {
    if (!hasOwn.call(object, key)) continue
    if (at > full) makeRoom(0)
    writeText(key)
    write((object as { readonly [key: string]: unknown })[key])
    count += 1
  }
  if (count > 0xffff) throw foreign
  target[start + head + 1] = count >> 8
  target[start + head + 2] = count & 0xff
}

function writeNumber(value: number): void {
  if (value >>> 0 === value) writeWhole(value)
  else if (value >> 0 === value) writeNegative(value)
  else {
    scratch.setFloat64(0, value)
    target[at] = 0xcb
    for (let i = 0; i < 8; i++) target[at + 1 + i] = scratchBytes[i] as number
    at += 9
  }
}

function writeWhole(value: number): void {
  if (value < 0x80) target[at++] = value
  else if (value < 0x100) {
    target[at] = 0xcc
    target[at + 1] = value
    at += 2
  } else if (value < 0x1_0000) writeHead16(0xcd, value)
  else writeHead32(0xce, value)
}

function writeNegative(value: number): void {
  if (value >= -0x20) target[at++] = 0x100 + value
  else if (value >= -0x80) {
    target[at] = 0xd0
    target[at + 1] = value + 0x100
    at += 2
  } else if (value >= -0x8000) writeHead16(0xd1, value & 0xffff)
  else writeHead32(0xd2, value)
}

function writeHead16(head: number, value: number): void {
  target[at] = head
  target[at + 1] = value >> 8
  target[at + 2] = value & 0xff
  at += 3
}

function writeHead32(head: number, value: number): void {
  target[at] = head
  target[at + 1] = value >>> 24
  target[at + 2] = value >>> 16
  target[at + 3] = value >>> 8
  target[at + 4] = value
  at += 5
}

function writeBytes(bytes: Uint8Array): void {
  const { length } = bytes
  if (at + length > full) makeRoom(length)
  if (length < 0x100) {
    target[at] = 0xc4
    target[at + 1] = length
    at += 2
  } else if (length < 0x1_0000) writeHead16(0xc5, length)
  else writeHead32(0xc6, length)
  // A call into the engine costs more than a few bytes.
  if (length < 48) for (let i = 0; i < length; i++) target[at + i] = bytes[i] as number
  else target.set(bytes, at)
  at += length
}

function writeText(text: string): void {
  const { length } = text
  if (at + length * 3 > full) makeRoom(length * 3)
  // As if it were ASCII, which it mostly is; otherwise it is moved when its length is known.
  const head = length < 0x20 ? 1 : length < 0x100 ? 2 : length < 0x1_0000 ? 3 : 5
  const bytes = length < shortText ? writeUnits(text, at + head) : writeLong(text, at + head)
  const wanted = bytes < 0x20 ? 1 : bytes < 0x100 ? 2 : bytes < 0x1_0000 ? 3 : 5
  if (wanted !== head) target.copyWithin(at + wanted, at + head, at + head + bytes)
  if (wanted === 1) target[at++] = 0xa0 | bytes
  else if (wanted === 2) {
    target[at] = 0xd9
    target[at + 1] = bytes
    at += 2
  } else if (wanted === 3) writeHead16(0xda, bytes)
  else writeHead32(0xdb, bytes)
  at += bytes
}

/** Writes UTF-8 from `to` on, halves of a broken pair each by itself, and returns how many bytes. */
function writeUnits(text: string, to: number): number {
  const bytes = target
  let next = to
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) bytes[next++] = unit
    else if (unit < 0x800) {
      bytes[next++] = (unit >> 6) | 0xc0
      bytes[next++] = (unit & 0x3f) | 0x80
    } else {
      const second = (unit & 0xfc00) === 0xd800 ? text.charCodeAt(i + 1) : 0
      if ((second & 0xfc00) === 0xdc00) {
        i += 1
        const point = 0x1_0000 + ((unit & 0x3ff) << 10) + (second & 0x3ff)
        bytes[next++] = (point >> 18) | 0xf0
        bytes[next++] = ((point >> 12) & 0x3f) | 0x80
        bytes[next++] = ((point >> 6) & 0x3f) | 0x80
        bytes[next++] = (point & 0x3f) | 0x80
      } else {
        bytes[next++] = (unit >> 12) | 0xe0
        bytes[next++] = ((unit >> 6) & 0x3f) | 0x80
        bytes[next++] = (unit & 0x3f) | 0x80
      }
    }
  }
  return next - to
}

function writeLong(text: string, to: number): number {
  return encoder.encodeInto(text, target.subarray(to)).written
}

/** An object of a class whose fields are all there is to it. */
function isRecord(value: object): boolean {
  if (ArrayBuffer.isView(value) || typeof (value as { readonly toJSON?: unknown }).toJSON === 'function') return false
  switch (Object.prototype.toString.call(value)) {
    case '[object Map]':
    case '[object Set]':
    case '[object Date]':
    case '[object Error]':
    case '[object RegExp]':
    case '[object ArrayBuffer]':
      return false
    default:
      return true
  }
}

/** Moves the frame under way to where `bytes` and a head have room behind it. */
function makeRoom(bytes: number): void {
  const used = at - start
  const needed = used + bytes + 2 * headMax
  const next = new Uint8Array(Math.max(slabBytes, needed > slabBytes / 4 ? 2 * needed : 0))
  next.set(target.subarray(start, at))
  target = next
  full = next.length - headMax
  start = 0
  at = used
}
