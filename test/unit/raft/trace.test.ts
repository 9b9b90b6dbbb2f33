import assert from 'node:assert/strict'
import test from 'node:test'
import { play, traces } from './trace.ts'

const all = traces()

test('the golden traces are there', () => {
  assert.ok(all.length >= 15, `${all.length} traces found`)
})

for (const { name, text, write } of all) {
  test(`trace ${name}: the same commands have the same consequences`, () => {
    const played = play(text)
    if (process.env['UPDATE_TRACES'] === '1') write(played)
    else assert.equal(played, text)
  })
}
