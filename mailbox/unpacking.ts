/**
 * MessagePack to values, in one pass that believes nothing: each length is held against what is left of the frame before
 * anything is made for it.
 *
 * Messages of a kind have the same keys and the same few words in them, so short text is looked up by its bytes first: what is
 * known is not made again, and the engine need not ask whether it has seen it.
 */
import { fromUtf8, unitsText } from '../base/bytes.ts'

/** Bytes that are not a frame of ours. */
export class CodecError extends Error {
  override readonly name = 'CodecError'
}

/** In the frame is something that only the library knows how to read. */
export const foreign: unique symbol = Symbol('foreign')

const knownMax = 40
const knownSlots = 4_096
/** By a hash of the bytes: text of ASCII alone. */
const known: (string | undefined)[] = Array.from({ length: knownSlots }, () => undefined)
/** By the same: 1 where it came once, 2 where it came again. */
const seen = new Uint8Array(knownSlots)
const unitsPerCall = 4_096

const scratch = new DataView(new ArrayBuffer(8))
const scratchBytes = new Uint8Array(scratch.buffer)
const nothing = new Uint8Array(0)

let source: Uint8Array = nothing
let at = 0
let end = 0
let depthLeft = 0

/**
 * The value of a frame.
 *
 * @throws {CodecError} It is no valid frame, or nests deeper than `depthMax`. @throws {typeof foreign} See there.
 */
export function unpackPlain(bytes: Uint8Array, depthMax: number): unknown {
  source = bytes
  at = 0
  end = bytes.length
  depthLeft = depthMax
  try {
    const value = read()
    if (at !== end) throw new CodecError(`unpack: frame of ${end} bytes ends at ${at}`)
    return value
  } finally {
    // A frame that was read is not kept alive.
    source = nothing
  }
}

function read(): unknown {
  if (at >= end) throw cutShort()
  const head = source[at++] as number
  if (head < 0x80) return head
  if (head >= 0xe0) return head - 0x100
  if (head < 0x90) return readPairs(head & 0x0f)
  if (head < 0xa0) return readArray(head & 0x0f)
  if (head < 0xc0) return readText(head & 0x1f)
  return readLong(head)
}

function readLong(head: number): unknown {
  switch (head) {
    case 0xc0:
      return null
    case 0xc2:
      return false
    case 0xc3:
      return true
    case 0xc4:
      return readBytes(whole(1))
    case 0xc5:
      return readBytes(whole(2))
    case 0xc6:
      return readBytes(whole(4))
    case 0xd4:
      // The one extension we write: `undefined`, as a fixext 1 of type 0.
      if (at + 2 > end) throw cutShort()
      if (source[at] !== 0) throw foreign
      at += 2
      return undefined
    case 0xd9:
      return readText(whole(1))
    case 0xda:
      return readText(whole(2))
    case 0xdb:
      return readText(whole(4))
    case 0xdc:
      return readArray(whole(2))
    case 0xdd:
      return readArray(whole(4))
    case 0xde:
      return readPairs(whole(2))
    case 0xdf:
      return readPairs(whole(4))
    default:
      return readNumber(head)
  }
}

function readNumber(head: number): number {
  switch (head) {
    case 0xca:
      take(4)
      return scratch.getFloat32(0)
    case 0xcb:
      take(8)
      return scratch.getFloat64(0)
    case 0xcc:
      return whole(1)
    case 0xcd:
      return whole(2)
    case 0xce:
      return whole(4)
    case 0xcf:
      return whole(4) * 0x1_0000_0000 + whole(4)
    case 0xd0:
      return (whole(1) << 24) >> 24
    case 0xd1:
      return (whole(2) << 16) >> 16
    case 0xd2:
      return whole(4) | 0
    case 0xd3:
      return (whole(4) | 0) * 0x1_0000_0000 + whole(4)
    default:
      throw foreign
  }
}

/** An unsigned number of so many bytes. */
function whole(bytes: 1 | 2 | 4): number {
  if (at + bytes > end) throw cutShort()
  let value = source[at++] as number
  for (let i = 1; i < bytes; i++) value = value * 256 + (source[at++] as number)
  return value
}

/** Brings so many bytes to where they can be read as a float. */
function take(bytes: number): void {
  if (at + bytes > end) throw cutShort()
  for (let i = 0; i < bytes; i++) scratchBytes[i] = source[at + i] as number
  at += bytes
}

function readBytes(length: number): Uint8Array {
  if (length > end - at) throw cutShort()
  const from = at
  at += length
  return source.subarray(from, at)
}

function readArray(length: number): unknown[] {
  enter(length)
  const array = length <= 6 ? shortArray(length) : longArray(length)
  depthLeft += 1
  return array
}

/** Most arrays are tuples: made at once as long as they are, where one that grows begins with room for many. */
function shortArray(length: number): unknown[] {
  switch (length) {
    case 0:
      return []
    case 1:
      return [read()]
    case 2:
      return [read(), read()]
    case 3:
      return [read(), read(), read()]
    case 4:
      return [read(), read(), read(), read()]
    case 5:
      return [read(), read(), read(), read(), read()]
    default:
      return [read(), read(), read(), read(), read(), read()]
  }
}

function longArray(length: number): unknown[] {
  const array: unknown[] = []
  for (let i = 0; i < length; i++) array.push(read())
  return array
}

function readPairs(count: number): object {
  enter(count * 2)
  const object: { [key: string]: unknown } = {}
  for (let i = 0; i < count; i++) {
    const key = readKey()
    object[key] = read()
  }
  depthLeft += 1
  return object
}

// Each element takes at least a byte: a count beyond the frame is refused before anything is made for it.
function enter(elements: number): void {
  if (elements > end - at) throw new CodecError(`unpack: ${elements} elements announced, ${end - at} bytes left`)
  if (depthLeft <= 0) throw new CodecError('unpack: nested too deep')
  depthLeft -= 1
}

function readKey(): string {
  const head = source[at] as number
  if (head >= 0xa0 && head < 0xc0) {
    at += 1
    const key = readText(head & 0x1f)
    return key === '__proto__' ? '__proto_' : key
  }
  const key = read()
  if (typeof key === 'string') return key
  // Nothing of ours has such keys; the library makes text of some of them.
  if (typeof key === 'number' || typeof key === 'boolean') return String(key)
  throw foreign
}

function readText(length: number): string {
  if (length > end - at) throw cutShort()
  const from = at
  at += length
  if (length > knownMax) return longText(from)
  let hash = length
  let units = 0
  for (let i = from; i < at; i++) {
    const unit = source[i] as number
    units |= unit
    hash = Math.imul(hash ^ unit, 0x01000193)
  }
  if (units >= 0x80) return anyText(from)
  const slot = (hash ^ (hash >>> 15)) & (knownSlots - 1)
  const text = known[slot]
  if (text !== undefined && isText(text, from)) return seen[slot] === 2 ? text : seenAgain(slot, text)
  const made = unitsText(source, from, at)
  known[slot] = made
  seen[slot] = 1
  return made
}

function isText(text: string, from: number): boolean {
  if (text.length !== at - from) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== source[from + i]) return false
  return true
}

/**
 * What comes a second time will come often, and is kept as the engine's own copy: as the name of a field it is found, and with a
 * word of the code compared, without a look at its units.
 */
function seenAgain(slot: number, text: string): string {
  seen[slot] = 2
  for (const key in { [text]: 0 }) known[slot] = key
  return text
}

function longText(from: number): string {
  for (let i = from; i < at; i++) if ((source[i] as number) >= 0x80) return anyText(from)
  return fromUtf8(source.subarray(from, at))
}

/** UTF-8 from `from` up to where we are. Halves of a broken pair come back as they were written. */
function anyText(from: number): string {
  let text = ''
  let units: number[] = []
  for (let i = from; i < at; ) {
    const first = source[i++] as number
    if (first < 0x80) units.push(first)
    else if ((first & 0xe0) === 0xc0) units.push(((first & 0x1f) << 6) | tail(i++))
    else if ((first & 0xf0) === 0xe0) units.push(((first & 0x0f) << 12) | (tail(i++) << 6) | tail(i++))
    else if ((first & 0xf8) === 0xf0) {
      const point = ((first & 0x07) << 18) | (tail(i++) << 12) | (tail(i++) << 6) | tail(i++)
      if (point < 0x1_0000) units.push(point)
      else units.push(0xd800 | (((point - 0x1_0000) >> 10) & 0x3ff), 0xdc00 | ((point - 0x1_0000) & 0x3ff))
    } else units.push(first)
    if (units.length < unitsPerCall) continue
    text += String.fromCharCode.apply(undefined, units)
    units = []
  }
  return text + String.fromCharCode.apply(undefined, units)
}

/** The bits of a byte that continues a character; none beyond the end of the text. */
function tail(index: number): number {
  return index < at ? (source[index] as number) & 0x3f : 0
}

function cutShort(): CodecError {
  return new CodecError(`unpack: frame of ${end} bytes is cut short`)
}
