// Header blocks below were written by hand from RFC 7541: a name index, a length, then the text, plain or in Huffman code.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mendBeginning } from '../../../gateway/authority.ts'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const settings = frame(4, 0, Buffer.alloc(0))
const acknowledgement = frame(4, 1, Buffer.alloc(0))
/** `:method: POST`, `:scheme: http`, a path spelt out. */
const before = Buffer.from([0x83, 0x86, 0x44, 2, 0x2f, 0x61])

function frame(type: number, flag: number, payload: Buffer): Buffer {
  const header = Buffer.from([0, 0, 0, type, flag, 0, 0, 0, 1])
  header.writeUIntBE(payload.length, 0, 3)
  return Buffer.concat([header, payload])
}

function authority(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x41, text.length]), Buffer.from(text)])
}

test('a URL as authority is made one that is allowed, of the same length', () => {
  const call = frame(1, 4, Buffer.concat([before, authority('http://127.0.0.1:2379')]))

  const mended = mendBeginning(Buffer.concat([preface, settings, acknowledgement, call]))

  const expected = frame(1, 4, Buffer.concat([before, authority('http---127.0.0.1:2379')]))
  assert.deepEqual(mended, Buffer.concat([preface, settings, expected]))
})

test('the same in Huffman code, behind padding and a priority', () => {
  const coded = (bytes: readonly number[]): Buffer => Buffer.from([0x41, 0x80 | bytes.length, ...bytes])
  const payload = (value: Buffer): Buffer =>
    Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 9]), before, value, Buffer.alloc(2)])
  // "http://a": the bits of "a" (00011) follow, then ones to the end of the byte.
  const call = frame(1, 4 | 8 | 32, payload(coded([0x9d, 0x29, 0xae, 0xe3, 0x0c, 0x0f])))

  const mended = mendBeginning(Buffer.concat([preface, call, acknowledgement]))

  const expected = frame(1, 4 | 8 | 32, payload(coded([0x9d, 0x29, 0xae, 0xea, 0xcb, 0x0f])))
  assert.deepEqual(mended, Buffer.concat([preface, expected]))
})

test('a proper authority passes as it is, and so does data that looks like a header', () => {
  const call = frame(1, 4, Buffer.concat([before, authority('127.0.0.1:2379')]))
  const data = frame(0, 1, authority('http://127.0.0.1:2379'))

  const mended = mendBeginning(Buffer.concat([preface, settings, acknowledgement, call, data]))

  assert.deepEqual(mended, Buffer.concat([preface, settings, call, data]))
})

test('nothing is handed over before the first call and the answer to our settings are there', () => {
  const call = frame(1, 4, Buffer.concat([before, authority('a')]))

  assert.equal(mendBeginning(Buffer.concat([preface, settings])), undefined)
  assert.equal(mendBeginning(Buffer.concat([preface, settings, acknowledgement])), undefined)
  assert.equal(mendBeginning(Buffer.concat([preface, settings, call])), undefined)
  assert.equal(mendBeginning(Buffer.concat([preface, acknowledgement, call.subarray(0, -1)])), undefined)
  // A ping is to be answered, call or no call.
  const ping = frame(6, 0, Buffer.alloc(8))
  assert.deepEqual(mendBeginning(Buffer.concat([preface, acknowledgement, ping])), Buffer.concat([preface, ping]))
})

test('whatever comes, it answers', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 60 }), (bytes, block) => {
      mendBeginning(Buffer.concat([preface, Buffer.from(bytes)]))
      mendBeginning(Buffer.concat([preface, acknowledgement, frame(1, bytes[0] ?? 0, Buffer.from(block))]))
    }),
  )
})
