/** The judge of histories, against histories whose verdict is known. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { checkRegister, type RegisterOperation } from '../../../sim/checkers/linearizability.ts'

const put = (beganMs: number, endedMs: number | undefined, value: string): RegisterOperation => ({
  type: 'put',
  beganMs,
  endedMs,
  value,
})
const get = (beganMs: number, endedMs: number, found: string | undefined): RegisterOperation => ({
  type: 'get',
  beganMs,
  endedMs,
  found,
})
const cas = (
  beganMs: number,
  endedMs: number | undefined,
  expected: string | undefined,
  value: string,
  ok: boolean | undefined,
): RegisterOperation => ({
  type: 'cas',
  beganMs,
  endedMs,
  expected,
  value,
  ok,
})
const verdict = (...history: RegisterOperation[]): string => checkRegister(history, undefined).type

test('I16: what happened one after the other is judged in that order', () => {
  assert.equal(verdict(put(0, 1, 'a'), get(2, 3, 'a')), 'linearizable')
  assert.equal(verdict(put(0, 1, 'a'), get(2, 3, undefined)), 'impossible')
  assert.equal(verdict(put(0, 1, 'a'), put(2, 3, 'b'), get(4, 5, 'a')), 'impossible')
})

test('I16: what overlaps may take effect in either order, but in one order for all', () => {
  assert.equal(verdict(put(0, 10, 'a'), put(0, 10, 'b'), get(11, 12, 'a')), 'linearizable')
  assert.equal(verdict(put(0, 10, 'a'), put(0, 10, 'b'), get(11, 12, 'a'), get(13, 14, 'b')), 'impossible')
  assert.equal(verdict(put(0, 10, 'a'), get(1, 2, 'a'), get(3, 4, undefined)), 'impossible', 'a read never goes back')
})

test('I16: what nobody knows the end of may have happened, late or never, and once', () => {
  assert.equal(verdict(put(0, undefined, 'a'), get(5, 6, undefined), get(7, 8, 'a')), 'linearizable')
  assert.equal(verdict(put(0, undefined, 'a'), get(5, 6, undefined)), 'linearizable')
  assert.equal(
    verdict(put(0, undefined, 'a'), put(1, 2, 'b'), get(3, 4, 'a'), put(5, 6, 'c'), get(7, 8, 'a')),
    'impossible',
  )
  assert.equal(verdict(put(5, undefined, 'a'), get(1, 2, 'a')), 'impossible', 'nothing happens before it is asked for')
})

test('I16: of two that compare with the same value, one wins', () => {
  assert.equal(
    verdict(put(0, 1, 'a'), cas(2, 9, 'a', 'b', true), cas(2, 9, 'a', 'c', false), get(10, 11, 'b')),
    'linearizable',
  )
  assert.equal(verdict(put(0, 1, 'a'), cas(2, 9, 'a', 'b', true), cas(2, 9, 'a', 'c', true)), 'impossible')
  assert.equal(
    verdict(cas(0, 1, undefined, 'x', true), cas(2, undefined, 'x', 'y', undefined), get(3, 4, 'y')),
    'linearizable',
  )
})

test('I16: a history made by a register is found possible, and one read changed in it is found out', () => {
  const step = fc.record({ kind: fc.constantFrom('put', 'get'), width: fc.integer({ min: 0, max: 30 }) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 4, maxLength: 24 }), (steps) => {
      let value: string | undefined
      const history = steps.map(({ kind, width }, at): RegisterOperation => {
        const [beganMs, endedMs] = [at * 10 - width, at * 10 + 1 + width]
        if (kind === 'get') return get(beganMs, endedMs, value)
        value = `v${at}`
        return put(beganMs, endedMs, value)
      })
      assert.equal(checkRegister(history, undefined).type, 'linearizable')
      assert.equal(checkRegister([...history, get(1e6, 1e6 + 1, 'never written')], undefined).type, 'impossible')
    }),
    { numRuns: 200, seed: 7 },
  )
})

test('a search that grows too long is given up, not decided', () => {
  const many = Array.from({ length: 24 }, (_, at) => put(0, 100, `v${at}`))
  assert.equal(checkRegister([...many, get(200, 201, 'none')], undefined, 1_000).type, 'undecided')
})
