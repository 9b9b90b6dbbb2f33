/**
 * From a JSON document to a wire message, as Protobuf's mapping to JSON and etcd have it: bytes in base64, 64-bit numbers
 * as text or as numbers, enums by name or by number, `null` for what is not there, unknown names passed over. What is of
 * the wrong type is refused with the sentence that etcd has for it, as far as that names something we know.
 */
import { unreachable } from '../../base/assert.ts'
import { numberMark } from './documents.ts'
import type { JsonField, JsonMessage, JsonScalar, JsonType } from './schema.ts'

/** A value is not of the type that its field has. The sentence is for the caller. */
export class JsonTypeError extends Error {
  override readonly name = 'JsonTypeError'
}

/** Deeper than any request that means something; a transaction uses three levels for each that it holds. */
const depthMax = 500

/** The Go type that etcd's sentence names. */
const goTypes: Readonly<Record<JsonScalar, string>> = {
  bytes: '[]uint8',
  string: 'string',
  bool: 'bool',
  int64: 'int64',
  uint64: 'uint64',
  int32: 'int32',
  uint32: 'uint32',
  double: 'float64',
}

/** Fields that are absent are left out. @throws {JsonTypeError} */
export function decodeMessage(value: unknown, message: JsonMessage, depth: number = 0): object {
  if (value === null) return {}
  if (depth > depthMax) throw new JsonTypeError('exceeded max depth')
  if (typeof value !== 'object' || Array.isArray(value)) throw mismatch(value, 'map[string]json.RawMessage')
  const decoded: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(value)) {
    const field = message.byName.get(name)
    if (field === undefined || inner === null) continue
    decoded[field.name] = decodeField(inner, field, depth)
  }
  return decoded
}

function decodeField(value: unknown, { repeated, of }: JsonField, depth: number): unknown {
  if (!repeated) return decodeOne(value, of, depth)
  if (!Array.isArray(value)) throw mismatch(value, '[]json.RawMessage')
  return value.map((one: unknown) => decodeOne(one, of, depth))
}

function decodeOne(value: unknown, of: JsonType, depth: number): unknown {
  switch (of.type) {
    case 'message':
      return decodeMessage(value, of.message, depth + 1)
    case 'enum':
      return decodeEnum(value, of)
    case 'scalar':
      return decodeScalar(value, of.scalar)
    default:
      return unreachable(of)
  }
}

function decodeEnum(value: unknown, { name, numbers }: Extract<JsonType, { type: 'enum' }>): number {
  const written = numberIn(value)
  if (written !== undefined) return Number(decodeInteger(written, 'int32'))
  if (typeof value !== 'string') throw mismatch(value, name)
  const number = numbers.get(value)
  if (number === undefined) throw new JsonTypeError(`unknown value ${JSON.stringify(value)} for enum ${name}`)
  return number
}

function decodeScalar(value: unknown, scalar: JsonScalar): unknown {
  switch (scalar) {
    case 'bytes':
      return decodeBytes(value)
    case 'string':
      if (typeof value !== 'string' || numberIn(value) !== undefined) throw mismatch(value, goTypes.string)
      return value
    case 'bool':
      if (typeof value !== 'boolean') throw mismatch(value, goTypes.bool)
      return value
    case 'double': {
      const written = numberIn(value)
      if (written === undefined) throw mismatch(value, goTypes.double)
      return Number(written)
    }
    case 'int64':
    case 'uint64':
    case 'int32':
    case 'uint32': {
      if (typeof value !== 'string') throw mismatch(value, goTypes[scalar])
      const written = numberIn(value) ?? value.trim()
      if (!/^-?\d/.test(written)) throw new JsonTypeError(`invalid number ${JSON.stringify(written)}`)
      return decodeInteger(written, scalar)
    }
    default:
      return unreachable(scalar)
  }
}

const bounds = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
} as const satisfies Partial<Record<JsonScalar, readonly [bigint, bigint]>>

/** More digits than any of them has; a longer number would only cost time. */
const digitsMax = 24

function decodeInteger(written: string, type: keyof typeof bounds): string | number {
  const [least, most] = bounds[type]
  const form = /^-?(?:0|[1-9]\d*)$/.test(written) && written.length <= digitsMax
  const value = form ? BigInt(written) : undefined
  if (value === undefined || value < least || value > most) {
    throw new JsonTypeError(`json: cannot unmarshal number ${written.slice(0, 40)} into Go value of type ${type}`)
  }
  return type === 'int64' || type === 'uint64' ? value.toString() : Number(value)
}

/** Base64 with its padding; and, as Go has it for bytes, a list of numbers. */
function decodeBytes(value: unknown): Uint8Array {
  if (Array.isArray(value))
    return Uint8Array.from(value, (one) => Number(decodeInteger(numberIn(one) ?? '-', 'uint32')) & 255)
  if (typeof value !== 'string' || numberIn(value) !== undefined) throw mismatch(value, goTypes.bytes)
  // Line ends are allowed anywhere, as in mail.
  const text = /[\r\n]/.test(value) ? value.replaceAll(/[\r\n]/g, '') : value
  const bytes = Buffer.from(text, 'base64')
  // The decoder passes over what it does not know, so what it read is held against what there was.
  if (text.length % 4 !== 0 || bytes.length !== decodedLength(text) || /[^A-Za-z0-9+/=]/.test(text)) {
    throw new JsonTypeError(`illegal base64 data at input byte ${firstWrong(value)}`)
  }
  return bytes
}

function decodedLength(text: string): number {
  return (text.length / 4) * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0)
}

/** Which byte etcd complains of: the letter that is none, the padding that is wrong, or the group that is not full. */
function firstWrong(text: string): number {
  const next = (from: number): number => {
    let at = from
    while (text[at] === '\r' || text[at] === '\n') at += 1
    return at
  }
  let inGroup = 0
  for (let at = next(0); at < text.length; at = next(at + 1)) {
    if (text[at] !== '=') {
      if (!/[A-Za-z0-9+/]/.test(text[at] as string)) return at
      inGroup = (inGroup + 1) % 4
      continue
    }
    if (inGroup < 2) return at
    const second = next(at + 1)
    if (inGroup === 2 && text[second] !== '=') return second >= text.length ? text.length : at
    return inGroup === 2 ? next(second + 1) : second
  }
  return text.length - inGroup
}

/** The number as it was written; undefined when the value is none. */
function numberIn(value: unknown): string | undefined {
  if (typeof value !== 'string' || !value.startsWith(numberMark)) return undefined
  const written = value.slice(numberMark.length)
  return /^-?\d/.test(written) ? written : undefined
}

function mismatch(value: unknown, goType: string): JsonTypeError {
  return new JsonTypeError(`json: cannot unmarshal ${kindOf(value)} into Go value of type ${goType}`)
}

function kindOf(value: unknown): string {
  if (numberIn(value) !== undefined) return 'number'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  if (Array.isArray(value)) return 'array'
  return value === null ? 'null' : 'object'
}
