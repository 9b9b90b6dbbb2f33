import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes } from '../../../base/bytes.ts'
import { encodeFrame, FrameDecoder, headerBytes } from '../../../runtime/node/peer/frame.ts'

interface Delivered {
  readonly source: number
  readonly target: number
  readonly body: readonly number[]
}

function decoding(maxFrameBytes: number = 1_024): { readonly decoder: FrameDecoder; readonly delivered: Delivered[] } {
  const delivered: Delivered[] = []
  const decoder = new FrameDecoder(maxFrameBytes, (source, target, body) =>
    delivered.push({ source, target, body: [...body] }),
  )
  return { decoder, delivered }
}

/** Feeds `bytes` cut at the given places, and returns the first fault. */
function feed(decoder: FrameDecoder, bytes: Uint8Array, cuts: readonly number[]): string | undefined {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  let at = 0
  let fault: string | undefined
  for (const place of [...places, bytes.length]) {
    fault ??= decoder.push(bytes.subarray(at, place))
    at = place
  }
  return fault
}

const uint16 = fc.integer({ min: 0, max: 0xffff })
const frames = fc.array(fc.record({ source: uint16, target: uint16, body: fc.uint8Array({ maxLength: 200 }) }), {
  maxLength: 8,
})
const cuts = fc.array(fc.nat(), { maxLength: 20 })

describe('frames', () => {
  test('F1 F2: any frames, cut in any way, come out as they went in', () => {
    fc.assert(
      fc.property(frames, cuts, (sent, places) => {
        const { decoder, delivered } = decoding()
        const stream = concatBytes(...sent.map(({ source, target, body }) => encodeFrame(source, target, body)))

        const fault = feed(decoder, stream, places)

        assert.equal(fault, undefined)
        assert.deepEqual(
          delivered,
          sent.map((frame) => ({ ...frame, body: [...frame.body] })),
        )
        assert.equal(decoder.atBoundary(), true)
      }),
    )
  })

  test('F1: one flipped bit anywhere is found; what came before it is delivered, nothing after it', () => {
    fc.assert(
      fc.property(
        frames.filter((each) => each.length > 0),
        cuts,
        fc.nat(),
        (sent, places, pick) => {
          const { decoder, delivered } = decoding()
          const encoded = sent.map(({ source, target, body }) => encodeFrame(source, target, body))
          const stream = concatBytes(...encoded)
          const bit = pick % (stream.length * 8)
          stream[bit >> 3] = (stream[bit >> 3] as number) ^ (1 << (bit & 7))
          let hit = 0
          for (let end = 0; hit < encoded.length; hit++) {
            end += (encoded[hit] as Uint8Array).length
            if (bit >> 3 < end) break
          }

          const fault = feed(decoder, stream, places)

          assert.match(fault ?? 'no fault', /^F1: the (header|body) of a frame/)
          assert.deepEqual(
            delivered,
            sent.slice(0, hit).map((frame) => ({ ...frame, body: [...frame.body] })),
          )
        },
      ),
    )
  })

  test('F1 F3: garbage is refused with its first header, and never waited for', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: headerBytes, maxLength: 400 }), cuts, (garbage, places) => {
        const { decoder, delivered } = decoding()

        assert.match(
          feed(decoder, garbage, places) ?? 'no fault',
          /F1: the header of a frame is damaged, or these are not frames/,
        )
        assert.deepEqual(delivered, [])
      }),
    )
  })

  test('F3: a frame above the limit is refused by its header, one at the limit is taken', () => {
    const { decoder, delivered } = decoding(100)

    assert.equal(decoder.push(encodeFrame(1, 2, new Uint8Array(100))), undefined)
    const fault = decoder.push(encodeFrame(1, 2, new Uint8Array(101)).subarray(0, headerBytes))

    assert.equal(delivered.length, 1)
    assert.equal(fault, 'F3: a frame of 101 bytes exceeds the limit of 100')
  })

  test('F1: after a fault nothing more is taken', () => {
    const { decoder, delivered } = decoding()
    const fault = decoder.push(new Uint8Array(headerBytes).fill(7))

    assert.equal(decoder.push(encodeFrame(1, 2, Uint8Array.of(3))), fault)
    assert.deepEqual(delivered, [])
  })

  test('a new limit holds from the next header on', () => {
    const { decoder, delivered } = decoding(4)
    decoder.limit(8)

    assert.equal(decoder.push(encodeFrame(1, 2, new Uint8Array(8))), undefined)
    assert.equal(delivered.length, 1)
  })

  test('a delivered body is nobody else’s memory', () => {
    const bodies: Uint8Array[] = []
    const decoder = new FrameDecoder(64, (_source, _target, body) => bodies.push(body))
    const chunk = encodeFrame(1, 2, Uint8Array.of(5, 6))

    decoder.push(chunk)
    chunk.fill(0)

    assert.deepEqual([...(bodies[0] as Uint8Array)], [5, 6])
  })

  test('executors that have no field are refused with their values', () => {
    assert.throws(() => encodeFrame(-1, 70_000, new Uint8Array(0)), {
      name: 'RangeError',
      message: /0 to 65535, not -1 and 70000/,
    })
  })
})
