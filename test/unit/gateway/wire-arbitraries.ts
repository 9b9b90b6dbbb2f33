/** Wire messages for property tests, made from the description of their fields: every field, every type, every depth. */
import fc from 'fast-check'
import type { JsonField, JsonMessage, JsonScalar } from '../../../gateway/json/schema.ts'

const extremes: Readonly<Record<'int64' | 'uint64' | 'int32' | 'uint32', readonly [bigint, bigint]>> = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
}

/** Any message of a type; fields are there or not. */
export function wireOf(message: JsonMessage, depthMax: number): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {}
  for (const field of message.fields) {
    if (field.of.type === 'message' && depthMax === 0) continue
    fields[field.name] = fieldOf(field, depthMax)
  }
  return fc.record(fields, { requiredKeys: [] })
}

function fieldOf({ repeated, of }: JsonField, depthMax: number): fc.Arbitrary<unknown> {
  const one =
    of.type === 'message'
      ? wireOf(of.message, depthMax - 1)
      : of.type === 'enum'
        ? fc.oneof(fc.constantFrom(...of.numbers.values()), fc.integer())
        : scalarOf(of.scalar)
  return repeated ? fc.array(one, { maxLength: 3 }) : one
}

function scalarOf(scalar: JsonScalar): fc.Arbitrary<unknown> {
  switch (scalar) {
    case 'bytes':
      return fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes))
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 8 })
    case 'bool':
      return fc.boolean()
    case 'double':
      return fc.double({ noNaN: true, noDefaultInfinity: true })
    case 'int64':
    case 'uint64': {
      const [min, max] = extremes[scalar]
      return fc.oneof(fc.bigInt({ min: 0n, max: 9n }), fc.bigInt({ min, max })).map(String)
    }
    default: {
      const [min, max] = extremes[scalar]
      return fc.integer({ min: Number(min), max: Number(max) })
    }
  }
}

/** Bytes that were a message once: cut, changed, repeated, with fields of other types and lengths that lie. */
export function spoilt(valid: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const at = fc.nat()
  return fc.oneof(
    fc.tuple(valid, at).map(([bytes, cut]) => bytes.subarray(0, cut % (bytes.length + 1))),
    fc.tuple(valid, at, fc.nat(255)).map(([bytes, place, value]) => {
      const changed = Buffer.from(bytes)
      if (changed.length > 0) changed[place % changed.length] = value
      return changed
    }),
    fc.tuple(valid, at, piece).map(([bytes, place, extra]) => {
      const cut = place % (bytes.length + 1)
      return Buffer.concat([bytes.subarray(0, cut), extra, bytes.subarray(cut)])
    }),
    fc.tuple(valid, valid).map((both) => Buffer.concat(both)),
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    fc
      .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 3_000 }))
      .map(([field, depth]) => nested(field, depth)),
  )
}

/** A field of any number and kind: a number that never ends, a length beyond the message, a group that is not closed. */
const piece: fc.Arbitrary<Buffer> = fc
  .tuple(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 12 }))
  .map(([field, kind, rest]) => Buffer.concat([varint(field * 8 + kind), Buffer.from(rest)]))

/** A field inside itself, so many levels deep. */
function nested(field: number, depth: number): Buffer {
  let inner = Buffer.alloc(0)
  for (let level = 0; level < depth; level++)
    inner = Buffer.concat([varint(field * 8 + 2), varint(inner.length), inner])
  return inner
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest & 127) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}
