/** The ring against an array that does the same. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Ring } from '../../../base/ring.ts'

type Step = readonly ['push' | 'unshift', number] | readonly ['shift'] | readonly ['takeAt' | 'at', number]

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constantFrom('push' as const, 'unshift' as const), fc.nat()),
  fc.tuple(fc.constant('shift' as const)),
  fc.tuple(fc.constantFrom('takeAt' as const, 'at' as const), fc.nat(40)),
)

/** Does one step on the array; what it gives back is what the ring must give back. */
function onArray(items: number[], [act, value]: Step): number | undefined {
  if (act === 'push') items.push(value)
  else if (act === 'unshift') items.unshift(value)
  else if (act === 'shift') return items.shift()
  else if (act === 'at') return items[value]
  else return items.splice(value, 1)[0]
  return undefined
}

function onRing(ring: Ring<number>, [act, value]: Step): number | undefined {
  if (act === 'push') ring.push(value)
  else if (act === 'unshift') ring.unshift(value)
  else if (act === 'shift') return ring.shift()
  else return act === 'at' ? ring.at(value) : ring.takeAt(value)
  return undefined
}

test('a ring does what an array does, through growth and wrap-around', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(step, { maxLength: 300 }), (capacity, steps) => {
      const ring = new Ring<number>(capacity)
      const items: number[] = []
      for (const one of steps) {
        assert.equal(onRing(ring, one), onArray(items, one), one.join(' '))
        assert.equal(ring.length, items.length)
      }
      assert.deepEqual(
        items.map((_, at) => ring.at(at)),
        items,
      )
    }),
  )
})

test('a position beyond the end takes nothing out', () => {
  const ring = new Ring<string>()
  ring.push('a')

  assert.equal(ring.takeAt(1), undefined)

  assert.equal(ring.length, 1)
  assert.equal(ring.shift(), 'a')
})
