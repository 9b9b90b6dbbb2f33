import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSnapshotSealer, openSnapshot, SnapshotError } from '../../../client/snapshot-seal.ts'

function sealed(chunks: readonly Uint8Array[]): Uint8Array {
  const sealer = createSnapshotSealer()
  for (const chunk of chunks) sealer.update(chunk)
  return Buffer.concat([...chunks, sealer.seal()])
}

const chunksOf = fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 5 })

test('N1: a sealed file opens to exactly the bytes that were sealed, and has a length etcd takes for checked', () => {
  fc.assert(
    fc.property(chunksOf, (chunks) => {
      const file = sealed(chunks)

      assert.equal(file.length % 512, 32)
      assert.ok(Buffer.concat(chunks).equals(openSnapshot(file)))
    }),
  )
})

test('N1: zeros and end marks at the end of the blob are kept', () => {
  for (const blob of [
    new Uint8Array(512),
    new Uint8Array([0x80]),
    new Uint8Array([1, 0x80, 0, 0]),
    new Uint8Array(0),
  ]) {
    assert.deepEqual(new Uint8Array(openSnapshot(sealed([blob]))), blob)
  }
})

test('N2: a file with any byte changed does not open', () => {
  fc.assert(
    fc.property(chunksOf, fc.nat(), fc.integer({ min: 1, max: 255 }), (chunks, at, flip) => {
      const file = sealed(chunks)
      const place = at % file.length
      file[place] = (file[place] ?? 0) ^ flip

      assert.throws(() => openSnapshot(file), SnapshotError)
    }),
  )
})

test('N2: a file with bytes missing or added does not open', () => {
  const file = sealed([new Uint8Array(1_000).fill(7)])

  for (const cut of [0, 1, 31, 32, 512, 543, 544, file.length - 1, file.length - 512]) {
    assert.throws(() => openSnapshot(file.subarray(0, cut)), SnapshotError, `cut to ${cut}`)
  }
  assert.throws(() => openSnapshot(Buffer.concat([file, Buffer.alloc(512)])), SnapshotError)
  assert.throws(() => openSnapshot(file.subarray(512)), SnapshotError)
})
