/**
 * From a wire message to JSON text, letter by letter as etcd writes it: fields in the order of their declaration, what has
 * its default left out, bytes in base64, 64-bit numbers as text, enums by name, and in strings the letters escaped that
 * mean something to HTML.
 */
import type { JsonField, JsonMessage, JsonType } from './schema.ts'

/** @param wire - As handlers give it: absent, null and default values all count as absent. */
export function encodeMessage(wire: object, message: JsonMessage): string {
  const values = wire as Readonly<Record<string, unknown>>
  const fields: string[] = []
  for (const field of message.fields) {
    const text = encodeField(values[field.name], field)
    if (text !== undefined) fields.push(`"${field.name}":${text}`)
  }
  return `{${fields.join(',')}}`
}

/** A string as etcd's JSON has it. */
export function encodeString(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function encodeField(value: unknown, { repeated, of }: JsonField): string | undefined {
  if (value === undefined || value === null) return undefined
  if (!repeated) return isDefault(value, of) ? undefined : encodeOne(value, of)
  const all = value as readonly unknown[]
  return all.length === 0 ? undefined : `[${all.map((one) => encodeOne(one, of)).join(',')}]`
}

function isDefault(value: unknown, of: JsonType): boolean {
  if (of.type === 'message') return false
  if (of.type === 'enum') return value === 0 || of.numbers.get(String(value)) === 0
  if (of.scalar === 'bytes') return (value as Uint8Array).length === 0
  if (of.scalar === 'string') return value === ''
  if (of.scalar === 'bool') return value === false
  return Number(value) === 0
}

function encodeOne(value: unknown, of: JsonType): string {
  if (of.type === 'message') return encodeMessage(value as object, of.message)
  if (of.type === 'enum') return typeof value === 'number' ? encodeNumber(value, of) : encodeString(String(value))
  switch (of.scalar) {
    case 'bytes': {
      const bytes = value as Uint8Array
      return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}"`
    }
    case 'string':
      return encodeString(String(value))
    case 'int64':
    case 'uint64':
      return `"${String(value)}"`
    default:
      return String(value)
  }
}

/** By its name where it has one. */
function encodeNumber(value: number, { numbers }: Extract<JsonType, { type: 'enum' }>): string {
  for (const [name, number] of numbers) if (number === value) return encodeString(name)
  return String(value)
}
