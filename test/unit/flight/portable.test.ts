import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { packPortable, unpackPortable } from '../../../runtime/kernel/flight/portable.ts'
import { digestOf, digestWithin, houseUrl } from '../../../runtime/kernel/flight/value-digest.ts'
import { gambler } from './recorded-actors.ts'

const again = (value: unknown): unknown => unpackPortable(packPortable(value))

/** What messages are made of, and what the packer alone would flatten. */
const data = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(undefined, null, true, false),
    fc.integer(),
    fc.double({ noNaN: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.bigInt(),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 5, noNullPrototype: true }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => new Set(items)),
  ),
})).value

describe('values of a recording', () => {
  test('come back as they were, whatever they are made of', () => {
    fc.assert(
      fc.property(data, (value) => {
        assert.deepStrictEqual(again(value), value)
      }),
      { numRuns: 500 },
    )
  })

  test('have the same digest before and after', () => {
    fc.assert(fc.property(data, (value) => digestOf(again(value)) === digestOf(value)))
  })

  test('keep the kind of their bytes, which is seen by what their methods do', () => {
    const { host, plain } = again({ host: Buffer.from('abc'), plain: new Uint8Array([97, 98]) }) as {
      host: Uint8Array
      plain: Uint8Array
    }

    assert.equal(host.toString(), 'abc')
    assert.equal(plain.toString(), '97,98')
  })

  test('errors keep their name, definitions their address, fields of any name their place', () => {
    const error = again(new RangeError('too far')) as Error
    const definition = again(gambler) as typeof gambler
    const odd = { '\u0000aspen': 'map', value: 7 }

    assert.deepEqual([error.name, error.message], ['RangeError', 'too far'])
    assert.deepEqual([definition.module, definition.exportName], [gambler.module, 'gambler'])
    assert.throws(() => definition.init(undefined as never, { stake: 1 }), /there is no code behind it/)
    assert.deepEqual(again(odd), odd)
  })

  test('that are no data are refused', () => {
    for (const value of [() => 1, Symbol('x'), [{ deep: () => 1 }], new Float64Array(2)]) {
      assert.throws(() => packPortable(value), { name: 'Unrecordable' })
    }
    const endless: { self?: unknown } = {}
    endless.self = endless
    assert.throws(() => packPortable(endless), { name: 'Unrecordable' })
  })

  test('name modules of the house by where it stands now', () => {
    const relocation = { from: 'file:///there/', to: houseUrl }

    const moved = unpackPortable(
      packPortable({ machine: { module: 'file:///there/a.js' }, other: 'file:///else' }),
      relocation,
    )

    assert.deepEqual(moved, { machine: { module: `${houseUrl}a.js` }, other: 'file:///else' })
  })
})

describe('the digest of a value', () => {
  test('differs where the values do', () => {
    const values = [
      0,
      1,
      -1,
      0.5,
      Number.NaN,
      '',
      '1',
      'ab',
      true,
      false,
      null,
      undefined,
      1n,
      [],
      [1],
      [[1]],
      {},
      { a: 1 },
      { b: 1 },
      { a: undefined },
      new Map([['a', 1]]),
      new Set(['a']),
      Uint8Array.of(1),
      Uint8Array.of(1, 0),
      new Error('a'),
    ]

    assert.equal(new Set(values.map((value) => digestOf(value))).size, values.length)
  })

  test('counts no functions and no private fields, and gives up on what is too large', () => {
    class Secret {
      readonly open: number = 1
      readonly #hidden: number
      constructor(hidden: number) {
        this.#hidden = hidden
      }
      get hidden(): number {
        return this.#hidden
      }
    }

    assert.equal(digestOf({ a: 1, f: () => 1 }), digestOf({ a: 1 }))
    assert.equal(digestOf(new Secret(1)), digestOf(new Secret(2)))
    assert.equal(digestWithin(Array.from({ length: 100 }), 50), undefined)
    assert.notEqual(digestWithin(Array.from({ length: 10 }), 50), undefined)
  })
})
