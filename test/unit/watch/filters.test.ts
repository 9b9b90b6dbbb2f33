import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileFilter } from '../../../actors/watch/filters.ts'
import type { Telling } from '../../../actors/watch/hub-messages.ts'
import type { ValueTest, WatchSpec } from '../../../actors/watch/messages.ts'
import { normalSpec, specProblem } from '../../../actors/watch/spec.ts'
import { utf8 } from '../../../base/bytes.ts'
import { pair, put, removal, spec, tellings } from './parts.ts'

const [created] = tellings(5, put('user/7', '{"age":41,"name":"Ada"}', 5)) as [Telling]
const [updated] = tellings(6, put('user/7', '42', 6, pair('user/7', '{"age":41,"name":"Ada"}', 5))) as [Telling]
const [same] = tellings(7, put('user/7', '42', 7, pair('user/7', '42', 6, 5))) as [Telling]
const [deleted] = tellings(8, removal('user/7', 8, pair('user/7', '42', 7, 5))) as [Telling]
const all = [created, updated, same, deleted]

function passed(fields: Partial<WatchSpec>): number[] {
  const { wants, isNews } = compileFilter(spec(fields))
  return all.filter((telling) => wants(telling) && isNews(telling)).map(({ revision }) => revision)
}

function byValue(value: ValueTest): number[] {
  return passed({ value })
}

test('W8: kinds are told apart: a create, an update, a delete', () => {
  assert.deepEqual(
    all.map(({ kind }) => kind),
    ['create', 'update', 'update', 'delete'],
  )
  assert.deepEqual(passed({}), [5, 6, 7, 8])
  assert.deepEqual(passed({ without: ['create', 'update'] }), [8])
  assert.deepEqual(passed({ without: ['delete'] }), [5, 6, 7])
  assert.deepEqual(passed({ without: ['create', 'update', 'delete'] }), [])
})

test('W8: keys by their end and by an expression', () => {
  assert.deepEqual(passed({ keySuffix: utf8('/7') }), [5, 6, 7, 8])
  assert.deepEqual(passed({ keySuffix: utf8('/8') }), [])
  assert.deepEqual(passed({ keyPattern: '^user/[0-9]+$' }), [5, 6, 7, 8])
  assert.deepEqual(passed({ keyPattern: '^group/' }), [])
})

test('W8: values by bytes, by number and by JSON; a delete has none', () => {
  assert.deepEqual(byValue({ type: 'equals', bytes: utf8('42') }), [6, 7])
  assert.deepEqual(byValue({ type: 'notEquals', bytes: utf8('42') }), [5])
  assert.deepEqual(byValue({ type: 'contains', bytes: utf8('Ada') }), [5])
  assert.deepEqual(byValue({ type: 'startsWith', bytes: utf8('4') }), [6, 7])
  assert.deepEqual(byValue({ type: 'atLeast', number: 42 }), [6, 7])
  assert.deepEqual(byValue({ type: 'atMost', number: 41.5 }), [])
  assert.deepEqual(byValue({ type: 'json', pointer: '/age', equals: '41' }), [5])
  assert.deepEqual(byValue({ type: 'json', pointer: '', equals: '{"name":"Ada","age":41}' }), [5])
  assert.deepEqual(byValue({ type: 'json', pointer: '/age/years', equals: '41' }), [])
})

test('W8: only what changed the value is news', () => {
  assert.deepEqual(passed({ onlyIfChanged: true }), [5, 6, 8])
  assert.ok(compileFilter(spec({ onlyIfChanged: true })).needsPrevious)
  assert.ok(!compileFilter(spec()).needsPrevious)
})

test('W7: a key that changed twice in a revision shows what it held before the revision, and a create nothing', () => {
  const before = pair('k', 'old', 3)
  const again = { ...pair('k', 'new', 9), version: 1 }

  const [gone, back] = tellings(9, removal('k', 9, before), {
    kv: again,
    deleted: false,
    previous: undefined,
    previousUnread: false,
  })
  const [first, second] = tellings(9, put('k', '1', 9, before), put('k', '2', 9, pair('k', '1', 9, 3)))

  assert.deepEqual([gone?.full.prevKv, back?.full.prevKv], [before, undefined])
  assert.deepEqual([first?.full.prevKv, second?.full.prevKv], [before, before])
})

test('an expression that makes backtracking engines run for ever is linear here', () => {
  const { wants } = compileFilter(spec({ keyPattern: '^(a+)+$' }))
  const [long] = tellings(5, put(`${'a'.repeat(30_000)}!`, '', 5)) as [Telling]

  assert.equal(wants(long), false)
})

test('every broken bound of a spec is named', () => {
  const wrong: [Partial<WatchSpec>, RegExp][] = [
    [{ ranges: [] }, /1 to 64 ranges, there are 0/],
    [{ ranges: [{ key: utf8('b'), rangeEnd: utf8('a') }] }, /range 0 is empty/],
    [{ startRevision: 1.5 }, /startRevision must be a whole number below 2\^53, not 1\.5/],
    [{ keySuffix: utf8('') }, /keySuffix/],
    [{ keyPattern: '(' }, /no RE2 expression/],
    [{ keyPattern: 'x'.repeat(1_025) }, /1 to 1024 characters, not 1025/],
    [{ keyPattern: '(?=a)' }, /no RE2 expression/],
    [{ sampleMs: 0 }, /sampleMs must be a whole number of 1 to 3600000, not 0/],
    [{ value: { type: 'atLeast', number: Number.NaN } }, /atLeast wants a number/],
    [{ value: { type: 'contains', bytes: utf8('') } }, /contains wants 1 to 65536 bytes/],
    [{ value: { type: 'json', pointer: 'age', equals: '1' } }, /RFC 6901/],
    [{ value: { type: 'json', pointer: '/a~2', equals: '1' } }, /'~0' or '~1'/],
    [{ value: { type: 'json', pointer: '/age', equals: '{' } }, /JSON to compare with/],
  ]

  for (const [fields, text] of wrong) assert.match(specProblem(normalSpec(spec(fields))) ?? 'nothing', text)
  assert.equal(specProblem(normalSpec(spec({ keyPattern: 'a|b', sampleMs: 10 }))), undefined)
})
