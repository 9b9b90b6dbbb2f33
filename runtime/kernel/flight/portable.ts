/**
 * Values of a recording as bytes, and back without loss: MessagePack keeps plain data, and what it would flatten (a map, a
 * set, an error, the two kinds of byte arrays) is marked before and made again after.
 *
 * Functions cannot be kept. The one exception is an actor's definition, which is an address with functions beside it: it
 * comes back as its address.
 */
import { pack, unpack } from '../../../mailbox/codec.ts'
import type { ActorDefinition } from '../actor.ts'

/** A value holds what no file can: a function, a symbol, a view of memory that is not bytes. */
export class Unrecordable extends Error {
  override readonly name = 'Unrecordable'
}

/** Where the house stood when a value was kept, and where it stands now: addresses of modules begin with it. */
export interface Relocation {
  readonly from: string
  readonly to: string
}

type Fields = Record<string, unknown>
type AnyDefinition = ActorDefinition<unknown, unknown, unknown>

/** No name that anybody gives to a field. */
const mark = '\u0000aspen'
const depthMax = 200

/** @throws {Unrecordable} It holds what no file can. */
export function packPortable(value: unknown): Uint8Array {
  return pack(portable(value, 0))
}

export function unpackPortable(bytes: Uint8Array, relocation?: Relocation): unknown {
  return restored(unpack(bytes), relocation)
}

/** `text` with the place where the house stands now. */
export function relocated(text: string, relocation: Relocation | undefined): string {
  if (relocation === undefined || relocation.from === relocation.to || !text.startsWith(relocation.from)) return text
  return relocation.to + text.slice(relocation.from.length)
}

/** Whether bytes are of the host's own kind, whose methods differ from those of a plain array of bytes. */
export function isHostBytes(bytes: Uint8Array): boolean {
  return bytes.constructor !== Uint8Array
}

/** Bytes of the host's own kind, as the packer gives them. */
export function hostBytes(bytes: Uint8Array): Uint8Array {
  return unpack(pack(bytes)) as Uint8Array
}

/** The value itself where nothing in it needs a mark: most messages are kept without a copy. */
function portable(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'function':
    case 'symbol':
      throw new Unrecordable(`a ${typeof value} is no data`)
    case 'bigint':
      return { [mark]: 'bigint', value: value.toString() }
    case 'object':
      if (value === null) return null
      if (depth > depthMax) throw new Unrecordable(`data nested deeper than ${depthMax}`)
      return portableObject(value, depth + 1)
    default:
      return value
  }
}

function portableObject(value: object, depth: number): unknown {
  if (value instanceof Uint8Array) return isHostBytes(value) ? { [mark]: 'hostBytes', value } : value
  if (Array.isArray(value)) return portableArray(value, depth)
  if (ArrayBuffer.isView(value)) throw new Unrecordable(`a ${value.constructor.name} is neither bytes nor a list`)
  if (value instanceof Map) return { [mark]: 'map', value: portableArray([...value], depth) }
  if (value instanceof Set) return { [mark]: 'set', value: portableArray([...value], depth) }
  if (value instanceof Error) return { [mark]: 'error', value: [value.name, value.message] }
  if (isDefinition(value)) return { [mark]: 'definition', value: addressOf(value) }
  // A date is one of the few things that the packer itself gives back as it was.
  if (isDate(value)) return value
  return portableFields(value as Fields, depth)
}

function portableArray(values: readonly unknown[], depth: number): readonly unknown[] {
  let copy: unknown[] | undefined
  for (let i = 0; i < values.length; i++) {
    const before = values[i]
    const after = portable(before, depth)
    if (after === before) continue
    if (copy === undefined) copy = [...values]
    copy[i] = after
  }
  return copy ?? values
}

function portableFields(value: Fields, depth: number): unknown {
  let copy: Fields | undefined
  for (const name of Object.keys(value)) {
    const before = value[name]
    const after = portable(before, depth)
    if (after === before) continue
    if (copy === undefined) copy = { ...value }
    copy[name] = after
  }
  const fields = copy ?? value
  return Object.hasOwn(value, mark) ? { [mark]: 'fields', value: Object.entries(fields) } : fields
}

function isDefinition(value: object): value is AnyDefinition {
  const { module, exportName, init } = value as Partial<AnyDefinition>
  return typeof module === 'string' && typeof exportName === 'string' && typeof init === 'function'
}

function addressOf(definition: AnyDefinition): Fields {
  const { name, module, exportName, mailbox, outputs, foldWithinMs, supervises, openToPeers } = definition
  return { name, module, exportName, mailbox, outputs, foldWithinMs, supervises, openToPeers }
}

function isDate(value: object): boolean {
  return Object.prototype.toString.call(value) === '[object Date]'
}

/** What was unpacked is nobody else's, so it is changed in place. */
function restored(value: unknown, relocation: Relocation | undefined): unknown {
  if (typeof value === 'string') return relocated(value, relocation)
  if (typeof value !== 'object' || value === null || isDate(value)) return value
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = restored(value[i], relocation)
    return value
  }
  const fields = value as Fields
  const kind = fields[mark]
  if (kind === 'hostBytes') return hostBytes(fields['value'] as Uint8Array)
  for (const name of Object.keys(fields)) fields[name] = restored(fields[name], relocation)
  return kind === undefined ? fields : unmarked(String(kind), fields['value'])
}

function unmarked(kind: string, value: unknown): unknown {
  switch (kind) {
    case 'bigint':
      return BigInt(value as string)
    case 'map':
      return new Map(value as [unknown, unknown][])
    case 'set':
      return new Set(value as unknown[])
    case 'error': {
      const [name, message] = value as [string, string]
      return Object.assign(new Error(message), { name })
    }
    case 'definition':
      return { ...(value as Fields), init: onlyAddress, receive: onlyAddress, stopping: undefined, digest: undefined }
    case 'fields':
      return Object.fromEntries(value as [string, unknown][])
    default:
      throw new TypeError(`recording: a value is marked '${kind}', which this version does not know`)
  }
}

function onlyAddress(): never {
  throw new TypeError('a definition that comes from a recording is an address: there is no code behind it')
}
