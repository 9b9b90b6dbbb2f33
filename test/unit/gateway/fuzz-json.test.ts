import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { aspenServices } from '../../../client/etcd-proto.ts'
import { decodeMessage, JsonTypeError } from '../../../gateway/json/decode.ts'
import { DocumentError, Documents } from '../../../gateway/json/documents.ts'
import { encodeMessage } from '../../../gateway/json/encode.ts'
import { allTargets } from '../../../gateway/json/paths.ts'
import { requestMessageOf, responseMessageOf } from '../../../gateway/json/request.ts'
import { jsonMessage } from '../../../gateway/json/schema.ts'
import { bytes, openGateway, text } from './opened.ts'
import { wireOf } from './wire-arbitraries.ts'

/** Text behind the mark of a number, as the number it was. */
function unmarked(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith('\0') ? Number(value.slice(1)) : value
  if (Array.isArray(value)) return value.map(unmarked)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, unmarked(inner)]))
}

function readAll(pieces: readonly string[]): unknown[] {
  const documents = new Documents(1_000_000)
  const values: unknown[] = []
  const take = (last: boolean): void => {
    for (let next = documents.next(last); next !== undefined; next = documents.next(last)) values.push(next.value)
  }
  for (const piece of pieces) {
    documents.push(piece)
    take(false)
  }
  take(true)
  return values
}

function cut(text: string, places: readonly number[]): string[] {
  const ends = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b)
  return [...ends, text.length].map((end, at) => text.slice(at === 0 ? 0 : ends[at - 1], end))
}

test('documents come out as they went in, wherever the pieces are cut', () => {
  const nestedValue = fc.oneof(fc.object({ maxDepth: 4 }), fc.array(fc.jsonValue()))
  const plain = nestedValue.map((value) => JSON.parse(JSON.stringify(value)) as unknown)
  fc.assert(
    fc.property(
      fc.array(plain, { maxLength: 4 }),
      fc.constantFrom('', ' ', '\n', ' \r\n\t'),
      fc.array(fc.nat(), { maxLength: 8 }),
      (values, between, places) => {
        fc.pre(!JSON.stringify(values).includes('\\u0000'))
        const written = values.map((value) => JSON.stringify(value)).join(between)

        assert.deepEqual(readAll(cut(written, places)).map(unmarked), values)
      },
    ),
  )
})

test('what is no document is refused, and never anything worse', () => {
  const characters = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ',',
    ':',
    '1',
    '-',
    '.',
    'e',
    't',
    'n',
    ' ',
    '\0',
    'ü',
  )
  const noise = fc.oneof(fc.string({ unit: characters, maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 40 }))
  fc.assert(
    fc.property(noise, fc.array(fc.nat(), { maxLength: 4 }), (written, places) => {
      try {
        readAll(cut(written, places))
      } catch (thrown) {
        assert.ok(thrown instanceof DocumentError, String(thrown))
      }
    }),
    { numRuns: 2_000 },
  )
})

test('a document without end is refused when it has become too large', () => {
  const documents = new Documents(1_000)
  documents.push('{"a":"')
  assert.equal(documents.next(false), undefined)

  assert.throws(() => documents.push('x'.repeat(1_000)), DocumentError)
})

const requests = Array.from(allTargets().values(), ({ service, method }) => {
  const definition = aspenServices()[service][method]
  assert.ok(definition !== undefined)
  return { definition, message: requestMessageOf(definition) }
})

// Of requests there are two where "zero" and "not there" differ; nothing ever writes those as JSON.
const answers = Array.from(allTargets().values(), ({ service, method }) => {
  const definition = aspenServices()[service][method]
  assert.ok(definition !== undefined)
  return { definition, message: responseMessageOf(definition) }
})

test('every answer survives the way to JSON and back', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...answers).chain((one) => fc.tuple(fc.constant(one), wireOf(one.message, 3))),
      ([{ definition, message }, wire]) => {
        const sent = definition.responseDeserialize(definition.responseSerialize(wire))
        const written = encodeMessage(sent, message)
        const [read] = readAll([written])

        const arrived = definition.responseSerialize(decodeMessage(read, message))

        assert.deepEqual(definition.responseDeserialize(arrived), sent, written)
      },
    ),
    { numRuns: 400 },
  )
})

/** JSON whose names are those of a request, and whose values are anything. */
const anyRequest = fc.constantFrom(...requests).chain((one) => {
  const names = one.message.fields.map(({ name }) => name)
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(
        null,
        true,
        '',
        'AA==',
        'NOSUCH',
        '\0',
        '\u00001',
        '-',
        '1e99',
        '9223372036854775808',
        1e308,
        -0,
        0.1,
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.integer(),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(
        fc.oneof(fc.constantFrom('key', 'ID', 'requestTxn', 'success', '__proto__'), fc.string({ maxLength: 3 })),
        tie('value'),
        {
          maxKeys: 3,
        },
      ),
    ),
  })).value
  const body =
    names.length === 0 ? value : fc.oneof(value, fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 }))
  return fc.tuple(fc.constant(one), body)
})

test('whatever stands in a field, it is read or refused in words', () => {
  fc.assert(
    fc.property(anyRequest, ([{ definition, message }, body]) => {
      const [read] = readAll([`${JSON.stringify(body)} `])
      try {
        definition.requestDeserialize(definition.requestSerialize(decodeMessage(read ?? null, message)))
      } catch (thrown) {
        assert.ok(thrown instanceof JsonTypeError, `${JSON.stringify(body)}: ${String(thrown)}`)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('depth has an end', () => {
  const txn = jsonMessage('etcdserverpb.TxnRequest')
  const deep = (depth: number): string =>
    ['{"success":[{"request_txn":'.repeat(depth), '{}', '}]}'.repeat(depth)].join('')

  assert.throws(() => decodeMessage(readAll([deep(20_000)])[0], txn), JsonTypeError)
  assert.doesNotThrow(() => decodeMessage(readAll([deep(100)])[0], txn))
})

test('whatever is posted, there is an answer in JSON, and the server goes on', async (t) => {
  const opened = await openGateway(t)
  const paths = [...allTargets().keys()].filter((path) => !/watch|observe|lock\/lock|campaign|snapshot/.test(path))
  const body = fc.oneof(
    anyRequest.map(([, value]) => JSON.stringify(value)),
    fc.string({ unit: 'binary', maxLength: 60 }),
    anyRequest.chain(([, value]) => {
      const written = JSON.stringify(value)
      return fc.nat(written.length).map((end) => written.slice(0, end))
    }),
  )

  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...paths), body), { maxLength: 8 }), async (posts) => {
      await Promise.all(
        posts.map(async ([path, posted]) => {
          const answer = await fetch(`${opened.url}/v3/${path}`, { method: 'POST', body: posted })
          const answered = await answer.text()
          for (const line of answered.split('\n').filter((one) => one !== '')) JSON.parse(line)
          // Of etcd's own refusals some have no better code than "unknown"; ours never.
          const unforeseen = answer.status >= 500 && answered.includes('"aspen: ')
          assert.ok(!unforeseen, `${path} ${posted}: ${answer.status} ${answered}`)
        }),
      )
    }),
    { numRuns: 100 },
  )

  assert.deepEqual(
    opened.logged.filter(({ level }) => level === 'error'),
    [],
  )
  const connection = opened.connect()
  await connection.put({ key: bytes('alive'), value: bytes('yes') })
  assert.equal(text((await connection.range({ key: bytes('alive') })).kvs[0]?.value), 'yes')
})
