import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '../../../base/bytes.ts'
import { parseCompare, parseOperation, parseTxn } from '../../../cli/txn-text.ts'
import { TxnTextError } from '../../../cli/txn-words.ts'

describe('a comparison', () => {
  const forms: readonly [string, object][] = [
    ['mod("a") > "0"', { key: utf8('a'), result: 'greater', target: { type: 'mod', value: 0 } }],
    ['m(a) = 5', { key: utf8('a'), result: 'equal', target: { type: 'mod', value: 5 } }],
    [' create ( "a b" ) < "7" ', { key: utf8('a b'), result: 'less', target: { type: 'create', value: 7 } }],
    ['ver("a")!="1"', { key: utf8('a'), result: 'notEqual', target: { type: 'version', value: 1 } }],
    [
      'value("a") = "x \\"y\\"\\n"',
      { key: utf8('a'), result: 'equal', target: { type: 'value', value: utf8('x "y"\n') } },
    ],
    ['val(`\\n`) = ""', { key: utf8('\\n'), result: 'equal', target: { type: 'value', value: new Uint8Array(0) } }],
    ['lease("a") = "694d"', { key: utf8('a'), result: 'equal', target: { type: 'lease', value: '26957' } }],
  ]
  for (const [line, wanted] of forms) test(line, () => assert.deepEqual(parseCompare(line), wanted))

  const refused: readonly [string, RegExp][] = [
    ['', /wanted a comparison such as/],
    ['size("a") = "0"', /its field one of ver, create, mod, val, lease/],
    ['mod("a" = "0"', /wanted \) and one of/],
    ['mod("a") == "0"', /wanted \) and one of/],
    ['mod("a") ~ "0"', /wanted \) and one of/],
    ['mod("a") = "x"', /wanted a whole number .* found "x"/],
    ['mod("a") =', /wanted a value, found ""/],
    ['mod() = "1"', /wanted a key/],
    ['mod("a) = "1"', /wanted \) and one of/],
    ['mod("a") = "1" 2', /wanted the end of the line after the value, found "2"/],
    ['val("a") = "\\q"', /wanted an escape/],
    ['lease("a") = "zz"', /wanted a lease id/],
  ]
  for (const [line, wanted] of refused) {
    test(`${JSON.stringify(line)} is refused`, () => assert.throws(() => parseCompare(line), wanted))
  }
})

describe('an operation', () => {
  const forms: readonly [string, object][] = [
    ['get a', { type: 'range', key: utf8('a') }],
    ['get a --prefix --limit=3', { type: 'range', key: utf8('a'), rangeEnd: utf8('b'), limit: 3 }],
    ['put key1 "overwrote key1"', { type: 'put', key: utf8('key1'), value: utf8('overwrote key1') }],
    ['put "\\xff\\x00" \'plain\'', { type: 'put', key: new Uint8Array([0xff, 0]), value: utf8("'plain'") }],
    ['put "--prefix" "-1"', { type: 'put', key: utf8('--prefix'), value: utf8('-1') }],
    ['put é "é\\u00e9\\U0001F600\\101"', { type: 'put', key: utf8('é'), value: utf8('éé😀A') }],
    ['put a ""', { type: 'put', key: utf8('a'), value: new Uint8Array(0) }],
    ['del a --prev-kv', { type: 'deleteRange', key: utf8('a'), prevKv: true }],
    ['  del\ta b\r', { type: 'deleteRange', key: utf8('a'), rangeEnd: utf8('b') }],
  ]
  for (const [line, wanted] of forms) test(line, () => assert.deepEqual(parseOperation(line), wanted))

  const refused: readonly [string, RegExp][] = [
    ['watch a', /wanted get, put or del, found "watch"/],
    ['put a', /^put wants a key and a value/],
    ['put', /put: missing required argument 'key'/],
    ['get a --what', /get: unknown option '--what'/],
    ['get a --limit=x', /get: --limit: wanted a whole number/],
    ['get --help', /get: unknown option '--help'/],
    ['put a "b', /wanted a closing " for the one at column 7/],
    ['put a "\\ud800"', /wanted an escape/],
  ]
  for (const [line, wanted] of refused) {
    test(`${line} is refused`, () =>
      assert.throws(
        () => parseOperation(line),
        (error) => error instanceof TxnTextError && wanted.test(error.message),
      ))
  }
})

describe('a transaction', () => {
  test('has three sections with empty lines between', () => {
    const txn = parseTxn(
      'mod("key1") > "0"\n\nput key1 "overwrote-key1"\nget key1\n\nput key1 "created-key1"\nput key2 "some extra key"\n\n',
    )

    assert.deepEqual([txn.compare.length, txn.success.length, txn.failure.length], [1, 2, 2])
    assert.deepEqual(txn.failure[1], { type: 'put', key: utf8('key2'), value: utf8('some extra key') })
  })

  test('may end early, and may have empty sections', () => {
    assert.deepEqual(parseTxn(''), { type: 'txn', compare: [], success: [], failure: [] })
    assert.equal(parseTxn('\nput a b').success.length, 1)
    assert.equal(parseTxn('\n\nput a b\n').failure.length, 1)
  })

  test('names the line of a mistake', () => {
    assert.throws(() => parseTxn('mod("a") = "0"\n\nput a b\nput a\n'), /^TxnTextError: line 4: put wants/)
    assert.throws(() => parseTxn('\n\n\nput a b\n'), /line 4: wanted the end after three sections/)
  })

  test('whatever the text, the answer is a transaction or a TxnTextError with one line', () => {
    const piece = fc.constantFrom(
      'mod(',
      '"a"',
      ')',
      ' = ',
      '"0"',
      'put',
      'get',
      ' ',
      '\n',
      '\n\n',
      '--prefix',
      '--limit=',
      '\\x',
      '"',
      '`',
      'del a',
      '--',
      '\u0100',
      '-',
    )
    const text = fc.oneof(
      fc.array(piece, { maxLength: 20 }).map((parts) => parts.join('')),
      fc.string({ unit: 'binary', maxLength: 60 }),
    )
    fc.assert(
      fc.property(text, (written) => {
        try {
          assert.equal(parseTxn(written).type, 'txn')
        } catch (error) {
          assert.ok(error instanceof TxnTextError, String(error))
          assert.match(error.message, /^line \d+: \S/)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('any bytes survive being quoted', () => {
    const quoted = (bytes: Uint8Array): string =>
      `"${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.uint8Array({ maxLength: 20 }), (key, value) => {
        const txn = parseTxn(`val(${quoted(key)}) = ${quoted(value)}\n\nput ${quoted(key)} ${quoted(value)}\n`)

        assert.deepEqual(txn.compare, [{ key, result: 'equal', target: { type: 'value', value } }])
        assert.deepEqual(txn.success, [{ type: 'put', key, value }])
      }),
      { numRuns: 200 },
    )
  })

  test('any text survives being quoted as JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), (text) => {
        fc.pre(!/[\u007f-\u009f/\u2028\u2029]/.test(text))
        assert.deepEqual(parseOperation(`put k ${JSON.stringify(text)}`), {
          type: 'put',
          key: utf8('k'),
          value: utf8(text),
        })
      }),
      { numRuns: 200 },
    )
  })
})
