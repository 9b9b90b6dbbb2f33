import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isEmptySpan, keyText, normalRange, type Span, spanCovers, spanOf } from '../../../actors/watch/spans.ts'
import { type Indexed, WatchIndex } from '../../../actors/watch/watch-index.ts'
import { compareBytes } from '../../../base/bytes.ts'

interface Watching extends Indexed {
  readonly name: number
}

const byte: fc.Arbitrary<number> = fc.constantFrom(0, 1, 0x61, 0x62, 0x7f, 0x80, 0xff)
const key = fc.array(byte, { minLength: 1, maxLength: 3 })
const range = fc.record({ key, rangeEnd: fc.option(fc.oneof(key, fc.constant<number[]>([0])), { nil: undefined }) })
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('add' as const),
      ranges: fc.array(range, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('remove' as const), which: fc.nat() }) },
)

function spansOf(ranges: readonly { key: number[]; rangeEnd: number[] | undefined }[]): Span[] {
  return ranges.map(({ key: from, rangeEnd }) => {
    const bytes = new Uint8Array(from)
    return spanOf(
      normalRange(rangeEnd === undefined ? { key: bytes } : { key: bytes, rangeEnd: new Uint8Array(rangeEnd) }),
    )
  })
}

test('the index finds exactly who watches a key, each once, whatever was added and removed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.array(key, { minLength: 1, maxLength: 12 }), (steps, keys) => {
      const index = new WatchIndex<Watching>()
      const there: Watching[] = []

      for (const [at, each] of steps.entries()) {
        if (each.type === 'add') {
          const watching = { name: at, spans: spansOf(each.ranges), seen: 0 }
          index.add(watching)
          there.push(watching)
        } else if (there.length > 0) {
          const [gone] = there.splice(each.which % there.length, 1)
          if (gone !== undefined) index.remove(gone)
        }
      }

      for (const bytes of keys) {
        const text = keyText(new Uint8Array(bytes))
        const found: number[] = []
        index.find(text, ({ name }) => found.push(name))
        const wanted = there.filter(({ spans }) => spans.some((span) => spanCovers(span, text))).map(({ name }) => name)
        assert.deepEqual(
          found.sort((a, b) => a - b),
          wanted,
        )
      }
      assert.equal(index.size, there.length)
    }),
    { numRuns: 300 },
  )
})

test('text of keys compares as their bytes do', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (a, b) => {
      const [one, other] = [keyText(a), keyText(b)]

      assert.equal(Math.sign(compareBytes(a, b)), one < other ? -1 : one > other ? 1 : 0)
    }),
  )
})

test('a key of any length becomes text, byte for byte', () => {
  const long = new Uint8Array(300_000).map((_, at) => at % 256)

  const text = keyText(long)

  assert.equal(text.length, long.length)
  assert.ok([0, 4_095, 4_096, 299_999].every((at) => text.charCodeAt(at) === long[at]))
})

test('W1: the special values of a range are brought into one form, and an end at or before the key holds nothing', () => {
  const zero = new Uint8Array([0])
  const a = new Uint8Array([97])

  const everything = spanOf(normalRange({ key: new Uint8Array(0), rangeEnd: zero }))
  const single = spanOf(normalRange({ key: a, rangeEnd: new Uint8Array(0) }))
  const backwards = spanOf(normalRange({ key: a, rangeEnd: a }))

  assert.deepEqual(everything, { from: '\0', to: undefined, single: false })
  assert.deepEqual(single, { from: 'a', to: undefined, single: true })
  assert.ok(isEmptySpan(backwards))
  assert.ok(!spanCovers(single, 'aa'), 'a watch of one key is not one of all keys after it')
})

test('looking a key up costs what is found: ten thousand others make no difference', () => {
  const index = new WatchIndex<Watching>()
  for (let name = 0; name < 10_000; name++) {
    const from = `r${String(name).padStart(5, '0')}`
    index.add({ name, spans: [{ from, to: `${from}~`, single: false }], seen: 0 })
  }
  let compared = 0
  const counting = {
    get from(): string {
      compared += 1
      return 'r05000'
    },
    to: 'r05000~',
    single: false,
  }
  index.add({ name: -1, spans: [counting], seen: 0 })
  compared = 0

  const found: number[] = []
  index.find('r05000/x', ({ name }) => found.push(name))

  assert.deepEqual(
    found.sort((a, b) => a - b),
    [-1, 5_000],
  )
  assert.ok(compared <= 2)
})
