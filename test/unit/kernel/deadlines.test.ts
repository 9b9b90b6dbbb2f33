/** Deadlines against a plain list. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Deadline, Deadlines } from '../../../runtime/kernel/deadlines.ts'

class Noted extends Deadline {
  readonly id: number
  readonly expired: number[]

  constructor(id: number, expired: number[]) {
    super()
    this.id = id
    this.expired = expired
  }

  expire(): void {
    this.expired.push(this.id)
  }
}

test('a deadline passes once, at the end of its millisecond, unless it was lifted before', () => {
  const step = fc.oneof(
    fc.record({ act: fc.constant('start' as const), inMs: fc.double({ min: 0, max: 30, noNaN: true }) }),
    fc.record({ act: fc.constant('lift' as const), which: fc.nat() }),
    fc.record({ act: fc.constant('pass' as const), byMs: fc.double({ min: 0, max: 20, noNaN: true }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const deadlines = new Deadlines()
      const expired: number[] = []
      let open: { readonly dueMs: number; readonly deadline: Noted }[] = []
      let nowMs = 0
      let started = 0
      for (const one of steps) {
        if (one.act === 'start') {
          const deadline = new Noted(started++, expired)
          deadlines.start(deadline, nowMs + one.inMs)
          open.push({ dueMs: Math.ceil(nowMs + one.inMs), deadline })
        } else if (one.act === 'lift' && open.length > 0) {
          const [lifted] = open.splice(one.which % open.length, 1)
          deadlines.lift(lifted!.deadline)
          deadlines.lift(lifted!.deadline)
        } else if (one.act === 'pass') {
          nowMs += one.byMs
          const due = open
            .filter(({ dueMs }) => dueMs <= nowMs)
            .sort((a, b) => a.dueMs - b.dueMs || a.deadline.id - b.deadline.id)
          open = open.filter(({ dueMs }) => dueMs > nowMs)
          expired.length = 0

          assert.equal(deadlines.fire(nowMs), due.length)

          assert.deepEqual(
            expired,
            due.map(({ deadline }) => deadline.id),
          )
        }
        assert.equal(deadlines.size, open.length)
        const next = open.length === 0 ? undefined : Math.min(...open.map(({ dueMs }) => dueMs))
        assert.equal(deadlines.nextDueMs(), next)
        assert.deepEqual(new Set(deadlines.all()), new Set(open.map(({ deadline }) => deadline)))
      }
    }),
  )
})

test('what a deadline starts while it passes is not lost', () => {
  const deadlines = new Deadlines()
  const expired: number[] = []
  class Again extends Deadline {
    expire(): void {
      deadlines.start(new Noted(1, expired), 5)
    }
  }
  deadlines.start(new Again(), 5)

  deadlines.fire(5)
  deadlines.fire(5)

  assert.deepEqual(expired, [1])
  assert.equal(deadlines.size, 0)
})
