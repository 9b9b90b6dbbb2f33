/**
 * A value of the running system as a few words of JSON: enough to tell one message from another, bounded whatever the
 * value is. Bytes are shown as text where they are text.
 */
import { fromUtf8 } from '../../base/bytes.ts'
import { Late } from '../../runtime/kernel/system.ts'
import type { Json } from './record.ts'

export interface SketchLimits {
  readonly depth: number
  readonly fields: number
  readonly items: number
  readonly characters: number
}

/** What is kept of every message of a run. */
export const briefly: SketchLimits = { depth: 5, fields: 16, items: 4, characters: 64 }
/** What is shown of one actor's state. */
export const atLength: SketchLimits = { depth: 7, fields: 64, items: 24, characters: 400 }

export function sketch(value: unknown, limits: SketchLimits = briefly): Json {
  return sketchAt(value, limits, 0)
}

/** How many elements the array behind a sketch had. */
export function lengthOfSketch(value: Json | undefined): number {
  if (!Array.isArray(value)) return 0
  const items: readonly Json[] = value
  const last = items[items.length - 1]
  const more = typeof last === 'string' ? /^…\+(\d+)$/.exec(last) : null
  return more === null ? items.length : items.length - 1 + Number(more[1])
}

function sketchAt(value: unknown, limits: SketchLimits, depth: number): Json {
  switch (typeof value) {
    case 'string':
      return cut(value, limits.characters)
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'boolean':
      return value
    case 'undefined':
      return null
    case 'object':
      return value === null ? null : ofObject(value, limits, depth)
    case 'function':
      return 'ƒ'
    default:
      return cut(String(value), limits.characters)
  }
}

function ofObject(value: object, limits: SketchLimits, depth: number): Json {
  if (value instanceof Uint8Array) return ofBytes(value, limits)
  if (value instanceof Late) return 'late'
  if (depth >= limits.depth) return Array.isArray(value) ? `[${value.length}]` : '{…}'
  if (Array.isArray(value)) return ofItems(value, value.length, limits, depth)
  if (value instanceof Map) {
    return ofItems([...value].slice(0, limits.items), value.size, limits, depth)
  }
  if (value instanceof Set) return ofItems([...value].slice(0, limits.items), value.size, limits, depth)
  const sketched: { [field: string]: Json } = {}
  let fields = 0
  for (const [name, field] of Object.entries(value)) {
    if (field === undefined || typeof field === 'function') continue
    fields += 1
    if (fields > limits.fields) {
      sketched['…'] = 'more'
      break
    }
    sketched[name] = sketchAt(field, limits, depth + 1)
  }
  return sketched
}

function ofItems(items: readonly unknown[], total: number, limits: SketchLimits, depth: number): Json {
  const sketched: Json[] = []
  const count = Math.min(items.length, limits.items)
  for (let at = 0; at < count; at++) sketched.push(sketchAt(items[at], limits, depth + 1))
  if (total > count) sketched.push(`…+${total - count}`)
  return sketched
}

function ofBytes(bytes: Uint8Array, { characters }: SketchLimits): Json {
  const shown = bytes.subarray(0, characters)
  const printable = bytes.length > 0 && shown.every((byte) => byte >= 0x20 && byte < 0x7f)
  return printable ? cut(fromUtf8(bytes), characters) : `<${bytes.length} bytes>`
}

function cut(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters)}…`
}
