/** Our frames come back as they were; what others wrote is either a value or a `CodecError`. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { CodecError, pack, unpack, unpackUntrusted } from '../../../mailbox/codec.ts'

const scalar = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
)
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 20 }),
    // The one key that the decoder renames: as a key of data it would be a trap.
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { noNullPrototype: true },
    ),
  ),
}))

/** What a call throws, or `undefined`. */
function faultOf(act: () => unknown): unknown {
  try {
    act()
    return undefined
  } catch (error) {
    return error
  }
}

test('what is packed is unpacked, by the trusting and by the distrusting side alike', () => {
  fc.assert(
    fc.property(value, (original) => {
      const frame = pack(original)

      assert.deepEqual(unpack(frame), original)
      assert.deepEqual(unpackUntrusted(frame), original)
    }),
    { numRuns: 500 },
  )
})

test('strangers bytes give a value or a CodecError, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const fault = faultOf(() => unpackUntrusted(bytes))
      assert.ok(fault === undefined || fault instanceof CodecError, String(fault))
    }),
    { numRuns: 20_000 },
  )
})

test('a frame of ours with a few bytes changed, cut or added gives a value or a CodecError', () => {
  const edit = fc.record({ at: fc.nat(), byte: fc.nat(255), act: fc.constantFrom('set', 'cut', 'add') })
  fc.assert(
    fc.property(value, fc.array(edit, { minLength: 1, maxLength: 4 }), (original, edits) => {
      let bytes = [...pack(original)]
      for (const { at, byte, act } of edits) {
        const place = at % (bytes.length + 1)
        if (act === 'cut') bytes = bytes.slice(0, place)
        else bytes.splice(place, act === 'set' ? 1 : 0, byte)
      }

      const fault = faultOf(() => unpackUntrusted(Uint8Array.from(bytes)))

      assert.ok(fault === undefined || fault instanceof CodecError, String(fault))
    }),
    { numRuns: 5_000 },
  )
})

const hostile: readonly (readonly [what: string, bytes: readonly number[]])[] = [
  ['an array of four billion elements', [0xdd, 0xff, 0xff, 0xff, 0xff]],
  ['a map of four billion pairs', [0xdf, 0xff, 0xff, 0xff, 0xff]],
  ['a string longer than the frame', [0xdb, 0xff, 0xff, 0xff, 0xff, 0x41]],
  ['bytes longer than the frame', [0xc6, 0x7f, 0xff, 0xff, 0xff]],
  ['a nest of 33 arrays', [...Array<number>(33).fill(0x91), 0xc0]],
  ['an extension that is not ours', [0xd4, 0x72, 0x40]],
  ['a long extension', [0xc7, 0x01, 0x01, 0x00]],
  ['a record definition', [0xd5, 0x72, 0x40, 0x00]],
  ['the byte that begins nothing', [0xc1]],
  ['nothing', []],
  ['a value and a byte too many', [0x01, 0x01]],
  ['an extension cut short', [0xd4, 0x00]],
]
for (const [what, bytes] of hostile) {
  test(`refused: ${what}`, () => {
    assert.throws(() => unpackUntrusted(Uint8Array.from(bytes)), CodecError)
  })
}

test('a nest of 32 is still taken', () => {
  assert.ok(Array.isArray(unpackUntrusted(Uint8Array.from([...Array<number>(32).fill(0x91), 0xc0]))))
})
